//! Every way a verb can fail, named for whoever must act, and the one match that gives the answer's
//! status and code. Never holds a secret, nor the text of an issuer's token answer.

use axum::http::StatusCode;

use crate::connection::status::Cause;
use crate::db;
use crate::issuer::authorization_error::AuthorizationError;
use crate::limits::limited::Limited;
use crate::load::Crowded;
use crate::torture::Failed;
use crate::vault::error::VaultError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("No API key was sent. Send one as a bearer token.")]
    NotAuthed,
    #[error("The API key is unknown or revoked. Ask the operator for a new one.")]
    InvalidAuth,
    #[error("Client authentication failed. Send the caller's id and one of its live API keys.")]
    InvalidClient,
    #[error(
        "Only a resource server of an environment may ask that, and this is not the secret of one that is live. The operator \
         makes one with `attache resource-server create`."
    )]
    ResourceServerRefused,
    #[error("There is nothing at this address.")]
    NotFound,
    #[error("There is no such connection for this caller.")]
    ConnectionNotFound,
    #[error("There is no such app.")]
    AppNotFound,
    #[error(
        "No platform here signs as the `iss` of that user token and lists this caller. The operator does both in \
         `[platforms.KEY]`."
    )]
    PlatformNotFound,
    /// The platform's own backend brought it, and is told why.
    #[error("The user token is refused: {0}.")]
    UserTokenRefused(String),
    #[error("The platform's keys cannot be had right now. Try again in {retry_after} seconds.")]
    PlatformKeysUnavailable { retry_after: i64 },
    #[error("{0}")]
    InvalidRequest(String),
    #[error("The request's body is larger than this server reads.")]
    TooLarge,
    #[error("The request's body did not come in time. Send it again, all at once.")]
    TooSlow,
    #[error("This address does not answer to that method.")]
    MethodNotAllowed,
    #[error("{limit} Try again in {retry_after} seconds.")]
    RateLimited { limit: Limited, retry_after: i64 },
    #[error("More is asked at this moment than can be served. Try again in a second.")]
    Overloaded,
    #[error("This takes longer than it should. It goes on here. Ask again in a few seconds.")]
    TakesLonger,
    #[error("The subject token is not one that is accepted here.")]
    SubjectTokenRefused,
    #[error("The actor token is not one that is accepted here.")]
    ActorTokenRefused,
    #[error("The bearer token is not one that is accepted here.")]
    BearerRefused,
    #[error("No environment by that resource or audience is open to this app and account.")]
    InvalidTarget,
    #[error("{0}")]
    InvalidScope(String),
    #[error("{0}")]
    InvalidAuthorizationDetails(String),
    /// A template makes no claims for this account; the sentence says why.
    #[error("{0}")]
    TemplateRefused(String),
    /// RFC 7009 section 2.2.1.
    #[error("A session token is not revoked by itself. It ends with its session, when the person signs out.")]
    UnsupportedTokenType,
    #[error("This grant type is not supported here.")]
    UnsupportedGrantType,
    #[error("The person must connect the app again: {}", .cause.sentence())]
    ReconnectRequired { cause: Cause, connect_url: String },
    #[error(
        "The connection is paused, by its person or by the operator. Nothing is lost: it goes on when the pause is lifted. \
         Connecting again does not lift it."
    )]
    Frozen,
    #[error("{issuer} gives no token right now. Try again in {retry_after} seconds.")]
    IssuerUnavailable { issuer: String, retry_after: i64 },
    #[error(
        "{issuer} gives a token that cannot be handed out. The operator must look into it; it is asked again in {retry_after} seconds."
    )]
    UnusableToken { issuer: String, retry_after: i64 },
    #[error(
        "{issuer} refuses the client id or secret that it is asked with. The operator must correct them."
    )]
    Misconfigured { issuer: String },
    #[error("The content platform gives no token right now. Try again in {retry_after} seconds.")]
    PlatformUnavailable { retry_after: i64 },
    #[error(
        "The first {algorithm} key is published, and signs as soon as every verifier can know it. Try again in {retry_after} \
         seconds."
    )]
    KeyToCome { algorithm: &'static str, retry_after: i64 },
    #[error("Sign in to see this page.")]
    SignInRequired,
    #[error("Nobody is signed in in this browser. Send the person to `/sign-in`, and ask again.")]
    SignedOut,
    /// The sentence says which pages may.
    #[error("{0}")]
    OriginNotAllowed(&'static str),
    #[error("There is no template by that name. The operator adds it as `[templates.NAME]`.")]
    TemplateNotFound,
    #[error(
        "This form was not sent from its own page, or somebody else has signed in since. Open the page again."
    )]
    ForgedRequest,
    #[error("{0}")]
    SignInFailed(String),
    #[error("{0}")]
    ConnectFailed(ConnectFault),
    #[error("{0}")]
    Conflict(String),
    #[error("The database did not answer as it should.")]
    Database(#[from] db::Error),
    #[error("The hand-out could not be written to the ledger, so nothing was handed out.")]
    Unwritten,
    #[error(
        "A secret that is stored for this cannot be opened, so nothing is handed out of it. The operator finds it by \
         `attache vault status`, which says what mends it."
    )]
    Damaged,
    #[error(
        "The data here was restored from an older copy, and the operator has not said yet that it is to be used. Try \
         again later, or connect the app again."
    )]
    RestoredCopy { connect_url: String },
    #[error("A stored secret could not be opened.")]
    Vault(#[from] VaultError),
    #[error("{0}")]
    Internal(String),
}

