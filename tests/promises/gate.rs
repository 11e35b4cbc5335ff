//! The gate: a request is let through by what its token may do there now, whoever wrote which header. A proxy that is not
//! set up is told so, and not its client.

use attache::content::permission::{Permissions, details};
use attache::operator::select::Named;
use attache::operator::{Command, run};
use reqwest::{Method, Response};
use rstest::rstest;
use serde_json::Value;

use crate::freeze::{asked, freeze};
use crate::minted::everything;
use crate::resource_servers::{OTHER, ResourceServer, content_token, create, create_at, introspect};
use crate::world::{APP, Database, Plan, Postgres, Sqlite, World};

/// What a proxy asks, and with which headers.
pub struct Asking<'a> {
    pub world: &'a World,
    pub asks: &'a ResourceServer,
}

impl Asking<'_> {
    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.world.http.request(method, self.world.url(path));
        request = request.header("attache-resource-server", &self.asks.secret);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    /// As nginx, Caddy and Traefik do.
    async fn forwarded(&self, method: &str, token: &str, more: &[(&str, &str)]) -> Response {
        let bearer = format!("Bearer {token}");
        let usual = [("authorization", bearer.as_str()), ("x-forwarded-method", method)];
        self.send(Method::GET, "/v1/authorize", &[&usual, more].concat()).await
    }
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("text")).to_owned()
}

/// The word of a refusal, in the header and the body alike.
async fn denied(answer: Response, status: u16) -> String {
    assert_eq!(answer.status(), status);
    assert!(answer.headers().get("attache-subject").is_none());
    let reason = header(&answer, "attache-reason");
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["error"], reason, "{body}");
    assert!(body["message"].as_str().is_some_and(|sentence| sentence.ends_with('.')), "{body}");
    reason
}

#[rstest]
#[tokio::test]
async fn whoever_is_let_through_is_named_in_every_header(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let gate = Asking { world: &world, asks: &asks };
    let (caller, _) = world.caller().await;
    let account = "SELECT account_id FROM connections WHERE id = $1";
    let account = world.column(account, &connection).await.expect("an account");
    let token = content_token(&world, &connection, &[]).await;
    let details = everything(&world).to_string();
    for (method, operation) in [("GET", "read"), ("HEAD", "read"), ("POST", "write"), ("DELETE", "write")] {
        let answer = gate.forwarded(method, &token, &[("x-forwarded-uri", "/entries/1")]).await;
        assert_eq!(answer.status(), 200, "{method}");
        let told = [
            ("attache-subject", account.as_str()),
            ("attache-app", APP),
            ("attache-caller", &caller),
            ("attache-connection", &connection),
            ("attache-scope", "content:read content:write"),
            ("attache-operation", operation),
            ("attache-default-stage", "PUBLISHED"),
            ("attache-authorization-details", &details),
        ];
        for (name, value) in told {
            assert_eq!(header(&answer, name), value, "{method} {name}");
        }
    }
    // One that the access token itself asked for has no caller, and says so.
    let viewer: Value =
        world.viewer(&world.access_token(&connection).await).await.json().await.expect("JSON");
    let bearers = viewer["data"]["_viewer"]["project"]["environment"]["authToken"].as_str().expect("a token");
    assert_eq!(header(&gate.forwarded("GET", bearers, &[]).await, "attache-caller"), "none");
}

#[rstest]
#[tokio::test]
async fn a_token_that_only_reads_changes_nothing_whatever_a_client_writes(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let gate = Asking { world: &world, asks: &asks };
    let token = content_token(&world, &connection, &[("scope", "content:read")]).await;
    let status = async |method: &str, more: &[(&str, &str)]| {
        gate.forwarded(method, &token, more).await.status().as_u16()
    };
    assert_eq!(status("GET", &[]).await, 200);
    for method in ["POST", "PUT", "PATCH", "DELETE", "get", "QUERY", "nonsense", ""] {
        let answer = gate.forwarded(method, &token, &[]).await;
        let challenge = header(&answer, "www-authenticate");
        assert!(
            challenge.contains("insufficient_scope") && challenge.contains("content:write"),
            "{challenge}"
        );
        assert_eq!(denied(answer, 403).await, "insufficient_scope", "{method:?}");
    }
    // A client's own word makes nothing milder, in whichever header and order.
    for name in [
        "x-forwarded-method",
        "x-original-method",
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ] {
        assert_eq!(status("POST", &[(name, "GET")]).await, 403, "{name}");
        assert_eq!(status("GET", &[(name, "DELETE")]).await, 403, "{name}");
    }
    // Nor does its address: GraphQL is at one address, and a second one makes it doubtful.
    let graphql = world.content_api_url();
    let graphql = reqwest::Url::parse(&graphql).expect("a URL").path().to_owned();
    let answer = gate.forwarded("POST", &token, &[("x-forwarded-uri", &graphql)]).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "attache-operation").as_str()), (200, "in-body"));
    let doubtful = [("x-forwarded-uri", graphql.as_str()), ("x-original-uri", "/entries")];
    assert_eq!(status("POST", &doubtful).await, 403);
    assert_eq!(status("POST", &[("x-original-uri", "/entries"), ("x-forwarded-uri", &graphql)]).await, 403);
    assert_eq!(status("PUT", &[("x-forwarded-uri", &graphql)]).await, 403);
    // A socket may carry anything.
    assert_eq!(status("GET", &[("x-forwarded-uri", "/entries"), ("upgrade", "websocket")]).await, 403);
    assert_eq!(status("GET", &[("x-forwarded-uri", &graphql), ("upgrade", "websocket")]).await, 200);
    assert_eq!(status("GET", &[("x-forwarded-uri", "/entries"), ("upgrade", "h2c")]).await, 200);
    // A method that is not said is not taken for one that reads.
    let bearer = format!("Bearer {token}");
    for more in [vec![], vec![("x-http-method-override", "GET")], vec![("x-forwarded-uri", graphql.as_str())]]
    {
        let headers = [vec![("authorization", bearer.as_str())], more].concat();
        for method in [Method::GET, Method::HEAD] {
            let answer = gate.send(method.clone(), "/v1/authorize", &headers).await;
            assert_eq!(header(&answer, "attache-reason"), "method_missing", "{method}");
            assert_eq!(answer.status(), 403);
        }
    }
}

