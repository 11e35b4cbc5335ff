//! An access token that says nothing by itself is a subject where its issuer says of it what a JWT would (RFC 7662), and it is
//! shown to no other issuer.

use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::{DiscoveryShape, IntrospectionShape};
use rstest::rstest;
use serde_json::{Value, json};

use crate::elsewhere;
use crate::world::{APP, Database, EDITOR, LIFETIME, Plan, Postgres, READER, Sqlite, World, refused};

const NO_SUBJECT: &str = "The subject token is not one that is accepted here.";
pub const OPT_IN: (&str, &str) = ("profile = \"auth0\"\n", "profile = \"auth0\"\nintrospection = true\n");
/// Seconds after which nothing is remembered of an answer.
const FORGOTTEN: i64 = 11;
/// An app at another issuer, which nobody would ask.
const ELSEWHERE: &str = r#"
[issuers.tickets]
authorization_url = "https://tickets.test/authorize"
token_url = "https://tickets.test/token"
[apps.ticket-reader]
name = "Ticket Reader"
issuer = "tickets"
client_id = "ticket-reader"
client_secret = "tickets-s3cret"
scopes = ["tickets:read"]
"#;

pub async fn stage(database: Database, replace: Vec<(&'static str, &'static str)>, more: &str) -> World {
    let issuer: Option<fn(&mut attache::sandbox::issuer::Settings)> =
        Some(|settings| settings.opaque_access_tokens = true);
    World::planned(database, Plan { replace, issuer, more_config: more.to_owned(), ..Plan::default() }).await
}

async fn opted_in(database: Database) -> World {
    stage(database, vec![OPT_IN], "").await
}

async fn is_taken(world: &World, token: &str) -> bool {
    let answer = world.exchange(&[("subject_token", token)]).await;
    if answer.status() == 200 {
        return true;
    }
    assert_eq!(refused(answer, 400, "invalid_request").await, NO_SUBJECT);
    false
}

#[rstest]
#[tokio::test]
async fn a_token_that_says_nothing_is_a_subject_where_its_issuer_may_be_asked(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = opted_in(database).await;
    world.connection().await;
    let token = elsewhere::tokens(&world, EDITOR).await.access;
    assert!(!token.contains('.'), "it says nothing");
    assert!(is_taken(&world, &token).await);
    assert_eq!(world.issuer.introspections(), 1);
    // It is no bearer of `/graphql`: there no caller says whose it may be.
    assert_eq!(world.viewer(&token).await.status(), 401);
    assert!(!is_taken(&world, &elsewhere::tokens(&world, READER).await.access).await, "nobody connected");
    assert!(!is_taken(&world, &elsewhere::tokens_of_a_stranger(&world, EDITOR).await.access).await);
    let other = elsewhere::tokens_for(&world, "https://other.sandbox.test/", EDITOR).await.access;
    assert!(!is_taken(&world, &other).await, "for another audience");
    assert!(!is_taken(&world, &elsewhere::tokens(&world, EDITOR).await.refresh).await, "a refresh token");
}

#[rstest]
#[case::not_said(("name = \"Sandbox\"", "name = \"Sandbox\""))]
#[case::no_audience(("accepted_audiences = [", "accepted_audiences = [] # ["))]
#[case::a_public_client(("client_secret = \"app-s3cret\"", "client_auth = \"none\""))]
#[tokio::test]
async fn nobody_is_asked_unless_the_operator_said_so_and_an_app_can_tell(
    #[case] change: (&'static str, &'static str),
    #[values(Sqlite, Postgres)] database: Database,
) {
    let said = change.0 == change.1;
    let replace = if said { vec![change] } else { vec![OPT_IN, change] };
    let world = stage(database, replace, "").await;
    let token = "2YotnFZFEjr1zCsicMWpAA-2YotnFZFEjr1zCsicMWpAA";
    assert!(!is_taken(&world, token).await);
    assert_eq!(world.issuer.introspections(), 0);
}

