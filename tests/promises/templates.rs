//! Templates where they are used: the claims that an environment adds to its content tokens, what an operator is shown, and
//! tokens of a template alone.

use attache::account;
use attache::content::template::look_up::by_name;
use attache::content::template::mint::mint;
use attache::content::template::render::About;
use attache::operator::select::Person;
use attache::operator::{Command, run};
use attache::sandbox::issuer::UserinfoShape;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rstest::rstest;
use serde_json::{Value, json};

use crate::command_line::{Place, text};
use crate::world::{Database, EDITOR, Plan, Postgres, Sqlite, World, refused};

const BLOG: &str = r#"
[templates.blog]
audience = ["https://blog.test/"]
lifetime_seconds = 90
clock_skew_seconds = 10
[templates.blog.claims]
name = "{{user.full_name}}"
verified = "{{user.email_verified}}"
groups = "{{user.claims.groups || 'none'}}"
by = "{{session.actor}}"
fixed = { list = [1, "two"] }
"#;

fn plan(template: &str) -> Plan {
    let named = ("strategy = \"mint\"", "strategy = \"mint\"\ntemplate = \"blog\"");
    Plan { replace: vec![named], more_config: template.to_owned(), ..Plan::default() }
}

fn payload(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("a JWT")).expect("base64url");
    serde_json::from_slice(&payload).expect("JSON")
}

async fn content_token(world: &World, connection: &str) -> String {
    let subject = world.access_token(connection).await;
    let answer = world.exchange(&[("subject_token", &subject)]).await;
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}

#[rstest]
#[tokio::test]
async fn an_environments_template_adds_claims_and_changes_none_of_ours(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, plan(BLOG)).await;
    world.issuer.faults().userinfo_shape.next(UserinfoShape::With("groups", json!(["editors"])));
    let connection = world.connection().await;
    let (caller, _) = world.caller().await;
    let token = content_token(&world, &connection).await;
    let mut claims = payload(&token);
    let added = json!({
        "name": "Demo Editor",
        "verified": claims["verified"],
        "groups": ["editors"],
        "by": { "sub": caller },
        "fixed": { "list": [1, "two"] },
    });
    for (name, value) in added.as_object().expect("claims") {
        assert_eq!(claims.as_object_mut().expect("claims").remove(name).as_ref(), Some(value), "{name}");
    }
    let now = world.clock.now().unix();
    assert_eq!(claims["aud"], world.content_api_url());
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 300)));
    assert_eq!(claims["act"], json!({ "sub": caller }));
    // The platform, which knows nothing of templates, takes it as ever.
    let written: Value = world.create_entry(&token).await.json().await.expect("JSON");
    assert!(written.get("errors").is_none(), "{written}");
    // By GraphQL the bearer asks, and nobody acts for them.
    let viewer = world.viewer(&world.access_token(&connection).await).await;
    let viewer: Value = viewer.json().await.expect("JSON");
    let token = viewer.pointer("/data/_viewer/project/environment/authToken").and_then(Value::as_str);
    let claims = payload(token.unwrap_or_else(|| panic!("{viewer}")));
    assert_eq!((&claims["name"], &claims["by"]), (&json!("Demo Editor"), &Value::Null));
}

#[rstest]
#[tokio::test]
async fn every_server_goes_by_the_file_that_was_read_last_and_no_token_of_before_is_given_again(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, plan(BLOG)).await;
    let connection = world.connection().await;
    let first = content_token(&world, &connection).await;
    world.restart(&world.config).await;
    assert_eq!(content_token(&world, &connection).await, first, "nothing has changed");
    let changed = world.config.replace("\"two\"", "\"three\"");
    world.restart(&changed).await;
    let second = content_token(&world, &connection).await;
    assert_eq!(payload(&second)["fixed"]["list"], json!([1, "three"]));
    let without = changed.replace("\ntemplate = \"blog\"", "");
    world.restart(&without).await;
    assert_eq!(payload(&content_token(&world, &connection).await).get("fixed"), None);
    let at = without.find("[templates.blog]").expect("a template");
    world.restart(&without[..at]).await;
    let status = async || world.column("SELECT status FROM templates WHERE name = $1", "blog").await;
    assert_eq!(status().await.as_deref(), Some("suspended"));
    world.restart(&changed).await;
    assert_eq!(status().await.as_deref(), Some("active"));
    assert_eq!(payload(&content_token(&world, &connection).await)["fixed"], payload(&second)["fixed"]);
}