#[rstest]
#[tokio::test]
async fn envoy_asks_by_the_method_and_the_path_themselves(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let gate = Asking { world: &world, asks: &asks };
    let token = content_token(&world, &connection, &[("scope", "content:read")]).await;
    let bearer = format!("Bearer {token}");
    let graphql = world.content_api_url();
    let graphql = reqwest::Url::parse(&graphql).expect("a URL").path().to_owned();
    let ask = async |method: Method, path: &str, forged: &str| {
        let mut headers = vec![("authorization", bearer.as_str())];
        if !forged.is_empty() {
            headers.extend([("x-forwarded-method", forged), ("x-forwarded-uri", &graphql)]);
        }
        let answer = gate.send(method, &format!("/v1/authorize{path}"), &headers).await;
        (answer.status().as_u16(), header(&answer, "attache-operation"))
    };
    for path in ["/", "/entries/1", "/a//b?x=1&y=%2F", "//"] {
        assert_eq!(ask(Method::GET, path, "").await, (200, "read".to_owned()), "{path}");
        for forged in ["", "GET"] {
            assert_eq!(ask(Method::POST, path, forged).await.0, 403, "{path} {forged}");
            assert_eq!(ask(Method::DELETE, path, forged).await.0, 403, "{path} {forged}");
        }
    }
    assert_eq!(ask(Method::POST, &graphql, "").await, (200, "in-body".to_owned()));
    assert_eq!(ask(Method::POST, &format!("{graphql}?x"), "").await, (200, "in-body".to_owned()));
    assert_eq!(ask(Method::PUT, &graphql, "").await.0, 403);
}

#[rstest]
#[tokio::test]
async fn who_brings_no_token_or_a_bad_one_is_told_to_get_one(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::planned(database, Plan { more_config: OTHER.to_owned(), ..Plan::default() }).await;
    let connection = world.connection().await;
    let (asks, others) = (create(&world).await, create_at(&world, "other").await);
    let gate = Asking { world: &world, asks: &asks };
    let token = content_token(&world, &connection, &[]).await;
    let method = ("x-forwarded-method", "GET");
    let answer = gate.send(Method::GET, "/v1/authorize", &[method]).await;
    assert_eq!(header(&answer, "www-authenticate"), "Bearer");
    assert_eq!(denied(answer, 401).await, "token_required", "nothing is public");
    let long = format!("Bearer {}", "x".repeat(20_000));
    let access = format!("Bearer {}", world.access_token(&connection).await);
    for bad in ["Bearer nonsense", "Bearer ", "Basic YTpi", "nonsense", &long, &access] {
        let answer = gate.send(Method::GET, "/v1/authorize", &[method, ("authorization", bad)]).await;
        assert_eq!(header(&answer, "www-authenticate"), "Bearer error=\"invalid_token\"");
        assert_eq!(denied(answer, 401).await, "invalid_token", "{bad:.20}");
    }
    let bearer = format!("Bearer {token}");
    let twice = [method, ("authorization", &bearer), ("authorization", "Bearer nonsense")];
    assert_eq!(denied(gate.send(Method::GET, "/v1/authorize", &twice).await, 401).await, "invalid_token");
    let elsewhere = Asking { world: &world, asks: &others };
    assert_eq!(denied(elsewhere.forwarded("GET", &token, &[]).await, 401).await, "invalid_token");
    assert_eq!(gate.forwarded("GET", &token, &[]).await.status(), 200);
    // From the answer of a freeze on nobody is let through.
    freeze(&world, asked(Named::All)).await;
    assert_eq!(denied(gate.forwarded("GET", &token, &[]).await, 401).await, "invalid_token");
    let (without, _) = world.config.split_once("[environments.").expect("an environment");
    world.restart(without).await;
    assert_eq!(denied(gate.forwarded("GET", &token, &[]).await, 403).await, "environment_closed");
}

