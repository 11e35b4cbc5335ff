//! The configuration: one TOML file into plain structs, each value overridable by the environment.
//! Faults are collected, one line each with its key and its cure; nothing starts before there are none.
//!
//! | who comes in | which file decides | where it ends |
//! |---|---|---|
//! | a start, `attache check` | `load.rs`: the file, then `environment.rs` over it | a [`Config`], or every [`ConfigFault`] |
//! | a file of the right shape | `judge.rs`; `public_url.rs`, `vault.rs`, `issuer.rs`, `limits.rs`, `outbound.rs`, `environments.rs`, `signing_keys.rs`, `graphql.rs`, `session_tokens.rs`, `platforms.rs`, `brand.rs` for their own sections | one fault for each mistake |
//! | something that would have no effect | `unused.rs` | a fault that names it |
//! | what is right and of no use | `unreachable.rs` | a warning of `attache check` |
//! | a secret | `read_secret.rs` from a file, `command.rs` from a program | a value that cannot be printed |
//! | an issuer that was probed | `section.rs` | the section of a file that makes it |

pub mod brand;
pub mod color;
mod command;
mod database;
mod environment;
mod environments;
pub mod fault;
mod graphql;
mod issuer;
mod judge;
mod limits;
mod load;
mod origin;
mod outbound;
mod platforms;
pub mod public_url;
mod read_secret;
pub mod section;
mod session_tokens;
mod signing_keys;
pub mod unreachable;
mod unused;
mod vault;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::account::platform;
use crate::app::logo::Logo;
use crate::app::rules::{AppKind, IdentityRule};
use crate::connection::allowed::Access;
use crate::content::algorithm::Algorithm;
use crate::content::permission::Permissions;
use crate::content::rules::{AccountRule, AppRule, Role, Strategy};
use crate::content::settings::Settings;
use crate::content::template::definition::Definition;
use crate::content::url_pattern::{Names, PatternFault, UrlPattern};
use crate::edge::address::Prefix;
use crate::issuer::ClientAuth;
use crate::issuer::identity::IdentityConfig;
use crate::secret::Token;

pub use brand::BrandConfig;
pub use database::Database;
pub use fault::ConfigFault;
pub use graphql::GraphqlConfig;
pub use issuer::IssuerConfig;
pub use limits::{FASTEST_MASS_REVOKE, LimitsConfig};
pub use outbound::Outbound;
pub use platforms::PlatformConfig;
pub use public_url::PublicUrl;
pub use session_tokens::SessionTokensConfig;
pub use signing_keys::SigningKeysConfig;

/// Everything an operator can say.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where browsers and callers reach us; every URL we write begins with it.
    pub public_url: PublicUrl,
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
    pub signing_keys: SigningKeysConfig,
    pub templates: BTreeMap<String, Definition>,
    pub graphql: GraphqlConfig,
    pub session_tokens: SessionTokensConfig,
    pub platforms: BTreeMap<String, PlatformConfig>,
    pub brand: BrandConfig,
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
    /// What it may do at any environment at the most; absent: no bound of its own.
    pub permissions: Option<Permissions>,
    /// `read` or `write`: what it may do for people whose tokens it shows though they have not agreed here; absent: nothing.
    pub direct: Option<Access>,
}

/// `[environments.KEY]`: one (project, environment) of a content platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    pub project: String,
    pub environment: String,
    pub content_api_url: UrlPattern,
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
    /// Stands in addresses as `{region}`.
    pub region: Option<String>,
    /// What people call the project and the environment.
    pub project_name: Option<String>,
    pub environment_name: Option<String>,
    /// The second address of the content API, for much reading.
    pub high_performance_url: Option<UrlPattern>,
    /// Meant by a request that names no stage.
    pub default_stage: Option<String>,
    /// Who may do what; absent: whoever reaches it may do everything.
    pub roles: Option<Vec<Role>>,
    /// What a request without a token may do.
    pub public: Option<Permissions>,
    /// Origins of the platform's pages that may have a token of whoever is signed in, each of those that may ask at all.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Where `token_exchange` asks.
    pub token_exchange: Option<TokenExchangeConfig>,
    /// How they are signed.
    pub algorithm: Option<Algorithm>,
    /// A key of `[templates]`, whose claims a minted token has beside ours.
    pub template: Option<String>,
}

/// `[environments.KEY.token_exchange]`: our client at the platform's token endpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenExchangeConfig {
    pub token_url: Url,
    pub client_id: String,
    pub client_secret: Option<Token>,
    pub client_secret_file: Option<PathBuf>,
    pub client_auth: Option<ClientAuth>,
    /// Sent as `audience`; without it the content API URL is sent as `resource`.
    pub audience: Option<String>,
}

const fn five_minutes() -> i64 {
    300
}

impl EnvironmentConfig {
    /// # Errors
    /// [`PatternFault`]
    pub fn content_api_url(&self) -> Result<Url, PatternFault> {
        self.content_api_url.fill(self.names())
    }

    /// # Errors
    /// [`PatternFault`]
    #[must_use]
    pub fn high_performance_url(&self) -> Option<Result<Url, PatternFault>> {
        self.high_performance_url.as_ref().map(|pattern| pattern.fill(self.names()))
    }

    fn names(&self) -> Names<'_> {
        let (project, environment) = (&self.project, &self.environment);
        Names { region: self.region.as_deref(), project, environment }
    }

    /// What is stored as one value.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let usual = Settings::default();
        Settings {
            region: self.region.clone(),
            project_name: self.project_name.clone(),
            environment_name: self.environment_name.clone(),
            high_performance_url: self.high_performance_url().and_then(Result::ok),
            default_stage: self.default_stage.clone().unwrap_or(usual.default_stage),
            roles: self.roles.clone(),
            public: self.public.clone(),
            origins: self.origins.clone(),
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
        let environments = self.environments.iter().filter_map(|(key, environment)| {
            let section = environment.token_exchange.as_ref()?;
            Some((format!("environments.{key}.token_exchange.client_secret"), section.client_secret.as_ref()))
        });
        let all = sign_in.into_iter().chain(apps).chain(issuers).chain(environments);
        all.filter_map(|(key, secret)| Some((key, secret?))).collect()
    }

    /// The platform whose word an account stands on, by the account's issuer.
    #[must_use]
    pub fn platform_of(&self, account_issuer: &str) -> Option<&PlatformConfig> {
        self.platforms.get(platform::key_of(account_issuer)?)
    }

    /// A page that this account's person may be sent to: of the platform that sent them here, or of an origin that may ask for
    /// session tokens.
    #[must_use]
    pub fn page_for(&self, account_issuer: &str, text: &str) -> Option<Url> {
        let of_platform = || self.platform_of(account_issuer)?.page(text);
        self.session_tokens.page(text).or_else(of_platform)
    }

    /// Whether this identifier is the one of the issuer where people sign in, whichever key it goes by.
    #[must_use]
    pub fn signs_in_at(&self, identifier: &str) -> bool {
        let issuer = self.issuers.get(&self.sign_in.issuer).and_then(|issuer| issuer.issuer.as_deref());
        issuer == Some(identifier)
    }
}
