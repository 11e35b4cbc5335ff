//! What a backend is told of connections: one, a page of them, and the token of one. What is not known is not there.

use serde::Serialize;
use utoipa::ToSchema;

use crate::Broker;
use crate::access::hand_out::AccessToken;
use crate::access::read::{self, Readable};
use crate::account::platform;
use crate::clock::Timestamp;
use crate::connection::status::Status;
use crate::dialect::v1::words;
use crate::revoke::receipt::{AtIssuer, Receipt};

/// An access token that is valid now.
#[derive(Serialize, ToSchema)]
pub struct HandedOut<'a> {
    access_token: &'a str,
    /// `Bearer`, or the issuer's own word where it has another one.
    token_type: &'a str,
    /// What the issuer granted, with spaces between.
    scope: String,
    /// Seconds. Not there when the issuer did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires_in: Option<i64>,
    #[schema(schema_with = words::states)]
    state: &'static str,
}

/// Some connections, by account.
#[derive(Serialize, ToSchema)]
pub struct ConnectionPage<'a> {
    pub connections: Vec<Connection<'a>>,
    /// For `cursor`. Not there on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// A person's consent to an app. Never a token.
#[derive(Serialize, ToSchema)]
pub struct Connection<'a> {
    /// `Et…`
    id: &'a str,
    /// The app's key.
    app: &'a str,
    account: Account<'a>,
    external_identity: ExternalIdentity<'a>,
    #[schema(schema_with = words::states)]
    state: &'static str,
    /// Why it is not simply active.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = words::causes, required = false)]
    cause: Option<&'static str>,
    /// Where to send the person, who must connect the app again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri")]
    connect_url: Option<String>,
    /// True where the app signs people in by itself, so that there is no access token to hand out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    direct: Option<bool>,
    /// True while the person or the operator has stopped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    paused: Option<bool>,
    /// What the issuer granted, with spaces between.
    scope: String,
    /// What was asked for at the last consent.
    requested_scope: String,
    #[schema(format = DateTime)]
    connected_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    last_used_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    refreshed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    access_expires_at: Option<String>,
    /// Where the person agreed for a time: nothing is handed out from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    consent_expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    revoked_at: Option<String>,
    /// When the issuer confirmed the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    revoked_upstream_at: Option<String>,
    /// The receipt of one that has ended. Not there in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub revocation: Option<Revocation>,
}

/// The person here.
#[derive(Serialize, ToSchema)]
struct Account<'a> {
    /// `ac_…`
    id: &'a str,
    #[serde(flatten)]
    known_as: KnownAs<'a>,
}

/// Not by one name: who looks for a person of the sign-in issuer finds none of a platform.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum KnownAs<'a> {
    /// Somebody who signs in.
    SignedIn {
        /// At the sign-in issuer.
        subject: &'a str,
    },
    /// Somebody for whom a platform vouches.
    Vouched {
        /// The platform's key in the configuration.
        platform: &'a str,
        /// The platform's own id of the person.
        external_id: &'a str,
    },
}

impl<'a> Account<'a> {
    fn of(readable: &'a Readable) -> Self {
        let subject = readable.account_subject.as_str();
        let known_as = match platform::key_of(&readable.account_issuer) {
            Some(platform) => KnownAs::Vouched { platform, external_id: subject },
            None => KnownAs::SignedIn { subject },
        };
        Self { id: &readable.account_id, known_as }
    }
}

/// The person at the app's issuer.
#[derive(Serialize, ToSchema)]
struct ExternalIdentity<'a> {
    issuer: &'a str,
    /// Not there where the issuer tells none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    subject: Option<&'a str>,
}

/// Each step of a revoke.
#[derive(Serialize, ToSchema)]
pub struct Revocation {
    /// From then on nothing is handed out.
    #[schema(format = DateTime)]
    stopped_at: String,
    issuer: IssuersWord,
    handed_out: HandedOutBefore,
}

