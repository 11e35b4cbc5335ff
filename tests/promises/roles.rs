//! What a content token may do: never more than the person's roles, the app's own permissions, the person's consent and the
//! request each allow.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{APP, Database, EDITOR, Plan, Postgres, READER, Sqlite, World, refused};

const CONNECTION: &str = "urn:attache:params:oauth:token-type:connection";
/// Editors write drafts and read everything; whoever reads is shown what is published, in English.
const ROLES: &str = r#"
[[environments.demo-master.roles]]
name = "editor"
accounts = { claim = "$.email", equals = "editor@sandbox.test" }
[[environments.demo-master.roles.permissions]]
actions = ["read"]
[[environments.demo-master.roles.permissions]]
models = ["DemoModel23May20250843"]
actions = ["create", "update"]
stages = ["DRAFT"]
[[environments.demo-master.roles]]
name = "reader"
accounts = ["sandbox|reader"]
[[environments.demo-master.roles.permissions]]
actions = ["read"]
stages = ["PUBLISHED"]
locales = ["en"]
"#;

pub async fn with_roles(database: Database, replace: Vec<(&'static str, &'static str)>) -> World {
    World::planned(database, Plan { more_config: ROLES.to_owned(), replace, ..Plan::default() }).await
}

async fn ask(world: &World, connection: &str, more: &[(&str, &str)]) -> reqwest::Response {
    let by_id = [("subject_token", connection), ("subject_token_type", CONNECTION)];
    world.exchange(&[by_id.as_slice(), more].concat()).await
}

/// The claims of the token, whose answer says the same of it.
async fn claims(world: &World, connection: &str, more: &[(&str, &str)]) -> Value {
    let answer = ask(world, connection, more).await;
    let (status, body) = (answer.status(), answer.json::<Value>().await.expect("JSON"));
    assert_eq!(status, 200, "{body}");
    let claims = of(body["access_token"].as_str().expect("a token"));
    assert_eq!(
        (&body["scope"], &body["authorization_details"]),
        (&claims["scope"], &claims["authorization_details"])
    );
    claims
}

fn of(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("JSON")
}

/// As the claim writes them.
fn details(world: &World, permissions: &[Value]) -> Value {
    let detail = |permission: &Value| {
        let mut detail = permission.clone();
        detail["type"] = json!("content");
        detail["locations"] = json!([world.content_api_url()]);
        detail
    };
    permissions.iter().map(detail).collect()
}

#[rstest]
#[tokio::test]
async fn a_token_may_do_what_the_roles_of_its_person_say(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_roles(database, vec![]).await;
    let editors = world.connection().await;
    let readers = world.signed_in(READER).await.connect_as(APP, READER).await;
    let said = claims(&world, &editors, &[]).await;
    assert_eq!(said["scope"], "content:read content:write");
    let drafts = json!({
        "actions": ["create", "update"], "models": ["DemoModel23May20250843"], "stages": ["DRAFT"],
    });
    assert_eq!(said["authorization_details"], details(&world, &[json!({ "actions": ["read"] }), drafts]));
    let said = claims(&world, &readers, &[]).await;
    assert_eq!(said["scope"], "content:read");
    let published = json!({ "actions": ["read"], "stages": ["PUBLISHED"], "locales": ["en"] });
    assert_eq!(said["authorization_details"], details(&world, &[published]));
    let answer = ask(&world, &readers, &[("scope", "content:write")]).await;
    let sentence = refused(answer, 400, "invalid_scope").await;
    assert!(sentence.contains("`content:read`"), "{sentence}");
}

#[rstest]
#[tokio::test]
async fn who_has_no_role_reaches_nothing_and_roles_alone_name_accounts(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let nobody = ("accounts = \"any\"\n", "");
    let world = with_roles(database, vec![nobody]).await;
    let editors = world.connection().await;
    claims(&world, &editors, &[]).await;
    "left@sandbox.test".clone_into(&mut world.issuer.settings().people[0].email);
    world.signed_in(EDITOR).await;
    refused(ask(&world, &editors, &[]).await, 400, "invalid_target").await;
    let token = world.access_token(&editors).await;
    let viewed: Value = world.viewer(&token).await.json().await.expect("JSON");
    assert!(viewed["errors"].is_array(), "{viewed}");
}

