//! An issuer that repeats what it was sent, in whatever spelling, on whatever way: nobody reads it here.

use std::fmt::Write as _;

use attache::connection::seal::open_refresh_token;
use attache::operator::{Command, run};
use attache::sandbox::fault::Fault;
use attache::vault::{Place, Sealed};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rstest::rstest;
use serde_json::json;
use sqlx::Row;

use crate::world::{APP, Database, EDITOR, LIFETIME, Postgres, Sqlite, World};

const SECRET: &str = "app-s3cret";

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02X}");
        hex
    })
}

/// Each spelling, and what of it must not be read anywhere.
fn spelled(secret: &str) -> Vec<String> {
    let digits = hex(secret);
    let escaped: String = (0..secret.len()).map(|at| ["%", &digits[2 * at..2 * at + 2]].concat()).collect();
    vec![
        secret.to_owned(),
        escaped,
        hex(secret),
        STANDARD.encode(format!("{APP}:{secret}")),
        URL_SAFE_NO_PAD.encode(secret),
        secret.chars().take(16).collect(),
    ]
}

/// An error answer that repeats one spelling.
fn echo(spelling: &str) -> Fault {
    let body =
        json!({ "error": "invalid_request", "error_description": format!("not understood: <{spelling}>") });
    Fault::Status { code: 400, body: body.to_string(), retry_after: None }
}

fn assert_unread(text: &str, spelling: &str) {
    assert!(!text.contains(spelling), "{spelling} is read in {text}");
}

async fn ledger(world: &World) -> String {
    let rows = sqlx::query("SELECT detail FROM ledger WHERE detail IS NOT NULL");
    let rows = rows.fetch_all(&world.broker.db.pool).await.expect("a query");
    rows.iter().map(|row| row.get::<String, _>(0)).collect()
}

/// The verifiers of the consents that are under way.
async fn verifiers(world: &World) -> Vec<String> {
    let rows = sqlx::query("SELECT state_hash, verifier FROM connect_attempts WHERE status = 'open'");
    let rows = rows.fetch_all(&world.broker.db.pool).await.expect("a query");
    let open = |row: &sqlx::any::AnyRow| {
        let place = Place::new("connect_attempts", "verifier", row.get(0), &[]);
        let opened = world.broker.house_key.open(&place, &Sealed(row.get(1)));
        opened.expect("a verifier").expose().to_owned()
    };
    rows.iter().map(open).collect()
}

#[rstest]
#[tokio::test]
async fn what_a_code_was_exchanged_with_is_blotted_out_of_page_and_ledger(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    for at in 0..spelled("x").len() {
        let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
        let code = callback.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
        let verifier = verifiers(&world).await.pop().expect("a verifier");
        let which = [SECRET, &code, &verifier][at % 3];
        world.issuer.faults().token.next(echo(&spelled(which)[at]));
        let page = person.get(callback.as_str()).await;
        assert!(page.says("not understood: "), "{}", page.text);
        assert_unread(&page.text, &spelled(which)[at]);
        assert_unread(&ledger(&world).await, &spelled(which)[at]);
    }
}

#[rstest]
#[tokio::test]
async fn what_comes_back_through_the_browser_repeats_nothing_that_was_sent(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    for at in 0..spelled("x").len() {
        let mut callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
        let state = callback.query_pairs().find(|(name, _)| name == "state").expect("a state").1.into_owned();
        let verifier = verifiers(&world).await.pop().expect("a verifier");
        let echoed: String =
            [SECRET, &state, &verifier].map(|secret| spelled(secret)[at].clone()).join(" and ");
        let kept: Vec<(String, String)> =
            callback.query_pairs().into_owned().filter(|(name, _)| name != "code").collect();
        let answer = [("error", "invalid_request"), ("error_description", &echoed)];
        callback.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(answer);
        let page = person.get(callback.as_str()).await;
        assert!(page.status == 400 && page.says("invalid_request"), "{}", page.text);
        for secret in [SECRET, &state, &verifier] {
            assert_unread(&page.text, &spelled(secret)[at]);
        }
    }
}

#[rstest]
#[tokio::test]
async fn what_a_refresh_was_asked_with_is_shown_to_no_operator(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let row = attache::connection::look_up::by_id(&world.broker, &connection)
        .await
        .expect("a database")
        .expect("a row");
    let refresh_token = open_refresh_token(&world.broker, &row).expect("a token").expect("a token");
    for which in [SECRET, refresh_token.expose()] {
        for spelling in spelled(which) {
            // The whole secret as the error's word, too.
            let mut body = json!({ "error": spelling, "error_description": format!("<{spelling}>") });
            body["scope"] = json!(spelling);
            world.clock.advance(LIFETIME);
            world.issuer.faults().token.always(Fault::Status {
                code: 400,
                body: body.to_string(),
                retry_after: None,
            });
            world.get(&connection).await;
            let shown = run(&world.broker, Command::ShowConnection { id: connection.clone() }).await;
            let shown = shown.expect("an answer").lines.join("\n");
            assert_unread(&shown, &spelling);
            assert_unread(&ledger(&world).await, &spelling);
        }
    }
}
