//! No secret stands where it does not belong: not in the log at its lowest level, not in the database, not on a
//! page, not in the metrics; neither plain nor in another spelling.

use std::collections::BTreeSet;

use attache::operator::{self, Command};
use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::{AuthorizationFault, IdTokenFault, TokenShape};
use attache::vault::{Place, Sealed};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rstest::rstest;
use serde_json::{Value, json};
use sqlx::Row;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

use crate::logged::Log;
use crate::person::Person;
use crate::resource_servers;
use crate::world::{APP, Database, EDITOR, LIFETIME, MASTER_KEY, Plan, Postgres, READER, Sqlite, World};

/// Tells a process of its own which journey to make: only there can all threads write into one log.
const ALONE: &str = "ATTACHE_TEST_LEAKS";

/// Whatever must not be found, and what was shown to people and machines that did not ask for a token.
#[derive(Default)]
struct Seen {
    secrets: BTreeSet<String>,
    pages: String,
    content_tokens: usize,
}

impl Seen {
    fn keep(&mut self, page: &crate::person::Page) {
        self.pages.push_str(&page.text);
    }

    async fn keep_answer(&mut self, answer: reqwest::Response) {
        self.pages.push_str(&answer.text().await.expect("text"));
    }

    /// A refusal on Slack's wire; a hand-out would hold the very token.
    fn keep_refusal(&mut self, answer: &Value) {
        assert_eq!(answer["ok"], false, "{answer}");
        self.pages.push_str(&answer.to_string());
    }

    fn content_token(&mut self, token: &Value) {
        self.secrets.insert(token.as_str().unwrap_or_else(|| panic!("no token: {token}")).to_owned());
        self.content_tokens += 1;
    }
}

/// The PKCE verifiers of the consents that are under way. Those of sign-ins no server keeps.
async fn verifiers(world: &World, seen: &mut Seen) {
    let sql = "SELECT state_hash, verifier FROM connect_attempts";
    for row in sqlx::query(sql).fetch_all(&world.broker.db.pool).await.expect("a query") {
        let (hash, sealed): (String, String) = (row.get(0), row.get(1));
        let place = Place::new("connect_attempts", "verifier", &hash, &[]);
        let verifier = world.broker.house_key.open(&place, &Sealed(sealed)).expect("a verifier");
        seen.secrets.insert(verifier.expose().to_owned());
    }
}

