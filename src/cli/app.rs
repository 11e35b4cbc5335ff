//! `attache app …`: registers third-party apps, lists them, takes them out of use.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use attache::app::add::NewApp;
use attache::app::import::{Import, provider_keys};
use attache::app::logo::Logo;
use attache::app::revocation::Revocation;
use attache::app::{AppKind, IdentityRule};
use attache::connection::allowed::Access;
use attache::content::permission::Permissions;
use attache::issuer::ClientAuth;
use attache::issuer::profile::Reach;
use attache::operator::Command;
use attache::secret::Token;
use clap::{Args, Subcommand};
use url::Url;

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;
use super::permissions;

#[derive(Debug, Subcommand)]
pub enum App {
    /// Register an app, or overwrite one that this command registered before
    Add(Box<Add>),
    /// Register the `external_auth_providers` of a Slack manifest (JSON, as its SDK exports it)
    Import(ImportManifest),
    /// Say where the issuer of an imported app revokes, and how far a revoke reaches there; without either, show it
    Revocation(SayRevocation),
    /// List apps: key, status, source, issuer, name
    List(ConfigFile),
    /// Take an app out of use; refused while people are connected
    Remove(Remove),
}

#[derive(Debug, Args)]
pub struct Add {
    #[command(flatten)]
    file: ConfigFile,
    /// The app's key, which stands in its connect link
    key: String,
    #[arg(long)]
    name: String,
    #[arg(long, default_value = "")]
    description: String,
    /// A PNG, JPEG or WebP picture of 64 KiB at the most
    #[arg(long)]
    logo_file: Option<PathBuf>,
    #[arg(long)]
    home_page: Option<Url>,
    /// web, native or spa
    #[arg(long, default_value = "web", value_parser = parse_kind)]
    kind: AppKind,
    /// Key of the issuer
    #[arg(long)]
    issuer: String,
    #[arg(long)]
    client_id: String,
    /// Read the client secret from this file
    #[arg(long, conflicts_with = "client_secret_stdin")]
    client_secret_file: Option<PathBuf>,
    /// Read the client secret from standard input
    #[arg(long)]
    client_secret_stdin: bool,
    /// Send the client secret by HTTP Basic instead of in the body
    #[arg(long)]
    basic: bool,
    /// A scope to ask for; may be given several times
    #[arg(long = "scope")]
    scopes: Vec<String>,
    #[arg(long)]
    audience: Option<String>,
    /// same or any
    #[arg(long, value_parser = parse_identity)]
    identity: Option<IdentityRule>,
    #[arg(long = "accepted-audience")]
    accepted_audiences: Vec<String>,
    #[arg(long = "redirect-uri")]
    redirect_uris: Vec<Url>,
    /// What it may do to content at the most: a JSON array such as `[{"actions":["read"]}]`, or @FILE that holds one
    #[arg(long, value_name = "JSON", value_parser = permissions::parse)]
    permissions: Option<Permissions>,
    /// read or write: take the app's own tokens of people who have not agreed here, and let it do that for them
    #[arg(long, value_parser = parse_access)]
    direct: Option<Access>,
}

