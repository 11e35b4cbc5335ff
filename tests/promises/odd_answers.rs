//! The hostile and the odd answers of a token endpoint to a refresh, and what each of them means: a table. Another row
//! is another answer. None may lose a grant, give a token to the wrong one, or have the issuer asked again and again.

use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::{Coding, IdTokenFault, TokenShape};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{Database, LIFETIME, Postgres, Sqlite, World};

/// What the issuer does with one refresh.
enum Answer {
    /// It carries it out, and answers in an odd form.
    Shape(TokenShape),
    /// It carries it out, with something wrong in the ID token.
    IdToken(IdTokenFault),
    /// It carries it out, and this is its answer.
    After(u16, &'static str),
    /// It carries nothing out, and this is its answer, as often as it is asked.
    Instead(u16, &'static str),
}

/// What it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// An access token is handed out.
    Good,
    /// Nothing is handed out; the issuer is asked again later, and all is well then.
    Later,
    /// As [`Verdict::Later`], but nobody knows whether the request was carried out: the token may be spent.
    Doubt,
    /// Only the operator can mend it.
    Operator,
    /// The person must connect again, for this cause.
    Over(&'static str),
}

use Answer::{After, IdToken, Instead, Shape};
use Verdict::{Doubt, Good, Later, Operator, Over};

const WHOLE: &str =
    r#""access_token":"{access_token}","refresh_token":"{refresh_token}","id_token":"{id_token}""#;
const HTML: &str = "<html>Bad gateway</html>";

fn with(name: &'static str, value: Value) -> Answer {
    Shape(TokenShape::With(name, value))
}

/// The whole answer, and this beside it.
fn beside(more: &str) -> Answer {
    Shape(TokenShape::As(200, format!("{{{WHOLE},{more}}}")))
}

#[expect(clippy::too_many_lines, reason = "a table: one row an answer")]
fn table() -> Vec<(&'static str, Answer, Verdict)> {
    vec![
        // What is odd but harmless.
        ("no expires_in", Shape(TokenShape::Without("expires_in")), Good),
        ("expires_in is 0", with("expires_in", json!(0)), Good),
        ("expires_in is below 0", with("expires_in", json!(-1)), Good),
        ("expires_in is a word", with("expires_in", json!("soon")), Good),
        ("expires_in is a text", with("expires_in", json!("3600")), Good),
        ("expires_in is a fraction", with("expires_in", json!(3600.5)), Good),
        ("no refresh token, for the old one stays", Shape(TokenShape::Without("refresh_token")), Good),
        ("the refresh token is null", with("refresh_token", json!(null)), Good),
        ("the refresh token is empty", with("refresh_token", json!("")), Good),
        ("no token_type", Shape(TokenShape::Without("token_type")), Good),
        ("a token_type of its own", with("token_type", json!("N_A")), Good),
        ("no ID token", Shape(TokenShape::Without("id_token")), Good),
        ("the ID token is null", with("id_token", json!(null)), Good),
        ("the ID token is empty", with("id_token", json!("")), Good),
        ("scope is a list", with("scope", json!(["openid", "email"])), Good),
        ("another content type", Shape(TokenShape::ContentType("text/html")), Good),
        ("compressed by gzip", Shape(TokenShape::Compressed(Coding::Gzip)), Good),
        ("compressed by deflate", Shape(TokenShape::Compressed(Coding::Deflate)), Good),
        ("error is null, beside tokens", beside(r#""error":null"#), Good),
        ("error is empty, beside tokens", beside(r#""error":"""#), Good),
        ("error is false, beside tokens", beside(r#""error":false"#), Good),
        ("a status and a code that are no errors", beside(r#""status":"ok","code":0"#), Good),
        (
            "a byte order mark",
            After(200, "\u{feff}{\"access_token\":\"{access_token}\",\"refresh_token\":\"{refresh_token}\"}"),
            Good,
        ),
        (
            "status 201",
            After(201, r#"{"access_token":"{access_token}","refresh_token":"{refresh_token}"}"#),
            Good,
        ),
        ("a form", After(200, "access_token={access_token}&refresh_token={refresh_token}"), Good),
        // Access tokens that cannot be handed out: the successor is kept.
        ("no access token", After(200, r#"{"refresh_token":"{refresh_token}"}"#), Later),
        (
            "the access token is null",
            After(200, r#"{"access_token":null,"refresh_token":"{refresh_token}"}"#),
            Later,
        ),
        ("the access token is empty", with("access_token", json!("")), Later),
        ("the access token is a number", with("access_token", json!(7)), Later),
        ("the access token is a list", with("access_token", json!(["a"])), Later),
        ("the access token holds a blank", with("access_token", json!("a b")), Later),
        ("the access token holds a line break", Shape(TokenShape::CrLfInAccessToken), Later),
        ("the access token is longer than 64 KiB", with("access_token", json!("a".repeat(65_537))), Later),
        ("a token of the type DPoP", with("token_type", json!("DPoP")), Later),
        ("a token of the type MAC", with("token_type", json!("mac")), Later),
        ("an error beside tokens", beside(r#""error":"odd""#), Later),
        ("a dead word beside tokens", beside(r#""error":"invalid_grant""#), Later),
        // Successors that cannot be used: the token that was presented may be spent.
        ("the refresh token is a number", with("refresh_token", json!(7)), Good),
        (
            "the successor is lost in a list",
            After(200, r#"{"access_token":"{access_token}","refresh_token":["x"]}"#),
            Good,
        ),
        // Whose it is.
        ("an ID token of somebody else", IdToken(IdTokenFault::OtherSub), Over("identity_changed")),
        ("an ID token of another issuer", IdToken(IdTokenFault::WrongIss), Over("identity_changed")),
        ("an ID token for another client", IdToken(IdTokenFault::WrongAud), Over("identity_changed")),
        ("an ID token with a bad signature", IdToken(IdTokenFault::BadSignature), Over("identity_changed")),
        ("an ID token that nobody signed", IdToken(IdTokenFault::AlgNone), Over("identity_changed")),
        ("an ID token of another access token", IdToken(IdTokenFault::WrongAtHash), Over("identity_changed")),
        ("an ID token without a subject", IdToken(IdTokenFault::NoSub), Over("identity_changed")),
        ("an ID token that is a number", with("id_token", json!(7)), Over("identity_changed")),
        ("an ID token with a blank", with("id_token", json!("a b")), Over("identity_changed")),
        (
            "an ID token longer than 64 KiB",
            with("id_token", json!("a".repeat(65_537))),
            Over("identity_changed"),
        ),
        ("an ID token that has expired", IdToken(IdTokenFault::Expired), Good),
        ("an ID token with another nonce", IdToken(IdTokenFault::WrongNonce), Good),
        ("an ID token with an `exp` of text", IdToken(IdTokenFault::ExpAsString), Good),
        // Answers of which nobody knows what was done.
        ("a page with status 200", Shape(TokenShape::Html), Doubt),
        ("half an answer", Shape(TokenShape::Truncated), Doubt),
        ("more than 256 KiB", Shape(TokenShape::Padded(256 * 1024)), Doubt),
        ("nothing, with status 204", After(204, ""), Doubt),
        ("a list", After(200, "[]"), Doubt),
        ("status 500, a page", Instead(500, HTML), Doubt),
        ("status 500, JSON", Instead(500, r#"{"error":"server_error"}"#), Doubt),
        ("status 500, JSON with a client's word", Instead(500, r#"{"error":"invalid_client"}"#), Doubt),
        ("status 502, a page", Instead(502, HTML), Doubt),
        ("status 502, JSON", Instead(502, "{}"), Doubt),
        ("status 504, a page", Instead(504, HTML), Doubt),
        ("tokens under status 400", Instead(400, r#"{"access_token":"a","refresh_token":"b"}"#), Doubt),
        // Not now.
        ("status 503, a page", Instead(503, HTML), Later),
        ("status 503, JSON", Instead(503, r#"{"error":"server_error"}"#), Later),
        ("status 429, a page", Instead(429, HTML), Later),
        ("status 429, JSON", Instead(429, r#"{"error":"too_many_requests"}"#), Later),
        ("status 302", Instead(302, ""), Later),
        ("status 400, a page", Instead(400, HTML), Later),
        ("status 401, a page", Instead(401, HTML), Later),
        ("status 403, a page", Instead(403, HTML), Later),
        ("status 403, JSON without a word", Instead(403, "{}"), Later),
        ("it says to come back", Instead(400, r#"{"error":"temporarily_unavailable"}"#), Later),
        ("a word that nobody knows", Instead(400, r#"{"error":"invalid_request"}"#), Later),
        ("a sentence in place of a word", Instead(400, r#"{"error":"no such token, sorry"}"#), Later),
        (
            "a request that the client may not make",
            Instead(400, r#"{"error":"unsupported_grant_type"}"#),
            Later,
        ),
        // The operator's.
        ("the client is refused", Instead(401, r#"{"error":"invalid_client"}"#), Operator),
        (
            "the client is refused with status 200",
            Instead(200, r#"{"error":"incorrect_client_credentials"}"#),
            Operator,
        ),
        ("the client may not", Instead(400, r#"{"error":"unauthorized_client"}"#), Operator),
        // The grant is over.
        ("invalid_grant", Instead(400, r#"{"error":"invalid_grant"}"#), Over("revoked_upstream")),
        (
            "invalid_grant with status 403",
            Instead(403, r#"{"error":"invalid_grant"}"#),
            Over("revoked_upstream"),
        ),
        (
            "invalid_grant with status 500",
            Instead(500, r#"{"error":"invalid_grant"}"#),
            Over("revoked_upstream"),
        ),
        (
            "invalid_grant with status 200",
            Instead(200, r#"{"error":"invalid_grant"}"#),
            Over("revoked_upstream"),
        ),
        (
            "a dead word in an object",
            Instead(400, r#"{"error":{"code":"token_gone"}}"#),
            Over("revoked_upstream"),
        ),
        (
            "a dead word in a list",
            Instead(401, r#"{"errors":[{"errorType":"token_gone"}]}"#),
            Over("revoked_upstream"),
        ),
        ("a dead word as a status", Instead(400, r#"{"status":"token_gone"}"#), Over("revoked_upstream")),
        ("a dead word as a code", Instead(503, r#"{"code":"token_gone"}"#), Over("revoked_upstream")),
        (
            "the person must do something",
            Instead(400, r#"{"error":"interaction_required"}"#),
            Over("interaction_required"),
        ),
        ("the person must sign in", Instead(400, r#"{"error":"login_required"}"#), Over("login_required")),
        ("the person must agree", Instead(400, r#"{"error":"consent_required"}"#), Over("consent_required")),
        (
            "the person needs a second proof",
            Instead(403, r#"{"error":"mfa_required"}"#),
            Over("mfa_required"),
        ),
    ]
}

fn order(world: &World, answer: &Answer) {
    let mut faults = world.issuer.faults();
    match answer {
        Shape(shape) => faults.token_shape.next(shape.clone()),
        IdToken(fault) => faults.id_token.next(*fault),
        After(status, body) => faults.token_shape.next(TokenShape::As(*status, (*body).to_owned())),
        Instead(code, body) => {
            faults.token.always(Fault::Status { code: *code, body: (*body).to_owned(), retry_after: None });
        }
    }
}

async fn cause(world: &World, connection: &str) -> Option<String> {
    world.column("SELECT cause FROM connections WHERE id = $1", connection).await
}

async fn judge(world: &World, what: &str, answer: &Answer, verdict: Verdict) {
    let connection = world.connection().await;
    world.clock.advance(LIFETIME + 1);
    order(world, answer);
    let before = world.issuer.refreshes();
    let force = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
    let first = world.slack("get", &force).await;
    for _ in 0..3 {
        world.slack("get", &force).await;
    }
    // A dead word is confirmed once.
    let asked = if verdict == Over("revoked_upstream") { 2 } else { 1 };
    assert_eq!(world.issuer.refreshes() - before, asked, "{what}: how often the issuer was asked");
    let status = world.status(&connection).await;
    let expected = match verdict {
        Good => (true, None),
        Later => (false, Some("backoff")),
        Doubt => (false, Some("in_doubt")),
        Operator => (false, Some("misconfigured")),
        Over(_) => (false, Some("needs_reconnect")),
    };
    assert_eq!(first["ok"], expected.0, "{what}: {first}");
    assert_eq!(expected.1.unwrap_or(&status), status, "{what}");
    if let Over(word) = verdict {
        assert_eq!(cause(world, &connection).await.as_deref(), Some(word), "{what}");
    }
    world.issuer.faults().token.clear();
    world.clock.advance(LIFETIME + 1);
    let later = world.get(&connection).await;
    let lost = matches!(answer, Shape(_) | After(..)) && matches!(verdict, Doubt);
    if lost || matches!(answer, After(200, body) if body.contains(r#"["x"]"#)) {
        // The issuer is strict, and the successor never reached us: that is named.
        assert_eq!(cause(world, &connection).await.as_deref(), Some("rotation_lost"), "{what}: {later}");
    } else {
        assert_eq!(later["ok"], !matches!(verdict, Over(_)), "{what}: {later}");
    }
    world.slack("delete", &[("external_token_id", &connection)]).await;
    world.settle().await;
}

#[rstest]
#[tokio::test]
async fn each_answer_to_a_refresh_means_what_the_table_says(#[values(Sqlite, Postgres)] database: Database) {
    let plan = crate::world::Plan {
        replace: vec![("profile = \"auth0\"\n", "profile = \"auth0\"\ndead_words = [\"token_gone\"]\n")],
        ..crate::world::Plan::default()
    };
    let world = World::planned(database, plan).await;
    world.caller().await;
    for (what, answer, verdict) in table() {
        judge(&world, what, &answer, verdict).await;
    }
}
