//! `attache migrate`: brings the database up to date and does nothing else.

use attache::db;

use super::serve::hold_lock;
use super::{ConfigFile, Failure};

pub async fn run(file: &ConfigFile) -> Result<(), Failure> {
    let config = file.load()?;
    let _lock = hold_lock(&config)?;
    db::open(&config.database.url, Some(1)).await?.close().await;
    say!("The database is up to date.");
    Ok(())
}