/// What the issuer knows of it.
#[derive(Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
enum IssuersWord {
    Confirmed {
        #[schema(format = DateTime)]
        confirmed_at: String,
    },
    /// It has no revocation.
    Unsupported,
    /// It was not told, because another live connection of the person would have ended with this one.
    Withheld,
    /// It was told for thirty days in vain.
    Unconfirmed,
    /// It is told again until it confirms.
    Waiting {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        attempts: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, format = DateTime)]
        next_attempt_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        problem: Option<String>,
    },
}

/// What was out and alive at that moment. It cannot be called back.
#[derive(Serialize, ToSchema)]
struct HandedOutBefore {
    tokens: i64,
    /// When the last of them runs out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    expire_by: Option<String>,
}

impl<'a> HandedOut<'a> {
    #[must_use]
    pub fn of(handed: &'a AccessToken) -> Self {
        Self {
            access_token: handed.token.expose(),
            token_type: handed.connection.token_type.as_deref().unwrap_or("Bearer"),
            scope: handed.connection.granted_scopes.to_string(),
            expires_in: handed.expires_in,
            state: read::State::from(handed.connection.status).word(),
        }
    }
}

impl<'a> Connection<'a> {
    #[must_use]
    pub fn of(broker: &Broker, readable: &'a Readable) -> Self {
        let rfc3339 = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
        let connect_url =
            || broker.url(&format!("/connect/{}?connection={}", readable.app_key, readable.id)).to_string();
        let external = &readable.external;
        Self {
            id: &readable.id,
            app: &readable.app_key,
            account: Account::of(readable),
            external_identity: ExternalIdentity {
                issuer: &external.issuer,
                subject: Some(external.subject.as_str()).filter(|subject| !subject.is_empty()),
            },
            state: read::State::from(readable.status).word(),
            cause: readable.cause.map(<&str>::from),
            connect_url: (readable.status == Status::NeedsReconnect).then(connect_url),
            direct: readable.direct.then_some(true),
            paused: (readable.paused && readable.status.is_live()).then_some(true),
            scope: readable.granted_scopes.to_string(),
            requested_scope: readable.requested_scopes.to_string(),
            connected_at: readable.connected_at.rfc3339(),
            last_used_at: rfc3339(readable.last_used_at),
            refreshed_at: rfc3339(readable.refreshed_at),
            access_expires_at: rfc3339(readable.access_expires_at),
            consent_expires_at: rfc3339(readable.consent_expires_at),
            revoked_at: rfc3339(readable.revoked_at),
            revoked_upstream_at: rfc3339(readable.revoked_upstream_at),
            revocation: None,
        }
    }
}

impl Revocation {
    #[must_use]
    pub fn of(receipt: Receipt) -> Self {
        let issuer = match receipt.issuer {
            AtIssuer::Confirmed(at) => IssuersWord::Confirmed { confirmed_at: at.rfc3339() },
            AtIssuer::Unsupported => IssuersWord::Unsupported,
            AtIssuer::Withheld => IssuersWord::Withheld,
            AtIssuer::Unconfirmed => IssuersWord::Unconfirmed,
            AtIssuer::Waiting(None) => {
                IssuersWord::Waiting { attempts: None, next_attempt_at: None, problem: None }
            }
            AtIssuer::Waiting(Some(task)) => IssuersWord::Waiting {
                attempts: Some(task.attempts),
                // Before the first attempt there is nothing to tell.
                next_attempt_at: task.last_error.is_some().then(|| task.next_at.rfc3339()),
                problem: task.last_error,
            },
        };
        let expire_by = receipt.out.until.map(|until| Timestamp::from_unix(until).rfc3339());
        let handed_out = HandedOutBefore { tokens: receipt.out.tokens, expire_by };
        Self { stopped_at: receipt.stopped_at.rfc3339(), issuer, handed_out }
    }
}
