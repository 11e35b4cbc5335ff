//! Reads the configuration: the file, the environment over it, and each section on its own. Judges nothing but the shape.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::fault::ConfigFault;
use super::{Config, PublicUrl, environment, judge, unused};

impl Config {
    /// Reads the file, lays the environment's `ATTACHE_…` variables over it, and judges the result.
    ///
    /// # Errors
    /// All faults found, never only the first.
    pub fn load(path: &Path) -> Result<Self, Vec<ConfigFault>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let file = path.display().to_string();
            vec![ConfigFault::new(file, format!("cannot be read ({error}); name the file with --config"))]
        })?;
        // A variable that is not text is none of ours.
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::parse(&text, variables)
    }

    /// As [`Config::load`], from a text and a set of environment variables.
    ///
    /// # Errors
    /// All faults found, never only the first.
    pub fn parse(
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<ConfigFault>> {
        let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            // The whole error would quote the line, which may hold a secret.
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            vec![ConfigFault::new(format!("line {line}"), format!("is not TOML: {}", error.message()))]
        })?;
        environment::overlay(&mut table, variables);
        let mut faults = Vec::new();
        let config = read_sections(table, &mut faults);
        match config {
            Some(mut config) => {
                judge::judge(&mut config, &mut faults);
                unused::judge(&config, &mut faults);
                if faults.is_empty() { Ok(config) } else { Err(faults) }
            }
            None => Err(faults),
        }
    }
}

/// Reads each section on its own, so that a fault in one does not hide those of the others.
fn read_sections(mut table: toml::Table, faults: &mut Vec<ConfigFault>) -> Option<Config> {
    let public_url = section::<PublicUrl>(&mut table, "public_url", faults);
    let listen = optional_section(&mut table, "listen", faults);
    let limits = optional_section(&mut table, "limits", faults);
    let database = section(&mut table, "database", faults);
    let vault = optional_section(&mut table, "vault", faults);
    let outbound = optional_section(&mut table, "outbound", faults);
    let log = optional_section(&mut table, "log", faults);
    let sign_in = section(&mut table, "sign_in", faults);
    let issuers = keyed_sections(&mut table, "issuers", faults);
    let apps = keyed_sections(&mut table, "apps", faults);
    let environments = keyed_sections(&mut table, "environments", faults);
    let signing_keys = optional_section(&mut table, "signing_keys", faults);
    let templates = keyed_sections(&mut table, "templates", faults);
    let graphql = optional_section(&mut table, "graphql", faults);
    let session_tokens = optional_section(&mut table, "session_tokens", faults);
    let platforms = keyed_sections(&mut table, "platforms", faults);
    let brand = optional_section(&mut table, "brand", faults);
    for key in table.keys() {
        faults.push(ConfigFault::new(key, "is not a key that is known here; see docs/configuration.md"));
    }
    Some(Config {
        public_url: public_url?,
        listen: listen?,
        limits: limits?,
        database: database?,
        vault: vault?,
        outbound: outbound?,
        log: log?,
        sign_in: sign_in?,
        issuers: issuers?,
        apps: apps?,
        environments: environments?,
        signing_keys: signing_keys?,
        templates: templates?,
        graphql: graphql?,
        session_tokens: session_tokens?,
        platforms: platforms?,
        brand: brand?,
    })
}

fn section<T: DeserializeOwned>(
    table: &mut toml::Table,
    key: &str,
    faults: &mut Vec<ConfigFault>,
) -> Option<T> {
    let Some(value) = table.remove(key) else {
        faults.push(ConfigFault::new(key, "is missing; set it in the file or by the environment"));
        return None;
    };
    read(value, key, faults)
}

fn optional_section<T: DeserializeOwned + Default>(
    table: &mut toml::Table,
    key: &str,
    faults: &mut Vec<ConfigFault>,
) -> Option<T> {
    match table.remove(key) {
        Some(value) => read(value, key, faults),
        None => Some(T::default()),
    }
}

/// None when one of them cannot be read: others may name it, and would be blamed for it.
fn keyed_sections<T: DeserializeOwned>(
    table: &mut toml::Table,
    key: &str,
    faults: &mut Vec<ConfigFault>,
) -> Option<BTreeMap<String, T>> {
    let Some(value) = table.remove(key) else { return Some(BTreeMap::new()) };
    let toml::Value::Table(entries) = value else {
        faults.push(ConfigFault::new(key, format!("is not a table; write [{key}.NAME]")));
        return None;
    };
    let count = entries.len();
    let read_one = |(name, value): (String, toml::Value)| {
        let read = read(value, &format!("{key}.{name}"), faults)?;
        Some((name, read))
    };
    let read: BTreeMap<_, _> = entries.into_iter().filter_map(read_one).collect();
    (read.len() == count).then_some(read)
}

fn read<T: DeserializeOwned>(value: toml::Value, key: &str, faults: &mut Vec<ConfigFault>) -> Option<T> {
    match serde_path_to_error::deserialize(value) {
        Ok(read) => Some(read),
        Err(error) => {
            let path = error.path().to_string();
            let key = if path == "." { key.to_owned() } else { format!("{key}.{path}") };
            let sentence = error.into_inner().message().lines().next().unwrap_or_default().to_owned();
            let message =
                if may_hold_a_secret(&key) { "is not a string".to_owned() } else { unquoted(&sentence) };
            faults.push(ConfigFault::new(key, message));
            None
        }
    }
}

/// serde quotes the text that it found, which may be a secret in the wrong place.
fn unquoted(sentence: &str) -> String {
    match (sentence.find('"'), sentence.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}{}", sentence[..first].trim_end(), &sentence[last + 1..])
        }
        _ => sentence.to_owned(),
    }
}

fn may_hold_a_secret(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or_default();
    matches!(
        last,
        "client_secret"
            | "management_client_secret"
            | "master_key"
            | "previous_master_key"
            | "url"
            | "proxy"
            | "database"
            | "vault"
    )
}
