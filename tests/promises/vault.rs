//! Sealing: with another key nothing starts, and no sealed value opens anywhere but where it was put.

use attache::config::Config;
use attache::secret::Token;
use attache::start::{StartError, start};
use attache::vault::{DataKey, MasterKey, Place, Sealed, Vault, VaultError, WrappedKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rstest::rstest;
use serde_json::json;

use crate::world::{APP, Database, MASTER_KEY, Postgres, Sqlite, World, open};

const ANOTHER_KEY: &str = "YW5vdGhlciBtYXN0ZXIga2V5IG9mIDMyIGJ5dGVzISE=";

async fn try_start(world: &World, config: &str) -> Result<(), StartError> {
    let config = Config::parse(config, []).expect("a good configuration");
    start(config, world.clock.clone()).await.map(drop)
}

/// Every row of the tables that a start writes to, as text.
async fn rows(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT kid || purpose || master_kid || wrapped FROM vault_keys WHERE kid <> $1 ORDER BY kid",
        "SELECT id || status || name || updated_at FROM apps WHERE id <> $1 ORDER BY id",
        "SELECT id || key || name || updated_at FROM issuers WHERE id <> $1 ORDER BY id",
        "SELECT id || status || updated_at FROM environments WHERE id <> $1 ORDER BY id",
        "SELECT kid || status FROM signing_keys WHERE kid <> $1 ORDER BY kid",
    ] {
        use sqlx::Row;
        let found = sqlx::query(sql).bind("").fetch_all(&world.broker.db.pool).await.expect("a query");
        all.extend(found.iter().map(|row| row.get::<String, _>(0)));
    }
    all
}

async fn execute(world: &World, sql: &'static str) {
    world.change(sqlx::query(sql)).await;
}

#[rstest]
#[tokio::test]
async fn with_another_master_key_nothing_starts_and_nothing_is_changed(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.connection().await;
    let before = rows(&world).await;
    assert!(before.len() >= 6, "{before:?}");
    world.clock.advance(60);
    let config = world.config.replace(MASTER_KEY, ANOTHER_KEY).replace("Content Writer", "Changed");
    let refused = try_start(&world, &config).await.expect_err("a refusal");
    assert!(matches!(refused, StartError::Vault(VaultError::WrongMasterKey)), "{refused:?}");
    let sentence = refused.to_string();
    assert!(sentence.starts_with("vault.master_key: "), "{sentence}");
    assert!(!sentence.contains(ANOTHER_KEY) && !format!("{refused:?}").contains(ANOTHER_KEY));
    assert_eq!(rows(&world).await, before);
}

#[rstest]
#[case::all("DELETE FROM vault_keys WHERE purpose <> 'app'")]
#[case::check("DELETE FROM vault_keys WHERE purpose = 'check'")]
#[case::house("DELETE FROM vault_keys WHERE purpose = 'house'")]
#[tokio::test]
async fn a_database_that_lost_its_keys_does_not_start_as_if_it_were_new(
    #[case] loss: &'static str,
    #[values(MASTER_KEY, ANOTHER_KEY)] key: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    world.connection().await;
    // The signing keys name the house key; without the reference the row can go.
    execute(&world, "DELETE FROM signing_keys").await;
    execute(&world, loss).await;
    let before = rows(&world).await;
    let refused = try_start(&world, &world.config.replace(MASTER_KEY, key)).await.expect_err("a refusal");
    assert!(matches!(refused, StartError::Vault(_)), "{refused:?}");
    assert!(refused.to_string().starts_with("vault.master_key: "), "{refused}");
    assert_eq!(rows(&world).await, before);
}

#[rstest]
#[tokio::test]
async fn with_the_same_key_everything_opens_again(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let token = world.access_token(&connection).await;
    let before = world.broker.signing_keys.key_set();
    let again = open(&world.config, &world.clock).await;
    assert_eq!(again.signing_keys.key_set(), before);
    let (_, key) = world.make_caller("after_the_restart", &[APP]).await;
    let demand = attache::access::decide::Demand { min_ttl: 60, force_refresh: false };
    let handed = attache::access::hand_out::access_token(&again, &Token::new(key), &connection, demand).await;
    assert_eq!(handed.expect("a token").token.expose(), token);
}

#[rstest]
#[case::another_row(
    "UPDATE connections SET access_token = (SELECT access_token FROM connections WHERE id = $1) WHERE id = $2"
)]
#[case::another_row_with_its_key(
    "UPDATE connections SET access_token = (SELECT access_token FROM connections WHERE id = $1), \
     data_kid = (SELECT data_kid FROM connections WHERE id = $1) WHERE id = $2"
)]
#[case::another_column("UPDATE connections SET access_token = refresh_token WHERE id <> $1 AND id = $2")]
#[case::another_generation("UPDATE connections SET generation = generation + 1 WHERE id <> $1 AND id = $2")]
#[case::another_account(
    "UPDATE connections SET account_id = (SELECT account_id FROM connections WHERE id = $1), \
     external_subject = 'moved' WHERE id = $2"
)]
#[tokio::test]
async fn a_sealed_token_that_was_moved_is_handed_to_nobody(
    #[case] sql: &'static str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let from = world.connection().await;
    let to = world.signed_in(crate::world::READER).await.connect_as(APP, crate::world::READER).await;
    let good = world.access_token(&from).await;
    world.change(sqlx::query(sql).bind(&from).bind(&to)).await;
    let answer = world.get(&to).await;
    assert_eq!(
        (answer["error"].as_str(), answer["state"].as_str()),
        (Some("access_token_exchange_failed"), Some("damaged")),
        "{answer}"
    );
    assert!(!answer.to_string().contains(&good));
    // Nothing that is asked again at once, for it will be the same.
    assert_eq!(world.v1_token(&to, &json!({})).await.status(), 409);
    assert_eq!(world.access_token(&from).await, good);
}

