//! Freezes: the operator stops by app, person, issuer, caller, connection or age, at once and everywhere; nothing else is
//! stopped, no grant is spent, and what is lifted goes on as if nothing had been.

use attache::error::Error;
use attache::ledger::hand_out;
use attache::operator::select::{Named, NamedSelection, Person};
use attache::operator::{Command, Output, run};
use attache::refresh::early::Line;
use rstest::rstest;
use serde_json::{Value, json};

use crate::many::{grants, more_apps};
use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World};

const CONNECTION: &str = "urn:attache:params:oauth:token-type:connection";

pub fn asked(what: Named) -> NamedSelection {
    NamedSelection { what, issued_before: None }
}

pub fn account(who: &str) -> Named {
    Named::Account(Person { issuer: None, who: who.to_owned() })
}

pub async fn freeze(world: &World, asked: NamedSelection) -> String {
    let answer =
        run(&world.broker, Command::Freeze { asked, reason: "a laptop was stolen".to_owned() }).await;
    let answer = answer.expect("a freeze");
    answer.lines[0].split(' ').next().expect("an id").to_owned()
}

pub async fn unfreeze(world: &World, id: &str) -> Result<Output, Error> {
    run(&world.broker, Command::Unfreeze { id: id.to_owned() }).await
}

/// A second app at the same issuer, and a third at another.
fn three_apps() -> Plan {
    let mut more_config = more_apps(&[("second", "Second Tool"), ("third", "Third Tool")]);
    more_config.push_str(
        "[issuers.other]\nauthorization_url = \"{issuer}authorize\"\ntoken_url = \"{issuer}oauth/token\"\n",
    );
    let more_config = more_config.replace(
        "kind = \"web\"\nissuer = \"sandbox\"\nclient_id = \"third\"",
        "kind = \"web\"\nissuer = \"other\"\nclient_id = \"third\"",
    );
    Plan { more_config, ..Plan::default() }
}

/// Which of these a caller is given a token of, by their places.
async fn served(world: &World, key: &str, connections: &[String]) -> Vec<usize> {
    let mut served = Vec::new();
    for (place, id) in connections.iter().enumerate() {
        let url = world.url("/api/apps.auth.external.get");
        let form = [("external_token_id", id.as_str())];
        let answer = world.http.post(url).bearer_auth(key).form(&form).send().await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        match answer["ok"].as_bool() {
            Some(true) => served.push(place),
            _ => assert_eq!(answer["state"], "paused", "{answer}"),
        }
    }
    served
}

#[rstest]
#[tokio::test]
async fn each_scope_stops_what_it_names_and_nothing_else(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::planned(database, three_apps()).await;
    let (first, key) = world.make_caller("first", &[APP, "second", "third"]).await;
    let (_, other_key) = world.make_caller("other", &[APP, "second", "third"]).await;
    let mut all = grants(&world, APP, 0..2).await;
    all.extend(grants(&world, "second", 0..1).await);
    all.extend(grants(&world, "third", 0..1).await);
    world.clock.advance(10);
    all.extend(grants(&world, APP, 2..3).await);
    let person = format!("ac_{:020}", 0);
    let cut = world.broker.clock.now().plus(-5);
    let cases: [(NamedSelection, &[usize]); 9] = [
        (asked(Named::App(APP.to_owned())), &[2, 3]),
        (asked(account(&person)), &[1, 4]),
        (asked(account("sandbox|person-0")), &[1, 4]),
        (asked(Named::Issuer("sandbox".to_owned())), &[3]),
        (asked(Named::Connection(all[1].clone())), &[0, 2, 3, 4]),
        (asked(Named::All), &[]),
        (NamedSelection { what: Named::All, issued_before: Some(cut) }, &[4]),
        (NamedSelection { what: Named::App(APP.to_owned()), issued_before: Some(cut) }, &[2, 3, 4]),
        (NamedSelection { what: Named::Caller("first".to_owned()), issued_before: Some(cut) }, &[4]),
    ];
    for (asked, expected) in cases {
        let said = format!("{asked:?}");
        let of_caller = matches!(asked.what, Named::Caller(_));
        let id = freeze(&world, asked).await;
        assert_eq!(served(&world, &key, &all).await, expected, "{said}");
        let others: &[usize] = if of_caller { &[0, 1, 2, 3, 4] } else { expected };
        assert_eq!(served(&world, &other_key, &all).await, others, "{said}");
        unfreeze(&world, &id).await.expect("lifted");
        assert_eq!(served(&world, &key, &all).await, [0, 1, 2, 3, 4], "after {said}");
    }
    freeze(&world, asked(Named::Caller(first))).await;
    assert_eq!(served(&world, &key, &all).await, [0_usize; 0]);
    assert_eq!(served(&world, &other_key, &all).await, [0, 1, 2, 3, 4]);
    assert_eq!(
        (world.issuer.refreshes(), world.issuer.revocations()),
        (0, 0),
        "no issuer heard of any of it"
    );
}

