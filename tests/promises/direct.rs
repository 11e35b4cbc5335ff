//! An app that signs people in by itself is connected by the first of its tokens that is seen: within what the operator
//! allows, seen and stopped by its person like any other, and no access token ever comes of it.

use std::time::Duration;

use attache::config::Config;
use attache::connection::look_up;
use attache::operator::select::Named;
use attache::operator::{Command, run};
use attache::refresh::early::Line;
use attache::sandbox::issuer::AccessTokenFault;
use rstest::rstest;
use serde_json::{Value, json};

use crate::freeze::{account, asked, freeze, unfreeze};
use crate::refresh::futures_join;
use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World, refused};
use crate::{early, elsewhere};

const CONNECTION: &str = "urn:attache:params:oauth:token-type:connection";
const REDIRECTS: &str = "redirect_uris = [\"https://writer.sandbox.test/connected\"]\n";

pub const READS: (&str, &str) =
    (REDIRECTS, "redirect_uris = [\"https://writer.sandbox.test/connected\"]\ndirect = \"read\"\n");
pub const WRITES: (&str, &str) =
    (REDIRECTS, "redirect_uris = [\"https://writer.sandbox.test/connected\"]\ndirect = \"write\"\n");

pub async fn world(database: Database, replace: &[(&'static str, &'static str)]) -> World {
    World::planned(database, Plan { replace: replace.to_vec(), ..Plan::default() }).await
}

/// A token that the app got by itself, and when its person had signed in, where it says so.
pub async fn token(world: &World, subject: &str, auth_time: Option<i64>) -> String {
    if let Some(at) = auth_time {
        world.issuer.faults().access_token.next(AccessTokenFault::Date("auth_time", at));
    }
    elsewhere::tokens(world, subject).await.access
}

/// The scope of the content token that an exchange gives; None where it is refused.
pub async fn scope(world: &World, token: &str) -> Option<String> {
    let answer = world.exchange(&[("subject_token", token)]).await;
    if answer.status() == 200 {
        let body: Value = answer.json().await.expect("JSON");
        return Some(body["scope"].as_str().expect("a scope").to_owned());
    }
    refused(answer, 400, "invalid_request").await;
    None
}

/// The one connection of an account that there is, as a caller reads it.
pub async fn only(world: &World) -> Value {
    let (_, key) = world.caller().await;
    let answer = world.http.get(world.url("/v1/connections")).bearer_auth(key).send().await;
    let all: Value = answer.expect("an answer").json().await.expect("JSON");
    let all = all["connections"].as_array().expect("a list").clone();
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().expect("one")
}

async fn id(world: &World) -> String {
    only(world).await["id"].as_str().expect("an id").to_owned()
}