#[rstest]
#[tokio::test]
async fn an_app_with_permissions_of_its_own_never_does_more(#[values(Sqlite, Postgres)] database: Database) {
    let bound = (
        "kind = \"native\"\n",
        "kind = \"native\"\npermissions = [{ actions = [\"read\", \"create\", \"publish\"], locales = [\"de\"] }]\n",
    );
    let world = with_roles(database, vec![bound]).await;
    let editors = world.connection().await;
    let said = claims(&world, &editors, &[]).await;
    let expected = [
        json!({ "actions": ["read"], "locales": ["de"] }),
        json!({
            "actions": ["create"], "models": ["DemoModel23May20250843"], "stages": ["DRAFT"], "locales": ["de"],
        }),
    ];
    assert_eq!(said["authorization_details"], details(&world, &expected));
    // What a reader may read is in English, and the app may not.
    let readers = world.signed_in(READER).await.connect_as(APP, READER).await;
    refused(ask(&world, &readers, &[]).await, 400, "invalid_target").await;
}

#[rstest]
#[tokio::test]
async fn tokens_that_cannot_be_narrowed_are_not_for_an_app_that_must_be(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let ask_there = ("strategy = \"mint\"", "strategy = \"ask\"\nmanagement_api_url = \"{platform}graphql\"");
    let bound = ("kind = \"native\"\n", "kind = \"native\"\npermissions = [{ actions = [\"read\"] }]\n");
    let world = World::planned(database, Plan { replace: vec![ask_there, bound], ..Plan::default() }).await;
    let connection = world.connection().await;
    refused(ask(&world, &connection, &[]).await, 400, "invalid_target").await;
    assert_eq!(world.platform.asked(), 0);
    let everything = world.config.replace(
        "permissions = [{ actions = [\"read\"] }]",
        "permissions = [{ actions = [\"read\", \"create\", \"update\", \"delete\", \"publish\", \"unpublish\"] }]",
    );
    world.restart(&everything).await;
    assert_eq!(ask(&world, &connection, &[]).await.status(), 200);
    let narrow = [("authorization_details", "[{\"type\":\"content\",\"actions\":[\"read\"]}]")];
    refused(ask(&world, &connection, &narrow).await, 400, "invalid_authorization_details").await;
}

#[rstest]
#[tokio::test]
async fn a_request_narrows_and_never_widens(#[values(Sqlite, Postgres)] database: Database) {
    let world = with_roles(database, vec![]).await;
    let editors = world.connection().await;
    let narrow = async |asked: Value, scope: &str| {
        let asked = asked.to_string();
        let form = [("authorization_details", asked.as_str()), ("scope", scope)];
        ask(&world, &editors, &form).await
    };
    let here = world.content_api_url();
    let drafts = json!([{
        "type": "content", "locations": [here], "actions": ["read", "create"],
        "models": ["DemoModel23May20250843"], "stages": ["DRAFT"], "condition": { "createdBy": { "id": "x" } },
    }]);
    // Covered by two permissions of the role together.
    let answer = narrow(drafts.clone(), "").await;
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["scope"], "content:read content:write");
    let said = of(body["access_token"].as_str().expect("a token"));
    assert_eq!(said["authorization_details"], body["authorization_details"]);
    assert!(said["authorization_details"].as_array().expect("a list").iter().all(|detail| {
        detail["models"] == json!(["DemoModel23May20250843"]) && detail["condition"]["createdBy"]["id"] == "x"
    }));
    let body: Value = narrow(drafts.clone(), "content:read").await.json().await.expect("JSON");
    assert_eq!(body["scope"], "content:read");
    assert_eq!(body["authorization_details"][0]["actions"], json!(["read"]));
    let detail = |actions: &[&str]| json!([{ "type": "content", "actions": actions }]);
    for (asked, scope, word) in [
        (detail(&["delete"]), "", "invalid_authorization_details"),
        (detail(&["read", "create"]), "", "invalid_authorization_details"),
        (detail(&["read"]), "content:write", "invalid_authorization_details"),
        (detail(&["read"]), "content:read openid", "invalid_scope"),
        (detail(&["rea\u{0}d"]), "", "invalid_authorization_details"),
        (json!([{ "type": "payment" }]), "", "invalid_authorization_details"),
        (json!({}), "", "invalid_authorization_details"),
        (
            json!([{ "type": "content", "actions": ["read"], "locations": ["https://elsewhere.test/"] }]),
            "",
            "invalid_authorization_details",
        ),
    ] {
        let said = refused(narrow(asked.clone(), scope).await, 400, word).await;
        assert!(!said.contains("elsewhere") && !said.contains("payment"), "{asked}: {said}");
    }
}

