//! `[signing_keys]`: how often the keys that sign are followed by others, and how long RSA keys are. Judges its own numbers.

use serde::Deserialize;

use super::fault::ConfigFault;
use crate::content::algorithm::RsaSize;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SigningKeysConfig {
    /// Days after which another key follows by itself; 0 for never.
    pub rotate_after_days: u32,
    /// Of the RSA keys that are made from now on.
    pub rsa_bits: RsaSize,
}

impl SigningKeysConfig {
    pub(super) fn judge(&self, faults: &mut Vec<ConfigFault>) {
        if self.rotate_after_days > 3650 {
            let problem = "must be between 1 and 3650, or 0 for never";
            faults.push(ConfigFault::new("signing_keys.rotate_after_days", problem));
        }
    }
}
