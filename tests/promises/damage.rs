//! A row that was altered is named and serves nobody; everything else goes on.

use attache::operator::vault::Looked;
use attache::operator::{Command, run};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rstest::rstest;
use serde_json::json;

use crate::world::{APP, Database, LIFETIME, Postgres, READER, Sqlite, World};

/// What a look at everything that is sealed says, and how much of it does not open.
async fn look(world: &World) -> (Vec<String>, usize) {
    let (mut lines, mut looked) = (Vec::new(), Looked::default());
    loop {
        let answer = run(&world.broker, Command::LookIntoVault { looked }).await.expect("a look");
        lines.extend(answer.lines);
        match answer.next {
            None => return (lines, answer.troubles),
            Some(next) => looked = serde_json::from_str(&next).expect("a cursor"),
        }
    }
}

/// The same with one bit of the ciphertext changed.
fn flipped(sealed: &str, bit: usize) -> String {
    let (begin, ciphertext) = sealed.rsplit_once('.').map_or(("", sealed), |(begin, rest)| (begin, rest));
    let mut bytes = URL_SAFE_NO_PAD.decode(ciphertext).expect("base64url");
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    let point = if begin.is_empty() { "" } else { "." };
    format!("{begin}{point}{}", URL_SAFE_NO_PAD.encode(bytes))
}

async fn two(world: &World) -> (String, String) {
    (world.connection().await, world.signed_in(READER).await.connect_as(APP, READER).await)
}

#[rstest]
#[tokio::test]
async fn a_damaged_row_is_named_its_callers_are_told_and_the_rest_goes_on(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let (damaged, good) = two(&world).await;
    assert_eq!(look(&world).await.1, 0);
    let select = "SELECT access_token FROM connections WHERE id = $1";
    let sealed = world.column(select, &damaged).await.expect("a token");
    let update = "UPDATE connections SET access_token = $1 WHERE id = $2";
    for bit in (0..4096).step_by(97) {
        world.change(sqlx::query(update).bind(flipped(&sealed, bit)).bind(&damaged)).await;
        let answer = world.get(&damaged).await;
        assert_eq!(
            (answer["error"].as_str(), answer["state"].as_str()),
            (Some("access_token_exchange_failed"), Some("damaged")),
            "{answer}"
        );
    }
    let v1 = world.v1_token(&damaged, &json!({})).await;
    assert_eq!((v1.status().as_u16(), v1.headers().get("retry-after")), (409, None));
    assert_eq!(v1.json::<serde_json::Value>().await.expect("JSON")["error"], "damaged");
    world.access_token(&good).await;
    let (lines, troubles) = look(&world).await;
    assert_eq!(troubles, 1, "{lines:?}");
    assert!(lines[0].starts_with(&format!("connections.access_token of {damaged}: ")), "{lines:?}");
    assert!(lines[0].ends_with("; the next refresh mends it"), "{lines:?}");
    // Its refresh token is whole, so the next refresh mends it.
    world.clock.advance(LIFETIME);
    world.access_token(&damaged).await;
    assert_eq!(look(&world).await.1, 0);
}

#[rstest]
#[tokio::test]
async fn a_damaged_refresh_token_is_mended_by_reconnecting(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let damage = "UPDATE connections SET refresh_token = 'v1.x.y' WHERE id = $1";
    world.change(sqlx::query(damage).bind(&connection)).await;
    // What still lives is handed out.
    world.access_token(&connection).await;
    world.clock.advance(LIFETIME);
    assert_eq!(world.get(&connection).await["state"], "damaged");
    let person = world.signed_in(crate::world::EDITOR).await;
    assert_eq!(person.connect(APP).await, connection);
    world.access_token(&connection).await;
    assert_eq!(look(&world).await.1, 0, "nothing of it is kept");
    world.clock.advance(LIFETIME);
    world.access_token(&connection).await;
}

#[rstest]
#[case::refresh_token(
    "connections.refresh_token",
    "UPDATE connections SET refresh_token = 'v1.x.y' WHERE id = $1"
)]
#[case::data_key(
    "vault_keys.wrapped",
    "UPDATE vault_keys SET wrapped = 'AAAA' WHERE kid = (SELECT data_kid FROM connections WHERE id = $1)"
)]
#[case::previous(
    "connections.previous_refresh_token",
    "UPDATE connections SET previous_refresh_token = refresh_token WHERE id = $1"
)]
#[case::client_secret(
    "apps.client_secret",
    "UPDATE apps SET client_secret = 'v1' WHERE id = (SELECT app_id FROM connections WHERE id = $1)"
)]
#[case::signing_key("signing_keys.private_key", "UPDATE signing_keys SET private_key = 'v1' WHERE kid <> $1")]
#[case::session("sessions.data", "UPDATE sessions SET data = 'v1' WHERE id_hash <> $1")]
#[tokio::test]
async fn whatever_is_sealed_is_looked_at_and_named_by_its_place(
    #[case] place: &str,
    #[case] damage: &'static str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.change(sqlx::query(damage).bind(&connection)).await;
    let (lines, troubles) = look(&world).await;
    assert!(troubles > 0 && lines.iter().any(|line| line.starts_with(&format!("{place} of "))), "{lines:?}");
    assert_eq!(lines.last().map(|line| line.contains("do not open")), Some(true), "{lines:?}");
}

#[rstest]
#[case::refresh_token("refresh_token = (SELECT o.refresh_token FROM connections o WHERE o.id = $1)")]
#[case::everything_sealed(
    "refresh_token = (SELECT o.refresh_token FROM connections o WHERE o.id = $1), \
     access_token = (SELECT o.access_token FROM connections o WHERE o.id = $2), \
     data_kid = (SELECT o.data_kid FROM connections o WHERE o.id = $3)"
)]
#[tokio::test]
async fn a_refresh_token_that_was_moved_is_sent_to_nobody(
    #[case] set: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let (from, to) = two(&world).await;
    let count = set.matches('$').count();
    let sql = sqlx::AssertSqlSafe(format!("UPDATE connections SET {set} WHERE id = ${}", count + 1));
    let mut update = sqlx::query(sql);
    for _ in 0..count {
        update = update.bind(&from);
    }
    world.change(update.bind(&to)).await;
    world.clock.advance(LIFETIME);
    let answer = world.get(&to).await;
    assert_eq!(answer["state"], "damaged", "{answer}");
    assert_eq!(world.issuer.refreshes(), 0);
    world.access_token(&from).await;
    assert_eq!(world.issuer.refreshes(), 1);
}

#[rstest]
#[tokio::test]
async fn a_master_key_that_a_row_only_claims_keeps_nobody_from_starting(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let (damaged, good) = two(&world).await;
    let claim = "UPDATE vault_keys SET master_kid = 'mk_of_nobody' \
        WHERE kid = (SELECT data_kid FROM connections WHERE id = $1)";
    world.change(sqlx::query(claim).bind(&damaged)).await;
    let again = world.replica().await;
    assert_eq!(look(&world).await.1, 3, "its data key and its two tokens");
    let ready = world.http.get(format!("{}/readyz", again.machine_room)).send().await.expect("an answer");
    assert_eq!(ready.status(), 200);
    world.access_token(&good).await;
    assert_eq!(world.get(&damaged).await["ok"], false);
}