#[rstest]
#[tokio::test]
async fn a_token_is_kept_for_what_was_asked_and_only_while_it_would_be_the_same(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_roles(database, vec![]).await;
    let editors = world.connection().await;
    let read = [("authorization_details", "[{\"type\":\"content\",\"actions\":[\"read\"]}]")];
    let published = [(
        "authorization_details",
        "[{\"type\":\"content\",\"actions\":[\"read\"],\"stages\":[\"PUBLISHED\"]}]",
    )];
    let mut all = Vec::new();
    for _ in 0..2 {
        for asked in [[].as_slice(), &read, &published, &[("scope", "content:read")]] {
            all.push(claims(&world, &editors, asked).await["jti"].as_str().expect("an id").to_owned());
        }
    }
    let (first, again) = all.split_at(4);
    assert_eq!(first, again);
    let different: std::collections::BTreeSet<_> = first.iter().collect();
    assert_eq!(different.len(), 4);
    // A role that shrinks takes what is kept with it, on every path.
    let shrunk = world.config.replace("actions = [\"create\", \"update\"]", "actions = [\"create\"]");
    assert_ne!(shrunk, world.config);
    world.restart(&shrunk).await;
    let said = claims(&world, &editors, &[]).await;
    assert_ne!(said["jti"], first[0]);
    assert_eq!(said["authorization_details"][1]["actions"], json!(["create"]));
    assert_eq!(claims(&world, &editors, &[]).await["jti"], said["jti"], "and the new one is kept");
}

#[rstest]
#[tokio::test]
async fn what_a_role_permits_is_what_the_platform_lets_its_token_do(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_roles(database, vec![]).await;
    let editors = world.connection().await;
    let readers = world.signed_in(READER).await.connect_as(APP, READER).await;
    let token = async |connection: &str| {
        let body: Value = ask(&world, connection, &[]).await.json().await.expect("JSON");
        body["access_token"].as_str().expect("a token").to_owned()
    };
    let (editor, reader) = (token(&editors).await, token(&readers).await);
    let made: Value = world.create_entry(&editor).await.json().await.expect("JSON");
    let id = made["data"]["createDemoModel23May20250843"]["id"].as_str().expect("an id").to_owned();
    let query = async |token: &str, query: String| {
        let post = world.http.post(world.content_api_url()).bearer_auth(token);
        let answer = post.json(&json!({ "query": query })).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.expect("JSON"))
    };
    let publish = format!("mutation {{ publishDemoModel23May20250843(where: {{id: \"{id}\"}}) {{ id }} }}");
    let (_, refused) = query(&editor, publish).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "forbidden", "{refused}");
    let change = format!(
        "mutation {{ updateDemoModel23May20250843(where: {{id: \"{id}\"}}, data: {{title: \"B\"}}) {{ title }} }}"
    );
    let (_, changed) = query(&editor, change.clone()).await;
    assert_eq!(changed["data"]["updateDemoModel23May20250843"]["title"], "B", "{changed}");
    assert_eq!(query(&reader, change).await.0, 403);
    let list = |stage: &str| format!("{{ demoModel23May20250843S(stage: {stage}) {{ id }} }}");
    let (_, drafts) = query(&reader, list("DRAFT")).await;
    assert_eq!(drafts["errors"][0]["extensions"]["code"], "forbidden", "{drafts}");
    assert_eq!(query(&reader, list("PUBLISHED")).await.1["data"]["demoModel23May20250843S"], json!([]));
    assert_eq!(query(&editor, list("DRAFT")).await.1["data"]["demoModel23May20250843S"][0]["id"], json!(id));
}

#[rstest]
#[tokio::test]
async fn the_page_of_a_connection_says_what_its_content_tokens_may_do(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let named = ("[environments.demo-master]\n", "[environments.demo-master]\nenvironment_name = \"Live\"\n");
    let world = with_roles(database, vec![named]).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    for said in ["Live", "Read everything", "Create and update DemoModel23May20250843, in the stage DRAFT"] {
        assert!(page.says(said), "{said}: {}", page.text);
    }
}
