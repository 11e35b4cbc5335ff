//! Who may use a connection: each rule by the facts that break it alone, and by its answer. Whoever adds a rule adds a row.

use std::collections::BTreeMap;
use std::sync::Arc;

use attache::access::facts::{Asker, Facts, Proof, Wanted};
use attache::access::judge::{Holder, Reader, ReadersApp, Refusal, holders, judge, readable};
use attache::app::AppStatus;
use attache::connection::allowed::Allowed;
use attache::connection::status::Status;
use attache::connection::token_times::{SignedIn, TokenTimes};
use attache::content::rules::AccountRule;
use attache::error::Error;
use attache::freeze::selection::{Cover, OPERATOR, Scope, Selection};

use crate::good_facts::{NOW, at, bearer, by_token, connection, cover, freeze, good, key, with};
use crate::world::{Sqlite, World};

/// What breaks a rule, the rule, and the code of the answer.
/// What facts are changed to, and how.
type Change = (&'static str, fn(&mut Facts));
type Row = (&'static str, fn(&mut Facts), Refusal, &'static str);

fn rows() -> Vec<Row> {
    [of_who_asks(), of_the_connection(), of_freezes(), of_what_it_is_wanted_for()].concat()
}

fn row(what: &'static str, break_it: fn(&mut Facts), rule: Refusal, code: &'static str) -> Row {
    (what, break_it, rule, code)
}

fn of_who_asks() -> Vec<Row> {
    vec![
        row("no key", |f| f.asker = Asker::Key(None), Refusal::UnknownKey, "invalid_auth"),
        row("revoked", |f| key(f, |key| key.is_revoked = true), Refusal::RevokedKey, "invalid_auth"),
        row(
            "suspended",
            |f| key(f, |key| key.caller_is_active = false),
            Refusal::CallerSuspended,
            "invalid_auth",
        ),
        row(
            "a caller that showed its key before",
            |f| f.asker = Asker::Caller { id: "ca_1".to_owned(), is_active: false, has_a_key: true },
            Refusal::AppNotAllowed,
            "connection_not_found",
        ),
        row(
            "a caller that showed a key before, and has none any more",
            |f| f.asker = Asker::Caller { id: "ca_1".to_owned(), is_active: true, has_a_key: false },
            Refusal::AppNotAllowed,
            "connection_not_found",
        ),
    ]
}

fn of_the_connection() -> Vec<Row> {
    vec![
        row("none", |f| f.found.clear(), Refusal::NoConnection, "connection_not_found"),
        row("another token", |f| by_token(f, "another"), Refusal::UnknownToken, "connection_not_found"),
        row(
            "the current token ran out",
            |f| {
                by_token(f, "current");
                with(f, |c| c.access_expires_at = Some(NOW));
            },
            Refusal::UnknownToken,
            "connection_not_found",
        ),
        row(
            "the previous token ran out",
            |f| {
                by_token(f, "previous");
                with(f, |c| c.previous_access_expires_at = Some(NOW));
            },
            Refusal::UnknownToken,
            "connection_not_found",
        ),
        row(
            "a token of who must reconnect",
            |f| {
                bearer(f);
                with(f, |c| c.status = Status::NeedsReconnect);
            },
            Refusal::UnknownToken,
            "connection_not_found",
        ),
        row(
            "one token on two connections",
            |f| {
                by_token(f, "current");
                let mut other = f.found[0].clone();
                "Et2".clone_into(&mut Arc::make_mut(&mut other.connection).id);
                // What the caller may not use is a second one all the same.
                other.is_allowed = false;
                f.found.push(other);
            },
            Refusal::SharedToken,
            "connection_not_found",
        ),
        row(
            "revoking",
            |f| with(f, |c| c.status = Status::Revoking),
            Refusal::ConnectionEnded,
            "connection_not_found",
        ),
        row(
            "revoked",
            |f| with(f, |c| c.status = Status::Revoked),
            Refusal::ConnectionEnded,
            "connection_not_found",
        ),
        row(
            "agreed to until now",
            |f| with(f, |c| c.consent_expires_at = Some(NOW)),
            Refusal::ConsentOver,
            "connection_not_found",
        ),
        row(
            "an app that is suspended",
            |f| f.found[0].app.status = AppStatus::Suspended,
            Refusal::AppNotApproved,
            "connection_not_found",
        ),
        row(
            "an app that waits for approval",
            |f| f.found[0].app.status = AppStatus::Pending,
            Refusal::AppNotApproved,
            "connection_not_found",
        ),
        row(
            "another caller's app",
            |f| f.found[0].is_allowed = false,
            Refusal::AppNotAllowed,
            "connection_not_found",
        ),
    ]
}

fn of_freezes() -> Vec<Row> {
    let copy = || Refusal::RestoredCopy("/connect/writer?connection=Et1".to_owned());
    vec![
        row("person frozen", |f| freeze(f, cover(Scope::Account, "ac_1")), Refusal::Frozen, "paused"),
        row("app frozen", |f| freeze(f, cover(Scope::App, "app_1")), Refusal::Frozen, "paused"),
        row("issuer frozen", |f| freeze(f, cover(Scope::Issuer, "is_1")), Refusal::Frozen, "paused"),
        row("caller frozen", |f| freeze(f, cover(Scope::Caller, "ca_1")), Refusal::Frozen, "paused"),
        row("connection frozen", |f| freeze(f, cover(Scope::Connection, "Et1")), Refusal::Frozen, "paused"),
        row("all frozen", |f| freeze(f, cover(Scope::All, "")), Refusal::Frozen, "paused"),
        row(
            "what was agreed to before is frozen",
            |f| {
                let selection =
                    Selection { issued_before: Some(NOW.plus(1)), ..Selection::of(Scope::All, "") };
                freeze(f, Cover { selection, pseudonym: None, part_of: None, actor: OPERATOR.to_owned() });
            },
            Refusal::Frozen,
            "paused",
        ),
        row(
            "the person is known again",
            |f| {
                freeze(f, Cover { pseudonym: Some("person".to_owned()), ..cover(Scope::Account, "ac_0") });
            },
            Refusal::Frozen,
            "paused",
        ),
        row(
            "the grant is known again",
            |f| {
                freeze(f, Cover { pseudonym: Some("grant".to_owned()), ..cover(Scope::Connection, "Et0") });
            },
            Refusal::Frozen,
            "paused",
        ),
        row(
            "a restored copy",
            |f| {
                let part_of = Some("the restored copy".to_owned());
                freeze(f, Cover { part_of, ..cover(Scope::All, "") });
            },
            copy(),
            "restored_copy",
        ),
        row(
            "a restored copy, and the caller is frozen",
            |f| {
                let part_of = Some("the restored copy".to_owned());
                freeze(f, Cover { part_of, ..cover(Scope::All, "") });
                freeze(f, cover(Scope::Caller, "ca_1"));
            },
            copy(),
            "restored_copy",
        ),
        row(
            "a restored copy, and the app is frozen",
            |f| {
                let part_of = Some("the restored copy".to_owned());
                freeze(f, Cover { part_of, ..cover(Scope::All, "") });
                freeze(f, cover(Scope::App, "app_1"));
            },
            Refusal::Frozen,
            "paused",
        ),
    ]
}

fn of_what_it_is_wanted_for() -> Vec<Row> {
    vec![
        row(
            "who must reconnect",
            |f| with(f, |c| c.status = Status::NeedsReconnect),
            Refusal::NeedsReconnect,
            "invalid_request",
        ),
        row(
            "a direct one of which no token was shown",
            |f| {
                with(f, |c| c.direct = true);
                f.found[0].app.may_be_direct = true;
            },
            Refusal::TokenNotShown,
            "connection_not_found",
        ),
        row(
            "a direct one whose app may not be any more",
            |f| with(f, |c| c.direct = true),
            Refusal::NotDirectAnyMore,
            "connection_not_found",
        ),
        row(
            "a token from before the connection",
            |f| {
                let issued_at = NOW.plus(-61);
                f.proof = Proof::Verified(TokenTimes { issued_at, signed_in: SignedIn::Unsaid });
            },
            Refusal::EarlierToken,
            "connection_not_found",
        ),
        row("the person is gone", |f| f.found[0].account = None, Refusal::AccountGone, "invalid_request"),
        row("no environment", |f| f.environment = None, Refusal::EnvironmentClosed, "invalid_target"),
        row(
            "an environment that is closed to the app",
            |f| at(f, |environment| environment.apps = None),
            Refusal::EnvironmentClosed,
            "invalid_target",
        ),
        row(
            "an environment that is closed to the person",
            |f| at(f, |environment| environment.accounts = Some(AccountRule::Listed(Vec::new()))),
            Refusal::EnvironmentClosed,
            "invalid_target",
        ),
        row(
            "an environment that the person did not choose",
            |f| with(f, |c| c.allowed = Allowed::only(BTreeMap::new())),
            Refusal::EnvironmentClosed,
            "invalid_target",
        ),
    ]
}

#[tokio::test]
async fn each_rule_is_broken_by_its_own_facts_and_has_its_own_answer() {
    let world = World::new(Sqlite).await;
    for (what, break_it, refusal, code) in rows() {
        let mut facts = good();
        break_it(&mut facts);
        assert_eq!(judge(&facts, NOW).map(|_| ()), Err(refusal.clone()), "{what}");
        assert_eq!(refusal.error(&world.broker).answer().1, code, "{what}");
    }
}

#[tokio::test]
async fn what_breaks_no_rule_is_allowed() {
    let allowed: [Change; 9] = [
        ("a caller's key", |_| {}),
        ("a caller that showed its key before", |f| {
            f.asker = Asker::Caller { id: "ca_1".to_owned(), is_active: true, has_a_key: true };
        }),
        ("the access token", |f| by_token(f, "current")),
        ("the one before", |f| by_token(f, "previous")),
        ("the access token itself", bearer),
        ("one token on two connections, of which one has ended", |f| {
            by_token(f, "current");
            let mut other = f.found[0].clone();
            Arc::make_mut(&mut other.connection).status = Status::Revoked;
            f.found.push(other);
        }),
        ("frozen is what was agreed to before", |f| {
            let selection = Selection { issued_before: Some(NOW), ..Selection::of(Scope::All, "") };
            freeze(f, Cover { selection, pseudonym: None, part_of: None, actor: OPERATOR.to_owned() });
        }),
        ("a freeze of another caller", |f| freeze(f, cover(Scope::Caller, "ca_2"))),
        ("its access token, though its person must reconnect and is gone", |f| {
            f.wanted = Wanted::Connection;
            f.found[0].account = None;
            with(f, |c| c.status = Status::NeedsReconnect);
        }),
    ];
    for (what, change) in allowed {
        let mut facts = good();
        change(&mut facts);
        let allowed = judge(&facts, NOW);
        assert!(
            allowed.as_ref().is_ok_and(|allowed| allowed.found.connection.id == "Et1"),
            "{what}: {allowed:?}"
        );
    }
}

#[tokio::test]
async fn who_asks_is_judged_first_and_a_freeze_is_told_to_nobody_who_may_not_use_it() {
    let world = World::new(Sqlite).await;
    let mut facts = good();
    freeze(&mut facts, cover(Scope::All, ""));
    facts.found[0].account = None;
    assert_eq!(judge(&facts, NOW).map(|_| ()), Err(Refusal::Frozen), "before what it is wanted for");
    facts.found[0].is_allowed = false;
    assert_eq!(judge(&facts, NOW).map(|_| ()), Err(Refusal::AppNotAllowed));
    key(&mut facts, |key| key.is_revoked = true);
    assert_eq!(judge(&facts, NOW).map(|_| ()), Err(Refusal::RevokedKey));
    // Whoever brings a subject token is told the same for every reason that is not a freeze.
    for (what, break_it, refusal, _) in rows() {
        let mut facts = good();
        break_it(&mut facts);
        let answer = refusal.error_of_subject(&world.broker);
        assert!(!matches!(answer, Error::ConnectionNotFound), "{what}");
    }
    // An access token that stands for nobody is told nothing of freezes.
    let mut facts = good();
    bearer(&mut facts);
    freeze(&mut facts, cover(Scope::All, ""));
    facts.found[0].account = None;
    assert_eq!(judge(&facts, NOW).map(|_| ()), Err(Refusal::AccountGone));
}

#[test]
fn an_access_token_is_refused_when_none_of_its_holders_may_use_it() {
    let holder = |caller_id: &str, is_active, live_keys, frozen: bool| Holder {
        caller_id: caller_id.to_owned(),
        is_active,
        live_keys,
        freezes: frozen.then(|| Arc::new(cover(Scope::Caller, caller_id))).into_iter().collect(),
    };
    let free = holder("ca_1", true, 1, false);
    let frozen = holder("ca_2", true, 2, true);
    let (keyless, suspended) = (holder("ca_3", true, 0, false), holder("ca_4", false, 1, false));
    let connection = connection();
    let judged = |all: &[&Holder]| {
        holders(&all.iter().map(|holder| (*holder).clone()).collect::<Vec<_>>(), &connection)
    };
    assert_eq!(judged(&[]), Ok(()), "it was handed to nobody");
    assert_eq!(judged(&[&free, &frozen, &keyless, &suspended]), Ok(()));
    assert_eq!(judged(&[&frozen, &keyless]), Err(Refusal::Frozen));
    assert_eq!(judged(&[&keyless, &suspended]), Err(Refusal::HoldersWithoutKey));
}

#[test]
fn a_caller_reads_of_its_apps_in_use_while_it_is_neither_suspended_nor_stopped() {
    let app = |id: &str, status| ReadersApp { id: id.to_owned(), key: format!("key-{id}"), status };
    let apps = vec![app("used", AppStatus::Approved), app("out", AppStatus::Suspended)];
    let of = |reader: &Reader| readable(reader).map(|app| app.id.clone()).collect::<Vec<_>>();
    let reader = Reader { is_active: true, apps, freezes: Vec::new() };
    assert_eq!(of(&reader), ["used"]);
    assert!(of(&Reader { is_active: false, ..reader.clone() }).is_empty());
    let stopped = cover(Scope::Caller, "ca_1");
    assert!(of(&Reader { freezes: vec![stopped.clone()], ..reader.clone() }).is_empty());
    // Only of what was agreed to before a moment, it reads on.
    let selection = Selection { issued_before: Some(NOW), ..stopped.selection.clone() };
    assert_eq!(of(&Reader { freezes: vec![Cover { selection, ..stopped }], ..reader }), ["used"]);
}
