//! The argument that says where the configuration is, and the configuration that is read from there.

use std::path::PathBuf;

use attache::config::Config;
use clap::Args;

use super::failure::Failure;

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
pub struct ConfigFile {
    /// The configuration file
    #[arg(long, env = "ATTACHE_CONFIG", default_value = "attache.toml")]
    config: PathBuf,
}

impl ConfigFile {
    pub fn load(&self) -> Result<Config, Failure> {
        Config::load(&self.config).map_err(Failure::Config)
    }
}
