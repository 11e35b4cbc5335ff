//! The `_viewer` wire of the content platform's management API.

use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{APP, AUDIENCE, Database, EDITOR, Plan, Postgres, READER, Sqlite, World};
use crate::{elsewhere, world};

pub const PROJECT: &str = "cmaz8u024000b07w2o46szn1y";

pub struct Answer {
    pub status: u16,
    challenge: Option<String>,
    pub body: Value,
}

async fn send(world: &World, bearer: Option<&str>, body: impl Into<reqwest::Body>) -> Answer {
    let mut request = world.http.post(world.url("/graphql")).header("content-type", "application/json");
    if let Some(bearer) = bearer {
        request = request.bearer_auth(bearer);
    }
    let answer = request.body(body).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let challenge =
        answer.headers().get("www-authenticate").map(|value| value.to_str().expect("text").to_owned());
    Answer { status, challenge, body: answer.json().await.expect("JSON") }
}

pub async fn query(world: &World, bearer: &str, query: &str) -> Answer {
    send(world, Some(bearer), json!({ "query": query }).to_string()).await
}

fn has_errors(answer: &Answer) -> bool {
    answer.body["errors"]
        .as_array()
        .is_some_and(|errors| errors.iter().all(|error| error["message"].is_string()))
}

#[rstest]
#[tokio::test]
async fn the_viewer_has_exactly_the_shape_that_functions_read(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let account = world.column("SELECT account_id FROM connections WHERE id = $1", &connection).await;
    let answer = world.viewer(&token).await;
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    let auth_token = &body["data"]["_viewer"]["project"]["environment"]["authToken"];
    let expected = json!({ "data": { "_viewer": {
        "id": account,
        "user": { "id": account, "profile": { "email": "editor@sandbox.test", "name": "Demo Editor" } },
        "project": { "id": PROJECT, "environment": { "id": "master", "authToken": auth_token } },
    } } });
    assert_eq!(body, expected);
    let written = world.create_entry(auth_token.as_str().expect("a token")).await;
    assert_eq!(written.status(), 200);
    assert_eq!(world.platform.entries()[0].created_by.as_ref().expect("an author").id, EDITOR);
}

#[rstest]
#[tokio::test]
async fn a_token_of_the_apps_client_got_elsewhere_is_a_bearer(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.connection().await;
    let token = elsewhere::tokens(&world, EDITOR).await.access;
    assert_eq!(world.viewer(&token).await.status(), 200);
}

#[rstest]
#[tokio::test]
async fn a_bad_bearer_is_a_401_with_errors_and_a_challenge(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let token = world.access_token(&connection).await;
    let (_, api_key) = world.caller().await;
    let tokens = elsewhere::tokens(&world, EDITOR).await;
    let readers = elsewhere::tokens(&world, READER).await.access;
    let query = json!({ "query": "{ _viewer { __typename } }" }).to_string();
    let mut bad = vec![
        None,
        Some("nonsense".to_owned()),
        Some(api_key),
        Some(connection.clone()),
        Some(tokens.id),
        Some(tokens.refresh),
        Some(readers),
    ];
    assert_eq!(send(&world, Some(&token), query.clone()).await.status, 200);
    person.stop(&connection).await;
    bad.extend([Some(token), Some(tokens.access)]);
    for bearer in bad {
        let answer = send(&world, bearer.as_deref(), query.clone()).await;
        assert_eq!(answer.status, 401, "{bearer:?}");
        assert!(has_errors(&answer) && answer.body["data"].is_null(), "{}", answer.body);
        assert!(answer.challenge.is_some_and(|challenge| challenge.starts_with("Bearer")), "{bearer:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_bearer_in_the_query_string_is_none(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let url = world.url(&format!("/graphql?access_token={token}"));
    let answer =
        world.http.post(url).json(&json!({ "query": "{ __typename }" })).send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
}

#[rstest]
#[case::project("project(id: \"elsewhere\") { id }", "project")]
#[case::empty_project("project(id: \"\") { id }", "project")]
#[case::nul_in_project("project(id: \"a\\u0000b\") { id }", "project")]
#[tokio::test]
async fn an_unknown_project_is_null_with_an_error(
    #[case] field: &str,
    #[case] name: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let text = format!("{{ _viewer {{ ... on UserViewer {{ user {{ profile {{ name }} }} {field} }} }} }}");
    let answer = query(&world, &token, &text).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body["data"]["_viewer"],
        json!({ "user": { "profile": { "name": "Demo Editor" } }, name: null })
    );
    assert_eq!(answer.body["errors"][0]["extensions"]["code"], "invalid_target", "{}", answer.body);
}

#[rstest]
#[case::other("\"production\"")]
#[case::empty("\"\"")]
#[case::nul("\"mas\\u0000ter\"")]
#[case::other_case("\"MASTER\"")]
#[case::like("\"%\"")]
#[tokio::test]
async fn an_unknown_environment_is_null_with_an_error(
    #[case] id: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let text = format!(
        "{{ _viewer {{ ... on UserViewer {{ project(id: \"{PROJECT}\") {{ environment(id: {id}) {{ authToken }} }} }} }} }}"
    );
    let answer = query(&world, &token, &text).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["data"]["_viewer"]["project"], json!({ "environment": null }), "{}", answer.body);
    assert_eq!(answer.body["errors"][0]["extensions"]["code"], "invalid_target");
}

