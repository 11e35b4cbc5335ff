//! What a person chose with their consent: for how long and where. Held to at every hand-out, and changeable.

use attache::consent::choose::end_due;
use rstest::rstest;
use serde_json::{Value, json};

use crate::person::Person;
use crate::world::{APP, Database, EDITOR, LIFETIME, Postgres, Sqlite, World, refused};

const DAY: i64 = 86_400;

/// Connects with these fields in the form; the connection's id.
async fn connect_with(person: &Person<'_>, path: &str, fields: &[(&str, &str)]) -> String {
    let page = person.get(path).await;
    let mut form = vec![("csrf".to_owned(), page.csrf())];
    form.extend(page.field("connection").map(|id| ("connection".to_owned(), id)));
    form.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let action = path.split('?').next().expect("a path");
    let authorize = person.post(action, &form).await.location().expect("the issuer");
    let callback = person.agree(&authorize, EDITOR).await;
    let connected = person.get(callback.as_str()).await.location().expect("the list");
    connected.query_pairs().find(|(name, _)| name == "connected").expect("an id").1.into_owned()
}

/// The name of the field of the one environment.
async fn field(world: &World) -> String {
    let id = world.column("SELECT id FROM environments WHERE status = $1", "active").await;
    format!("at-{}", id.expect("an environment"))
}

async fn change(person: &Person<'_>, connection: &str, fields: &[(&str, &str)]) {
    let path = format!("/account/connected-apps/{connection}");
    let csrf = person.get(&path).await.csrf();
    let form = [&[("csrf", csrf.as_str())], fields].concat();
    let answer = person.post(&format!("{path}/consent"), &form).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert!(person.follow(answer).await.says("Saved. It holds from now on."));
}

async fn scope(world: &World, connection: &str, asked: &[(&str, &str)]) -> Value {
    let subject = [
        ("subject_token", connection),
        ("subject_token_type", "urn:attache:params:oauth:token-type:connection"),
    ];
    let answer = world.exchange(&[&subject, asked].concat()).await;
    assert_eq!(answer.status(), 200);
    answer.json::<Value>().await.expect("JSON")["scope"].clone()
}

#[rstest]
#[tokio::test]
async fn a_consent_for_a_day_ends_by_itself_and_the_issuer_is_told(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = connect_with(&person, &format!("/connect/{APP}"), &[("lasts", "one_day")]).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("or until you stop it."), "{}", page.text);
    let token = world.access_token(&connection).await;
    end_due(&world.broker).await.expect("an end");
    assert_eq!(world.status(&connection).await, "active");
    world.clock.advance(DAY);
    // Before anybody swept.
    assert_eq!(world.get(&connection).await["error"], "token_not_found");
    assert_eq!(world.v1_token(&connection, &json!({})).await.status(), 404);
    assert_eq!(world.viewer(&token).await.status(), 401);
    end_due(&world.broker).await.expect("an end");
    world.settle().await;
    assert_eq!(
        (world.status(&connection).await.as_str(), world.issuer.live_refresh_tokens()),
        ("revoked", 0)
    );
    let person = world.signed_in(EDITOR).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(
        page.says("The time that you gave it was over.") && page.says("Sandbox confirmed."),
        "{}",
        page.text
    );
}

#[rstest]
#[tokio::test]
async fn thirty_days_are_thirty_days_and_can_be_changed(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = connect_with(&person, &format!("/connect/{APP}"), &[("lasts", "thirty_days")]).await;
    world.clock.advance(30 * DAY - 1);
    let person = world.signed_in(EDITOR).await;
    change(&person, &connection, &[("lasts", "until_stopped")]).await;
    world.clock.advance(2);
    end_due(&world.broker).await.expect("an end");
    assert_ne!(world.status(&connection).await, "revoked");
    change(&person, &connection, &[("lasts", "one_day")]).await;
    change(&person, &connection, &[("lasts", "as_before")]).await;
    world.clock.advance(DAY);
    end_due(&world.broker).await.expect("an end");
    world.settle().await;
    assert_eq!(world.status(&connection).await, "revoked");
}

