//! What the sandbox issuer is told: its clients, its people and its habits.

use std::collections::BTreeMap;

use crate::sandbox::Person;

/// How a client proves itself at the token and revocation endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// A public client: `client_id` alone.
    None,
    /// `client_id` and `client_secret` in the body.
    Body,
    /// HTTP Basic.
    Basic,
}

/// A registered client.
#[derive(Clone)]
pub struct Client {
    /// The `client_id`.
    pub id: String,
    /// The name that people see when they are asked for consent.
    pub name: String,
    /// The client secret; a public client has none.
    pub secret: Option<String>,
    /// How it authenticates; nothing else is accepted.
    pub auth: ClientAuth,
    /// Where answers may go, compared exactly.
    pub redirect_uris: Vec<String>,
    /// Where a person may go after signing out, compared exactly.
    pub post_logout_redirect_uris: Vec<String>,
    /// The APIs it may ask tokens for.
    pub audiences: Vec<String>,
}

impl Client {
    /// A confidential client that sends its secret in the body, as Slack and Auth0's examples do.
    #[must_use]
    pub fn new(id: &str, secret: &str, redirect_uri: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            secret: Some(secret.to_owned()),
            auth: ClientAuth::Body,
            redirect_uris: vec![redirect_uri.to_owned()],
            post_logout_redirect_uris: Vec::new(),
            audiences: Vec::new(),
        }
    }

    /// The same client under a name for people.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The same client, allowed to ask for tokens for `audience`.
    #[must_use]
    pub fn allowed(mut self, audience: &str) -> Self {
        self.audiences.push(audience.to_owned());
        self
    }
}

/// How much the revocation of one refresh token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReach {
    /// The token and all that descend from the same consent.
    Family,
    /// Every token of the same client that was given in the same browser session (Keycloak).
    Session,
    /// Everything of the same person and client, and the consent itself ("Deletes Grant").
    Grant,
}

/// The issuer's clients, people and habits.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own, switched by itself")]
pub struct Settings {
    /// The registered clients.
    pub clients: Vec<Client>,
    /// Who can sign in.
    pub people: Vec<Person>,
    /// Life of an access token in seconds.
    pub access_lifetime: i64,
    /// Life of a refresh token in seconds; rotation does not extend it.
    pub refresh_lifetime: i64,
    /// Whether each refresh supersedes the refresh token.
    pub rotation: bool,
    /// For how many seconds the immediately previous refresh token is still good. 0: not at all, and its
    /// reuse ends the family.
    pub leeway: i64,
    /// For how many seconds after it was given a refresh token is used without being replaced. 0: not at all.
    pub reuse_window: i64,
    /// Whether a person can have one live refresh token for one client only, so that a new consent ends the one before (dex).
    pub one_live_refresh_token: bool,
    /// Its error word for a refresh token that is dead or unknown.
    pub dead_word: &'static str,
    /// Whether ID tokens are issued (with `openid`).
    pub id_tokens: bool,
    /// Whether access tokens say nothing, also those for an audience: whoever is shown one has to ask.
    pub opaque_access_tokens: bool,
    /// How much one revocation ends.
    pub revocation_reach: RevocationReach,
    /// Whether it revokes refresh tokens. Else it refuses them with `unsupported_token_type`, and ends all that came of a
    /// consent by its access token.
    pub revokes_refresh_tokens: bool,
    /// Seconds by which the clock that dates its answers is ahead of the real one; below 0, behind.
    pub clock_ahead: i64,
    /// What scopes mean, for the consent page.
    pub scope_descriptions: BTreeMap<String, String>,
}

impl Default for Settings {
    /// No clients, the two people of the demo, strict rotation, an hour for access tokens.
    fn default() -> Self {
        let described = [
            ("openid", "Know who you are"),
            ("profile", "See your name"),
            ("email", "See your e-mail address"),
            ("offline_access", "Stay connected when you are away"),
        ];
        Self {
            clients: Vec::new(),
            people: Person::demo(),
            access_lifetime: 3600,
            refresh_lifetime: 2_592_000,
            rotation: true,
            leeway: 0,
            reuse_window: 0,
            one_live_refresh_token: false,
            dead_word: "invalid_grant",
            id_tokens: true,
            opaque_access_tokens: false,
            revocation_reach: RevocationReach::Family,
            revokes_refresh_tokens: true,
            clock_ahead: 0,
            scope_descriptions: described.map(|(scope, text)| (scope.to_owned(), text.to_owned())).into(),
        }
    }
}

impl Settings {
    pub(super) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(super) fn person(&self, subject: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.subject == subject)
    }
}