/// Sign in, connect, hand out, refresh, exchange, revoke: and everything that can go wrong on the way.
async fn journey(world: &World) -> Seen {
    let mut seen = Seen::default();
    let person = Person::new(world);
    let callback = person.sign_in_up_to_the_callback(EDITOR, "/sign-in").await;
    verifiers(world, &mut seen).await;
    person.get(callback.as_str()).await;
    seen.keep(&person.get(callback.as_str()).await);
    for fault in [
        AuthorizationFault::WrongState,
        AuthorizationFault::Error("access_denied"),
        AuthorizationFault::WrongIss,
    ] {
        world.issuer.faults().authorization.next(fault);
        let callback = person.consent("/connect/content-writer", EDITOR).await;
        verifiers(world, &mut seen).await;
        seen.keep(&person.get(callback.as_str()).await);
    }
    for shape in [
        TokenShape::Html,
        TokenShape::Truncated,
        TokenShape::CrLfInAccessToken,
        TokenShape::With("token_type", json!(1)),
    ] {
        let callback = person.consent("/connect/content-writer", EDITOR).await;
        world.issuer.faults().token_shape.next(shape);
        seen.keep(&person.get(callback.as_str()).await);
    }
    for fault in [
        IdTokenFault::BadSignature,
        IdTokenFault::WrongNonce,
        IdTokenFault::AlgNone,
        IdTokenFault::WrongAtHash,
    ] {
        let callback = person.consent("/connect/content-writer", EDITOR).await;
        world.issuer.faults().id_token.next(fault);
        seen.keep(&person.get(callback.as_str()).await);
    }
    let connection = person.connect(APP).await;
    let (id, key) = world.caller().await;
    seen.secrets.extend([key.clone()]);
    for fault in [
        Fault::status(500),
        Fault::oauth(401, "invalid_client"),
        Fault::Status { code: 403, body: "<html>no</html>".to_owned(), retry_after: None },
        Fault::DropAfterProcessing,
    ] {
        world.clock.advance(LIFETIME + 100);
        world.issuer.faults().token.next(fault);
        seen.keep_refusal(&world.get(&connection).await);
    }
    world.clock.advance(LIFETIME);
    world.get(&connection).await;
    let connection = person.connect(APP).await;
    let subject = world.access_token(&connection).await;
    let exchanged: Value = world.exchange(&[("subject_token", &subject)]).await.json().await.expect("JSON");
    seen.content_token(&exchanged["access_token"]);
    let viewer: Value = world.viewer(&subject).await.json().await.expect("JSON");
    seen.content_token(&viewer["data"]["_viewer"]["project"]["environment"]["authToken"]);
    assert_eq!(world.v1_token(&connection, &json!({ "min_ttl": 60 })).await.status(), 200);
    world.slack("get", &[("external_token_id", &connection), ("force_refresh", "true")]).await;
    ask_about(world, &exchanged["access_token"], &mut seen).await;
    // Each of these has a secret where it does not belong.
    seen.keep_answer(world.exchange(&[("subject_token", &format!("{subject}x"))]).await).await;
    seen.keep_answer(world.exchange(&[("subject_token", &subject), ("audience", &subject)]).await).await;
    seen.keep_answer(world.exchange(&[("subject_token", &subject), ("scope", &subject)]).await).await;
    seen.keep_answer(world.exchange_as(&key, &id, &[]).send().await.expect("an answer")).await;
    seen.keep_answer(world.viewer(&key).await).await;
    seen.keep_answer(world.v1_token(&subject, &json!({ "min_ttl": subject })).await).await;
    seen.keep_refusal(&world.get(&subject).await);
    let no_truth_value = [("external_token_id", connection.as_str()), ("force_refresh", &key)];
    seen.keep_refusal(&world.slack("get", &no_truth_value).await);
    seen.keep_refusal(&world.slack(&key, &[]).await);
    for path in [
        format!("/{subject}"),
        format!("/connect/{key}"),
        format!("/sign-in?return_to={subject}"),
        format!("/account/connected-apps/{subject}?token={key}"),
    ] {
        seen.keep(&person.get(&path).await);
    }
    for path in [
        "/",
        "/account/connected-apps",
        "/connect/content-writer",
        &format!("/account/connected-apps/{connection}"),
    ] {
        seen.keep(&person.get(path).await);
    }
    world.signed_in(READER).await.connect_as(APP, READER).await;
    keep_and_stop(world, &person, &connection, &key, &mut seen).await;
    let metrics = world.http.get(format!("{}/metrics", world.machine_room)).send().await.expect("an answer");
    seen.keep_answer(metrics).await;
    attache::ledger::hand_out::flush(&world.broker).await.expect("a ledger");
    seen.secrets.extend(world.issuer.issued());
    seen.secrets.extend([MASTER_KEY, "sign-in-s3cret", "app-s3cret"].map(str::to_owned));
    seen
}

/// A resource server asks about a content token, a proxy before it, and the token is revoked; also with each secret in
/// the other's place.
async fn ask_about(world: &World, token: &Value, seen: &mut Seen) {
    let (asks, token) = (resource_servers::create(world).await, token.as_str().expect("a token"));
    seen.secrets.insert(asks.secret.clone());
    for (secret, token) in [(&asks.secret, token), (&token.to_owned(), &asks.secret)] {
        for path in ["introspect", "revoke"] {
            let post =
                world.http.post(world.url(&format!("/oauth/{path}"))).basic_auth(&asks.id, Some(secret));
            seen.keep_answer(post.form(&[("token", token)]).send().await.expect("an answer")).await;
        }
        let gate = world.http.get(world.url(&format!("/v1/authorize/{token}"))).bearer_auth(token);
        let gate = gate.header("attache-resource-server", secret).send().await.expect("an answer");
        for value in gate.headers().values() {
            seen.pages.push_str(value.to_str().expect("text"));
        }
        seen.keep_answer(gate).await;
    }
    attache::resource_server::last_use::tell(&world.broker).await.expect("a database");
}

