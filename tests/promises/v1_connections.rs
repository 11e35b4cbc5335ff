//! What a backend may know of connections: of the apps it is allowed, whole, by filter and page by page, and never a
//! token.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Value, json};

use crate::many::{Copy, copy, more_apps};
use crate::world::{APP, AUDIENCE, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};

async fn get(world: &World, key: &str, path: &str) -> (u16, Value) {
    let answer = world.http.get(world.url(path)).bearer_auth(key).send().await.expect("an answer");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn ok(world: &World, path: &str) -> Value {
    let (_, key) = world.caller().await;
    let (status, answer) = get(world, &key, path).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn ids(answer: &Value) -> Vec<String> {
    let all = answer["connections"].as_array().unwrap_or_else(|| panic!("no list: {answer}"));
    all.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

/// The ids on all pages, in their order.
async fn all(world: &World, key: &str, query: &str) -> Vec<String> {
    let mut met = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, answer) = get(world, key, &format!("/v1/connections?{query}{cursor}")).await;
        assert_eq!(status, 200, "{answer}");
        met.extend(ids(&answer));
        assert!(met.len() < 2_000, "pages without end");
        let Some(next) = answer.get("next_cursor") else { return met };
        assert!(!ids(&answer).is_empty(), "{answer}");
        cursor = format!("&cursor={}", next.as_str().expect("a text"));
    }
}

fn set(ids: &[String]) -> BTreeSet<&String> {
    let set: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(set.len(), ids.len(), "something was met twice");
    set
}

#[rstest]
#[tokio::test]
async fn a_connection_is_told_whole_and_without_a_token(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let account = world.column("SELECT account_id FROM connections WHERE id = $1", &connection).await;
    let told = json!({
        "id": connection,
        "app": APP,
        "account": { "id": account, "subject": EDITOR },
        "external_identity": { "issuer": world.issuer.url(), "subject": EDITOR },
        "state": "active",
        "scope": "content:write email offline_access openid profile",
        "requested_scope": "content:write email offline_access openid profile",
        "connected_at": "2027-01-15T08:00:00Z",
        "access_expires_at": "2027-01-15T09:00:00Z",
    });
    let one = ok(&world, &format!("/v1/connections/{connection}")).await;
    assert_eq!(one, told);
    world.clock.advance(4000);
    let token = world.access_token(&connection).await;
    attache::ledger::hand_out::flush(&world.broker).await.expect("a ledger");
    let one = ok(&world, &format!("/v1/connections/{connection}")).await;
    assert_eq!(one["refreshed_at"], "2027-01-15T09:06:40Z");
    assert_eq!(one["last_used_at"], "2027-01-15T09:06:40Z");
    assert_eq!(one["access_expires_at"], "2027-01-15T10:06:40Z");
    let list = ok(&world, "/v1/connections").await;
    assert_eq!(list, json!({ "connections": [one] }));
    assert!(!list.to_string().contains(&token) && !list.to_string().contains(AUDIENCE));
}

#[rstest]
#[tokio::test]
async fn foreign_and_missing_are_one_answer(#[values(Sqlite, Postgres)] database: Database) {
    let more_config = more_apps(&[("another", "Another")]);
    let world = World::planned(database, Plan { more_config, ..Plan::default() }).await;
    let connection = world.connection().await;
    let (_, stranger) = world.make_caller("stranger", &["another"]).await;
    let (_, nobody) = world.make_caller("nobody", &[]).await;
    let missing = get(&world, &stranger, "/v1/connections/Et00000000000000000000").await;
    assert_eq!((missing.0, &missing.1["error"]), (404, &json!("connection_not_found")));
    for id in [connection.as_str(), "Et%00", "nonsense", "Et'%20OR%201=1--"] {
        assert_eq!(get(&world, &stranger, &format!("/v1/connections/{id}")).await, missing, "{id}");
    }
    for key in [&stranger, &nobody] {
        assert_eq!(get(&world, key, "/v1/connections").await, (200, json!({ "connections": [] })));
    }
    let no_app = get(&world, &stranger, "/v1/connections?app=no-such-app").await;
    assert_eq!((no_app.0, &no_app.1["error"]), (404, &json!("app_not_found")));
    assert_eq!(get(&world, &stranger, &format!("/v1/connections?app={APP}")).await, no_app);
    assert_eq!(get(&world, &stranger, "/v1/connections?app=%00").await, no_app);
    // Who was allowed and is no longer, and who is stopped, is told nothing either.
    let (caller, key) = world.caller().await;
    world.freeze("caller", "SELECT CAST($1 AS TEXT)", &caller).await;
    assert_eq!(get(&world, &key, "/v1/connections").await, (200, json!({ "connections": [] })));
    assert_eq!(get(&world, &key, &format!("/v1/connections/{connection}")).await, missing);
    for (path, word) in
        [("/v1/connections", "not_authed"), (&format!("/v1/connections/{connection}"), "not_authed")]
    {
        let answer = world.http.get(world.url(path)).send().await.expect("an answer");
        assert!(
            answer.status() == 401 && answer.headers()["www-authenticate"].as_bytes().starts_with(b"Bearer ")
        );
        assert_eq!(answer.json::<Value>().await.expect("JSON")["error"], word);
    }
    assert_eq!(get(&world, "ak_nonsense", "/v1/connections").await.1["error"], "invalid_auth");
}

#[rstest]
#[tokio::test]
async fn a_connection_that_needs_its_person_says_where_to_send_them(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.clock.advance(4000);
    world.issuer.revoke_all_of(EDITOR);
    let refusal = world.get(&connection).await;
    let one = ok(&world, &format!("/v1/connections/{connection}")).await;
    assert_eq!((&one["state"], &one["cause"]), (&json!("needs_reconnect"), &json!("revoked_upstream")));
    assert!(one["connect_url"].is_string() && one["connect_url"] == refusal["connect_url"], "{one}");
    assert_eq!(ok(&world, "/v1/connections?state=needs_reconnect").await["connections"], json!([one]));
    assert_eq!(ok(&world, "/v1/connections?state=active").await["connections"], json!([]));
}

#[rstest]
#[tokio::test]
async fn a_revoked_connection_stays_as_a_receipt(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    world.clock.advance(100);
    person.stop(&connection).await;
    world.settle().await;
    let one = ok(&world, &format!("/v1/connections/{connection}")).await;
    assert_eq!(one["state"], "revoked", "{one}");
    assert_eq!(one["revoked_at"], "2027-01-15T08:01:40Z");
    assert_eq!(one["revoked_upstream_at"], "2027-01-15T08:01:40Z");
    assert_eq!(ids(&ok(&world, "/v1/connections?state=revoked").await), [connection.as_str()]);
    // It is a receipt and nothing else.
    let refused = world.v1_token(&connection, &json!({})).await;
    assert_eq!(refused.status(), 404);
}

#[rstest]
#[tokio::test]
async fn a_list_is_narrowed_by_app_account_and_state(#[values(Sqlite, Postgres)] database: Database) {
    let more_config = more_apps(&[("second", "Second"), ("foreign", "Foreign")]);
    let world = World::planned(database, Plan { more_config, ..Plan::default() }).await;
    let of_editor = world.connection().await;
    let of_reader = world.signed_in(READER).await.connect_as(APP, READER).await;
    let states = [
        "active",
        "refreshing",
        "in_doubt",
        "backoff",
        "needs_reconnect",
        "misconfigured",
        "revoking",
        "revoked",
    ];
    let mut copies = Vec::new();
    for (app, original, base) in
        [(APP, &of_editor, 0), ("second", &of_reader, 100), ("foreign", &of_editor, 200)]
    {
        let some: Vec<Copy> =
            (0..).zip(states).map(|(number, state)| Copy::new(base + number, app).in_state(state)).collect();
        copy(&world, original, &some).await;
        copies.extend(some);
    }
    let id = |number: usize| copies[number].id.clone();
    let (_, key) = world.make_caller("backend", &[APP, "second"]).await;
    let found = async |query: &str| all(&world, &key, query).await;
    let everything = found("").await;
    assert_eq!(set(&everything).len(), 18);
    assert!(!everything.contains(&id(16)), "an app that is not allowed");
    assert_eq!(set(&found("app=second").await), (8..16).map(id).collect::<Vec<_>>().iter().collect());
    // A refresh under way is no state that a caller could do anything about.
    let active = found("app=second&state=active").await;
    assert_eq!(set(&active), [id(8), id(9)].iter().collect());
    let one = get(&world, &key, &format!("/v1/connections/{}", id(9))).await.1;
    assert_eq!(one["state"], "active");
    for (number, state) in states.iter().enumerate().skip(2) {
        assert_eq!(
            set(&found(&format!("state={state}")).await),
            [id(number), id(8 + number)].iter().collect()
        );
    }
    let account =
        world.column("SELECT account_id FROM connections WHERE id = $1", &of_reader).await.expect("an id");
    let by_id = found(&format!("account={account}")).await;
    assert_eq!(set(&by_id).len(), 9);
    assert_eq!(found("account=sandbox%7Creader").await, by_id);
    assert_eq!(found(&format!("account={account}&app=second&state=revoked")).await, [id(15)]);
    assert_eq!(found(&format!("account={account}&app={APP}")).await, [of_reader]);
    for nobody in ["ac_00000000000000000000", "nobody", "%00", ""] {
        assert_eq!(found(&format!("account={nobody}")).await, Vec::<String>::new(), "{nobody}");
    }
}

#[rstest]
#[tokio::test]
async fn nothing_is_left_out_or_met_twice_while_connections_are_used_and_revoked(
    #[values(Sqlite, Postgres)] database: Database,
) {
    // More apps than one statement merges, none of them empty.
    let keys: Vec<String> = (0..110).map(|number| format!("app-{number:03}")).collect();
    let more_config = more_apps(&keys.iter().map(|key| (key.as_str(), key.as_str())).collect::<Vec<_>>());
    let world = World::planned(database, Plan { more_config, ..Plan::default() }).await;
    let of_editor = world.connection().await;
    let of_reader = world.signed_in(READER).await.connect_as(APP, READER).await;
    for (original, base) in [(&of_editor, 1_000), (&of_reader, 2_000)] {
        let copies: Vec<Copy> = keys.iter().zip(base..).map(|(key, number)| Copy::new(number, key)).collect();
        copy(&world, original, &copies).await;
    }
    let mut allowed: Vec<&str> = keys.iter().map(String::as_str).collect();
    allowed.push(APP);
    let (_, key) = world.make_caller("backend", &allowed).await;
    let whole = all(&world, &key, "limit=200").await;
    assert_eq!(set(&whole).len(), 222);
    assert_eq!(all(&world, &key, "limit=7").await, whole);
    assert_eq!(all(&world, &key, "limit=60&state=active").await, whole);
    // One page, and meanwhile everything about them changes that can change.
    let (_, first) = get(&world, &key, "/v1/connections?limit=50").await;
    for change in ["status = 'revoked', revoked_at = 1", "listed_at = 1, last_used_at = 1", "generation = 2"]
    {
        let update = sqlx::AssertSqlSafe(format!("UPDATE connections SET {change}"));
        world.change(sqlx::query(update)).await;
    }
    let cursor = first["next_cursor"].as_str().expect("more");
    let (_, rest) = get(&world, &key, &format!("/v1/connections?limit=200&cursor={cursor}")).await;
    assert_eq!([ids(&first), ids(&rest)].concat(), whole);
    // A place in one account's list is none in another's.
    let others = whole.last().expect("a connection");
    let account =
        world.column("SELECT account_id FROM connections WHERE id = $1", others).await.expect("an id");
    let (status, answer) =
        get(&world, &key, &format!("/v1/connections?account={account}&cursor={cursor}")).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")), "{answer}");
}

#[rstest]
#[case("limit=0")]
#[case("limit=201")]
#[case("limit=-1")]
#[case("limit=ten")]
#[case("limit=")]
#[case("state=happy")]
#[case("state=refreshing")]
#[case("state=")]
#[case("cursor=")]
#[case("cursor=nonsense")]
#[case("cursor=%00")]
#[case::no_connection("cursor=YWNfMS5FdA0K")]
#[case("page=2")]
#[case("State=active")]
#[case("limit=5&limit=6")]
#[tokio::test]
async fn a_parameter_that_means_nothing_is_refused_and_not_passed_over(
    #[case] query: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let (_, key) = world.caller().await;
    let (status, answer) = get(&world, &key, &format!("/v1/connections?{query}")).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")), "{answer}");
    let parameter = query.split('=').next().expect("a name");
    let message = answer["message"].as_str().expect("a sentence");
    assert!(
        message.contains(parameter) || message.contains("`cursor`") || message.contains("twice"),
        "{message}"
    );
    let (status, _) = get(&world, &key, &format!("/v1/connections/{connection}?{query}")).await;
    assert_eq!(status, 400);
}
