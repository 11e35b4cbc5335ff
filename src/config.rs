//! The configuration: one TOML file into plain structs, each value overridable by the environment.
//! Faults are collected, one line each with its key and its cure; nothing starts before there are none.

mod command;
mod database;
mod environment;
mod issuer;
mod judge;
mod limits;
mod outbound;
pub mod section;
mod unused;
mod vault;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::app::logo::Logo;
use crate::app::{AppKind, IdentityRule};
use crate::content::{AccountRule, AppRule, Strategy};
use crate::edge::address::Prefix;
use crate::issuer::ClientAuth;
use crate::issuer::identity::IdentityConfig;
use crate::secret::Token;

pub use database::Database;
pub use issuer::IssuerConfig;
pub use limits::LimitsConfig;
pub use outbound::Outbound;

/// Everything an operator can say.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where browsers and callers reach us; every URL we write begins with it. An origin, no path.
    pub public_url: Url,
    pub listen: Listen,
    pub limits: LimitsConfig,
    pub database: Database,
    pub vault: VaultConfig,
    pub outbound: Outbound,
    pub log: Log,
    pub sign_in: SignIn,
    pub issuers: BTreeMap<String, IssuerConfig>,
    pub apps: BTreeMap<String, AppConfig>,
    pub environments: BTreeMap<String, EnvironmentConfig>,
}

/// `[listen]`: the two listeners. TLS is the work of the proxy in front.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    pub address: String,
    /// `/healthz`, `/readyz`, `/metrics`: not for the world.
    pub machine_room: String,
    /// Proxies whose word of whom they ask for is believed.
    pub trusted_proxies: Vec<Prefix>,
    /// Seconds between SIGTERM and the moment when no more connections are accepted.
    pub drain_seconds: u64,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8080".to_owned(),
            machine_room: "127.0.0.1:9090".to_owned(),
            trusted_proxies: Vec::new(),
            drain_seconds: 3,
        }
    }
}

/// `[vault]`: the key that wraps all others, 32 bytes as base64.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaultConfig {
    pub master_key: Option<Token>,
    pub master_key_file: Option<PathBuf>,
    /// A program and its arguments, whose output the key is.
    pub master_key_command: Option<Vec<String>>,
    /// The one before, while the vault is rotated from it.
    pub previous_master_key: Option<Token>,
    pub previous_master_key_file: Option<PathBuf>,
    pub previous_master_key_command: Option<Vec<String>>,
    /// Variables of the environment that those programs are given, beside the usual ones.
    pub command_environment: Vec<String>,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// A `tracing` filter directive, such as `info` or `attache=debug`.
    pub level: String,
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// `[sign_in]`: our own client at the one OIDC issuer where people sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// A key of `[issuers]`.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<Token>,
    pub client_secret_file: Option<PathBuf>,
    pub client_auth: Option<ClientAuth>,
    #[serde(default = "sign_in_scopes")]
    pub scopes: Vec<String>,
}

fn sign_in_scopes() -> Vec<String> {
    ["openid", "profile", "email"].map(str::to_owned).to_vec()
}

/// `[apps.KEY]`: a third-party app, which is one OAuth client at one issuer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// A PNG, JPEG or WebP picture of 64 KiB at the most.
    pub logo_file: Option<PathBuf>,
    /// What stood in `logo_file`.
    #[serde(skip)]
    pub logo: Option<Logo>,
    pub home_page: Option<Url>,
    #[serde(default)]
    pub kind: AppKind,
    /// A key of `[issuers]`.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<Token>,
    pub client_secret_file: Option<PathBuf>,
    pub client_auth: Option<ClientAuth>,
    pub scopes: Vec<String>,
    pub audience: Option<String>,
    #[serde(default)]
    pub authorization_url_extras: BTreeMap<String, String>,
    pub identity: Option<IdentityRule>,
    /// Who consented, where the issuer gives no ID token.
    pub identity_config: Option<IdentityConfig>,
    /// `aud` of the issuer's access tokens that `/oauth/token` and `/graphql` take as subject.
    #[serde(default)]
    pub accepted_audiences: Vec<String>,
    /// Where a person may be returned to after connecting; compared exactly.
    #[serde(default)]
    pub redirect_uris: Vec<Url>,
    #[serde(default)]
    pub egress: Vec<String>,
}

/// `[environments.KEY]`: one (project, environment) of a content platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    pub project: String,
    pub environment: String,
    pub content_api_url: Url,
    #[serde(default)]
    pub strategy: Strategy,
    /// Where `ask` asks.
    pub management_api_url: Option<Url>,
    /// Keys of apps, or `any`; absent means none.
    pub apps: Option<AppRule>,
    /// Account ids or subjects, a claim rule, or `any`; absent means nobody.
    pub accounts: Option<AccountRule>,
    /// Seconds a minted content token lives.
    #[serde(default = "five_minutes")]
    pub lifetime_seconds: i64,
}

const fn five_minutes() -> i64 {
    300
}

/// One thing that is wrong: the key, what is wrong with it, and the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    pub key: String,
    pub problem: String,
}

impl ConfigFault {
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.key, self.problem)
    }
}

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

impl Config {
    /// Each client secret with its key.
    #[must_use]
    pub fn client_secrets(&self) -> Vec<(String, &Token)> {
        let sign_in = [("sign_in.client_secret".to_owned(), self.sign_in.client_secret.as_ref())];
        let apps = self
            .apps
            .iter()
            .map(|(key, app)| (format!("apps.{key}.client_secret"), app.client_secret.as_ref()));
        let issuers = self.issuers.iter().map(|(key, issuer)| {
            (format!("issuers.{key}.management_client_secret"), issuer.management_client_secret.as_ref())
        });
        let all = sign_in.into_iter().chain(apps).chain(issuers);
        all.filter_map(|(key, secret)| Some((key, secret?))).collect()
    }
}

/// Reads each section on its own, so that a fault in one does not hide those of the others.
fn read_sections(mut table: toml::Table, faults: &mut Vec<ConfigFault>) -> Option<Config> {
    let public_url = section::<Url>(&mut table, "public_url", faults);
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