#[rstest]
#[tokio::test]
async fn claims_that_would_fit_no_header_are_refused_by_a_sentence_and_nothing_is_kept(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, plan(BLOG)).await;
    let long = json!(vec!["x".repeat(100); 90]);
    world.issuer.faults().userinfo_shape.next(UserinfoShape::With("groups", long));
    let connection = world.connection().await;
    let subject = world.access_token(&connection).await;
    let sentence =
        refused(world.exchange(&[("subject_token", &subject)]).await, 400, "invalid_request").await;
    assert!(sentence.contains("`blog`") && sentence.contains("8192"), "{sentence}");
    assert_eq!(world.rows("content_tokens").await, 0);
    let viewer: Value = world.viewer(&subject).await.json().await.expect("JSON");
    assert_eq!(viewer["errors"][0]["extensions"]["code"], "template_refused", "{viewer}");
    // The grant is none the worse for it.
    world.signed_in(EDITOR).await;
    assert_eq!(payload(&content_token(&world, &connection).await)["groups"], "none");
}

#[rstest]
#[tokio::test]
async fn a_token_of_a_template_alone_is_signed_with_its_own_times_and_audience(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::planned(database, plan(BLOG)).await;
    let connection = world.connection().await;
    let id = world.column("SELECT account_id FROM connections WHERE id = $1", &connection).await;
    let id = id.expect("an account");
    let account = account::by_id(&world.broker, &id).await.expect("an answer").expect("an account");
    let template = by_name(&world.broker, "blog").await.expect("an answer").expect("a template");
    let about = About { account: &account, actor: None };
    let (token, ends) = mint(&world.broker, &template, about, "https://app.example.com").expect("a token");
    let now = world.clock.now();
    assert_eq!(ends, now.plus(90));
    let claims = payload(token.expose());
    let expected = json!({
        "iss": world.public_url, "sub": id, "aud": ["https://blog.test/"],
        "iat": now.unix(), "nbf": now.unix() - 10, "exp": now.unix() + 90, "jti": claims["jti"],
        "azp": "https://app.example.com",
        "name": "Demo Editor", "verified": claims["verified"], "groups": "none", "by": null,
        "fixed": { "list": [1, "two"] },
    });
    assert_eq!(claims, expected);
    assert!(by_name(&world.broker, "elsewhere").await.expect("an answer").is_none());
}

#[rstest]
#[tokio::test]
async fn an_operator_sees_what_would_be_signed_for_whom(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::planned(database, plan(BLOG)).await;
    world.signed_in(EDITOR).await;
    let listed = run(&world.broker, Command::ListTemplates).await.expect("a list");
    assert_eq!(listed.lines, ["blog\t-\t90 s\thttps://blog.test/\tenvironments demo-master"]);
    let preview = async |definition: Value, who: &str| {
        let definition = Box::new(serde_json::from_value(definition).expect("a definition"));
        let person = Person { issuer: None, who: who.to_owned() };
        run(&world.broker, Command::PreviewTemplate { name: "draft".to_owned(), definition, person }).await
    };
    let shown = preview(json!({ "claims": { "id": "{{user.external_id}}" } }), EDITOR).await.expect("claims");
    let claims: Value = serde_json::from_str(&shown.lines.join("\n")).expect("JSON");
    assert_eq!((&claims["id"], &claims["iss"]), (&json!(EDITOR), &json!(world.public_url)));
    assert_eq!(claims["exp"].as_i64().expect("exp") - claims["nbf"].as_i64().expect("nbf"), 65);
    let unknown = preview(json!({}), "nobody").await.expect_err("nobody");
    assert!(unknown.to_string().contains("nobody"), "{unknown}");
    let wrong = preview(json!({ "claims": { "sub": 1 } }), EDITOR).await.expect_err("a fault");
    assert!(wrong.to_string().contains("templates.draft.claims.sub"), "{wrong}");
}

#[tokio::test]
async fn a_preview_goes_by_the_file_and_names_what_is_not_there() {
    let place = Place::new();
    let unknown = place.run(&["template", "preview", "blog", "--account", "somebody"]);
    assert!(!unknown.status.success());
    assert!(text(&unknown.stderr).contains("[templates.blog]"), "{}", text(&unknown.stderr));
    place.replace(
        "[apps.content-writer]",
        "[templates.blog.claims]\nid = \"{{user.id}}\"\n[apps.content-writer]",
    );
    let nobody = place.run(&["template", "preview", "blog", "--account", "somebody"]);
    assert!(text(&nobody.stderr).contains("somebody"), "{}", text(&nobody.stderr));
    place.replace("{{user.id}}", "{{user.nickname}}");
    let wrong = place.run(&["template", "preview", "blog", "--account", "somebody"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).starts_with("templates.blog.claims.id: "), "{}", text(&wrong.stderr));
}