/// What a consent by another identity leaves, a backup of it, and a revoke with its receipt.
async fn keep_and_stop(world: &World, person: &Person<'_>, connection: &str, key: &str, seen: &mut Seen) {
    // Another identity consents, and nobody decides: what it gave is kept.
    let callback = person.consent(&format!("/connect/{APP}?connection={connection}"), READER).await;
    let question = person.get(callback.as_str()).await.location().expect("a question");
    seen.keep(&person.get(question.as_str()).await);
    back_up(world).await;
    world.issuer.faults().revoke.next(Fault::status(503));
    seen.keep(&person.stop(connection).await);
    world.settle().await;
    seen.keep(&person.get(&format!("/account/connected-apps/{connection}")).await);
    let one = world.http.get(world.url(&format!("/v1/connections/{connection}"))).bearer_auth(key);
    seen.keep_answer(one.send().await.expect("an answer")).await;
    let shown = operator::run(&world.broker, Command::ShowConnection { id: connection.to_owned() }).await;
    seen.pages.push_str(&shown.expect("what the operator is told").lines.join("\n"));
}

/// Beside the database, among the files that are looked through.
async fn back_up(world: &World) {
    let (file, mut begun) = (world.directory().join("backup.db"), false);
    if !world.broker.db.is_alone() {
        return;
    }
    loop {
        let command = Command::Backup { file: file.clone(), begun };
        let answer = operator::run(&world.broker, command).await.expect("a backup");
        if answer.next.is_none() {
            break;
        }
        begun = true;
        tokio::task::yield_now().await;
    }
    assert!(file.exists());
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The ways in which a secret may be written down. Of a long one the end is enough: its beginning is the same in
/// many tokens.
fn spellings(secret: &str) -> Vec<String> {
    let decimals: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    let mut all = vec![
        secret.to_owned(),
        hex(secret),
        hex(secret).to_uppercase(),
        decimals.join(", "),
        decimals.join(","),
    ];
    if secret.len() > 60 {
        all.push(secret[secret.len() - 40..].to_owned());
    }
    // Within a longer text base64 depends on where the secret begins; its ends depend on the neighbours.
    for before in 0..3 {
        let padded = format!("{}{secret}", "\0".repeat(before));
        let keep = padded.len() / 3 * 4;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            all.push(engine.encode(&padded)[before.div_ceil(3) * 4..keep].to_owned());
        }
    }
    all.push(STANDARD.encode(secret));
    all
}

fn assert_without(secrets: &BTreeSet<String>, text: &str, place: &str) {
    for secret in secrets {
        for spelling in spellings(secret) {
            if let Some(at) = text.find(&spelling) {
                let around = text.get(at.saturating_sub(300)..at).unwrap_or_default();
                panic!("{place} holds {spelling} of {secret}, after {around}");
            }
        }
    }
}

/// Every value of every row, as the server tells it.
async fn dump(world: &World) -> String {
    let tables =
        "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'";
    let pool = &world.broker.db.pool;
    let mut all = String::new();
    for table in sqlx::query(tables).fetch_all(pool).await.expect("a query") {
        let table: String = table.get(0);
        let rows = sqlx::AssertSqlSafe(format!("SELECT CAST(t AS TEXT) FROM {table} t"));
        for row in sqlx::query(rows).fetch_all(pool).await.expect("a query") {
            all.push_str(&row.get::<String, _>(0));
            all.push('\n');
        }
    }
    all
}

/// Every file beside the database, whatever its name.
fn files(world: &World) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(world.directory()).expect("a directory") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        all.push_str(&String::from_utf8_lossy(&bytes));
    }
    all
}

