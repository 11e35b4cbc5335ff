//! Templates: named claims for tokens that we sign, with shortcodes that stand for what is known of a person. What a value
//! says never becomes the name of a claim, and is never read for shortcodes. Judges a definition; knows no person.
//!
//! | who comes in | which file decides | where it ends |
//! |---|---|---|
//! | a section `[templates.NAME]` | `definition.rs` has its shape; `claims.rs`, `shortcode.rs` and `hasura.rs` judge it | a [`Template`], or every [`Fault`] with its path |
//! | a start | `sync.rs` | a row for each, which all servers read |
//! | whoever needs one by its name | `look_up.rs` | a [`Template`] from memory or the database |
//! | an account for which a token is signed | `render.rs` | its claims |
//! | the same, with the claims that every token has | `mint.rs` | a token, or what it would say |

mod claims;
pub mod definition;
mod hasura;
pub mod look_up;
pub mod mint;
pub mod render;
mod shortcode;
mod store;
pub mod sync;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use self::claims::Claim;
use self::definition::{Audience, Definition, Preset};
use self::hasura::Hasura;
use crate::content::algorithm::Algorithm;
use crate::content::rules::LONGEST_LIFE;

pub use self::shortcode::Name;

/// Claims that a template can't set, because they are ours. RFC 7519 section 4.1, RFC 8693 section 4, RFC 9068 section 2.2,
/// RFC 9396 section 9.1, RFC 9493 section 4.
pub const RESERVED: [&str; 19] = [
    "act",
    "app",
    "aud",
    "authorization_details",
    "azp",
    "client_id",
    "cnf",
    "connection",
    "consent",
    "exp",
    "iat",
    "iss",
    "jti",
    "may_act",
    "nbf",
    "scope",
    "sid",
    "sub",
    "sub_id",
];

/// Bytes of a definition's claims, at the most.
const LONGEST_DEFINITION: usize = 8 * 1024;
const SHORTEST_LIFE: i64 = 30;
const LARGEST_SKEW: i64 = 300;
const LONGEST_NAME: usize = 64;

/// A definition that was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub name: String,
    /// Seconds.
    pub lifetime: i64,
    /// Seconds by which a verifier's clock may be behind ours.
    pub clock_skew: i64,
    pub audience: Option<Audience>,
    pub algorithm: Algorithm,
    pub(super) claims: BTreeMap<String, Claim>,
    pub(super) hasura: Option<Hasura>,
}

/// One thing that is wrong with a definition, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From the definition on, such as `claims.roles[0]`; empty for the whole.
    pub path: String,
    pub problem: String,
}

impl Fault {
    fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

impl Template {
    /// # Errors
    /// Every fault, never only the first.
    pub fn parse(name: &str, definition: &Definition) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        judge_name(name, &mut faults);
        judge_times(definition, &mut faults);
        if definition.audience.as_ref().is_some_and(Audience::is_void) {
            faults.push(Fault::new("audience", "must be a text, or a list of texts, none of them empty"));
        }
        if Value::Object(definition.claims.clone()).to_string().len() > LONGEST_DEFINITION {
            let problem = format!("are longer than {LONGEST_DEFINITION} bytes; a token must fit a header");
            faults.push(Fault::new("claims", problem));
        }
        let (variables, own) = split(definition);
        let claims = parse_claims(&own, &mut faults);
        let hasura = definition
            .preset
            .map(|Preset::Hasura| Hasura::parse(definition.namespace.as_deref(), &variables, &mut faults));
        match (&hasura, &definition.namespace) {
            (None, Some(_)) => {
                faults.push(Fault::new(
                    "namespace",
                    "is not used: it belongs to preset = \"hasura\"; remove one of the two",
                ));
            }
            (Some(hasura), _) if claims.contains_key(&hasura.namespace) => {
                let path = format!("claims.{}", hasura.namespace);
                faults.push(Fault::new(path, "is the namespace, which the preset fills; remove it"));
            }
            _ => {}
        }
        let (lifetime, clock_skew) = (definition.lifetime_seconds, definition.clock_skew_seconds);
        let (name, audience) = (name.to_owned(), definition.audience.clone());
        let algorithm = definition.algorithm;
        let template = Self { name, lifetime, clock_skew, audience, algorithm, claims, hasura };
        if faults.is_empty() { Ok(template) } else { Err(faults) }
    }
}

/// The session variables of the preset, and the claims of the template's own.
fn split(definition: &Definition) -> (Map<String, Value>, Map<String, Value>) {
    let is_variable = |name: &str| definition.preset == Some(Preset::Hasura) && hasura::is_variable(name);
    definition.claims.clone().into_iter().partition(|(name, _)| is_variable(name))
}

fn parse_claims(own: &Map<String, Value>, faults: &mut Vec<Fault>) -> BTreeMap<String, Claim> {
    let fault = |name: &String| Some(Fault::new(format!("claims.{name}"), not_to_be_set(name)?));
    faults.extend(own.keys().filter_map(fault));
    Claim::parse_members("claims", own, faults).into_iter().collect()
}

/// Why a claim of this name can't be set.
fn not_to_be_set(name: &str) -> Option<&'static str> {
    match name {
        "aud" => Some("is a claim that Attaché sets itself; name it by `audience`"),
        _ if RESERVED.contains(&name) => Some("is a claim that Attaché sets itself; remove it"),
        _ => None,
    }
}

/// Whether a template may be called so.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(allowed)
}

fn judge_name(name: &str, faults: &mut Vec<Fault>) {
    if !is_name(name) {
        let problem = "must be named by at most 64 lower-case letters, digits, `-` and `_`";
        faults.push(Fault::new("", problem));
    }
}

fn judge_times(definition: &Definition, faults: &mut Vec<Fault>) {
    if !(SHORTEST_LIFE..=LONGEST_LIFE).contains(&definition.lifetime_seconds) {
        let problem = format!("must be between {SHORTEST_LIFE} and {LONGEST_LIFE}");
        faults.push(Fault::new("lifetime_seconds", problem));
    }
    if !(0..=LARGEST_SKEW).contains(&definition.clock_skew_seconds) {
        faults.push(Fault::new("clock_skew_seconds", format!("must be between 0 and {LARGEST_SKEW}")));
    }
}
