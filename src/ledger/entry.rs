//! One thing that happened, and the words for what can. Holds no secret.

use serde_json::{Value, json};

use crate::connection::Connection;
use crate::issuer::transcript::Transcript;

/// What happened. The names are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Action {
    SignedIn,
    SignedOut,
    Connected,
    ConnectedDirectly,
    Reconnected,
    Switched,
    ConnectRefused,
    ConsentChanged,
    Refreshed,
    RefreshFailed,
    NeedsReconnect,
    HandOut,
    RevokeRequested,
    RevokeConfirmed,
    KeyCreated,
    KeyRevoked,
    ResourceServerCreated,
    ResourceServerRevoked,
    ContentTokenRevoked,
    Frozen,
    Unfrozen,
    MassRevokeBegun,
    MassRevokeEnded,
    AccountDeleted,
    /// Nothing personal is left of a deleted account.
    AccountErased,
    PublicAccessChanged,
    PermanentTokenCreated,
    PermanentTokenRevoked,
    CallerPermitted,
    CallerForbidden,
    ConnectSessionMade,
    ConnectSessionDeclined,
}

impl Action {
    /// For an operator: what the word stands for.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::SignedIn => "the person signed in here",
            Self::SignedOut => "the person signed out here",
            Self::Connected => "the person agreed, and the connection was made",
            Self::ConnectedDirectly => {
                "the app showed a token of its own, and a direct connection was made; nobody was asked here"
            }
            Self::Reconnected => "the person agreed again; the connection and its id are the same",
            Self::Switched => "the person agreed as another account of theirs, which replaced the one before",
            Self::ConnectRefused => "the person agreed, and the grant was refused here; nothing was stored",
            Self::ConsentChanged => "the person changed for how long or where the app may act",
            Self::Refreshed => "the issuer gave new tokens",
            Self::RefreshFailed => "the issuer gave no new tokens; it is asked again",
            Self::NeedsReconnect => "the issuer gives nothing more; the person must connect the app again",
            Self::HandOut => "a token was handed out",
            Self::RevokeRequested => "the connection was ended here; nothing is handed out from then on",
            Self::RevokeConfirmed => "the issuer confirmed that it has ended the grant",
            Self::KeyCreated => "an API key was made for a caller",
            Self::KeyRevoked => "an API key of a caller was revoked",
            Self::ContentTokenRevoked => "a content token was revoked by itself; its connection goes on",
            Self::ResourceServerCreated => "a resource server was given a credential for an environment",
            Self::ResourceServerRevoked => "a resource server's credential was revoked",
            Self::Frozen => "it was frozen: nothing is handed out until that is lifted",
            Self::Unfrozen => "a freeze was lifted",
            Self::MassRevokeBegun => "a revoke of many connections began",
            Self::MassRevokeEnded => "a revoke of many connections came to its end",
            Self::AccountDeleted => "the account was deleted; its connections are being ended",
            Self::AccountErased => "the last of what was personal about the account was removed",
            Self::PublicAccessChanged => {
                "an environment was opened to requests without a token, or closed to them"
            }
            Self::PermanentTokenCreated => "a permanent token was made for an environment",
            Self::PermanentTokenRevoked => "a permanent token was revoked",
            Self::CallerPermitted => "a caller was let do something by itself at an environment",
            Self::ConnectSessionMade => "a platform's backend was given a link for one of its users",
            Self::ConnectSessionDeclined => {
                "whoever opened a platform's link said that they are not the person whom it is for"
            }
            Self::CallerForbidden => "what a caller was let do by itself was taken back",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub actor: String,
    pub account_id: Option<String>,
    pub app_id: Option<String>,
    pub connection_id: Option<String>,
    pub caller_id: Option<String>,
    pub detail: Option<Value>,
}

impl Entry {
    /// Something that happened to a connection; `actor` is an account's or a caller's id, or `attache`.
    #[must_use]
    pub fn of(connection: &Connection, actor: &str) -> Self {
        Self {
            actor: actor.to_owned(),
            account_id: Some(connection.account_id.clone()),
            app_id: Some(connection.app_id.clone()),
            connection_id: Some(connection.id.clone()),
            caller_id: Some(actor.to_owned()).filter(|actor| actor.starts_with("ca_")),
            detail: None,
        }
    }

    /// With a sentence beside it: what the issuer said, or why we refused.
    #[must_use]
    pub fn saying(self, said: &str) -> Self {
        Self { detail: Some(json!({ "said": said })), ..self }
    }

    /// With the record of what an issuer was asked and answered.
    #[must_use]
    pub fn recording(self, transcript: &Transcript) -> Self {
        Self { detail: serde_json::to_value(transcript).ok(), ..self }
    }
}