#[rstest]
#[tokio::test]
async fn after_a_whole_journey_no_secret_stands_where_it_does_not_belong(
    #[values(Sqlite, Postgres)] database: Database,
) {
    let name = format!("{database:?}");
    match std::env::var(ALONE) {
        Err(_) => make_alone(&name).await,
        Ok(wanted) if wanted == name => make_and_judge(database).await,
        Ok(_) => {}
    }
}

async fn make_alone(name: &str) {
    let this = std::env::current_exe().expect("this binary");
    let journey = "leaks::after_a_whole_journey";
    let alone =
        tokio::process::Command::new(this).args([journey, "--nocapture"]).env(ALONE, name).output().await;
    let alone = alone.expect("an end");
    let said = String::from_utf8_lossy(&alone.stdout);
    assert!(alone.status.success(), "{said}{}", String::from_utf8_lossy(&alone.stderr));
    assert!(String::from_utf8_lossy(&alone.stderr).contains(&format!("made on {name}")), "{said}");
}

async fn make_and_judge(database: Database) {
    let log = Log::default();
    let filter = attache::log::filter("trace").expect("a directive");
    let layer = fmt::layer().with_writer(log.clone()).with_ansi(false);
    registry().with(filter).with(layer).init();
    tracing::trace!("the lowest level is on");
    let any = ("kind = \"native\"", "kind = \"native\"\nidentity = \"any\"");
    let world = World::planned(database, Plan { replace: vec![any], ..Plan::default() }).await;
    let seen = journey(&world).await;
    assert!(seen.secrets.len() > 40 && seen.content_tokens == 2, "{}", seen.secrets.len());
    let log = log.text();
    assert!(log.contains("a consent was refused") && log.matches("answered").count() > 50, "{log}");
    assert!(log.contains("the lowest level is on"), "{log}");
    assert_without(&seen.secrets, &log, "the log");
    assert_without(&seen.secrets, &seen.pages, "a page");
    match database {
        Sqlite => {
            let files = files(&world);
            assert!(files.contains("CREATE TABLE connections") && files.contains("sandbox|editor"));
            assert_without(&seen.secrets, &files, "a file");
        }
        Postgres => {
            let dump = dump(&world).await;
            assert!(dump.contains("sandbox|editor") && dump.contains("dk_"));
            assert_without(&seen.secrets, &dump, "the database");
        }
    }
    eprintln!("made on {database:?}");
}

#[test]
fn a_secret_is_found_in_every_spelling() {
    let secret = "v1.some-secret_with-enough-characters-to-be-long?>~~";
    let bytes = format!("before {secret} after");
    let shown = [
        bytes.clone(),
        STANDARD.encode(&bytes),
        URL_SAFE_NO_PAD.encode(format!("x{bytes}")),
        STANDARD.encode(format!("xy{bytes}")),
        format!("{:?}", bytes.as_bytes()),
        hex(&bytes),
        hex(&bytes).to_uppercase(),
    ];
    for text in shown {
        let found = spellings(secret).iter().any(|spelling| text.contains(spelling.as_str()));
        assert!(found, "{text}");
    }
    assert!(!spellings(secret).iter().any(|spelling| "something else".contains(spelling.as_str())));
}

#[rstest]
#[case("trace")]
#[case("hyper=trace,hyper::proto=trace,hyper_util::client=trace,sqlx::query=trace,reqwest::connect=trace")]
fn no_directive_lets_the_libraries_below_us_write_what_they_carry(#[case] directive: &str) {
    let log = Log::default();
    let filter = attache::log::filter(directive).expect("a directive");
    let layer = fmt::layer().with_writer(log.clone());
    tracing::subscriber::with_default(registry().with(filter).with(layer), || {
        tracing::trace!(target: "hyper::proto::h1", "held");
        tracing::debug!(target: "hyper", "held");
        tracing::debug!(target: "hyper_util::client", "held");
        tracing::info!(target: "sqlx::query", "held");
        tracing::debug!(target: "reqwest::connect", "held");
        tracing::warn!(target: "sqlx::query", "let through");
        tracing::info!(target: "hyper::proto::h1", "let through");
    });
    let text = log.text();
    assert!(!text.contains("held"), "{text}");
    assert!(text.contains("let through"), "{text}");
}
