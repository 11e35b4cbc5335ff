//! The states of a connection and why it may need somebody. Pure: reads no clock and no database.
//!
//! ```text
//! active ── lease ──> refreshing ── answer ──> active
//!                         ├── no answer ─────> in_doubt ── lease ──> refreshing
//!                         ├── try later ─────> backoff  ── lease ──> refreshing
//!                         ├── invalid_client ─> misconfigured ── lease ──> refreshing
//!                         └── invalid_grant ─> needs_reconnect ── consent ──> active
//! active, without a refresh token ── run out ─> needs_reconnect
//! any live state ── revoke ──> revoking ── issuer told ──> revoked
//! ```

#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::Display,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    Active,
    /// Means something only while the lease lives.
    Refreshing,
    /// A refresh was sent and its answer is not known.
    InDoubt,
    /// The issuer could not be used, and the access token is about to run out or has; or what it gives cannot be handed
    /// out. `retry_at` says when to try again. While the token lives on, the connection stays as it was.
    Backoff,
    /// The grant is dead at the issuer; only the person can mend it.
    NeedsReconnect,
    /// The issuer refuses the app's credentials; only the operator can mend it.
    Misconfigured,
    /// Ended here; the issuer is still to be told.
    Revoking,
    Revoked,
}

impl Status {
    /// Whether something may still come of it.
    #[must_use]
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Revoking | Self::Revoked)
    }
}

/// Why a connection is not simply active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Cause {
    /// The issuer says that the grant is no more.
    RevokedUpstream,
    /// The answer that carried the successor of a rotating refresh token never reached us.
    RotationLost,
    /// The grant had run out at the issuer: it was too old, or unused for too long.
    Expired,
    /// The issuer never gave a refresh token, and the access token has run out.
    NoRefreshToken,
    /// The issuer has refused the grant again and again, by a word that nobody knows, while it gave others theirs.
    Refused,
    /// The issuer wants the person for something, by its own word for it.
    InteractionRequired,
    LoginRequired,
    ConsentRequired,
    MfaRequired,
    /// A refresh brought an ID token of somebody else.
    IdentityChanged,
    /// The issuer gives access tokens that cannot be handed out.
    UnusableToken,
    /// The issuer refuses the app's client id or secret.
    ClientRefused,
    /// Its app signs people in by itself, and no token of it is here.
    SignsInByItself,
    /// The database is a restored copy, since which the refresh token may have been spent.
    RestoredCopy,
    /// Revoked here only: at the issuer, another live connection of the person would have ended with it.
    SharedGrant,
    /// Revoked here only: the issuer was told for a month and never confirmed.
    Unconfirmed,
}

impl Cause {
    /// For a person, in the middle of a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::RevokedUpstream => "the permission was ended at the other service.",
            Self::RotationLost => "an answer of the other service was lost on its way.",
            Self::Expired => "the permission had run out at the other service.",
            Self::NoRefreshToken => "the other service gave a permission that has run out.",
            Self::Refused => "the other service has refused to renew it again and again.",
            Self::InteractionRequired => "the other service wants you to confirm something there.",
            Self::LoginRequired => "the other service wants you to sign in there again.",
            Self::ConsentRequired => "the other service wants you to agree there again.",
            Self::MfaRequired => "the other service wants a second proof that it is you.",
            Self::IdentityChanged => {
                "the other service answered for another account than the one you connected."
            }
            Self::UnusableToken => {
                "what the other service gives cannot be passed on; its operator must look into it."
            }
            Self::SignsInByItself => {
                "the app signs people in by itself, so that there is no token of it here to hand out."
            }
            Self::RestoredCopy => "the data here was restored from an older copy.",
            Self::SharedGrant => "another connection holds the same permission.",
            Self::Unconfirmed => "the other service never confirmed that it was ended.",
            Self::ClientRefused => {
                "the other service refuses the app's credentials; its operator must correct them."
            }
        }
    }
}

/// What is wrong with an answer that brought tokens, gravest last. What can be kept of it is kept all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Flaw {
    /// Its access token cannot be handed out.
    AccessToken,
    /// The successor of the refresh token cannot be used: what was presented may be spent.
    RefreshToken,
    /// It is of another identity.
    Identity,
}