#[rstest]
#[tokio::test]
async fn an_answer_is_judged_as_strictly_as_a_jwt(#[values(Sqlite, Postgres)] database: Database) {
    let world = opted_in(database).await;
    world.connection().await;
    let token = elsewhere::tokens(&world, EDITOR).await.access;
    let now = world.clock.now().unix();
    let with = IntrospectionShape::With;
    let good = [
        IntrospectionShape::Without("exp"),
        IntrospectionShape::Without("iss"),
        IntrospectionShape::Without("token_type"),
        with("token_type", json!("bearer")),
        with("token_use", json!("access_token")),
        with("aud", json!(["https://other.sandbox.test/", crate::world::AUDIENCE])),
    ];
    let bad = [
        with("active", json!(false)),
        with("active", json!("true")),
        with("active", json!(1)),
        IntrospectionShape::Without("active"),
        with("client_id", json!("stranger")),
        with("client_id", json!(7)),
        IntrospectionShape::Without("client_id"),
        with("aud", json!("https://other.sandbox.test/")),
        with("aud", json!({})),
        IntrospectionShape::Without("aud"),
        with("sub", json!(READER)),
        with("sub", json!("")),
        with("sub", json!("a\u{0}")),
        IntrospectionShape::Without("sub"),
        with("iss", json!("http://other-issuer.test/")),
        with("iss", json!(null)),
        with("exp", json!(now - 61)),
        with("exp", json!("never")),
        with("nbf", json!(now + 86_400)),
        with("iat", json!(now - 3600)),
        with("iat", json!(now + 86_400)),
        IntrospectionShape::Without("iat"),
        with("token_use", json!("refresh_token")),
        with("token_type", json!("DPoP")),
        with("cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" })),
        with("may_act", json!({ "sub": "ca_00000000000000000000" })),
    ];
    for (shape, is_good) in good.into_iter().map(|shape| (shape, true)).chain(bad.map(|shape| (shape, false)))
    {
        world.issuer.faults().introspection_shape.next(shape.clone());
        assert_eq!(is_taken(&world, &token).await, is_good, "{shape:?}");
        world.clock.advance(FORGOTTEN);
    }
    assert!(is_taken(&world, &token).await, "the token itself is good");
}

#[rstest]
#[tokio::test]
async fn an_answer_is_believed_for_seconds_and_a_stop_here_ends_it_at_once(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = opted_in(database).await;
    let person = world.signed_in(EDITOR).await;
    let connection = person.connect(APP).await;
    let tokens = elsewhere::tokens(&world, EDITOR).await;
    for _ in 0..5 {
        assert!(is_taken(&world, &tokens.access).await);
    }
    assert_eq!(world.issuer.introspections(), 1);
    let form = [("client_id", APP), ("client_secret", "app-s3cret"), ("token", &tokens.refresh)];
    let url = format!("{}oauth/revoke", world.issuer.url());
    assert_eq!(world.http.post(url).form(&form).send().await.expect("an answer").status(), 200);
    world.clock.advance(6);
    assert!(!is_taken(&world, &tokens.access).await, "revoked at its issuer");
    let token = elsewhere::tokens(&world, EDITOR).await.access;
    assert!(is_taken(&world, &token).await);
    person.stop(&connection).await;
    assert!(!is_taken(&world, &token).await, "stopped here, though the answer is remembered");
    world.settle().await;
    person.connect(APP).await;
    assert!(!is_taken(&world, &token).await, "it is from before the stop");
    world.clock.advance(FORGOTTEN);
    assert!(!is_taken(&world, &token).await);
    assert!(is_taken(&world, &elsewhere::tokens(&world, EDITOR).await.access).await);
}

#[rstest]
#[tokio::test]
async fn nonsense_is_asked_about_once_and_what_is_ours_never(#[values(Sqlite, Postgres)] database: Database) {
    let world = opted_in(database).await;
    let connection = world.connection().await;
    let stored = world.access_token(&connection).await;
    let (_, key) = world.caller().await;
    let header = "eyJhbGciOiJSUzI1NiJ9";
    let never = [
        key.as_str(),
        &connection,
        "short",
        "with a blank in it",
        "control\u{7}characters",
        &"x".repeat(5000),
        &format!("{header}.e30.c2lnbmF0dXJl"),
    ];
    for token in never {
        assert!(!is_taken(&world, token).await, "{token}");
    }
    world.clock.advance(LIFETIME + 1);
    assert!(!is_taken(&world, &stored).await, "it has run out, and is known here");
    assert_eq!(world.issuer.introspections(), 0);
    for _ in 0..10 {
        assert!(!is_taken(&world, "2YotnFZFEjr1zCsicMWpAA").await);
    }
    assert_eq!(world.issuer.introspections(), 1);
    world.clock.advance(FORGOTTEN);
    assert!(!is_taken(&world, "2YotnFZFEjr1zCsicMWpAA").await);
    assert_eq!(world.issuer.introspections(), 2);
}

#[rstest]
#[tokio::test]
async fn a_caller_that_brings_much_nonsense_has_to_wait_before_anybody_is_asked(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = stage(database, vec![OPT_IN], "[limits]\nsubject_failures_per_minute = 3\n").await;
    world.connection().await;
    for number in 0..3 {
        assert!(!is_taken(&world, &format!("nonsense-number-{number}")).await);
    }
    let answer = world.exchange(&[("subject_token", "nonsense-number-3")]).await;
    refused(answer, 429, "temporarily_unavailable").await;
    assert_eq!(world.issuer.introspections(), 3);
}

