//! Writes an issuer back as the section of a configuration file that makes it: where it is, its preset, and the habits
//! that differ from the preset's. What it writes, `issuer.rs` reads.

use std::collections::BTreeMap;

use toml::{Table, Value};
use url::Url;

use crate::issuer::profile::Profile;
use crate::issuer::{Issuer, SaidUrls, Whereabouts};

/// `[issuers.KEY]`, with a comment behind the habits that have one. `scope_descriptions` are not repeated.
#[must_use]
pub fn of_issuer(issuer: &Issuer, comments: &BTreeMap<&'static str, String>) -> String {
    let mut lines = vec![format!("[issuers.{}]", key(&issuer.key))];
    let mut line = |key: &str, value: &Value| {
        let comment = comments.get(key).map(|comment| format!("  # {comment}")).unwrap_or_default();
        lines.push(format!("{key} = {value}{comment}"));
    };
    if issuer.name != issuer.key {
        line("name", &Value::from(issuer.name.as_str()));
    }
    match &issuer.whereabouts {
        Whereabouts::Discovery { identifier, .. } => line("issuer", &Value::from(identifier.as_str())),
        Whereabouts::Explicit(_) => {}
    }
    for (key, url) in urls(&issuer.whereabouts) {
        if let Some(url) = url {
            line(key, &Value::from(url.as_str()));
        }
    }
    let mut habits = habits(&issuer.profile);
    let preset = habits.remove(PRESET).unwrap_or_else(|| Value::from("generic"));
    line("profile", &preset);
    let usual = self::habits(&Profile::of(issuer.profile.preset));
    for (key, habit) in &habits {
        if usual.get(key) != Some(habit) {
            line(key, habit);
        }
    }
    // A habit that only the preset has is taken back by zero: all of them are numbers.
    for key in usual.keys().filter(|key| *key != PRESET && !habits.contains_key(*key)) {
        line(key, &Value::from(0));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The addresses that were said.
fn urls(whereabouts: &Whereabouts) -> [(&'static str, Option<&Url>); 5] {
    let (authorization, token, userinfo, revocation, jwks) = match whereabouts {
        Whereabouts::Discovery { said, .. } => {
            let SaidUrls { authorization, token, userinfo, revocation, jwks } = said.as_ref();
            (authorization.as_ref(), token.as_ref(), userinfo, revocation, jwks.as_ref())
        }
        Whereabouts::Explicit(urls) => {
            (Some(&urls.authorization), Some(&urls.token), &urls.userinfo, &urls.revocation, None)
        }
    };
    [
        ("authorization_url", authorization),
        ("token_url", token),
        ("userinfo_url", userinfo.as_ref()),
        ("revocation_url", revocation.as_ref()),
        ("jwks_url", jwks),
    ]
}

const PRESET: &str = "preset";

/// By the keys of the configuration, which are the profile's own names.
fn habits(profile: &Profile) -> Table {
    Table::try_from(profile).unwrap_or_default()
}

fn key(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !key.is_empty() && key.bytes().all(is_bare) { key.to_owned() } else { Value::from(key).to_string() }
}
