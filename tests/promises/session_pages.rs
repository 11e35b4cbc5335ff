//! Pages of the platform beside their tokens: people come back to them, and see and stop there what they have connected.

use std::collections::BTreeSet;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::person::Person;
use crate::session_tokens::{LISTED, ask, with_pages};
use crate::world::{Database, EDITOR, Postgres, READER, Sqlite};

#[rstest]
#[tokio::test]
async fn a_page_of_the_platform_gets_its_person_back_from_sign_in_and_connect(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_pages(database).await;
    let person = Person::new(&world);
    let page = "https://app.example.com/home?tab=2";
    let encoded: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
    let path = format!("/sign-in?return_to={encoded}");
    let callback = person.sign_in_up_to_the_callback(EDITOR, &path).await;
    let back = person.get(callback.as_str()).await.location().expect("a way back");
    assert_eq!(back.as_str(), page);
    // Whoever is signed in already goes straight on.
    assert_eq!(person.get(&path).await.location().expect("a way back").as_str(), page);
    for evil in [
        "https://evil.example/",
        "https://app.example.com.evil.example/",
        "https://app.example.com@evil.example/",
    ] {
        let there = person.get(&format!("/sign-in?return_to={evil}")).await.location().expect("a way");
        assert_eq!(there.path(), "/account/connected-apps", "{evil}");
        assert!(there.as_str().starts_with(&world.public_url), "{evil}: {there}");
    }
    let connect = format!("/connect/{}?redirect_uri={encoded}&state=s1", crate::world::APP);
    let callback = person.consent(&connect, EDITOR).await;
    let back = person.get(callback.as_str()).await.location().expect("a way back");
    assert!(back.as_str().starts_with("https://app.example.com/home?tab=2&"), "{back}");
    let told: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    assert!(told.contains(&("state".to_owned(), "s1".to_owned())), "{back}");
    assert!(told.iter().any(|(name, value)| name == "connection" && value.starts_with("Et")), "{back}");
    let evil =
        person.get(&format!("/connect/{}?redirect_uri=https://evil.example/", crate::world::APP)).await;
    assert_eq!(evil.status, 400);
}

#[rstest]
#[tokio::test]
async fn a_page_of_the_platform_shows_what_its_person_connected_and_stops_it(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = with_pages(database).await;
    let connection = world.connection().await;
    let person = world.signed_in(EDITOR).await;
    let path = "/v1/session/connections";
    let list = async |person: &Person<'_>| -> Value {
        let page = ask(person, &world, Method::GET, path, LISTED).await;
        serde_json::from_str(&page.text).expect("JSON")
    };
    let listed = list(&person).await;
    let one = &listed["connections"][0];
    assert_eq!((&one["id"], &one["state"]), (&json!(connection), &json!("active")));
    assert_eq!(one["app"]["key"], crate::world::APP);
    let members: BTreeSet<&str> = one.as_object().expect("one").keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["app", "connected_at", "id", "last_used_at", "state"]));
    let stranger = world.signed_in(READER).await;
    assert_eq!(list(&stranger).await, json!({ "connections": [] }));
    let stop = format!("{path}/{connection}/revoke");
    assert_eq!(ask(&stranger, &world, Method::POST, &stop, LISTED).await.status, 404);
    assert_eq!(ask(&Person::new(&world), &world, Method::POST, &stop, LISTED).await.status, 401);
    assert_eq!(ask(&person, &world, Method::POST, &stop, "https://evil.example").await.status, 403);
    for id in ["Etnone", "%00", "a%2fb"] {
        let none = ask(&person, &world, Method::POST, &format!("{path}/{id}/revoke"), LISTED).await;
        assert_eq!(none.status, 404, "{id}");
    }
    assert_eq!(list(&person).await["connections"][0]["state"], "active", "nothing has ended it");
    for _ in 0..2 {
        let stopped = ask(&person, &world, Method::POST, &stop, LISTED).await;
        let stopped: Value = serde_json::from_str(&stopped.text).expect("JSON");
        let state = stopped["connection"]["state"].as_str().expect("a state");
        assert!(["revoking", "revoked"].contains(&state), "{stopped}");
    }
    assert_eq!(list(&person).await, json!({ "connections": [] }));
    assert_eq!(world.get(&connection).await["ok"], false);
}