#[rstest]
#[tokio::test]
async fn what_is_public_is_let_through_without_a_token_and_nothing_more(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let asks = create(&world).await;
    let gate = Asking { world: &world, asks: &asks };
    let (get, post) = ([("x-forwarded-method", "GET")], [("x-forwarded-method", "POST")]);
    let ask = async |headers: &[(&str, &str)]| gate.send(Method::GET, "/v1/authorize", headers).await;
    assert_eq!(denied(ask(&get).await, 401).await, "token_required", "all is closed by default");
    let open = |open| Command::SetPublicDefaults { key: "demo-master".to_owned(), open };
    run(&world.broker, open(true)).await.expect("opened");
    let answer = ask(&get).await;
    let public = Permissions::public_defaults();
    let details = details::written(&public, &world.content_api_url()).to_string();
    let told = [
        ("attache-subject", "none"),
        ("attache-app", "none"),
        ("attache-scope", "content:read"),
        ("attache-operation", "read"),
        ("attache-authorization-details", &details),
    ];
    for (name, value) in told {
        assert_eq!(header(&answer, name), value, "{name}");
    }
    assert_eq!(denied(ask(&post).await, 401).await, "token_required");
    // A bad token is not taken for none.
    let bad = [get[0], ("authorization", "Bearer nonsense")];
    assert_eq!(denied(ask(&bad).await, 401).await, "invalid_token");
    run(&world.broker, open(false)).await.expect("closed");
    assert_eq!(denied(ask(&get).await, 401).await, "token_required");
}

#[rstest]
#[tokio::test]
async fn a_proxy_that_is_not_set_up_is_refused_and_its_clients_are_not_blamed(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let bound = "\n[limits]\nfailures_per_minute = 1\nfailure_burst = 5\n".to_owned();
    let world = World::planned(database, Plan { more_config: bound, ..Plan::default() }).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let token = content_token(&world, &connection, &[]).await;
    let (_, key) = world.caller().await;
    let gate = Asking { world: &world, asks: &asks };
    // However many bad tokens come through a proxy, its address goes on.
    for _ in 0..20 {
        assert_eq!(gate.forwarded("GET", "nonsense", &[]).await.status(), 401);
    }
    let forged = [("attache-resource-server", "rs_forged")];
    assert_eq!(
        denied(gate.forwarded("GET", &token, &forged).await, 403).await,
        "resource_server_refused",
        "twice"
    );
    for secret in ["", "nonsense", &key] {
        let wrong = ResourceServer { id: String::new(), secret: secret.to_owned() };
        let answer = Asking { world: &world, asks: &wrong }.forwarded("GET", &token, &[]).await;
        assert!(answer.headers().get("www-authenticate").is_none());
        assert_eq!(denied(answer, 403).await, "resource_server_refused", "{secret}");
    }
    let bearer = format!("Bearer {token}");
    let none = world.http.get(world.url("/v1/authorize")).header("authorization", &bearer);
    assert_eq!(denied(none.send().await.expect("an answer"), 403).await, "resource_server_refused");
    // Who guesses secrets waits, and who was known before does not.
    let wrong = ResourceServer { id: String::new(), secret: "nonsense".to_owned() };
    assert_eq!(Asking { world: &world, asks: &wrong }.forwarded("GET", &token, &[]).await.status(), 429);
    assert_eq!(gate.forwarded("GET", &token, &[]).await.status(), 200);
    run(&world.broker, Command::RevokeResourceServer { id: asks.id.clone() }).await.expect("a revoke");
    let answer = gate.forwarded("GET", &token, &[]).await;
    assert_eq!(denied(answer, 403).await, "resource_server_refused");
}

#[rstest]
#[tokio::test]
async fn where_the_process_is_alone_the_gate_reads_nothing(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let asks = create(&world).await;
    let gate = Asking { world: &world, asks: &asks };
    let token = content_token(&world, &connection, &[]).await;
    assert_eq!(gate.forwarded("GET", &token, &[]).await.status(), 200);
    assert_eq!(introspect(&world, &asks, &token).await["active"], true);
    // With the database gone, what is held still serves on SQLite; on PostgreSQL nothing that authorizes is held.
    world.broker.db.pool.close().await;
    let expected = if database == Sqlite { 200 } else { 503 };
    assert_eq!(gate.forwarded("GET", &token, &[]).await.status(), expected);
}
