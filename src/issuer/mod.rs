//! The protocol toward issuers (authorization servers). Knows no database and no axum.
//!
//! | who comes in | decided in | ends in |
//! |---|---|---|
//! | sign-in, consent: where is the issuer? | [`metadata`], [`discovery`] | [`endpoints::Endpoints`] |
//! | sign-in, consent: where is the browser sent? | [`authorize`] | an authorization URL |
//! | the browser that comes back | [`callback`] | a code, or the issuer's refusal |
//! | the code | [`exchange_code`] | [`token_answer`] reads the tokens |
//! | a refresh | [`calls`] gives it a place, [`refresh`] sends it | [`token_answer`] reads the tokens |
//! | an ID token, a JWT access token | [`fetch_keys`], [`jwt`], then [`id_token`] or [`access_token`] | [`claims`] |
//! | an access token that says nothing by itself | [`introspect`] | what its issuer says of it now |
//! | who consented, without an ID token | [`identity`], [`userinfo`] | a subject |
//! | an access token for one of another audience | [`exchange_token`] | [`token_answer`] reads the token |
//! | a revoke | [`revocation_endpoint`], [`revoke`]; at Auth0 [`management_api`] | [`revoke::Told`] |
//! | `attache check --issuer` | [`probe`] | a report |
//!
//! What they share:
//!
//! * [`authorization_server`] is the issuer as configured, with its habits ([`profile`], [`preset`]).
//! * [`client`] is how we authenticate. [`http`] and [`egress`] are the one way out.
//! * [`issuers`] is what is kept in memory, each copy a [`last_good`].
//! * [`fault`] is why an issuer gave nothing. [`redact`] and [`transcript`] are what is told of it.

pub mod access_token;
pub mod address;
pub mod asked_before;
pub mod authorization_error;
pub mod authorization_server;
pub mod authorize;
pub mod callback;
pub mod calls;
mod circuit;
pub mod claims;
pub mod client;
pub mod deadline;
pub mod discovery;
pub mod egress;
pub mod endpoints;
pub mod error_word;
pub mod exchange_code;
pub mod exchange_token;
pub mod fault;
pub mod fetch_keys;
pub mod http;
pub mod id_token;
pub mod identity;
pub mod introspect;
pub mod issuers;
pub mod jwt;
pub mod key_set;
pub mod last_good;
pub mod management_api;
mod metadata;
pub mod preset;
pub mod probe;
pub mod profile;
pub mod redact;
pub mod refresh;
pub mod revocation_endpoint;
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
