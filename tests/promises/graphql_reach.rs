//! What a person's app is told at `/graphql` of projects and environments, and by which schema.

use async_graphql::SDLExportOptions;
use attache::operator::select::Named;
use attache::sandbox::issuer::TokenShape;
use rstest::rstest;
use serde_json::{Value, json};

use crate::freeze::{asked, freeze};
use crate::graphql::{PROJECT, query};
use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, Sqlite, World};

/// Environments of two more projects: some that the editor reaches, and some that are closed to the app or the person.
fn more_places() -> String {
    let place = |key: &str, project: &str, environment: &str, more: &str| {
        format!(
            "[environments.{key}]\nproject = \"{project}\"\nenvironment = \"{environment}\"\n\
             content_api_url = \"https://{key}.example.com/v2/{project}/{environment}\"\n{more}\n"
        )
    };
    let open = "apps = \"any\"\naccounts = \"any\"";
    let named = format!("{open}\nproject_name = \"The Blog\"\nenvironment_name = \"Production\"");
    let reads = format!(
        "apps = \"any\"\nroles = [{{ name = \"reader\", accounts = [\"{EDITOR}\"], permissions = [{{ actions = [\"read\"], stages = [\"PUBLISHED\"] }}] }}]"
    );
    [
        place("one", "blog", "production", &named),
        place("two", "blog", "draft", &reads),
        place("three", "blog", "closed", "apps = \"any\"\naccounts = [\"sandbox|reader\"]"),
        place("four", "shop", "master", "apps = []\naccounts = \"any\""),
    ]
    .concat()
}

async fn with_more_places(database: Database) -> (World, String) {
    let world = World::planned(database, Plan { more_config: more_places(), ..Plan::default() }).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    (world, token)
}

#[rstest]
#[tokio::test]
async fn a_person_is_told_each_project_and_environment_that_the_app_may_reach_and_no_other(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let (world, token) = with_more_places(database).await;
    let text = "{ _viewer { ... on UserViewer { projects { id name environments { id name displayName \
        defaultStage endpoints { content highPerformance } permissions { actions stages } } } } } }";
    let answer = query(&world, &token, text).await;
    let everything = json!([{
        "actions": ["READ", "CREATE", "UPDATE", "DELETE", "PUBLISH", "UNPUBLISH"], "stages": null,
    }]);
    let expected = json!({ "data": { "_viewer": { "projects": [
        { "id": "blog", "name": "The Blog", "environments": [
            {
                "id": "draft", "name": "draft", "displayName": "draft", "defaultStage": "PUBLISHED",
                "endpoints": { "content": "https://two.example.com/v2/blog/draft", "highPerformance": null },
                "permissions": [{ "actions": ["READ"], "stages": ["PUBLISHED"] }],
            },
            {
                "id": "production", "name": "production", "displayName": "Production",
                "defaultStage": "PUBLISHED",
                "endpoints": { "content": "https://one.example.com/v2/blog/production", "highPerformance": null },
                "permissions": everything,
            },
        ] },
        { "id": PROJECT, "name": PROJECT, "environments": [{
            "id": "master", "name": "master", "displayName": "master", "defaultStage": "PUBLISHED",
            "endpoints": { "content": world.content_api_url(), "highPerformance": null },
            "permissions": everything,
        }] },
    ] } } });
    assert_eq!(answer.body, expected, "{}", answer.body);
    // Each alone, and what is closed as if it were not there.
    for (project, environment, is_open) in [
        ("blog", "draft", true),
        ("blog", "closed", false),
        ("shop", "master", false),
        ("blog", "master", false),
    ] {
        let text = format!(
            "{{ _viewer {{ ... on UserViewer {{ project(id: \"{project}\") {{ environment(name: \"{environment}\") {{ id }} }} }} }} }}"
        );
        let answer = query(&world, &token, &text).await;
        let found = &answer.body["data"]["_viewer"]["project"]["environment"]["id"];
        assert_eq!(found.is_string(), is_open, "{project} {environment} {}", answer.body);
        assert_eq!(answer.body["errors"].is_array(), !is_open, "{project} {environment} {}", answer.body);
    }
}

