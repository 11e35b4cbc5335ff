//! Whether a content token that was issued here is still good: each rule by what breaks it alone. Whoever adds a rule adds a
//! row.

use std::collections::BTreeMap;
use std::sync::Arc;

use attache::access::facts::{Asker, Facts};
use attache::access::judge::Refusal;
use attache::access::judge::issued::{Inactive, OfToken, issued};
use attache::connection::allowed::{Access, Allowed};
use attache::connection::status::Status;
use attache::content::issued_token::{GivenTo, IssuedToken};
use attache::content::permission::{Action, Permissions};
use attache::content::rules::{AccountRule, Any, Role, Strategy};
use attache::freeze::selection::Scope;
use attache::issuer::scope::Scopes;
use serde_json::{Map, json};

use crate::good_facts::{NOW, at, cover, freeze, good, with};

struct Case {
    facts: Facts,
    token: IssuedToken,
    of_token: OfToken,
}

/// One that the caller asked for, and that breaks no rule.
fn case() -> Case {
    let mut facts = good();
    facts.asker = Asker::Caller { id: "ca_1".to_owned(), is_active: true, has_a_key: true };
    let mut claims = Map::new();
    claims.insert("aud".to_owned(), json!("https://content.example/"));
    let token = IssuedToken {
        kid: "key".to_owned(),
        jti: "ct_1".to_owned(),
        issuer: "https://attache.example".to_owned(),
        subject: "ac_1".to_owned(),
        given_to: GivenTo::Connection { id: "Et1".to_owned(), caller_id: Some("ca_1".to_owned()) },
        scopes: Scopes::lenient("content:read content:write"),
        permissions: Permissions::all(),
        issued_at: NOW,
        not_before: None,
        expires_at: NOW.plus(1),
        claims,
    };
    Case { facts, token, of_token: OfToken::default() }
}

fn judged(change: impl FnOnce(&mut Case)) -> Result<(), Inactive> {
    let mut case = case();
    change(&mut case);
    issued(&case.facts, &case.token, case.of_token, NOW).map(|_| ())
}

fn reading() -> Permissions {
    Permissions::all().only([Action::Read])
}

type Row = (&'static str, fn(&mut Case), Inactive);

fn only(case: &mut Case, places: &[(&str, Access)]) {
    let places = places.iter().map(|(id, access)| ((*id).to_owned(), *access)).collect::<BTreeMap<_, _>>();
    with(&mut case.facts, |connection| connection.allowed = Allowed::only(places));
}

#[test]
fn each_rule_is_broken_by_its_own_facts() {
    let rows: [Row; 19] = [
        ("it ran out", |case| case.token.expires_at = NOW, Inactive::RanOut),
        ("it is not good yet", |case| case.token.not_before = Some(NOW.plus(1)), Inactive::RanOut),
        ("it was revoked", |case| case.of_token.is_revoked = true, Inactive::Revoked),
        ("its key was withdrawn", |case| case.of_token.is_key_withdrawn = true, Inactive::KeyWithdrawn),
        (
            "for another content API",
            |case| drop(case.token.claims.insert("aud".to_owned(), json!("https://content.example"))),
            Inactive::OtherEnvironment,
        ),
        ("for nobody", |case| drop(case.token.claims.remove("aud")), Inactive::OtherEnvironment),
        (
            "the platform gives its own by now",
            |case| at(&mut case.facts, |environment| environment.strategy = Strategy::Ask),
            Inactive::OtherEnvironment,
        ),
        ("another person's", |case| case.token.subject = "ac_2".to_owned(), Inactive::OtherPerson),
        ("from before they agreed", |case| case.token.issued_at = NOW.plus(-1), Inactive::EarlierConsent),
        ("narrowed to read", |case| only(case, &[("en_1", Access::Read)]), Inactive::Narrowed),
        (
            "its app may only read by now",
            |case| case.facts.found[0].app.permissions = Some(Arc::new(reading())),
            Inactive::Narrowed,
        ),
        (
            "its person's role only reads by now",
            |case| {
                let role = Role {
                    name: "reader".to_owned(),
                    accounts: AccountRule::Any(Any::Any),
                    permissions: reading(),
                };
                at(&mut case.facts, |environment| environment.settings.roles = Some(vec![role]));
            },
            Inactive::Narrowed,
        ),
        ("narrowed to nothing", |case| only(case, &[]), Inactive::Refused(Refusal::EnvironmentClosed)),
        (
            "no environment",
            |case| case.facts.environment = None,
            Inactive::Refused(Refusal::EnvironmentClosed),
        ),
        (
            "closed to the app",
            |case| at(&mut case.facts, |environment| environment.apps = None),
            Inactive::Refused(Refusal::EnvironmentClosed),
        ),
        (
            "frozen",
            |case| freeze(&mut case.facts, cover(Scope::Connection, "Et1")),
            Inactive::Refused(Refusal::Frozen),
        ),
        (
            "revoked with its connection",
            |case| with(&mut case.facts, |connection| connection.status = Status::Revoking),
            Inactive::Refused(Refusal::ConnectionEnded),
        ),
        (
            "its caller has no key",
            |case| {
                case.facts.asker = Asker::Caller { id: "ca_1".to_owned(), is_active: true, has_a_key: false };
            },
            Inactive::Refused(Refusal::AppNotAllowed),
        ),
        ("it names no connection", |case| case.facts.found.clear(), Inactive::Refused(Refusal::NoConnection)),
    ];
    for (what, change, inactive) in rows {
        assert_eq!(judged(change), Err(inactive), "{what}");
    }
}

#[test]
fn what_breaks_no_rule_is_good() {
    assert_eq!(judged(|_| ()), Ok(()));
    let one_of_two = json!(["https://other.example/", "https://content.example/"]);
    assert_eq!(judged(|case| drop(case.token.claims.insert("aud".to_owned(), one_of_two))), Ok(()));
    let reads = |case: &mut Case| {
        only(case, &[("en_1", Access::Read)]);
        case.token.scopes = Scopes::lenient("content:read");
        case.token.permissions = reading();
    };
    assert_eq!(judged(reads), Ok(()), "it only reads");
    assert_eq!(judged(|case| case.facts.asker = Asker::Nobody), Ok(()), "the access token itself asked");
}
