//! `attache migrate`: brings the database up to date and does nothing else.

use attache::db;

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::serve::hold_lock;

pub async fn run(file: &ConfigFile) -> Result<(), Failure> {
    let config = file.load()?;
    let _lock = hold_lock(&config)?;
    db::open(&config.database.url, Some(1)).await?.close().await;
    say!("The database is up to date.");
    Ok(())
}
