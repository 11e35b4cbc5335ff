//! Each request to a token endpoint leaves a record that explains it: to the operator in full, to the person in one
//! sentence, and to nobody a secret.

use attache::operator::{Command, run};
use attache::sandbox::fault::Fault;
use rstest::rstest;

use crate::world::{APP, Database, EDITOR, LIFETIME, Postgres, Sqlite, World};

/// What `attache connection show` prints.
async fn shown(world: &World, connection: &str) -> String {
    let shown =
        run(&world.broker, Command::ShowConnection { id: connection.to_owned() }).await.expect("an answer");
    assert!(shown.secret.is_none());
    let text = shown.lines.join("\n");
    for secret in world.issuer.issued() {
        assert!(!text.contains(&secret), "a code or token is shown: {text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
    text
}

#[rstest]
#[tokio::test]
async fn an_operator_is_shown_what_was_asked_and_answered(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    world.clock.advance(LIFETIME);
    world.access_token(&connection).await;
    world.clock.advance(LIFETIME);
    world.issuer.faults().token.next(Fault::oauth(401, "invalid_client"));
    world.get(&connection).await;
    let text = shown(&world, &connection).await;
    let endpoint = format!("POST {}oauth/token with grant_type=", world.issuer.url());
    for line in [
        format!("{connection}: {APP} at sandbox"),
        "  status         misconfigured, client_refused".to_owned(),
        "  generation     2".to_owned(),
        format!(
            "  asked     {endpoint}authorization_code, code, code_verifier, client_id, redirect_uri; the client secret in the body"
        ),
        format!(
            "  asked     {endpoint}refresh_token, refresh_token, client_id; the client secret in the body"
        ),
        format!("  answered  200, an access token for {LIFETIME} s, a refresh token"),
        "  answered  401, the issuer refuses the client: invalid_client".to_owned(),
    ] {
        assert!(text.lines().any(|shown| shown.starts_with(&line)), "{line}\n{text}");
    }
    assert!(text.contains("hint      The client id or secret is wrong"), "{text}");
    let failed = text.find("refresh_failed").expect("the newest");
    assert!(failed < text.find(" refreshed: ").expect("the one before"), "{text}");
}

#[rstest]
#[tokio::test]
async fn what_is_no_connection_is_said_to_be_none(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::new(database).await;
    for (id, said) in [
        ("Et00000000000000000000", "no such connection"),
        ("Et'; --", "no connection's id"),
        ("", "begin with Et"),
    ] {
        let refused =
            run(&world.broker, Command::ShowConnection { id: id.to_owned() }).await.expect_err("an error");
        assert!(refused.to_string().to_lowercase().contains(&said.to_lowercase()), "{id}: {refused}");
    }
}

#[rstest]
#[tokio::test]
async fn a_code_that_brought_no_tokens_is_in_the_ledger_with_its_reason(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = World::new(database).await;
    let person = world.signed_in(EDITOR).await;
    let callback = person.consent(&format!("/connect/{APP}"), EDITOR).await;
    world.issuer.faults().token.next(Fault::oauth(400, "invalid_grant"));
    assert_ne!(person.get(callback.as_str()).await.status, 303);
    let detail = world.column("SELECT detail FROM ledger WHERE action = $1", "connect_refused").await;
    let detail = detail.expect("a record");
    assert!(detail.contains("grant_type=authorization_code") && detail.contains("redirect URI"), "{detail}");
    for secret in world.issuer.issued() {
        assert!(!detail.contains(&secret), "a code is in the ledger: {detail}");
    }
}

#[rstest]
#[case::lost(Fault::DropAfterProcessing, "its answer did not reach us", "Checking")]
#[case::away(Fault::status(503), "could not renew the access just now", "Checking")]
#[case::refused(Fault::oauth(401, "invalid_client"), "whoever runs this site must correct them", "")]
#[case::dead(Fault::oauth(400, "invalid_grant"), "the access was ended there", "Reconnect")]
#[tokio::test]
async fn the_page_says_in_one_sentence_what_is_wrong_and_what_comes_next(
    #[values(Sqlite, Postgres)] database: Database,
    #[case] fault: Fault,
    #[case] sentence: &str,
    #[case] word: &str,
) {
    let world = World::new(database).await;
    let connection = world.connection().await;
    let person = world.signed_in(EDITOR).await;
    let path = format!("/account/connected-apps/{connection}");
    let well = person.get(&path).await;
    assert!(!well.says("class=\"trouble\""), "{}", well.text);
    world.clock.advance(LIFETIME);
    world.issuer.faults().token.always(fault);
    world.get(&connection).await;
    let page = person.get(&path).await;
    assert!(page.says("class=\"trouble\"") && page.says(sentence) && page.says(word), "{}", page.text);
}