#[derive(Debug, Args)]
pub struct ImportManifest {
    #[command(flatten)]
    file: ConfigFile,
    /// The manifest
    manifest: PathBuf,
    /// The Slack app's id
    #[arg(long)]
    app_id: String,
    /// Read one client secret a line from standard input, in the order of the provider keys
    #[arg(long)]
    client_secret_stdin: bool,
    /// PROVIDER=KEY: this provider is at [issuers.KEY] of the configuration file; may be given several times
    #[arg(long = "issuer", value_parser = parse_issuer)]
    issuers: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub struct SayRevocation {
    #[command(flatten)]
    file: ConfigFile,
    /// The app's key
    key: String,
    /// The revocation endpoint (RFC 7009)
    #[arg(long)]
    url: Option<Url>,
    /// token, family, grant, unknown or none
    #[arg(long, value_parser = parse_reach)]
    reach: Option<Reach>,
}

#[derive(Debug, Args)]
pub struct Remove {
    #[command(flatten)]
    file: ConfigFile,
    key: String,
}

pub async fn run(command: App) -> Result<(), Failure> {
    match command {
        App::Add(add) => {
            let file = add.file.clone();
            operate(&file, Command::AddApp(Box::new(new_app(*add)?))).await
        }
        App::Import(import) => {
            let manifest = std::fs::read_to_string(&import.manifest).map_err(|error| {
                Failure::Sentence(format!("{} cannot be read: {error}", import.manifest.display()))
            })?;
            let client_secrets = secrets(&import, &manifest)?;
            let issuers = import.issuers.into_iter().collect();
            let slack_app_id = import.app_id;
            let command = Command::ImportManifest(Import { manifest, slack_app_id, client_secrets, issuers });
            operate(&import.file, command).await
        }
        App::Revocation(said) => {
            let SayRevocation { file, key, url, reach } = said;
            operate(&file, Command::SayRevocation(Revocation { app: key, url, reach })).await
        }
        App::List(file) => operate(&file, Command::ListApps).await,
        App::Remove(remove) => operate(&remove.file, Command::RemoveApp { key: remove.key }).await,
    }
}

fn new_app(add: Add) -> Result<NewApp, Failure> {
    let client_secret = match (&add.client_secret_file, add.client_secret_stdin) {
        (Some(file), _) => Some(std::fs::read_to_string(file)?),
        (None, true) => Some(standard_input()?),
        (None, false) => None,
    };
    let client_secret = client_secret.map(|secret| Token::new(secret.trim_end_matches(['\r', '\n'])));
    let logo = add.logo_file.as_ref().map(std::fs::read).transpose()?;
    let logo = logo.as_deref().map(Logo::parse).transpose();
    let logo = logo.map_err(|fault| Failure::Sentence(format!("--logo-file {fault}")))?;
    Ok(NewApp {
        key: add.key,
        name: add.name,
        description: add.description,
        logo,
        kind: add.kind,
        home_page: add.home_page,
        issuer: add.issuer,
        client_id: add.client_id,
        client_auth: (add.basic && client_secret.is_some()).then_some(ClientAuth::Basic),
        client_secret,
        scopes: add.scopes,
        exact_scopes: false,
        audience: add.audience,
        authorization_url_extras: BTreeMap::new(),
        pkce: None,
        identity: add.identity,
        identity_config: None,
        accepted_audiences: add.accepted_audiences,
        redirect_uris: add.redirect_uris,
        egress: Vec::new(),
        slack_app_id: None,
        provider_key: None,
        permissions: add.permissions,
        direct: add.direct,
    })
}

fn secrets(import: &ImportManifest, manifest: &str) -> Result<BTreeMap<String, Token>, Failure> {
    if !import.client_secret_stdin {
        return Ok(BTreeMap::new());
    }
    let keys = provider_keys(manifest)?;
    let text = standard_input()?;
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() != keys.len() {
        let sentence =
            format!("The manifest has {} providers, but {} secrets were given.", keys.len(), lines.len());
        return Err(Failure::Sentence(sentence));
    }
    Ok(keys.into_iter().zip(lines.into_iter().map(Token::new)).collect())
}

fn standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn parse_kind(text: &str) -> Result<AppKind, String> {
    text.parse().map_err(|_| "one of web, native, spa".to_owned())
}

fn parse_access(text: &str) -> Result<Access, String> {
    text.parse().map_err(|_| "one of read, write".to_owned())
}

fn parse_reach(text: &str) -> Result<Reach, String> {
    text.parse().map_err(|_| "one of token, family, grant, unknown, none".to_owned())
}

fn parse_issuer(text: &str) -> Result<(String, String), String> {
    let (provider, key) = text.split_once('=').ok_or("PROVIDER=KEY, such as hygraph=hygraph")?;
    Ok((provider.to_owned(), key.to_owned()))
}

fn parse_identity(text: &str) -> Result<IdentityRule, String> {
    text.parse().map_err(|_| "one of same, any".to_owned())
}
