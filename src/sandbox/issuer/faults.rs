//! Everything that the sandbox issuer can be ordered to do wrong, by endpoint and by part of an answer.

use serde_json::Value;

use crate::sandbox::fault::{Fault, Queue};

/// What is ordered at the moment. A queued item applies to one request; `always` to every one.
#[derive(Debug, Default)]
pub struct Faults {
    /// `POST /oauth/token`.
    pub token: Queue<Fault>,
    /// `POST /oauth/revoke`.
    pub revoke: Queue<Fault>,
    /// `POST /oauth/introspect`.
    pub introspection: Queue<Fault>,
    /// The content of its answers.
    pub introspection_shape: Queue<IntrospectionShape>,
    /// The Management API's.
    pub management: Queue<Fault>,
    /// `/userinfo`.
    pub userinfo: Queue<Fault>,
    /// `/.well-known/openid-configuration`.
    pub discovery: Queue<Fault>,
    /// `/.well-known/jwks.json`.
    pub jwks: Queue<Fault>,
    /// The form of successful token answers.
    pub token_shape: Queue<TokenShape>,
    /// The ID tokens in them.
    pub id_token: Queue<IdTokenFault>,
    /// The access tokens that are JWTs.
    pub access_token: Queue<AccessTokenFault>,
    /// The content of userinfo answers.
    pub userinfo_shape: Queue<UserinfoShape>,
    /// The content of the discovery document.
    pub discovery_shape: Queue<DiscoveryShape>,
    /// Metadata of RFC 8414; without any there is no such document.
    pub oauth_metadata: Queue<serde_json::Value>,
    /// A fault of that document.
    pub oauth_discovery: Queue<Fault>,
    /// The parameters of authorization responses, errors included.
    pub authorization: Queue<AuthorizationFault>,
}

/// An odd form of a token answer.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenShape {
    /// A member set to this, such as `expires_in` as a string, a float or huge, or `scope` as an array. A null
    /// or empty `refresh_token` also means that the old one was not superseded.
    With(&'static str, Value),
    /// A member left out. Without `refresh_token`, the old one was not superseded.
    Without(&'static str),
    /// CR LF and a header in the middle of the access token.
    CrLfInAccessToken,
    /// A valid answer followed by this many bytes of padding.
    Padded(usize),
    /// The answer cut in half, with a truthful length.
    Truncated,
    /// A web page, with status 200.
    Html,
    /// The right body under another content type.
    ContentType(&'static str),
    /// Whatever is written here, under this status, in place of the answer: the request was carried out all the same, and
    /// a rotating issuer has rotated, unless it says that the old one stays. `{access_token}`, `{refresh_token}` and `{id_token}` become what they name.
    As(u16, String),
    /// The right answer, compressed though nobody asked for it.
    Compressed(Coding),
}

/// A content coding. RFC 9110 section 8.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Deflate,
}

impl TokenShape {
    /// Whether the client cannot learn a new refresh token, so that none may be made.
    pub(super) fn withholds_refresh_token(&self) -> bool {
        match self {
            Self::With("refresh_token", value) => value.as_str().is_none_or(str::is_empty),
            Self::Without(name) => *name == "refresh_token",
            Self::As(200..=299, body) => {
                let members = serde_json::from_str::<serde_json::Map<String, Value>>(body);
                let given = members.map(|members| members.get("refresh_token").cloned().unwrap_or_default());
                given.is_ok_and(|given| given.is_null() || given == "")
            }
            _ => false,
        }
    }
}

/// A fault of an ID token. All but the first two and `BadSignature` are correctly signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdTokenFault {
    /// `alg: none`, no signature.
    AlgNone,
    /// HS256, keyed with the public key as everybody can read it.
    Hs256WithPublicKey,
    /// Another issuer.
    WrongIss,
    /// The issuer without its final slash.
    IssWithoutSlash,
    /// Another audience.
    WrongAud,
    /// A second audience, and no `azp` to say for whom it is.
    ExtraAudWithoutAzp,
    /// The right audience, but another `azp`.
    WrongAzp,
    /// Ended an hour ago.
    Expired,
    /// Begins in an hour.
    FutureNbf,
    /// Made tomorrow.
    FutureIat,
    /// Another nonce.
    WrongNonce,
    /// No nonce.
    NoNonce,
    /// The hash of another access token.
    WrongAtHash,
    /// No hash of the access token; the code flow allows that.
    NoAtHash,
    /// No subject.
    NoSub,
    /// An empty subject.
    EmptySub,
    /// A subject beyond the 255 characters that the standard allows.
    LongSub,
    /// A subject that is a number.
    NumericSub,
    /// Another person's subject.
    OtherSub,
    /// A `kid` that the key set does not have.
    UnknownKid,
    /// Signed by a stranger whose keys the header points to (`jku`, `jwk`).
    JkuHeader,
    /// The `typ` of an access token (RFC 9068).
    AccessTokenType,
    /// A critical header parameter that nobody knows.
    CritHeader,
    /// Signed with a published key of 1024 bits.
    WeakKey,
    /// One bit of the signature flipped.
    BadSignature,
    /// `exp` as a string.
    ExpAsString,
}

/// An oddity of an access token, correctly signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessTokenFault {
    /// This `typ` in its header.
    Typ(&'static str),
    /// No `typ`.
    NoTyp,
    /// It does not say when it was issued.
    NoIat,
    /// This claim is this date.
    Date(&'static str, i64),
    /// This claim is this text.
    Text(&'static str, &'static str),
    /// It names who may act for its subject. RFC 8693 section 4.4.
    MayAct(&'static str),
}

/// A fault of an introspection answer.
#[derive(Clone, Debug, PartialEq)]
pub enum IntrospectionShape {
    /// A member set to this.
    With(&'static str, Value),
    /// A member left out.
    Without(&'static str),
}

/// A fault of a userinfo answer.
#[derive(Clone, Debug, PartialEq)]
pub enum UserinfoShape {
    /// Somebody else's subject.
    WrongSub,
    /// A member set to this.
    With(&'static str, Value),
    /// A member left out.
    Without(&'static str),
}

/// A fault of the discovery document.
#[derive(Clone, Debug, PartialEq)]
pub enum DiscoveryShape {
    /// Another issuer than was asked.
    WrongIssuer,
    /// A token endpoint somewhere else.
    ForeignTokenEndpoint(String),
    /// A member set to this.
    With(&'static str, Value),
    /// A member left out.
    Without(&'static str),
}

/// A fault of an authorization response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizationFault {
    /// Another issuer's `iss`.
    WrongIss,
    /// No `iss`.
    NoIss,
    /// Another `state`.
    WrongState,
    /// This error instead of an answer.
    Error(&'static str),
}
