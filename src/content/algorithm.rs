//! By which algorithm our tokens are signed. Imports nothing of ours, and signs nothing; see [`super::signing_key`].

use serde::{Deserialize, Serialize};

/// An algorithm, by its name in a JWS. RFC 7518 section 3.1, RFC 8037 section 3.1.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
)]
pub enum Algorithm {
    /// Ed25519.
    #[default]
    #[serde(rename = "EdDSA")]
    #[strum(serialize = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    #[strum(serialize = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    #[strum(serialize = "RS256")]
    Rs256,
}

impl Algorithm {
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];
}

/// How long the modulus of an RSA key is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub enum RsaSize {
    #[default]
    Bits2048,
    Bits3072,
}

impl TryFrom<i64> for RsaSize {
    type Error = &'static str;

    fn try_from(bits: i64) -> Result<Self, Self::Error> {
        match bits {
            2048 => Ok(Self::Bits2048),
            3072 => Ok(Self::Bits3072),
            _ => Err("must be 2048 or 3072"),
        }
    }
}
