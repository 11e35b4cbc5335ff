//! Why a secret does not open, or the vault does not. Names no secret.

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("the master key is not 32 bytes in base64")]
    MalformedMasterKey,
    #[error("the master key is not the one this database was sealed with")]
    WrongMasterKey,
    #[error(
        "this is {from}, from which the vault was rotated to {to}; give {to} as vault.master_key, and {from} as \
         vault.previous_master_key as long as `attache vault status` says that it is needed"
    )]
    Rotated { from: String, to: String },
    #[error(
        "data keys are still wrapped by {0}, from which the vault is being rotated; give it as \
         vault.previous_master_key until `attache vault rotate` has come to its end"
    )]
    StillNeeded(String),
    #[error("a data key is wrapped by a master key that this process was not given")]
    UnknownMasterKey,
    #[error("the database holds secrets but no key to open them with")]
    KeysMissing,
    #[error("a sealed value does not open where it stands")]
    DoesNotOpen,
}