#[rstest]
#[tokio::test]
async fn a_query_may_name_its_project_by_a_variable(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let text = "query Token($project: ID!, $environment: ID) { _viewer { ... on UserViewer { \
        project(id: $project) { environment(id: $environment) { authToken } } } } }";
    let variables = json!({ "project": PROJECT, "environment": "master" });
    let body = json!({ "query": text, "operationName": "Token", "variables": variables, "extensions": null });
    let post = world.http.post(world.url("/graphql")).bearer_auth(&token).json(&body);
    let answer: Value = post.send().await.expect("an answer").json().await.expect("JSON");
    let content_token = answer["data"]["_viewer"]["project"]["environment"]["authToken"].as_str();
    let written = world.create_entry(content_token.unwrap_or_else(|| panic!("a token: {answer}"))).await;
    assert_eq!(written.status(), 200);
    for variables in [json!({}), json!({ "project": null }), json!({ "project": { "a": [1] } })] {
        let body = json!({ "query": text, "variables": variables });
        let post = world.http.post(world.url("/graphql")).bearer_auth(&token).json(&body);
        let answer: Value = post.send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "invalid_request", "{variables} {answer}");
    }
    let batch = world.http.post(world.url("/graphql")).bearer_auth(&token).json(&json!([body]));
    let answer: Value = batch.send().await.expect("an answer").json().await.expect("JSON");
    let refused = &answer["errors"][0];
    assert_eq!(refused["extensions"]["code"], "invalid_request", "{answer}");
    assert!(refused["message"].as_str().is_some_and(|says| says.contains("batch")), "{answer}");
}

#[rstest]
#[tokio::test]
async fn an_editor_may_ask_for_the_whole_schema(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let of_type =
        "kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";
    let input = format!("name description type {{ {of_type} }} defaultValue");
    let text = format!(
        "{{ __schema {{ queryType {{ name }} mutationType {{ name }} subscriptionType {{ name }} types {{ kind name description \
         fields(includeDeprecated: true) {{ name description args {{ {input} }} type {{ {of_type} }} isDeprecated deprecationReason }} \
         inputFields {{ {input} }} interfaces {{ {of_type} }} \
         enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }} possibleTypes {{ {of_type} }} }} \
         directives {{ name description locations args {{ {input} }} }} }} }}"
    );
    let answer = query(&world, &token, &text).await;
    assert!(answer.body["errors"].is_null(), "{}", answer.body);
    assert!(answer.body["data"]["__schema"]["types"].as_array().is_some_and(|types| types.len() > 15));
}

#[test]
fn the_schema_in_the_documents_is_the_one_that_is_served() {
    let options = SDLExportOptions::new().use_space_ident().indent_width(2);
    let served = attache::dialect::graphql::schema().sdl_with_options(options);
    let written = std::fs::read_to_string("docs/schema.graphql").unwrap_or_default();
    let place = std::env::temp_dir().join("attache-schema.graphql");
    if written != served {
        std::fs::write(&place, &served).expect("a file");
    }
    assert_eq!(
        written,
        served,
        "docs/schema.graphql is old; the one that is served is in {}",
        place.display()
    );
    for (line, before) in served.lines().skip(1).zip(served.lines()) {
        let begins = ["type ", "union ", "enum "].iter().any(|kind| line.starts_with(kind));
        assert!(!begins || before == "\"\"\"", "{line} says what it is");
    }
}

#[rstest]
#[case::refreshed(false)]
#[case::agreed_again(true)]
#[tokio::test]
async fn a_stopped_caller_gets_nothing_for_an_access_token_that_the_issuer_gave_again(
    #[case] agrees_again: bool,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let token = world.access_token(&connection).await;
    let same = json!({
        "access_token": token, "refresh_token": "{refresh_token}", "token_type": "Bearer", "expires_in": LIFETIME,
        "scope": "openid profile email offline_access content:write",
    });
    world.issuer.faults().token_shape.next(TokenShape::As(200, same.to_string()));
    world.clock.advance(60);
    if agrees_again {
        let callback = person.consent(&format!("/connect/{APP}?connection={connection}"), EDITOR).await;
        assert_eq!(person.get(callback.as_str()).await.status, 303);
    } else {
        let answer = world.v1_token(&connection, &json!({ "force_refresh": true })).await;
        assert_eq!(answer.status(), 200);
    }
    let generation = "SELECT CAST(generation AS TEXT) FROM connections WHERE id = $1";
    assert_eq!(world.column(generation, &connection).await.as_deref(), Some("2"));
    if agrees_again {
        // Nobody was handed it again since.
        assert_eq!(world.viewer(&token).await.status(), 200);
    }
    let (caller, _) = world.caller().await;
    let frozen = freeze(&world, asked(Named::Caller(caller))).await;
    let answer: Value = world.viewer(&token).await.json().await.expect("JSON");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "paused", "{answer}");
    crate::freeze::unfreeze(&world, &frozen).await.expect("lifted");
    assert_eq!(world.viewer(&token).await.status(), 200);
}