#[rstest]
#[tokio::test]
async fn reconnecting_keeps_what_was_chosen_unless_it_is_chosen_anew(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let field = field(&world).await;
    let chosen = [("lasts", "one_day"), (field.as_str(), "read")];
    let connection = connect_with(&person, &format!("/connect/{APP}"), &chosen).await;
    let again = format!("/connect/{APP}?connection={connection}");
    assert_eq!(connect_with(&person, &again, &[]).await, connection);
    assert_eq!(scope(&world, &connection, &[]).await, "content:read");
    let chosen = [("lasts", "until_stopped"), (field.as_str(), "write")];
    assert_eq!(connect_with(&person, &again, &chosen).await, connection);
    assert_eq!(scope(&world, &connection, &[]).await, "content:read content:write");
    world.clock.advance(2 * DAY);
    end_due(&world.broker).await.expect("an end");
    assert_ne!(world.status(&connection).await, "revoked");
}

#[rstest]
#[tokio::test]
async fn who_may_only_read_there_is_given_nothing_to_write_with_on_any_path(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    // Kept from before the change, for whoever asks for nothing.
    assert_eq!(scope(&world, &connection, &[]).await, "content:read content:write");
    let field = field(&world).await;
    change(&person, &connection, &[(&field, "read")]).await;
    assert_eq!(scope(&world, &connection, &[]).await, "content:read");
    assert_eq!(scope(&world, &connection, &[("scope", "content:read")]).await, "content:read");
    let write = [
        ("subject_token", connection.as_str()),
        ("subject_token_type", "urn:attache:params:oauth:token-type:connection"),
        ("scope", "content:write"),
    ];
    let said = refused(world.exchange(&write).await, 400, "invalid_scope").await;
    assert_eq!(said, "The person lets this app read there and no more; ask for `content:read`.");
    let token = world.access_token(&connection).await;
    let viewed: Value = world.viewer(&token).await.json().await.expect("JSON");
    let content_token = viewed.pointer("/data/_viewer/project/environment/authToken").and_then(Value::as_str);
    let written = world.create_entry(content_token.expect("a token to read with")).await;
    let written: Value = written.json().await.expect("JSON");
    assert!(written["errors"].is_array(), "{written}");
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Only read"), "{}", page.text);
}

#[rstest]
#[tokio::test]
async fn an_environment_that_the_person_left_out_is_not_there_for_the_app(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let field = field(&world).await;
    let connection = connect_with(&person, &format!("/connect/{APP}"), &[(&field, "none")]).await;
    let by_id = [
        ("subject_token", connection.as_str()),
        ("subject_token_type", "urn:attache:params:oauth:token-type:connection"),
    ];
    refused(world.exchange(&by_id).await, 400, "invalid_target").await;
    let token = world.access_token(&connection).await;
    let viewed: Value = world.viewer(&token).await.json().await.expect("JSON");
    assert!(
        viewed["errors"].is_array() && viewed.pointer("/data/_viewer/project/environment").is_none(),
        "{viewed}"
    );
    change(&person, &connection, &[(&field, "write")]).await;
    assert_eq!(scope(&world, &connection, &[]).await, "content:read content:write");
}

#[rstest]
#[tokio::test]
async fn what_is_minted_ends_with_the_consent(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = connect_with(&person, &format!("/connect/{APP}"), &[("lasts", "one_day")]).await;
    world.clock.advance(DAY - 60);
    let subject = [
        ("subject_token", connection.as_str()),
        ("subject_token_type", "urn:attache:params:oauth:token-type:connection"),
    ];
    let minted: Value = world.exchange(&subject).await.json().await.expect("JSON");
    assert!(minted["expires_in"].as_i64().is_some_and(|seconds| seconds <= 60), "{minted}");
}

#[rstest]
#[tokio::test]
async fn a_choice_that_there_is_not_is_refused_and_nothing_changes(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let path = format!("/account/connected-apps/{connection}");
    let csrf = person.get(&path).await.csrf();
    let field = field(&world).await;
    for odd in [("lasts", "for_ever"), (field.as_str(), "admin")] {
        let answer = person.post(&format!("{path}/consent"), &[("csrf", &csrf), odd]).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    world.clock.advance(LIFETIME + 1);
    assert_eq!(scope(&world, &connection, &[]).await, "content:read content:write");
    let reader = world.signed_in(crate::world::READER).await;
    let csrf = reader.get("/account/connected-apps").await.csrf();
    let stranger = reader.post(&format!("{path}/consent"), &[("csrf", &csrf), ("lasts", "one_day")]).await;
    assert_eq!(stranger.status, 404);
}
