//! What the app of a Slack manifest is granted, and to whom.

use attache::sandbox::issuer::{ClientAuth, TokenShape};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::slack_manifest::{
    axum_serve, connect, external_subject, get, import, manifest, options, register, world_with,
};
use crate::world::{Database, EDITOR, LIFETIME, Postgres, Sqlite, World};

#[rstest]
#[tokio::test]
async fn fewer_scopes_than_the_app_needs_are_refused(
    #[values("openid", "openid,profile,offline_access", "openid+profile+email+offline_access")] granted: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    register(&world, ClientAuth::Body);
    import(&world, &manifest(&world)).await.expect("an import");
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent("/connect/hygraph", EDITOR).await;
    world.issuer.faults().token_shape.next(TokenShape::With("scope", json!(granted)));
    let page = person.get(callback.as_str()).await;
    assert!(
        page.status == 400 && page.says("Not all of the permissions that the app needs"),
        "{}",
        page.text
    );
    assert_eq!(world.column("SELECT id FROM connections WHERE id <> $1", "").await, None);
}

#[rstest]
#[case::as_asked(json!("openid profile email offline_access"))]
#[case::more(json!("openid profile email offline_access admin"))]
#[case::by_commas(json!("openid,profile, email,offline_access"))]
#[case::as_a_list(json!(["openid", "profile", "email", "offline_access"]))]
#[case::a_refresh_token_proves_the_rest(json!("openid profile email"))]
#[case::not_said(json!(null))]
#[tokio::test]
async fn what_the_app_needs_is_enough_however_it_is_written(
    #[case] granted: Value,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    register(&world, ClientAuth::Body);
    import(&world, &manifest(&world)).await.expect("an import");
    world.issuer.faults().token_shape.always(TokenShape::With("scope", granted));
    let connection = connect(&world, EDITOR).await;
    let granted = world.column("SELECT granted_scopes FROM connections WHERE id = $1", &connection).await;
    let granted = granted.expect("scopes");
    for scope in ["openid", "profile", "email", "offline_access"] {
        assert!(granted.split(' ').any(|one| one == scope), "{granted}");
    }
    world.clock.advance(LIFETIME);
    assert_eq!(get(&world, &connection).await["ok"], true);
    let person = world.signed_in(EDITOR).await;
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(!page.says("It asked for more"), "{}", page.text);
}

/// An identity endpoint that answers with this text.
async fn raw_identity_endpoint(answer: String) -> String {
    let endpoint = move || {
        let answer = answer.clone();
        async move { ([("content-type", "application/json")], answer) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(axum_serve(listener, axum::Router::new().fallback(endpoint)));
    origin
}

#[rstest]
#[tokio::test]
async fn two_great_numbers_are_two_people(
    #[values("9007199254740993", "18446744073709551617", "123456789012345678901234567890")] number: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let origin = raw_identity_endpoint(format!(r#"{{ "data": {{ "id": {number} }}, "id": 1 }}"#)).await;
    let world = world_with(&origin, database).await;
    let mut manifest = manifest(&world);
    options(&mut manifest)["identity_config"] = json!({ "url": origin, "account_identifier": "$.data.id" });
    import(&world, &manifest).await.expect("an import");
    let connection = connect(&world, EDITOR).await;
    assert_eq!(external_subject(&world, &connection).await, number, "digit by digit");
}