#[rstest]
#[tokio::test]
async fn a_closed_environment_is_answered_like_an_unknown_one(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let closed = ("accounts = \"any\"", "accounts = [\"sandbox|reader\"]");
    let world = World::planned(database, Plan { replace: vec![closed], ..Plan::default() }).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let ask = async |project: &str| {
        let text = format!(
            "{{ _viewer {{ ... on UserViewer {{ project(id: \"{project}\") {{ environment(id: \"master\") {{ authToken }} }} }} }} }}"
        );
        query(&world, &token, &text).await.body
    };
    assert_eq!(ask(PROJECT).await, ask("elsewhere").await);
}

#[rstest]
#[tokio::test]
async fn what_is_no_query_is_answered_with_errors(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let deep = "{ ofType ".repeat(40) + &"}".repeat(40);
    let aliases = (0..500).map(|n| format!("a{n}: id")).collect::<Vec<_>>().join(" ");
    let bad = [
        String::new(),
        "no JSON".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "null".to_owned(),
        json!({ "query": "{ __typename }", "variables": [1] }).to_string(),
        json!({ "query": "" }).to_string(),
        json!({ "query": "no query" }).to_string(),
        json!({ "query": "{ password }" }).to_string(),
        json!({ "query": "{ _viewer { id } }" }).to_string(),
        json!({ "query": "mutation { _viewer { __typename } }" }).to_string(),
        json!({ "query": "query A { __typename } query B { __typename }", "operationName": "C" }).to_string(),
        json!({ "query": format!("{{ __schema {{ types {{ fields {{ type {deep} }} }} }} }}") }).to_string(),
        json!({ "query": format!("{{ _viewer {{ ... on UserViewer {{ {aliases} }} }} }}") }).to_string(),
        json!({ "query": "{".repeat(10_000) }).to_string(),
    ];
    for body in bad {
        let answer = send(&world, Some(&token), body.clone()).await;
        let begin: String = body.chars().take(80).collect();
        assert_eq!(answer.status, 200, "{begin}");
        let code = &answer.body["errors"][0]["extensions"]["code"];
        assert_eq!(code, "invalid_request", "{begin}: {}", answer.body);
        assert!(has_errors(&answer), "{begin}: {}", answer.body);
        assert!(answer.body["data"].is_null(), "{begin}: {}", answer.body);
    }
    assert_eq!(world.viewer(&token).await.status(), 200);
}

#[rstest]
#[tokio::test]
async fn a_large_body_is_not_read(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let body = json!({ "query": "{ __typename }", "variables": { "x": "x".repeat(1 << 20) } }).to_string();
    let answer = send(&world, Some(&token), body).await;
    assert_eq!((answer.status, has_errors(&answer)), (413, true), "{}", answer.body);
    let get = world.http.get(world.url("/graphql")).send().await.expect("an answer");
    assert_eq!(get.status(), 405);
    assert!(get.json::<Value>().await.expect("JSON")["errors"].is_array());
}

#[rstest]
#[tokio::test]
async fn introspection_tells_the_shape_and_nothing_of_anybody(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let text = "{ __schema { queryType { name } mutationType { name } types { name fields { name type { name } } } } }";
    let answer = query(&world, &token, text).await;
    assert_eq!(answer.status, 200);
    let said = answer.body.to_string();
    assert!(said.contains("authToken"), "{said}");
    assert!(answer.body["data"]["__schema"]["mutationType"].is_null());
    for secret in [world::APP, AUDIENCE, EDITOR, "editor@sandbox.test", PROJECT, world.issuer.url()] {
        assert!(!said.contains(secret), "{secret}");
    }
}

/// `levels` fragments, each of which spreads the next one twice: 2^levels fields in a few hundred bytes.
fn doubling(levels: usize, inner: &str) -> String {
    let steps = (0..levels).map(|level| {
        let next = level + 1;
        format!("fragment f{level} on UserViewer {{ ...f{next} ...f{next} }}")
    });
    let last = format!("fragment f{levels} on UserViewer {{ {inner} }}");
    format!("{{ _viewer {{ ...f0 }} }} {} {last}", steps.collect::<Vec<_>>().join(" "))
}