#[rstest]
#[tokio::test]
async fn the_first_token_connects_the_app_and_its_person_sees_that_it_signs_in_by_itself(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world(database, &[READS]).await;
    let person = world.signed_in(EDITOR).await;
    world.clock.advance(1000);
    let token = token(&world, EDITOR, None).await;
    let given = world.clock.now();
    world.clock.advance(50);
    assert_eq!(scope(&world, &token).await.as_deref(), Some("content:read"));
    world.clock.advance(50);
    assert!(scope(&world, &token).await.is_some());
    attache::ledger::hand_out::flush(&world.broker).await.expect("it is written");
    let listed = only(&world).await;
    assert_eq!((&listed["direct"], &listed["state"]), (&json!(true), &json!("active")), "{listed}");
    assert_eq!(listed["connected_at"], json!(given.rfc3339()));
    assert_eq!(listed["last_used_at"], json!(world.clock.now().rfc3339()));
    assert!(listed.get("access_expires_at").is_none(), "{listed}");
    let first_seen = "SELECT actor FROM ledger WHERE connection_id = $1 AND action = 'connected_directly'";
    let id = id(&world).await;
    let app = world.column("SELECT app_id FROM connections WHERE id = $1", &id).await;
    assert_eq!(world.column(first_seen, &id).await, app);
    let page = person.get("/account/connected-apps").await;
    assert!(page.says("Content Writer") && page.says("<span>Signs in by itself</span>"), "{}", page.text);
    let page = person.get(&format!("/account/connected-apps/{id}")).await;
    for said in
        ["signs in by itself: you agreed to it at", "This app began to work in your name", "Only read"]
    {
        assert!(page.says(said), "{said}: {}", page.text);
    }
    assert!(!page.says("asks for more") && !page.says("Reconnect"), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn only_an_app_that_the_operator_opened_connects_itself_and_only_people_who_have_signed_in_here(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let closed = world(database, &[]).await;
    closed.signed_in(EDITOR).await;
    assert_eq!(scope(&closed, &token(&closed, EDITOR, None).await).await, None);
    assert_eq!(closed.rows("connections").await, 0);
    let open = world(database, &[READS]).await;
    open.signed_in(EDITOR).await;
    let stranger = token(&open, READER, None).await;
    assert_eq!(scope(&open, &stranger).await, None);
    assert_eq!(open.viewer(&stranger).await.status(), 401);
    for fault in [
        AccessTokenFault::NoIat,
        AccessTokenFault::Text("auth_time", "yesterday"),
        AccessTokenFault::Date("auth_time", open.clock.now().unix() + 61),
        AccessTokenFault::Date("auth_time", -1),
        AccessTokenFault::Typ("id+jwt"),
    ] {
        open.issuer.faults().access_token.next(fault);
        assert_eq!(scope(&open, &token(&open, EDITOR, None).await).await, None, "{fault:?}");
    }
    assert_eq!((open.rows("connections").await, open.rows("accounts").await), (0, 1));
}

#[rstest]
#[tokio::test]
async fn whoever_may_not_use_it_leaves_no_connection_behind(#[values(Sqlite, Postgres)] database: Database) {
    let world = world(database, &[READS]).await;
    world.signed_in(EDITOR).await;
    let token = token(&world, EDITOR, None).await;
    let elsewhere = world.exchange(&[("subject_token", &token), ("audience", "no/where")]).await;
    refused(elsewhere, 400, "invalid_target").await;
    let (stranger, key) = world.make_caller("of no app", &[]).await;
    let theirs = world.exchange_as(&stranger, &key, &[("subject_token", &token)]).send().await;
    refused(theirs.expect("an answer"), 400, "invalid_request").await;
    for what in [Named::App(APP.to_owned()), account(EDITOR), Named::All] {
        let freeze = freeze(&world, asked(what)).await;
        assert_ne!(world.exchange(&[("subject_token", &token)]).await.status(), 200);
        let told: Value = world.viewer(&token).await.json().await.expect("JSON");
        assert_eq!(told["errors"][0]["extensions"]["code"], "paused", "{told}");
        assert_eq!(world.rows("connections").await, 0);
        unfreeze(&world, &freeze).await.expect("it is lifted");
    }
    // A restored copy does not know what was stopped since it was made.
    let copy = "INSERT INTO freezes (id, scope, target, reason, actor, created_at, issued_before, part_of) \
        VALUES ('fr_copy', 'all', '', 'a copy', 'operator', 0, $1, 'the restored copy')";
    world.change(sqlx::query(copy).bind(world.clock.now().unix())).await;
    assert_eq!(world.exchange(&[("subject_token", &token)]).await.status(), 503);
    assert_eq!(world.rows("connections").await, 0);
    world.change(sqlx::query("DELETE FROM freezes")).await;
    assert!(scope(&world, &token).await.is_some());
    let paused = freeze(&world, asked(account(EDITOR))).await;
    assert_ne!(world.exchange(&[("subject_token", &token)]).await.status(), 200);
    unfreeze(&world, &paused).await.expect("it is lifted");
    assert!(scope(&world, &token).await.is_some());
}

#[rstest]
#[tokio::test]
async fn it_may_read_until_its_person_or_the_operator_says_otherwise(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let open = world(database, &[WRITES]).await;
    open.signed_in(EDITOR).await;
    let writes = token(&open, EDITOR, None).await;
    assert_eq!(scope(&open, &writes).await.as_deref(), Some("content:read content:write"));
    open.restart(&open.config.replace("direct = \"write\"\n", "")).await;
    assert_eq!(scope(&open, &writes).await, None, "not any more");
    assert_eq!(open.viewer(&writes).await.status(), 401);
    open.restart(&open.config).await;
    assert!(scope(&open, &writes).await.is_some());
    let world = world(database, &[READS]).await;
    let person = world.signed_in(EDITOR).await;
    let token = token(&world, EDITOR, None).await;
    let wants = world.exchange(&[("subject_token", &token), ("scope", "content:write")]).await;
    refused(wants, 400, "invalid_scope").await;
    let path = format!("/account/connected-apps/{}", id(&world).await);
    let environment = world.column("SELECT id FROM environments WHERE key = $1", "demo-master").await;
    let field = format!("at-{}", environment.expect("an environment"));
    for (choice, expected) in
        [("read", Some("content:read")), ("write", Some("content:read content:write")), ("none", None)]
    {
        let csrf = person.get(&path).await.csrf();
        let form = [("csrf", csrf.as_str()), ("lasts", "until_stopped"), (&field, choice)];
        assert_eq!(person.post(&format!("{path}/consent"), &form).await.status, 303);
        let answer = world.exchange(&[("subject_token", &token)]).await;
        match expected {
            None => drop(refused(answer, 400, "invalid_target").await),
            Some(scope) => assert_eq!(answer.json::<Value>().await.expect("JSON")["scope"], scope),
        }
    }
}

#[rstest]
#[tokio::test]
async fn no_access_token_comes_of_it_and_nothing_of_it_is_ever_refreshed(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world(database, &[READS]).await;
    world.signed_in(EDITOR).await;
    let token = token(&world, EDITOR, None).await;
    assert!(scope(&world, &token).await.is_some());
    let id = id(&world).await;
    let mut line = Line::default();
    for days in [0, 1, 40] {
        world.clock.advance(days * 86_400);
        for force in ["false", "true"] {
            let form = [("external_token_id", id.as_str()), ("force_refresh", force)];
            let told = world.slack("get", &form).await;
            assert_eq!(
                (&told["ok"], &told["error"]),
                (&json!(false), &json!("access_token_exchange_failed"))
            );
            let connect = told["connect_url"].as_str().expect("where its person can agree");
            assert!(connect.ends_with(&format!("/connect/{APP}?connection={id}")), "{told}");
        }
        let told: Value = world.v1_token(&id, &json!({})).await.json().await.expect("JSON");
        assert_eq!(
            (&told["error"], &told["cause"]),
            (&json!("reconnect_required"), &json!("signs_in_by_itself"))
        );
        // Its id alone is not enough: nobody agreed that functions act while the person is away.
        let by_id = [("subject_token", id.as_str()), ("subject_token_type", CONNECTION)];
        refused(world.exchange(&by_id).await, 400, "invalid_request").await;
        assert_eq!(early::look(&mut line, &world).await, 0);
        assert_eq!((world.status(&id).await.as_str(), world.issuer.refreshes()), ("active", 0));
    }
}

#[rstest]
#[case("strategy = \"ask\"\nmanagement_api_url = \"{platform}graphql\"")]
#[case(
    "strategy = \"token_exchange\"\ntoken_exchange = { token_url = \"{platform}oauth/token\", \
     client_id = \"attache-at-platform\", client_secret = \"platform-s3cret\" }"
)]
#[tokio::test]
async fn a_platform_that_wants_the_persons_own_token_is_closed_to_it(
    #[case] strategy: &'static str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world(database, &[WRITES, ("strategy = \"mint\"", strategy)]).await;
    world.signed_in(EDITOR).await;
    let token = token(&world, EDITOR, None).await;
    refused(world.exchange(&[("subject_token", &token)]).await, 400, "invalid_target").await;
    assert_eq!(world.platform.asked(), 0);
}

