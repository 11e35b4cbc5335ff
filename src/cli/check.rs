//! `attache check`: says what is wrong with the configuration, and whether each issuer answers as it should; with
//! `--issuer`, all about one of them. Changes nothing here. It looks whether a
//! PostgreSQL database is as it should be; of a SQLite database it asks the running server.

mod issuer;

use attache::app::sync;
use attache::clock::Clock;
use attache::config::Config;
use attache::connection::refresh::rescue;
use attache::content::AccountRule;
use attache::db::schema::State;
use attache::db::{self, OpenError};
use attache::issuer::{Issuers, discovery, key_set};
use attache::operator::{Command, lock, socket};
use clap::Args;

use super::{ConfigFile, Failure};

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

/// What a start needs on this side: the database's tables and the rescue journal's place. How many are in trouble.
async fn here(config: &Config) -> usize {
    for (key, secret) in config.client_secrets() {
        if secret.has_a_blank_at_an_end() {
            println!(
                "{key}: has a blank at its beginning or its end, which is sent as part of it; is it meant to?"
            );
        }
    }
    let mut troubled = 0;
    match db::look(&config.database.url).await {
        Ok(None) => {}
        Ok(Some(State::Current)) => println!("database: answers; its schema is the one of this version"),
        Ok(Some(State::Behind(left))) => {
            println!("database: answers; `attache migrate` has {left} migrations to do");
        }
        Ok(Some(State::Newer { found, known })) => {
            troubled += 1;
            println!("database: {}", OpenError::Newer { found, known });
        }
        Err(error) => {
            troubled += 1;
            println!("database: {error}");
        }
    }
    match rescue::check(&config.database) {
        Ok(place) => println!("database.rescue_journal: {} is written, synced and read", place.display()),
        Err(why) => {
            troubled += 1;
            println!("database.rescue_journal: {why}");
        }
    }
    troubled
}

pub async fn run(check: &Check) -> Result<(), Failure> {
    let config = check.file.load()?;
    println!("configuration: good");
    let http = config.outbound.http(Clock::System).map_err(Failure::Sentence)?;
    let issuers = Issuers::new(http, Clock::System);
    if let Some(key) = &check.issuer {
        return issuer::run(check, &config, &issuers, key).await;
    }
    for (key, environment) in &config.environments {
        if environment.accounts.as_ref().is_some_and(AccountRule::is_ageless) {
            println!(
                "environments.{key}: its claim holds however long ago it was said; max_age_seconds in `accounts` ends that"
            );
        }
    }
    let mut troubled = here(&config).await;
    if let Some(path) = db::sqlite_path(&config.database.url)
        && let Some(answered) = socket::send(&lock::beside(&path, "sock"), &Command::RestoreStatus).await
    {
        let answer = answered.map_err(Failure::Sentence)?;
        troubled += answer.troubles;
        for line in &answer.lines {
            println!("database: {line}");
        }
    }
    for (key, config) in &config.issuers {
        let Some(issuer) = sync::issuer(key, config) else { continue };
        if issuer.identifier().is_none() {
            println!("issuers.{key}: is given by URLs; it is asked when somebody connects");
            continue;
        }
        let endpoints = match discovery::endpoints(&issuers, &issuer).await {
            Ok(endpoints) => endpoints,
            Err(fault) => {
                troubled += 1;
                println!("issuers.{key}: {fault}");
                continue;
            }
        };
        println!("issuers.{key}: answers; authorization at {}", endpoints.authorization);
        if endpoints.revocation.is_none() {
            println!("issuers.{key}: has no revocation endpoint; a revoke ends here and is not told there");
        }
        if endpoints.jwks.is_some() && issuer.identifier().is_some() {
            match key_set::key_set(&issuers, &issuer).await {
                Ok(_) => println!("issuers.{key}: publishes its keys"),
                Err(fault) => {
                    troubled += 1;
                    println!("issuers.{key}: its keys cannot be had: {fault}");
                }
            }
        }
    }
    if troubled == 0 { Ok(()) } else { Err(Failure::Sentence(format!("In trouble: {troubled}."))) }
}