/// Why a consent ended without a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectFault {
    /// The state is unknown, used, or expired.
    StateUnknown,
    /// Another person or another browser began this.
    Foreign,
    /// The person said no at the issuer.
    Denied,
    /// The app is not open for connecting.
    AppClosed,
    /// This browser began it for another person than the one who is signed in now.
    OtherPerson { began: String, now: String },
    /// The identity at the issuer is not the one of the person who is signed in.
    OtherIdentity { expected: String, came: String },
    /// The issuer granted other scopes than the app wants exactly.
    ScopeMismatch,
    /// The answer did not come from the issuer that was asked (RFC 9207).
    WrongIssuer,
    /// The issuer gave no code, by this word; the text is for the person.
    Refused(AuthorizationError, String),
    /// The issuer did something else; the text is ours.
    Issuer(String),
}

impl std::fmt::Display for ConnectFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::OtherPerson { .. } => {
                "This consent was begun by the person who was signed in here before. Nothing was stored."
            }
            Self::OtherIdentity { .. } => {
                "Another account agreed than the one that is signed in here. Nothing was stored."
            }
            Self::StateUnknown => "This consent is too old, or it was already used. Nothing was changed.",
            Self::Foreign => {
                "This consent was begun by another person or in another browser. Nothing was stored."
            }
            Self::Denied => "You declined, so nothing was connected.",
            Self::AppClosed => "This app is not open for connecting right now.",
            Self::ScopeMismatch => {
                "Not all of the permissions that the app needs were granted. Nothing was stored."
            }
            Self::WrongIssuer => {
                "The answer did not come from the service that was asked. Nothing was stored."
            }
            Self::Refused(_, sentence) | Self::Issuer(sentence) => sentence,
        })
    }
}

impl ConnectFault {
    /// For the person themselves, with names. Logs and the ledger outlive people, and have the sentence without.
    #[must_use]
    pub fn to_the_person(&self) -> String {
        match self {
            Self::OtherPerson { began, now } => {
                format!(
                    "This was begun as {began}, and now you are signed in here as {now}. Nothing was stored."
                )
            }
            Self::OtherIdentity { expected, came } => format!(
                "You are signed in here as {expected}, and agreed as {came}. This app takes only the account that you are \
                 signed in with. Nothing was stored."
            ),
            other => other.to_string(),
        }
    }
}

impl Error {
    /// A subject token that is refused. The client is told the same for every reason; the log tells them apart, for the
    /// operator. What the token holds is not logged.
    #[must_use]
    pub fn subject_token_refused(why: &str) -> Self {
        tracing::info!(why, "a subject token was refused");
        Self::SubjectTokenRefused
    }

    /// The same for an actor token.
    #[must_use]
    pub fn actor_token_refused(why: &str) -> Self {
        tracing::info!(why, "an actor token was refused");
        Self::ActorTokenRefused
    }

