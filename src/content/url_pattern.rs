//! An address of a content platform as an operator writes it, with the places of `{region}`, `{project}` and
//! `{environment}` open. Imports nothing of ours.

use serde::Deserialize;
use url::Url;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct UrlPattern(String);

/// What is filled in.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    pub region: Option<&'a str>,
    pub project: &'a str,
    pub environment: &'a str,
}

/// Why there is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    #[error("holds {{…}} that is none of {{region}}, {{project}} and {{environment}}")]
    UnknownPlace,
    #[error("holds {{region}}, and there is no `region`; add it")]
    NoRegion,
    #[error(
        "cannot be filled in: region, project and environment may hold letters, digits, `-`, `.`, `_` and `~` there"
    )]
    UnfitName,
    #[error("must be an absolute http(s) URL without fragment")]
    NoUrl,
}

impl UrlPattern {
    /// # Errors
    /// The first [`PatternFault`].
    pub fn fill(&self, names: Names<'_>) -> Result<Url, PatternFault> {
        let mut filled = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, behind)) = rest.split_once('{') {
            let (place, after) = behind.split_once('}').ok_or(PatternFault::UnknownPlace)?;
            let name = match place {
                "region" => names.region.ok_or(PatternFault::NoRegion)?,
                "project" => names.project,
                "environment" => names.environment,
                _ => return Err(PatternFault::UnknownPlace),
            };
            if name.is_empty() || !name.bytes().all(is_unreserved) {
                return Err(PatternFault::UnfitName);
            }
            filled.push_str(before);
            filled.push_str(name);
            rest = after;
        }
        filled.push_str(rest);
        let url = Url::parse(&filled).map_err(|_| PatternFault::NoUrl)?;
        let is_web = matches!(url.scheme(), "https" | "http") && url.host().is_some();
        if is_web && url.fragment().is_none() { Ok(url) } else { Err(PatternFault::NoUrl) }
    }
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
