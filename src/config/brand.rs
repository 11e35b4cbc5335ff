//! `[brand]`: whose pages these are, as people read it. Judges itself.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::color::{Color, WHITE};
use super::fault::ConfigFault;
use crate::app::logo::Logo;
use crate::app::rules;

/// How well a color must be read on the ground of a page. WCAG 2.2, criterion 1.4.3.
pub const READABLE: f64 = 4.5;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BrandConfig {
    /// In the header and the titles.
    pub name: String,
    /// A PNG, JPEG or WebP picture beside the name.
    pub logo_file: Option<PathBuf>,
    /// What was read from there.
    #[serde(skip)]
    pub logo: Option<Logo>,
    /// Of links and of the one button that goes on.
    pub accent_color: Option<Color>,
    /// Where people get help: a page, or `mailto:` an address.
    pub help_url: Option<Url>,
    pub privacy_url: Option<Url>,
}

impl Default for BrandConfig {
    fn default() -> Self {
        Self {
            name: "Attaché".to_owned(),
            logo_file: None,
            logo: None,
            accent_color: None,
            help_url: None,
            privacy_url: None,
        }
    }
}

impl BrandConfig {
    pub(super) fn judge(&mut self, faults: &mut Vec<ConfigFault>) {
        let mut fault = |key: &str, problem: String| {
            faults.push(ConfigFault::new(format!("brand.{key}"), problem));
        };
        if self.name.trim().is_empty()
            || self.name.chars().count() > 60
            || self.name.contains(char::is_control)
        {
            fault("name", "must have 1 to 60 characters, on one line".to_owned());
        }
        if let Some(file) = &self.logo_file {
            match Logo::read(file) {
                Ok(logo) => self.logo = Some(logo),
                Err(why) => fault("logo_file", format!("{} {why}", file.display())),
            }
        }
        if self.accent_color.is_some_and(|color| color.contrast(WHITE) < READABLE) {
            let problem = "is too light to be read on white; name a darker one (a contrast of 4.5 or more)";
            fault("accent_color", problem.to_owned());
        }
        let is_help = |url: &Url| url.scheme() == "mailto" || rules::is_web(url);
        if self.help_url.as_ref().is_some_and(|url| !is_help(url)) {
            fault("help_url", "must be an https address, or mailto: and an e-mail address".to_owned());
        }
        if self.privacy_url.as_ref().is_some_and(|url| !rules::is_web(url)) {
            fault("privacy_url", "must be an https address".to_owned());
        }
    }
}
