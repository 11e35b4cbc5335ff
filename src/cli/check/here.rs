//! What `attache check` tries by itself: whether the listeners' ports are free, the database's tables and the rescue
//! journal's place are as a start needs them, and each issuer takes the clients of the configuration. Presents made-up
//! tokens only, and changes no database.

use attache::app::registration::{SIGN_IN, registration};
use attache::config::Config;
use attache::db::schema::State;
use attache::db::{self, OpenError};
use attache::issuer::probe::{self, Probe, Report, Verdict};
use attache::issuer::{Issuer, Issuers};
use attache::operator::{lock, socket};
use attache::refresh::rescue;

use crate::cli::failure::Failure;
use crate::cli::serve::bind;

/// What is to be registered at the issuers.
pub fn tell_redirect_uris(config: &Config) {
    for (key, issuer) in clients_of(config) {
        if let Ok(registration) = registration(config, issuer, key) {
            say!(
                "{}: its redirect URI at issuers.{issuer} is {}",
                registration.section,
                registration.redirect_uri
            );
        }
    }
}

/// How many ports are not free. Those of a server that runs on this database are its own.
pub async fn listeners(config: &Config) -> usize {
    if let Some(path) = db::sqlite_path(&config.database.url)
        && socket::listens(&lock::beside(&path, "sock")).await
    {
        say!("listen: a server of this database runs");
        return 0;
    }
    let listen = &config.listen;
    let mut troubled = 0;
    for (key, address) in [("listen.address", &listen.address), ("listen.machine_room", &listen.machine_room)]
    {
        match bind(key, address).await {
            Ok(_) => say!("{key}: {address} is free"),
            Err(Failure::Sentence(sentence)) => {
                troubled += 1;
                say!("{sentence}");
            }
            Err(Failure::Config(_)) => {}
        }
    }
    troubled
}

/// How many clients the issuer refuses.
pub async fn clients(config: &Config, issuers: &Issuers, key: &str, issuer: &Issuer) -> usize {
    let mut troubled = 0;
    for (app, _) in clients_of(config).into_iter().filter(|(_, at)| *at == key) {
        let Ok(registration) = registration(config, key, app) else { continue };
        let mut report = Report::default();
        let probe = Probe { issuers, issuer, registration: Some(&registration) };
        let knows = probe::client(probe, &mut report).await;
        let section = &registration.section;
        if knows {
            say!("{section}: issuers.{key} knows its client");
            if let Some(warning) = probe::lasts(probe).await {
                say!("{section}: {warning}");
            }
            continue;
        }
        troubled += 1;
        for finding in &report.findings {
            if let Verdict::Problem { cure } = &finding.verdict {
                say!("{section}: {}. {cure}", finding.what);
            }
        }
    }
    troubled
}

/// The clients of the file, as `--app` names them, and the issuer of each.
fn clients_of(config: &Config) -> Vec<(&str, &str)> {
    let sign_in = (!config.apps.contains_key(SIGN_IN)).then_some((SIGN_IN, config.sign_in.issuer.as_str()));
    let apps = config.apps.iter().map(|(key, app)| (key.as_str(), app.issuer.as_str()));
    sign_in.into_iter().chain(apps).collect()
}

/// What a start needs on this side: the database's tables and the rescue journal's place. How many are in trouble.
pub async fn database(config: &Config) -> usize {
    for (key, secret) in config.client_secrets() {
        if secret.has_a_blank_at_an_end() {
            say!(
                "{key}: has a blank at its beginning or its end, which is sent as part of it; is it meant to?"
            );
        }
    }
    let mut troubled = 0;
    match db::look(&config.database.url).await {
        Ok(None) => {}
        Ok(Some(State::Current)) => say!("database: answers; its schema is the one of this version"),
        Ok(Some(State::Behind(left))) => {
            say!("database: answers; `attache migrate` has {left} migrations to do");
        }
        Ok(Some(State::Newer { found, known })) => {
            troubled += 1;
            say!("database: {}", OpenError::Newer { found, known });
        }
        Err(error) => {
            troubled += 1;
            say!("database: {error}");
        }
    }
    match rescue::check(&config.database) {
        Ok(place) => say!("database.rescue_journal: {} is written, synced and read", place.display()),
        Err(why) => {
            troubled += 1;
            say!("database.rescue_journal: {why}");
        }
    }
    troubled
}