/// What must be refused before it costs anything.
fn too_much() -> Vec<(&'static str, String)> {
    let overlapping = (0..40).map(|level| {
        let next = level + 1;
        format!("fragment f{level} on UserViewer {{ user {{ id }} ...f{next} user {{ id }} ...f{next} }}")
    });
    let overlapping = overlapping.collect::<Vec<_>>().join(" ");
    let unused = doubling(24, "id").replacen("...f0", "__typename", 1);
    let nested = "{ _viewer ".repeat(6_000) + &"}".repeat(3_000);
    let lists = format!("{{ _viewer(x: {}) {{ id }} }}", "[".repeat(60_000));
    let types = format!("query($x: {}Int{}) {{ __typename }}", "[".repeat(20_000), "]".repeat(20_000));
    let aliases = (0..190).map(|n| format!("a{n}:id")).collect::<Vec<_>>().join(" ");
    vec![
        ("fragments that double", doubling(24, "id")),
        (
            "fragments that overlap",
            format!("{{ _viewer {{ ...f0 }} }} {overlapping} fragment f40 on UserViewer {{ id }}"),
        ),
        ("fragments that double and that nobody spreads", unused),
        ("a fragment of itself", "{ _viewer { ...a } } fragment a on UserViewer { id ...a }".to_owned()),
        (
            "a ring",
            "{ _viewer { ...a } } fragment a on UserViewer { ...b } fragment b on UserViewer { ...a }"
                .to_owned(),
        ),
        ("fields in fields", nested),
        ("lists in lists", lists),
        ("types in types", types),
        (
            "many operations",
            (0..60)
                .map(|n| format!("query q{n} {{ {} }}", "__typename ".repeat(8)))
                .collect::<Vec<_>>()
                .concat(),
        ),
        ("aliases in fragments", doubling(2, &aliases)),
        ("words", "# a ".repeat(1000) + "\n{ __typename }"),
        ("projects", format!("{{ _viewer {{ ... on UserViewer {{ {} }} }} }}", projects(9))),
        ("an authToken of each project", inside("projects { environment(id: \"master\") { authToken } }")),
        (
            "an authToken of each environment",
            inside("project(id: \"x\") { environments { ... on Environment { authToken } } }"),
        ),
        ("an answer of many values", fields_of_all_types()),
    ]
}

fn inside(text: &str) -> String {
    format!("{{ _viewer {{ ... on UserViewer {{ {text} }} }} }}")
}

/// A hundred fields, each of which has as many values as all types have fields.
fn fields_of_all_types() -> String {
    let fields: Vec<String> = (0..100).map(|n| format!("a{n}:fields{{...f}}")).collect();
    let fields = fields.join(" ");
    format!("{{ __schema {{ types {{ {fields} }} }} }} fragment f on __Field {{ name description }}")
}

fn projects(count: usize) -> String {
    (0..count).map(|n| format!("p{n}: project(id: \"x\") {{ id }}")).collect::<Vec<_>>().join(" ")
}

#[rstest]
#[tokio::test]
async fn a_small_query_that_grows_large_is_refused_at_once(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    for (what, text) in too_much() {
        let began = std::time::Instant::now();
        let answer = query(&world, &token, &text).await;
        assert_eq!(answer.status, 200, "{what}");
        assert_eq!(
            answer.body["errors"][0]["extensions"]["code"], "invalid_request",
            "{what} {}",
            answer.body
        );
        assert!(answer.body["data"].is_null(), "{what}");
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{what}");
    }
    assert_eq!(world.viewer(&token).await.status(), 200);
}

#[rstest]
#[tokio::test]
async fn a_query_gets_one_auth_token_however_it_is_spelt(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let inside = |environment: &str, more: &str| {
        format!(
            "{{ _viewer {{ ... on UserViewer {{ project(id: \"{PROJECT}\") {{ environment(id: \"master\") {{ {environment} }} }} }} }} }} {more}"
        )
    };
    let one = "fragment t on Environment { authToken }";
    let twice = [
        inside("authToken authToken", ""),
        inside("a: authToken b: authToken", ""),
        inside("...t ...t", one),
        inside("authToken ...t", one),
        inside("... { authToken } ... on Environment { authToken }", ""),
        inside("authToken @skip(if: false) authToken @include(if: true)", ""),
        inside("name", "").replace(
            "environment(id: \"master\") { name }",
            "a: environment(id: \"master\") { authToken } b: environment(id: \"master\") { authToken }",
        ),
    ];
    let handed = world.rows("content_tokens").await;
    for text in twice {
        let answer = query(&world, &token, &text).await;
        assert_eq!(
            answer.body["errors"][0]["extensions"]["code"], "invalid_request",
            "{text} {}",
            answer.body
        );
    }
    assert_eq!(world.rows("content_tokens").await, handed);
    for text in [inside("id name authToken", ""), inside("...t", one)] {
        let answer = query(&world, &token, &text).await;
        assert!(answer.body["errors"].is_null(), "{text} {}", answer.body);
    }
}
