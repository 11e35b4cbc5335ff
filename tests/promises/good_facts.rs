//! Facts that break no rule of the judge, and the ways to change one of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use attache::access::facts::{Asker, Facts, Found, OfApp, Proof, Wanted};
use attache::account::Account;
use attache::app::AppStatus;
use attache::caller::{Caller, Key};
use attache::clock::Timestamp;
use attache::connection::allowed::Allowed;
use attache::connection::status::Status;
use attache::connection::{Connection, ExternalIdentity};
use attache::content::environment::{Environment, Signing};
use attache::content::rules::{AccountRule, Any, AppRule, Strategy};
use attache::content::settings::Settings;
use attache::freeze::selection::{Cover, OPERATOR, Scope, Selection};
use attache::issuer::scope::Scopes;
use attache::secret::TokenHash;
use serde_json::Map;

pub const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

pub fn connection() -> Connection {
    Connection {
        id: "Et1".to_owned(),
        account_id: "ac_1".to_owned(),
        app_id: "app_1".to_owned(),
        external: ExternalIdentity { issuer: String::new(), subject: String::new() },
        direct: false,
        status: Status::Active,
        cause: None,
        data_key: None,
        access_token: None,
        access_expires_at: Some(NOW.plus(1)),
        access_token_hash: Some(TokenHash::of("current")),
        access_generation: 2,
        previous_access_token_hash: Some(TokenHash::of("previous")),
        previous_access_expires_at: Some(NOW.plus(1)),
        previous_access_generation: 1,
        refresh_token: None,
        token_type: None,
        granted_scopes: Scopes::default(),
        consent_expires_at: Some(NOW.plus(1)),
        allowed: Allowed::default(),
        generation: 2,
        lease_until: None,
        intent_at: None,
        retry_at: None,
        failures: 0,
        refusals: 0,
        refused_since: None,
        refresh_expires_at: None,
        connected_at: NOW,
        last_stop_at: None,
        account_pseudonym: Some("person".to_owned()),
        pseudonym: Some("grant".to_owned()),
        consented_at: NOW,
        consent_version: 1,
        refreshed_at: None,
        last_used_at: None,
        revoked_at: None,
        revoked_upstream_at: None,
    }
}

pub fn environment() -> Environment {
    let url = "https://content.example/".parse().expect("a URL");
    Environment {
        id: "en_1".to_owned(),
        key: "demo".to_owned(),
        project: "p".to_owned(),
        environment: "master".to_owned(),
        content_api_url: url,
        management_api_url: None,
        strategy: Strategy::Mint,
        apps: Some(AppRule::Keys(vec!["writer".to_owned()])),
        accounts: Some(AccountRule::Any(Any::Any)),
        lifetime: 60,
        settings: Settings::default(),
        public_defaults: false,
        signing: Signing::default(),
        template: None,
    }
}

/// An exchange by a caller's key that breaks no rule.
pub fn good() -> Facts {
    let (id, name, key_id) = ("ca_1".to_owned(), "backend".to_owned(), "k1".to_owned());
    let caller = Arc::new(Caller { id, name, key_id });
    let account = Account {
        id: "ac_1".to_owned(),
        issuer: "https://sign-in.example/".to_owned(),
        subject: "somebody".to_owned(),
        name: None,
        email: None,
        claims: Map::new(),
        claims_at: BTreeMap::new(),
        signed_in_at: NOW,
        made_at: NOW,
    };
    Facts {
        asker: Asker::Key(Some(Arc::new(Key { caller, is_revoked: false, caller_is_active: true }))),
        token: None,
        proof: Proof::Name,
        found: vec![Found {
            connection: Arc::new(connection()),
            app: OfApp {
                key: "writer".to_owned(),
                status: AppStatus::Approved,
                issuer_id: "is_1".to_owned(),
                permissions: None,
                may_be_direct: false,
            },
            is_allowed: true,
            account: Some(Arc::new(account)),
            freezes: Vec::new(),
        }],
        wanted: Wanted::Environment,
        environment: Some(Arc::new(environment())),
    }
}

pub fn key(facts: &mut Facts, change: impl FnOnce(&mut Key)) {
    let Asker::Key(Some(key)) = &mut facts.asker else { panic!("a key") };
    change(Arc::make_mut(key));
}

pub fn with(facts: &mut Facts, change: impl FnOnce(&mut Connection)) {
    change(Arc::make_mut(&mut facts.found[0].connection));
}

pub fn at(facts: &mut Facts, change: impl FnOnce(&mut Environment)) {
    change(Arc::make_mut(facts.environment.as_mut().expect("an environment")));
}

pub fn cover(scope: Scope, target: &str) -> Cover {
    Cover {
        selection: Selection::of(scope, target),
        pseudonym: None,
        part_of: None,
        actor: OPERATOR.to_owned(),
    }
}

pub fn freeze(facts: &mut Facts, cover: Cover) {
    facts.found[0].freezes.push(Arc::new(cover));
}

pub fn by_token(facts: &mut Facts, token: &str) {
    facts.token = Some(TokenHash::of(token));
}

/// The access token itself asks, at a content platform.
pub fn bearer(facts: &mut Facts) {
    (facts.asker, facts.wanted) = (Asker::Nobody, Wanted::Content);
    facts.found[0].is_allowed = false;
    by_token(facts, "current");
}
