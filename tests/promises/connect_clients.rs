//! Apps of every kind: public clients, HTTP Basic, and issuers that are known by their URLs alone.

use attache::sandbox::issuer::{Client, ClientAuth};
use rstest::rstest;

use crate::world::{AUDIENCE, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World};

/// A world with one more app, and that app's client at the sandbox issuer.
async fn world_with(database: Database, more_config: &str, secret: Option<&str>, auth: ClientAuth) -> World {
    let plan = Plan { more_config: more_config.to_owned(), ..Plan::default() };
    let world = World::planned(database, plan).await;
    let callback = world.url("/connect/other/callback");
    let client = Client::new("other-client", "", &callback).allowed(AUDIENCE);
    world.issuer.add_client(Client { secret: secret.map(str::to_owned), auth, ..client });
    world
}

/// Connected, refreshed and revoked: all three authenticate the client.
async fn assert_lives(world: &World) {
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect("other").await;
    let (_, key) = world.make_caller("another function", &["other"]).await;
    let ask = || async {
        let request = world.http.post(world.url("/api/apps.auth.external.get")).bearer_auth(&key);
        let answer = request.form(&[("external_token_id", &connection)]).send().await.expect("an answer");
        answer.json::<serde_json::Value>().await.expect("JSON")
    };
    let first = ask().await;
    assert_eq!(first["ok"], true, "{first}");
    world.clock.advance(LIFETIME + 1);
    let second = ask().await;
    assert_eq!(second["ok"], true, "{second}");
    assert_ne!(first, second);
    person.stop(&connection).await;
    world.settle().await;
    assert_eq!(
        (world.status(&connection).await.as_str(), world.issuer.live_refresh_tokens()),
        ("revoked", 0)
    );
}

#[rstest]
#[tokio::test]
async fn a_public_client_lives_without_a_secret(#[values(Sqlite, Postgres)] database: Database) {
    let config = "[apps.other]\nname = \"Other\"\nkind = \"spa\"\nissuer = \"sandbox\"\nclient_id = \"other-client\"\n\
        scopes = [\"openid\", \"offline_access\"]\n";
    assert_lives(&world_with(database, config, None, ClientAuth::None).await).await;
}

#[rstest]
#[case::plain("other-s3cret")]
#[case::odd("s3cret/+ %:=&ü\\\"")]
#[tokio::test]
async fn a_client_authenticates_by_http_basic(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] secret: &str,
) {
    let quoted = secret.replace('\\', "\\\\").replace('"', "\\\"");
    let config = format!(
        "[apps.other]\nname = \"Other\"\nissuer = \"sandbox\"\nclient_id = \"other-client\"\n\
         client_secret = \"{quoted}\"\nclient_auth = \"basic\"\nscopes = [\"openid\", \"offline_access\"]\n"
    );
    assert_lives(&world_with(database, &config, Some(secret), ClientAuth::Basic).await).await;
}

#[rstest]
#[tokio::test]
async fn a_wrong_client_secret_is_the_operators_to_mend(#[values(Sqlite, Postgres)] database: Database) {
    let config = "[apps.other]\nname = \"Other\"\nissuer = \"sandbox\"\nclient_id = \"other-client\"\n\
        client_secret = \"mistyped-s3cret\"\nscopes = [\"openid\"]\n";
    let world = world_with(database, config, Some("other-s3cret"), ClientAuth::Body).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent("/connect/other", EDITOR).await;
    let page = person.get(callback.as_str()).await;
    assert_eq!(page.status, 502);
    assert!(page.says("operator") && page.says("not your fault") && !page.says("s3cret"), "{}", page.text);
    assert_eq!(world.rows("connections").await, 0);
}

const BY_URLS: &str = "[issuers.by-urls]\nname = \"By URLs\"\nauthorization_url = \"{issuer}authorize\"\n\
    token_url = \"{issuer}oauth/token\"\nrevocation_url = \"{issuer}oauth/revoke\"\n\
    [apps.other]\nname = \"Other\"\nissuer = \"by-urls\"\nclient_id = \"other-client\"\n\
    client_secret = \"other-s3cret\"\nscopes = [\"openid\", \"offline_access\"]\n";

#[rstest]
#[tokio::test]
async fn an_issuer_that_is_known_by_its_urls_serves(#[values(Sqlite, Postgres)] database: Database) {
    assert_lives(&world_with(database, BY_URLS, Some("other-s3cret"), ClientAuth::Body).await).await;
}

#[rstest]
#[tokio::test]
async fn an_issuer_without_identifier_names_nobody_and_the_page_says_so(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world_with(database, BY_URLS, Some("other-s3cret"), ClientAuth::Body).await;
    let person = world.signed_in(EDITOR).await;
    // Its ID tokens are not used: not even to say that this was another person.
    let connection = person.connect_as("other", READER).await;
    let pinned = world.column("SELECT external_subject FROM connections WHERE id = $1", &connection).await;
    assert_eq!(pinned.as_deref(), Some(""));
    let issuer = world.column("SELECT external_issuer FROM connections WHERE id = $1", &connection).await;
    let url = world.issuer.url();
    assert_eq!(issuer, Some(format!("{url}authorize {url}oauth/token")));
    let page = person.get(&format!("/account/connected-apps/{connection}")).await;
    assert!(page.says("Not pinned"), "{}", page.text);
    // One for each account and app: a second consent renews it.
    assert_eq!(person.connect_as("other", EDITOR).await, connection);
    world.settle().await;
    assert_eq!(world.rows("connections").await, 1);
    let others = world.signed_in(READER).await.connect_as("other", READER).await;
    assert_ne!(others, connection);
}

#[rstest]
#[tokio::test]
async fn an_app_that_asks_for_no_offline_access_connects_until_its_token_ends(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let config = "[apps.other]\nname = \"Other\"\nissuer = \"sandbox\"\nclient_id = \"other-client\"\n\
        client_secret = \"other-s3cret\"\nscopes = [\"openid\"]\n";
    let world = world_with(database, config, Some("other-s3cret"), ClientAuth::Body).await;
    let connection = world.signed_in(EDITOR).await.connect("other").await;
    let (_, key) = world.make_caller("another function", &["other"]).await;
    let ask = || async {
        let request = world.http.post(world.url("/api/apps.auth.external.get")).bearer_auth(&key);
        let answer = request.form(&[("external_token_id", &connection)]).send().await.expect("an answer");
        answer.json::<serde_json::Value>().await.expect("JSON")
    };
    assert_eq!(ask().await["ok"], true);
    world.clock.advance(LIFETIME + 1);
    let answer = ask().await;
    assert_eq!(
        (answer["ok"].as_bool(), answer["error"].as_str()),
        (Some(false), Some("no_refresh_token")),
        "{answer}"
    );
}

#[rstest]
#[tokio::test]
async fn an_app_that_is_gone_from_the_configuration_is_closed(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = world_with(database, BY_URLS, Some("other-s3cret"), ClientAuth::Body).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent("/connect/other", EDITOR).await;
    let without = world.config.split("[apps.other]").next().expect("the part before").to_owned();
    world.restart(&without).await;
    let csrf = person.get("/account/connected-apps").await.csrf();
    let pages = [
        person.get("/connect/other").await,
        person.post("/connect/other", &[("csrf", &csrf)]).await,
        person.get(callback.as_str()).await,
    ];
    for page in pages {
        assert_eq!(page.status, 400, "{}", page.text);
        assert!(
            page.says("not open for connecting") && page.says("href=\"/account/connected-apps\""),
            "{}",
            page.text
        );
    }
    assert_eq!((world.rows("connections").await, world.issuer.exchanges()), (0, 1));
}