#[rstest]
#[tokio::test]
async fn many_first_exchanges_at_once_make_one_connection_on_either_wire(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world(database, &[READS]).await;
    world.signed_in(EDITOR).await;
    world.caller().await;
    let mut tokens = vec![token(&world, EDITOR, None).await];
    // Whichever is first, an older one of another device is as good.
    world.clock.advance(600);
    tokens.push(token(&world, EDITOR, None).await);
    let replica = world.replica().await;
    let asked = (0..12).map(|number| {
        let (world, token, url) = (&world, &tokens[number % 2], &replica.url);
        async move {
            if number % 3 == 0 {
                return world.viewer(token).await.status().as_u16();
            }
            let (id, key) = world.caller().await;
            let mut request = world.exchange_as(&id, &key, &[("subject_token", token)]).build().expect("one");
            // SQLite has one process.
            if database == Postgres && number % 2 == 0 {
                *request.url_mut() = format!("{url}/oauth/token").parse().expect("a URL");
            }
            world.http.execute(request).await.expect("an answer").status().as_u16()
        }
    });
    let answers = tokio::time::timeout(Duration::from_mins(1), futures_join(asked)).await.expect("in time");
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    assert_eq!(world.rows("connections").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_consent_here_makes_it_an_ordinary_connection_with_the_same_id(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world(database, &[READS]).await;
    let person = world.signed_in(EDITOR).await;
    let token = token(&world, EDITOR, None).await;
    assert!(scope(&world, &token).await.is_some());
    let before = id(&world).await;
    world.clock.advance(100);
    assert_eq!(person.connect(APP).await, before);
    let now = only(&world).await;
    assert!(now.get("direct").is_none() && now["id"] == json!(before), "{now}");
    world.access_token(&before).await;
    world.clock.advance(LIFETIME + 1);
    world.access_token(&before).await;
    let connection = look_up::by_id(&world.broker, &before).await.expect("a row").expect("a connection");
    assert!(!connection.direct && connection.refresh_token.is_some());
    assert!(!person.get("/account/connected-apps").await.says("Signs in by itself"));
}

#[tokio::test]
async fn an_app_may_be_direct_only_at_the_sign_in_issuer_and_with_an_audience() {
    let world = world(Sqlite, &[READS]).await;
    let other = "[issuers.other]\nissuer = \"https://other.example/\"\n";
    let (audience, at) =
        ("accepted_audiences = [\"https://management.sandbox.test/\"]\n", "issuer = \"sandbox\"\n");
    let app = world.config.find("[apps.").expect("an app");
    let moved =
        format!("{}{}{other}", &world.config[..app], world.config[app..].replace(at, "issuer = \"other\"\n"));
    for config in [world.config.replace(audience, ""), moved] {
        let faults = Config::parse(&config, []).expect_err("a fault");
        assert!(faults.iter().any(|fault| fault.key == format!("apps.{APP}.direct")), "{faults:?}");
    }
    let unknown = world.config.replace("direct = \"read\"", "direct = \"all\"");
    assert!(Config::parse(&unknown, []).is_err());
    let mut said = json!({
        "key": "reader", "name": "Reader", "description": "", "kind": "spa", "issuer": "sandbox", "client_id": "reader",
        "client_secret": null, "scopes": [], "exact_scopes": false, "authorization_url_extras": {},
        "accepted_audiences": [], "redirect_uris": [], "egress": [], "direct": "write",
    });
    let add = async |said: &Value| {
        let new = serde_json::from_value(said.clone()).expect("what an operator says of an app");
        run(&world.broker, Command::AddApp(Box::new(new))).await
    };
    let why = add(&said).await.expect_err("no audience").to_string();
    assert!(why.contains("accepted audience"), "{why}");
    said["accepted_audiences"] = json!(["https://api.example/"]);
    let told = add(&said).await.expect("an app").lines.join("\n");
    assert!(told.contains("for people who have not agreed here it may read and change"), "{told}");
    world.restart(&format!("{}{other}", world.config)).await;
    (said["key"], said["issuer"]) = (json!("another"), json!("other"));
    let why = add(&said).await.expect_err("another issuer").to_string();
    assert!(why.contains("where people sign in"), "{why}");
}
