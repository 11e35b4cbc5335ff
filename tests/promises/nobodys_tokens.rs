//! Tokens that speak for no person, as a resource server asks about them: permanent ones and those of a caller's own. What ends
//! one shows at once.

use attache::content::permission::{Permissions, details};
use attache::operator::select::Named;
use attache::operator::{Command, run};
use attache::permanent_token::create::Wanted;
use reqwest::{Response, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::client_credentials::{self, body, permit};
use crate::freeze::{asked, freeze};
use crate::permanent_tokens::{READS, make, wanted};
use crate::resource_servers::{OTHER, ResourceServer, ask, create, create_at, introspect};
use crate::world::{Database, Plan, Postgres, Sqlite, World};

const ALL: &str = r#"[{"actions":["read","create"]}]"#;

fn inactive() -> Value {
    json!({ "active": false })
}

async fn gate(world: &World, asks: &ResourceServer, method: &str, token: &str) -> Response {
    let get = world.http.get(world.url("/v1/authorize")).header("attache-resource-server", &asks.secret);
    get.header("x-forwarded-method", method).bearer_auth(token).send().await.expect("an answer")
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("text")).to_owned()
}

async fn revoke(world: &World, (id, secret): (&str, &str), token: &str) {
    let post = world.http.post(world.url("/oauth/revoke")).basic_auth(id, Some(secret));
    let answer = post.form(&[("token", token)]).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
}

#[rstest]
#[tokio::test]
async fn a_permanent_token_is_told_by_exactly_these_members_and_let_through(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, Plan { more_config: OTHER.to_owned(), ..Plan::default() }).await;
    let (asks, others) = (create(&world).await, create_at(&world, "other").await);
    let now = world.clock.now();
    let stage = Some("DRAFT".to_owned());
    let ends = Some(now.plus(3600));
    let (id, token) = make(&world, Wanted { default_stage: stage, expires_at: ends, ..wanted() }).await;
    let token = token.expose();
    let url = world.content_api_url();
    let details = details::written(&Permissions::public_defaults(), &url);
    let expected = json!({
        "active": true,
        "token_type": "Bearer",
        "iss": world.public_url,
        "aud": url,
        "sub": id,
        "scope": "content:read",
        "authorization_details": details,
        "default_stage": "DRAFT",
        "iat": now.unix(),
        "exp": now.unix() + 3600,
    });
    assert_eq!(introspect(&world, &asks, token).await, expected);
    assert_eq!(introspect(&world, &others, token).await, inactive(), "it is good at its environment alone");
    let answer = gate(&world, &asks, "GET", token).await;
    assert_eq!(answer.status(), 200);
    let told = [
        ("attache-subject", id.as_str()),
        ("attache-app", "none"),
        ("attache-caller", "none"),
        ("attache-connection", "none"),
        ("attache-scope", "content:read"),
        ("attache-operation", "read"),
        ("attache-default-stage", "DRAFT"),
        ("attache-authorization-details", &details.to_string()),
    ];
    for (name, value) in told {
        assert_eq!(header(&answer, name), value, "{name}");
    }
    assert_eq!(gate(&world, &asks, "POST", token).await.status(), 403);
    assert_eq!(gate(&world, &others, "GET", token).await.status(), 401);
    world.clock.advance(3600);
    assert_eq!(introspect(&world, &asks, token).await, inactive(), "it ran out");
}