#[rstest]
#[tokio::test]
async fn a_client_secret_that_was_moved_to_another_app_is_sent_to_nobody(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.change(sqlx::query("UPDATE apps SET client_id = 'another-client'")).await;
    world.clock.advance(crate::world::LIFETIME + 1);
    assert_eq!(world.get(&connection).await["ok"], false);
    assert_eq!(world.issuer.refreshes(), 0);
}

fn key() -> (Vault, DataKey) {
    let vault = Vault::new(MasterKey::parse(&Token::new(MASTER_KEY)).expect("a key"));
    let (key, _) = vault.new_data_key().expect("a data key");
    (vault, key)
}

#[test]
fn a_sealed_value_opens_where_it_was_put_and_with_any_bit_changed_nowhere() {
    let (_, key) = key();
    let place = Place::new("connections", "access_token", "Et1", &["ac_1", "app_1", "1"]);
    let sealed = key.seal(&place, &Token::new("s3cret")).expect("a seal");
    assert_eq!(key.open(&place, &sealed).expect("open").expose(), "s3cret");
    assert!(!sealed.0.contains("s3cret"));
    let (begin, ciphertext) = sealed.0.rsplit_once('.').expect("three parts");
    let bytes = URL_SAFE_NO_PAD.decode(ciphertext).expect("base64url");
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = Sealed(format!("{begin}.{}", URL_SAFE_NO_PAD.encode(changed)));
        assert_eq!(key.open(&place, &changed).expect_err("a refusal"), VaultError::DoesNotOpen, "bit {bit}");
    }
    for cut in 0..sealed.0.len() {
        assert!(key.open(&place, &Sealed(sealed.0[..cut].to_owned())).is_err(), "cut at {cut}");
    }
    let again = key.seal(&place, &Token::new("s3cret")).expect("a seal");
    assert_ne!(again.0, sealed.0, "the same secret twice must not look the same");
}

#[test]
fn a_sealed_value_opens_in_no_other_place_and_with_no_other_key() {
    let (vault, key) = key();
    let place = Place::new("connections", "access_token", "Et1", &["ac_1", "app_1", "1"]);
    let sealed = key.seal(&place, &Token::new("s3cret")).expect("a seal");
    let others = [
        Place::new("apps", "access_token", "Et1", &["ac_1", "app_1", "1"]),
        Place::new("connections", "refresh_token", "Et1", &["ac_1", "app_1", "1"]),
        Place::new("connections", "access_token", "Et2", &["ac_1", "app_1", "1"]),
        Place::new("connections", "access_token", "Et1", &["ac_2", "app_1", "1"]),
        Place::new("connections", "access_token", "Et1", &["ac_1", "app_2", "1"]),
        Place::new("connections", "access_token", "Et1", &["ac_1", "app_1", "2"]),
        Place::new("connections", "access_token", "Et1", &["ac_1", "app_1"]),
        Place::new("connections", "access_token", "Et1", &["ac_1", "app_11"]),
        Place::new("connections", "access_token", "Et1", &["ac_1app_1", "1"]),
    ];
    for other in others {
        assert!(key.open(&other, &sealed).is_err(), "{other:?}");
    }
    let (other_key, _) = vault.new_data_key().expect("a data key");
    assert!(other_key.open(&place, &sealed).is_err());
    let renamed = Sealed(sealed.0.replace(key.kid(), other_key.kid()));
    assert!(other_key.open(&place, &renamed).is_err());
}

#[test]
fn a_data_key_unwraps_only_with_its_own_master_key_and_name() {
    let (vault, _) = key();
    let (_, wrapped) = vault.new_data_key().expect("a data key");
    assert!(vault.unwrap(&wrapped).is_ok());
    let another = Vault::new(MasterKey::parse(&Token::new(ANOTHER_KEY)).expect("a key"));
    assert_eq!(another.unwrap(&wrapped).expect_err("a refusal"), VaultError::UnknownMasterKey);
    let mut forged = wrapped.clone();
    forged.master_kid = another.master_kid().to_owned();
    assert!(another.unwrap(&forged).is_err());
    let mut renamed = wrapped.clone();
    renamed.kid.push('x');
    assert!(vault.unwrap(&renamed).is_err());
    let bytes = URL_SAFE_NO_PAD.decode(&wrapped.wrapped).expect("base64url");
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = WrappedKey { wrapped: URL_SAFE_NO_PAD.encode(changed), ..wrapped.clone() };
        assert_eq!(vault.unwrap(&changed).expect_err("a refusal"), VaultError::DoesNotOpen, "bit {bit}");
        assert!(vault.rewrap(&changed).is_err(), "what does not open is not sealed anew");
    }
}

#[rstest]
#[case("")]
#[case("c2hvcnQ=")]
#[case("not base64 at all, but of a good length......")]
#[case("YW5vdGhlciBtYXN0ZXIga2V5IG9mIDMyIGJ5dGVzISEh")]
fn what_is_no_key_of_32_bytes_is_refused(#[case] text: &str) {
    assert_eq!(MasterKey::parse(&Token::new(text)).expect_err("a refusal"), VaultError::MalformedMasterKey);
}

#[test]
fn no_debug_form_shows_a_secret() {
    let (vault, key) = key();
    let master = MasterKey::parse(&Token::new(MASTER_KEY)).expect("a key");
    let token = Token::new("s3cret");
    let said = format!("{token:?} {:?} {vault:?} {key:?} {master:?}", Some(&token));
    assert_eq!(said.matches("redacted").count(), 2, "{said}");
    assert!(!said.contains("s3cret") && !said.contains(MASTER_KEY), "{said}");
}
