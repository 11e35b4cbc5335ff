//! The protocol toward issuers (authorization servers): discovery, the authorization URL, code, refresh,
//! revocation, ID tokens, userinfo, and the probe of an issuer's habits. Knows no database and no axum.

pub mod access_token;
pub mod address;
pub mod authorization_server;
pub mod authorize;
pub mod blot;
pub mod callback;
pub mod calls;
mod circuit;
pub mod claims;
pub mod client;
pub mod code;
pub mod deadline;
pub mod discovery;
pub mod egress;
pub mod endpoints;
pub mod error_word;
pub mod fault;
pub mod fetch_keys;
pub mod grants;
pub mod http;
pub mod id_token;
pub mod identity;
pub mod issuers;
pub mod jwt;
pub mod key_set;
pub mod last_good;
pub mod look_up;
mod metadata;
pub mod preset;
pub mod probe;
pub mod profile;
pub mod refresh;
pub mod revoke;
pub mod scope;
pub mod token_answer;
pub mod token_request;
pub mod token_set;
pub mod transcript;
pub mod userinfo;
mod verified_before;

pub use authorization_server::{ExplicitUrls, Issuer, SaidUrls, Whereabouts};
pub use client::{Client, ClientAuth};
pub use fault::IssuerFault;
pub use issuers::Issuers;