#[rstest]
#[tokio::test]
async fn a_permanent_token_is_revoked_by_the_resource_server_of_its_environment_and_by_nobody_elses(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, Plan { more_config: OTHER.to_owned(), ..Plan::default() }).await;
    let (asks, others) = (create(&world).await, create_at(&world, "other").await);
    let (id, token) = make(&world, wanted()).await;
    let token = token.expose();
    let mut servers = vec![world.public_url.clone()];
    if database == Postgres {
        servers.push(world.replica().await.url);
    }
    let told = async |server: &str| {
        ask(&world, server, &asks, token).await.json::<Value>().await.expect("JSON")["active"] == true
    };
    let (caller, key) = world.caller().await;
    revoke(&world, (&caller, &key), token).await;
    revoke(&world, (&others.id, &others.secret), token).await;
    for server in &servers {
        assert!(told(server).await, "{server}");
    }
    // A freeze does not hide it from a revoke.
    let frozen = freeze(&world, asked(Named::All)).await;
    revoke(&world, (&asks.id, &asks.secret), token).await;
    crate::freeze::unfreeze(&world, &frozen).await.expect("lifted");
    for server in &servers {
        assert!(!told(server).await, "{server}");
    }
    let said = "SELECT actor FROM ledger WHERE action = 'permanent_token_revoked' AND actor = $1";
    assert_eq!(world.column(said, &asks.id).await.as_ref(), Some(&asks.id));
    let again = Command::RevokePermanentToken { id };
    run(&world.broker, again).await.expect_err("it is revoked already");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    RanOut,
    Revoked,
    Forbidden,
    Narrowed,
    KeyRevoked,
    CallerSuspended,
    CallerFrozen,
    AllFrozen,
}

async fn bring_about(world: &World, end: End, token: &str) {
    let (caller, key) = world.caller().await;
    match end {
        End::RanOut => world.clock.advance(300),
        End::Revoked => revoke(world, (&caller, &key), token).await,
        End::Forbidden => {
            let environment = "demo-master".to_owned();
            run(&world.broker, Command::ForbidCaller { caller, environment }).await.expect("taken back");
        }
        End::Narrowed => permit(world, READS).await,
        End::KeyRevoked => {
            let id = "SELECT id FROM api_keys WHERE caller_id = $1";
            let id = world.column(id, &caller).await.expect("a key");
            run(&world.broker, Command::RevokeKey { id }).await.expect("a revoke");
        }
        End::CallerSuspended => {
            let update = "UPDATE callers SET status = 'suspended' WHERE id = $1";
            world.change(sqlx::query(update).bind(caller)).await;
        }
        End::CallerFrozen => drop(freeze(world, asked(Named::Caller(caller))).await),
        End::AllFrozen => drop(freeze(world, asked(Named::All)).await),
    }
}

#[rstest]
#[tokio::test]
async fn a_callers_own_token_is_good_until_what_lets_it_is_gone(
    #[values(
        End::RanOut,
        End::Revoked,
        End::Forbidden,
        End::Narrowed,
        End::KeyRevoked,
        End::CallerSuspended,
        End::CallerFrozen,
        End::AllFrozen
    )]
    end: End,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, Plan { more_config: OTHER.to_owned(), ..Plan::default() }).await;
    let (asks, others) = (create(&world).await, create_at(&world, "other").await);
    let (caller, _) = world.caller().await;
    permit(&world, ALL).await;
    let given = body(client_credentials::ask(&world, &[]).await).await;
    let token = given["access_token"].as_str().expect("a token");
    let mut servers = vec![world.public_url.clone()];
    if database == Postgres {
        servers.push(world.replica().await.url);
    }
    for server in servers.iter().chain(&servers) {
        let told: Value = ask(&world, server, &asks, token).await.json().await.expect("JSON");
        assert_eq!(
            (&told["active"], &told["sub"], &told["client_id"]),
            (&json!(true), &json!(caller), &json!(caller))
        );
    }
    assert_eq!(introspect(&world, &others, token).await, inactive());
    let answer = gate(&world, &asks, "POST", token).await;
    assert_eq!(answer.status(), 200);
    for (name, value) in
        [("attache-subject", caller.as_str()), ("attache-caller", &caller), ("attache-app", "none")]
    {
        assert_eq!(header(&answer, name), value, "{name}");
    }
    bring_about(&world, end, token).await;
    for server in &servers {
        let told: Value = ask(&world, server, &asks, token).await.json().await.expect("JSON");
        assert_eq!(told, inactive(), "{end:?} at {server}");
    }
}