#[rstest]
#[case("mint")]
#[case("ask")]
#[tokio::test]
async fn no_path_gives_anything_and_no_grant_is_spent(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] strategy: &'static str,
) {
    let replace = if strategy == "ask" {
        vec![("strategy = \"mint\"", "strategy = \"ask\"\nmanagement_api_url = \"{platform}graphql\"")]
    } else {
        Vec::new()
    };
    let idle = ("[issuers.sandbox]\n", "[issuers.sandbox]\nrefresh_idle_seconds = 7200\n");
    let replace = [replace, vec![idle]].concat();
    let world = World::planned(database, Plan { replace, ..Plan::default() }).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let by_token = [("subject_token", token.as_str())];
    let by_id = [("subject_token", connection.as_str()), ("subject_token_type", CONNECTION)];
    // Content tokens are kept from now on, and would be given again.
    for form in [by_token.as_slice(), &by_id] {
        assert_eq!(world.exchange(form).await.status(), 200, "{strategy}");
    }
    assert_eq!(world.viewer(&token).await.status(), 200);
    hand_out::flush(&world.broker).await.expect("a flush");
    let frozen = freeze(&world, asked(account(EDITOR))).await;
    let walk = async || {
        for forced in [false, true] {
            let form = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
            let answer = world.slack("get", if forced { &form } else { &form[..1] }).await;
            let words = (answer["error"].as_str(), answer["state"].as_str(), answer["retry_after"].as_i64());
            assert_eq!(words, (Some("access_token_exchange_failed"), Some("paused"), None), "{answer}");
            let answer = world.v1_token(&connection, &json!({ "force_refresh": forced })).await;
            assert_eq!(answer.status(), 409);
            assert!(answer.headers().get("retry-after").is_none());
            let answer: Value = answer.json().await.expect("JSON");
            assert_eq!(answer["error"], "paused");
            assert!(!answer.to_string().contains("laptop"), "the reason is not for callers: {answer}");
        }
        for form in [by_token.as_slice(), &by_id] {
            let answer = world.exchange(form).await;
            assert_eq!(answer.status(), 400);
            let answer: Value = answer.json().await.expect("JSON");
            assert_eq!(answer["error"], "invalid_request", "{answer}");
        }
        let answer: Value = world.viewer(&token).await.json().await.expect("JSON");
        assert!(answer["data"].is_null(), "{answer}");
        Line::default().begin_due(&world.broker).await.expect("what is due");
        world.settle().await;
    };
    walk().await;
    let answer: Value = world.viewer(&token).await.json().await.expect("JSON");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "paused");
    // When it would be refreshed early, and when it would be kept alive though nobody uses it.
    world.clock.advance(LIFETIME * 4 / 5);
    Line::default().begin_due(&world.broker).await.expect("what is due");
    world.settle().await;
    world.clock.advance(LIFETIME);
    for path in [false, true] {
        let answer = world.v1_token(&connection, &json!({ "force_refresh": path })).await;
        assert_eq!(answer.status(), 409);
    }
    Line::default().begin_due(&world.broker).await.expect("what is due");
    world.settle().await;
    assert_eq!(world.issuer.refreshes(), 0, "the grant was not touched");
    unfreeze(&world, &frozen).await.expect("lifted");
    world.access_token(&connection).await;
    assert_eq!(world.issuer.refreshes(), 1, "and it is as good as it was");
}