#[rstest]
#[case::broken(Fault::status(500), 503, "temporarily_unavailable")]
#[case::later(Fault::too_many_requests(17), 503, "temporarily_unavailable")]
#[case::cut(Fault::Drop, 503, "temporarily_unavailable")]
#[case::a_page(Fault::Status { code: 200, body: "<html>".to_owned(), retry_after: None }, 503, "temporarily_unavailable")]
#[case::a_list(Fault::Status { code: 200, body: "[]".to_owned(), retry_after: None }, 503, "temporarily_unavailable")]
#[case::our_client(Fault::oauth(401, "invalid_client"), 400, "invalid_request")]
#[tokio::test]
async fn an_issuer_that_cannot_tell_is_no_refusal_of_the_token(
    #[case] fault: Fault,
    #[case] status: u16,
    #[case] word: &str,
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = opted_in(database).await;
    let connection = world.connection().await;
    let token = elsewhere::tokens(&world, EDITOR).await.access;
    world.issuer.faults().introspection.next(fault);
    let answer = world.exchange(&[("subject_token", &token)]).await;
    assert_eq!(answer.headers().contains_key("retry-after"), status == 503);
    let sentence = refused(answer, status, word).await;
    assert!(sentence.contains("Sandbox"), "{sentence}");
    assert_eq!(world.status(&connection).await, "active");
    assert!(is_taken(&world, &token).await, "it is asked anew");
}

#[rstest]
#[tokio::test]
async fn a_token_is_shown_to_the_issuer_that_is_named_or_to_the_only_one_there_is(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = stage(database, vec![OPT_IN], ELSEWHERE).await;
    world.connection().await;
    let token = elsewhere::tokens(&world, EDITOR).await.access;
    let both = world.make_caller("of_both", &[APP, "ticket-reader"]).await;
    let tickets = world.make_caller("of_tickets", &["ticket-reader"]).await;
    let ask = async |(id, key): &(String, String), issuer: &str| {
        let form = [("subject_token", token.as_str()), ("subject_issuer", issuer)];
        world.exchange_as(id, key, &form).send().await.expect("an answer")
    };
    let here = world.issuer.url();
    for (caller, issuer) in [
        (&both, ""),
        (&both, "https://elsewhere.test/"),
        (&both, here.trim_end_matches('/')),
        (&tickets, ""),
        (&tickets, here),
    ] {
        let answer = ask(caller, issuer).await;
        assert_eq!(refused(answer, 400, "invalid_request").await, NO_SUBJECT, "{issuer}");
    }
    assert_eq!(world.issuer.introspections(), 0);
    assert_eq!(ask(&both, here).await.status(), 200);
    assert_eq!(world.issuer.introspections(), 1);
}

#[rstest]
#[tokio::test]
async fn the_address_is_the_metadatas_or_the_operators(#[values(Sqlite, Postgres)] database: Database) {
    let missing = || DiscoveryShape::Without("introspection_endpoint");
    let world = opted_in(database).await;
    world.issuer.faults().discovery_shape.always(missing());
    world.connection().await;
    let token = elsewhere::tokens(&world, EDITOR).await.access;
    let answer = world.exchange(&[("subject_token", &token)]).await;
    refused(answer, 503, "temporarily_unavailable").await;
    let said = (
        "profile = \"auth0\"\n",
        "profile = \"auth0\"\nintrospection = true\nintrospection_url = \"{issuer}oauth/introspect\"\n",
    );
    let world = stage(database, vec![said], "").await;
    world.issuer.faults().discovery_shape.always(missing());
    world.connection().await;
    assert!(is_taken(&world, &elsewhere::tokens(&world, EDITOR).await.access).await);
}

#[rstest]
#[tokio::test]
async fn the_token_of_the_answer_is_minted_for_the_person_whom_the_issuer_names(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let world = opted_in(database).await;
    let editors = world.connection().await;
    let readers = world.signed_in(READER).await.connect_as(APP, READER).await;
    for (subject, connection) in [(EDITOR, editors), (READER, readers)] {
        let token = elsewhere::tokens(&world, subject).await.access;
        let body: Value = world.exchange(&[("subject_token", &token)]).await.json().await.expect("JSON");
        let written = world.create_entry(body["access_token"].as_str().expect("a token")).await;
        assert_eq!(written.status(), 200);
        let author = world.platform.entries().pop().and_then(|entry| entry.created_by).expect("an author");
        assert_eq!(author.id, subject, "{connection}");
    }
}