    /// The HTTP status and the machine-readable code of this failure: the one place that decides them.
    /// A dialect may have words of its own for the same failure (Slack's, RFC 6749's).
    #[must_use]
    pub const fn answer(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotAuthed => (StatusCode::UNAUTHORIZED, "not_authed"),
            Self::InvalidAuth => (StatusCode::UNAUTHORIZED, "invalid_auth"),
            Self::InvalidClient | Self::ResourceServerRefused => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::BearerRefused => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::SignInRequired => (StatusCode::UNAUTHORIZED, "sign_in_required"),
            Self::SignedOut => (StatusCode::UNAUTHORIZED, "signed_out"),
            Self::OriginNotAllowed(_) => (StatusCode::FORBIDDEN, "origin_not_allowed"),
            Self::TemplateNotFound => (StatusCode::NOT_FOUND, "template_not_found"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::ConnectionNotFound => (StatusCode::NOT_FOUND, "connection_not_found"),
            Self::AppNotFound => (StatusCode::NOT_FOUND, "app_not_found"),
            Self::PlatformNotFound => (StatusCode::NOT_FOUND, "platform_not_found"),
            Self::UserTokenRefused(_) => (StatusCode::BAD_REQUEST, "invalid_user_token"),
            Self::InvalidRequest(_) | Self::SubjectTokenRefused | Self::ActorTokenRefused => {
                (StatusCode::BAD_REQUEST, "invalid_request")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::TakesLonger => (StatusCode::SERVICE_UNAVAILABLE, "takes_longer"),
            Self::InvalidTarget => (StatusCode::BAD_REQUEST, "invalid_target"),
            Self::InvalidScope(_) => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::InvalidAuthorizationDetails(_) => {
                (StatusCode::BAD_REQUEST, "invalid_authorization_details")
            }
            Self::TemplateRefused(_) => (StatusCode::CONFLICT, "template_refused"),
            Self::UnsupportedTokenType => (StatusCode::BAD_REQUEST, "unsupported_token_type"),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::ReconnectRequired { .. } => (StatusCode::CONFLICT, "reconnect_required"),
            Self::Frozen => (StatusCode::CONFLICT, "paused"),
            Self::IssuerUnavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "issuer_unavailable"),
            Self::PlatformUnavailable { .. } | Self::PlatformKeysUnavailable { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "platform_unavailable")
            }
            Self::KeyToCome { .. } => (StatusCode::SERVICE_UNAVAILABLE, "key_to_come"),
            Self::Misconfigured { .. } => (StatusCode::BAD_GATEWAY, "misconfigured"),
            Self::UnusableToken { .. } => (StatusCode::BAD_GATEWAY, "unusable_token"),
            Self::ForgedRequest => (StatusCode::FORBIDDEN, "forged_request"),
            Self::SignInFailed(_) => (StatusCode::BAD_REQUEST, "sign_in_failed"),
            Self::ConnectFailed(ConnectFault::Foreign | ConnectFault::OtherPerson { .. }) => {
                (StatusCode::FORBIDDEN, "connect_failed")
            }
            // To decline is no mistake of anybody's.
            Self::ConnectFailed(ConnectFault::Denied) => (StatusCode::OK, "declined"),
            Self::ConnectFailed(_) => (StatusCode::BAD_REQUEST, "connect_failed"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::Database(_) | Self::Unwritten | Self::Vault(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            // It is so for this one row, and asking again does not help.
            Self::Damaged => (StatusCode::CONFLICT, "damaged"),
            Self::RestoredCopy { .. } => (StatusCode::SERVICE_UNAVAILABLE, "restored_copy"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    /// Whether only the operator can mend it.
    #[must_use]
    pub const fn is_the_operators(&self) -> bool {
        matches!(
            self,
            Self::Misconfigured { .. }
                | Self::UnusableToken { .. }
                | Self::TemplateRefused(_)
                | Self::Database(_)
                | Self::Unwritten
                | Self::Vault(_)
                | Self::Damaged
                | Self::RestoredCopy { .. }
                | Self::Internal(_)
        )
    }

    /// Writes a failure of ours to the log with its cause, which the answer does not tell. What a database says of
    /// a statement names tables and constraints; values are bound, never part of it.
    pub fn report(&self) {
        match self {
            Self::Database(cause) => tracing::error!(error = %self, %cause, "failed"),
            Self::Vault(cause) => tracing::error!(error = %self, %cause, "failed"),
            Self::TemplateRefused(_) => tracing::warn!(error = %self, "failed"),
            // Counted, or told once where it was found, and not one by one: a log that grows with each refusal would be
            // a load of its own.
            Self::Overloaded | Self::TakesLonger | Self::RestoredCopy { .. } | Self::KeyToCome { .. } => {}
            _ if self.answer().0.is_server_error() => tracing::error!(error = %self, "failed"),
            _ => {}
        }
    }

    /// Seconds after which the same request may succeed, for `Retry-After`.
    #[must_use]
    pub const fn retry_after(&self) -> Option<i64> {
        match self {
            Self::IssuerUnavailable { retry_after, .. }
            | Self::UnusableToken { retry_after, .. }
            | Self::PlatformUnavailable { retry_after }
            | Self::PlatformKeysUnavailable { retry_after }
            | Self::KeyToCome { retry_after, .. }
            | Self::RateLimited { retry_after, .. } => Some(*retry_after),
            Self::Database(_) | Self::Unwritten | Self::Vault(_) => Some(5),
            Self::RestoredCopy { .. } => Some(60),
            Self::Overloaded => Some(1),
            Self::TakesLonger => Some(2),
            _ => None,
        }
    }
}

/// Whoever may not wait is served later.
impl From<Crowded> for Error {
    fn from(Crowded: Crowded) -> Self {
        Self::Overloaded
    }
}

impl From<Failed> for Error {
    fn from(Failed(sentence): Failed) -> Self {
        Self::Internal(sentence)
    }
}

impl From<ConnectFault> for Error {
    fn from(fault: ConnectFault) -> Self {
        Self::ConnectFailed(fault)
    }
}