#[tokio::test]
async fn a_freeze_at_one_replica_counts_at_the_others_from_its_answer_on() {
    let world = World::new(Postgres).await;
    let connection = world.connection().await;
    let replicas = [world.replica().await, world.replica().await];
    let (_, key) = world.caller().await;
    let ask = async |url: &str| {
        let url = format!("{url}/v1/connections/{connection}/token");
        let answer = world.http.post(url).bearer_auth(&key).json(&json!({})).send().await.expect("an answer");
        answer.status().as_u16()
    };
    for round in 0..10 {
        let what = if round % 2 == 0 { account(EDITOR) } else { Named::App(APP.to_owned()) };
        let frozen = freeze(&world, asked(what)).await;
        for url in [&world.public_url, &replicas[0].url, &replicas[1].url] {
            assert_eq!(ask(url).await, 409, "round {round}");
        }
        unfreeze(&world, &frozen).await.expect("lifted");
        for url in [&world.public_url, &replicas[0].url, &replicas[1].url] {
            assert_eq!(ask(url).await, 200, "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_asks_all_the_time_is_given_nothing_after_the_answer() {
    let world = std::sync::Arc::new(World::new(Sqlite).await);
    let connection = world.connection().await;
    world.caller().await;
    for _ in 0..20 {
        let stop = tokio_util::sync::CancellationToken::new();
        let asking: Vec<_> = (0..4)
            .map(|_| {
                let (world, connection, stop) = (world.clone(), connection.clone(), stop.clone());
                tokio::spawn(async move {
                    while !stop.is_cancelled() {
                        world.get(&connection).await;
                    }
                })
            })
            .collect();
        let frozen = freeze(&world, asked(Named::All)).await;
        for _ in 0..3 {
            assert_eq!(world.get(&connection).await["state"], "paused");
        }
        stop.cancel();
        for asker in asking {
            asker.await.expect("an end");
        }
        unfreeze(&world, &frozen).await.expect("lifted");
        assert_eq!(world.get(&connection).await["ok"], true);
    }
}

#[rstest]
#[tokio::test]
async fn who_agrees_again_is_not_stopped_by_a_freeze_of_what_was_before(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.clock.advance(60);
    let cut = world.broker.clock.now();
    freeze(&world, NamedSelection { what: Named::All, issued_before: Some(cut) }).await;
    assert_eq!(world.get(&connection).await["state"], "paused");
    world.clock.advance(60);
    assert_eq!(person.connect(APP).await, connection, "it keeps its id");
    world.access_token(&connection).await;
}

#[rstest]
#[tokio::test]
async fn a_dry_run_counts_exactly_and_changes_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::planned(database, three_apps()).await;
    let all = grants(&world, APP, 0..30).await;
    grants(&world, "second", 0..10).await;
    world.make_caller("first", &["second"]).await;
    let used = "UPDATE connections SET last_used_at = $1 WHERE id = $2";
    let day = world.broker.clock.now().plus(-3600).unix();
    world.change(sqlx::query(used).bind(day).bind(&all[3])).await;
    let before = (world.rows("freezes").await, world.rows("ledger").await, world.rows("revokes").await);
    let dry = async |what: Named| {
        let command = Command::DryRun { asked: asked(what), limit: 5 };
        run(&world.broker, command).await.expect("a dry run").lines.join("\n")
    };
    let everything = dry(Named::All).await;
    for line in [
        "people            30",
        "live connections  40",
        "used in a day     1",
        "content-writer\t30 connections\t30 people",
        "second\t10 connections\t10 people",
        "people (the first 5 of 30; --limit shows more)",
        "connections (the first 5 of 40; --limit shows more)",
    ] {
        assert!(everything.contains(line), "{line} is not in\n{everything}");
    }
    assert_eq!(everything.lines().filter(|line| line.trim().starts_with("Et")).count(), 5);
    let person = dry(account(&format!("ac_{:020}", 3))).await;
    assert!(person.contains("people            1") && person.contains("live connections  2"), "{person}");
    let caller = dry(Named::Caller("first".to_owned())).await;
    assert!(caller.contains("live connections  10"), "{caller}");
    let one = dry(Named::Connection(all[3].clone())).await;
    assert!(one.contains("live connections  1") && one.contains("last used 20"), "{one}");
    let issuer = dry(Named::Issuer("other".to_owned())).await;
    assert!(issuer.contains("live connections  0"), "{issuer}");
    let after = (world.rows("freezes").await, world.rows("ledger").await, world.rows("revokes").await);
    assert_eq!(before, after);
}

#[rstest]
#[tokio::test]
async fn who_froze_what_when_and_why_is_kept(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let frozen = freeze(&world, asked(Named::App(APP.to_owned()))).await;
    let list = run(&world.broker, Command::ListFreezes).await.expect("a list").lines;
    assert_eq!(list.len(), 1);
    let fields: Vec<&str> = list[0].split('\t').collect();
    assert_eq!(fields[0], frozen);
    assert_eq!(fields[2..], ["operator", "app content-writer", "a laptop was stolen"]);
    unfreeze(&world, &frozen).await.expect("lifted");
    assert!(unfreeze(&world, &frozen).await.is_err(), "once");
    let list = run(&world.broker, Command::ListFreezes).await.expect("a list").lines;
    assert_eq!(list, ["Nothing is frozen."]);
    for action in ["frozen", "unfrozen"] {
        let actor = world.column("SELECT actor FROM ledger WHERE action = $1", action).await;
        assert_eq!(actor.as_deref(), Some("operator"), "{action}");
        let detail = world.column("SELECT detail FROM ledger WHERE action = $1", action).await;
        assert!(detail.is_some_and(|detail| detail.contains("a laptop was stolen")), "{action}");
    }
    for reason in ["", "  ", "two\nlines"] {
        let command = Command::Freeze { asked: asked(Named::All), reason: reason.to_owned() };
        assert!(run(&world.broker, command).await.is_err(), "{reason:?}");
    }
    for what in [
        Named::App("nothing".to_owned()),
        account("nobody"),
        Named::Issuer("nowhere".to_owned()),
        Named::Caller("nobody".to_owned()),
        Named::Connection("Etnothing".to_owned()),
        Named::Connection("nothing".to_owned()),
    ] {
        let said = format!("{what:?}");
        let command = Command::Freeze { asked: asked(what), reason: "r".to_owned() };
        assert!(run(&world.broker, command).await.is_err(), "{said}");
    }
    world.access_token(&connection).await;
    assert_eq!(world.signed_in(READER).await.get("/account/connected-apps").await.status, 200);
}
