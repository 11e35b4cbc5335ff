//! `attache check`: says what is wrong with the configuration, and whether each issuer answers as it should; with
//! `--issuer`, all about one of them. Changes nothing here. It looks whether a
//! PostgreSQL database is as it should be; of a SQLite database it asks the running server.

mod here;
mod issuer;

use attache::app::sync;
use attache::clock::Clock;
use attache::config::unreachable;
use attache::content::AccountRule;
use attache::db;
use attache::issuer::fetch_keys::{Publisher, key_set};
use attache::issuer::{Issuers, discovery};
use attache::operator::{Command, lock, socket};
use clap::Args;

use super::config_file::ConfigFile;
use super::failure::Failure;

#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    file: ConfigFile,
    /// Probe this issuer, and print its profile
    #[arg(long)]
    issuer: Option<String>,
    /// As the client of this app of the configuration file, or `sign_in`
    #[arg(long, requires = "issuer")]
    app: Option<String>,
    /// Measure refresh and revocation, with a test account that consents in a browser; ends its grants
    #[arg(long, requires = "app")]
    consent: bool,
    /// Seconds up to which the leeway of spent refresh tokens is measured
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    longest_leeway: u32,
}

pub async fn run(check: &Check) -> Result<(), Failure> {
    let config = check.file.load()?;
    say!("configuration: can be used");
    let http = config.outbound.http(Clock::System).map_err(Failure::Sentence)?;
    let issuers = Issuers::new(http, Clock::System);
    if let Some(key) = &check.issuer {
        return issuer::run(check, &config, &issuers, key).await;
    }
    for (key, environment) in &config.environments {
        if environment.accounts.as_ref().is_some_and(AccountRule::is_ageless) {
            say!(
                "environments.{key}: its claim holds however long ago it was said; max_age_seconds in `accounts` ends that"
            );
        }
    }
    for warning in unreachable::warnings(&config) {
        say!("{warning}");
    }
    here::tell_redirect_uris(&config);
    let mut troubled = here::listeners(&config).await + here::database(&config).await;
    if let Some(path) = db::sqlite_path(&config.database.url)
        && let Some(answered) = socket::send(&lock::beside(&path, "sock"), &Command::RestoreStatus).await
    {
        let answer = answered.map_err(Failure::Sentence)?;
        troubled += answer.troubles;
        for line in &answer.lines {
            say!("database: {line}");
        }
    }
    for (key, section) in &config.issuers {
        let Some(issuer) = sync::issuer(key, section) else { continue };
        if issuer.identifier().is_none() {
            say!("issuers.{key}: is given by URLs; it is asked when somebody connects");
            continue;
        }
        let endpoints = match discovery::endpoints(&issuers, &issuer).await {
            Ok(endpoints) => endpoints,
            Err(fault) => {
                troubled += 1;
                say!("issuers.{key}: {fault}");
                continue;
            }
        };
        say!("issuers.{key}: answers; authorization at {}", endpoints.authorization);
        troubled += here::clients(&config, &issuers, key, &issuer).await;
        if endpoints.revocation.is_none() {
            say!("issuers.{key}: has no revocation endpoint; a revoke ends here and is not told there");
        }
        if endpoints.jwks.is_some() && issuer.identifier().is_some() {
            match key_set(&issuers, Publisher::Issuer(&issuer)).await {
                Ok(_) => say!("issuers.{key}: publishes its keys"),
                Err(fault) => {
                    troubled += 1;
                    say!("issuers.{key}: its keys cannot be had: {fault}");
                }
            }
        }
    }
    if troubled == 0 {
        say!("All that was tried is good. The database and its key are tried when the server starts.");
        Ok(())
    } else {
        Err(Failure::Sentence(format!("In trouble: {troubled}.")))
    }
}
