//! `attache check`: says what is wrong with the configuration, and whether each issuer answers as it should.
//! Changes nothing and opens no database.

use std::time::Duration;

use attache::app::sync;
use attache::clock::Clock;
use attache::issuer::http::{Egress, Http};
use attache::issuer::{Issuers, discovery, key_set};

use super::{ConfigFile, Failure};

pub async fn run(file: &ConfigFile) -> Result<(), Failure> {
    let config = file.load()?;
    println!("configuration: good");
    let egress = Egress::new(config.outbound.allow_origins.clone());
    let http = Http::new(egress, Duration::from_secs(config.outbound.deadline_seconds));
    let issuers = Issuers::new(http, Clock::System);
    let mut troubled = 0;
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
            match key_set::key_set(&issuers, &issuer, None).await {
                Ok(_) => println!("issuers.{key}: publishes its keys"),
                Err(fault) => {
                    troubled += 1;
                    println!("issuers.{key}: its keys cannot be had: {fault}");
                }
            }
        }
    }
    if troubled == 0 { Ok(()) } else { Err(Failure::Sentence(format!("Issuers in trouble: {troubled}."))) }
}
