//! The stage of a promise: a broker, a sandbox issuer and a sandbox content platform on loopback, one database
//! of its own, and one clock that all of them read.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use attache::clock::{Clock, Timestamp};
use attache::config::Config;
use attache::operator::{Command, run};
use attache::sandbox::{issuer, platform};
use attache::secret::Token;
use attache::server::{Limits, serve};
use attache::{Broker, machine_room, router, start};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::person::Person;
use crate::postgres;
use crate::settings::{configuration, issuer_settings};

pub use Database::{Postgres, Sqlite};

/// 32 bytes; another would be refused for the same database.
pub const MASTER_KEY: &str = "YXR0YWNoZSBwcm9taXNlcyBtYXN0ZXIga2V5IDEyMzQ=";
pub const APP: &str = "content-writer";
pub const AUDIENCE: &str = "https://management.sandbox.test/";
pub const EDITOR: &str = "sandbox|editor";
pub const READER: &str = "sandbox|reader";
/// What must happen happens within this, however busy the machine is.
const PATIENCE: Duration = Duration::from_mins(1);
/// Seconds that the sandbox issuer's access tokens live.
pub const LIFETIME: i64 = 3600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// What may differ from promise to promise.
#[derive(Default)]
pub struct Plan {
    /// More lines of configuration, put after the usual ones.
    pub more_config: String,
    /// (from, to): replaced in the usual configuration. `{issuer}` and `{platform}` in the new text become URLs.
    pub replace: Vec<(&'static str, &'static str)>,
    pub issuer: Option<fn(&mut issuer::Settings)>,
    /// The path of the public URL, without a slash at its end.
    pub behind: &'static str,
    /// In place of a new database on the usual server.
    pub database_url: Option<Token>,
}

pub struct World {
    pub broker: Broker,
    pub public_url: String,
    pub machine_room: String,
    pub issuer: issuer::Issuer,
    pub platform: platform::Platform,
    pub clock: Clock,
    pub config: String,
    pub http: reqwest::Client,
    directory: TempDir,
    stop: CancellationToken,
    api_key: Mutex<Option<(String, String)>>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

impl World {
    pub async fn new(database: Database) -> Self {
        Self::planned(database, Plan::default()).await
    }

    pub async fn planned(database: Database, plan: Plan) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let database_url = match database {
            _ if plan.database_url.is_some() => plan.database_url.clone().expect("a URL"),
            Sqlite => Token::new(format!("sqlite://{}", directory.path().join("attache.db").display())),
            Postgres => postgres::create().await,
        };
        let clock = Clock::manual(Timestamp::from_unix(1_800_000_000));
        let (listener, address) = listen().await;
        let public_url = format!("http://{address}{}", plan.behind);
        let (issuer_listener, issuer_address) = listen().await;
        let (platform_listener, _) = listen().await;
        let mut settings = issuer_settings(&public_url);
        if let Some(change) = plan.issuer {
            change(&mut settings);
        }
        let issuer = issuer::start(issuer_listener, settings, clock.clone()).await;
        assert_eq!(issuer.url(), format!("http://{issuer_address}/"));
        let platform = platform::start(
            platform_listener,
            platform::Settings::demo(&public_url, issuer.url()),
            clock.clone(),
        )
        .await;
        let mut config = configuration(&public_url, &database_url, directory.path(), &issuer, &platform);
        for (from, to) in &plan.replace {
            assert!(config.contains(from), "the configuration has no {from}");
            config = config.replace(from, to);
        }
        config.push_str(&plan.more_config);
        config = config.replace("{issuer}", issuer.url()).replace("{platform}", platform.url());
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        let broker = open(&config, &clock).await;
        let stop = CancellationToken::new();
        let (probes, probes_address) = listen().await;
        tokio::spawn(serve(probes, machine_room::router(broker.clone()), Limits::default(), stop.clone()));
        tokio::spawn(serve(listener, router(broker.clone()), Limits::default(), stop.clone()));
        Self {
            broker,
            public_url,
            machine_room: format!("http://{probes_address}"),
            issuer,
            platform,
            clock,
            config,
            http,
            directory,
            stop,
            api_key: Mutex::new(None),
        }
    }

    /// Another process on the same database, as far as a test can have one; its public URL is the first one's.
    pub async fn replica(&self) -> Replica {
        self.process(&self.config).await
    }

    /// What another process on the same database would work with, though it serves nobody.
    pub async fn process_broker(&self) -> Broker {
        open(&self.config, &self.clock).await
    }

    /// Another process on the same database, by another configuration.
    pub async fn process(&self, config: &str) -> Replica {
        let broker = open(config, &self.clock).await;
        let (listener, address) = listen().await;
        let (probes, probes_address) = listen().await;
        let machines = machine_room::router(broker.clone());
        tokio::spawn(serve(probes, machines, Limits::default(), self.stop.clone()));
        let routes = router(broker.clone());
        tokio::spawn(serve(listener, routes, Limits::default(), self.stop.clone()));
        let machine_room = format!("http://{probes_address}");
        Replica { url: format!("http://{address}"), machine_room, broker }
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// Somebody in front of a browser, signed in.
    pub async fn signed_in(&self, subject: &str) -> Person<'_> {
        let person = Person::new(self);
        person.sign_in(subject).await;
        person
    }

    /// A connection of the editor, made through the browser; its id.
    pub async fn connection(&self) -> String {
        self.signed_in(EDITOR).await.connect(APP).await
    }

    /// The usual caller's id and API key.
    pub async fn caller(&self) -> (String, String) {
        if let Some(known) = self.api_key.lock().expect("a lock").clone() {
            return known;
        }
        let made = self.make_caller("create_content_function", &[APP]).await;
        *self.api_key.lock().expect("a lock") = Some(made.clone());
        made
    }

    /// A caller's id and API key.
    pub async fn make_caller(&self, name: &str, apps: &[&str]) -> (String, String) {
        let apps = apps.iter().map(|app| (*app).to_owned()).collect();
        let made =
            run(&self.broker, Command::CreateKey { caller: name.to_owned(), apps }).await.expect("a key");
        let id = made.lines[0].split(' ').nth(1).expect("the caller's id").to_owned();
        (id, made.secret.expect("the key").expose().to_owned())
    }

    /// `apps.auth.external.get` by the usual caller.
    pub async fn get(&self, connection: &str) -> Value {
        self.slack("get", &[("external_token_id", connection)]).await
    }

    /// A method of Slack's wire, as a form, by the usual caller. Always status 200.
    pub async fn slack(&self, method: &str, form: &[(&str, &str)]) -> Value {
        let (_, key) = self.caller().await;
        let url = self.url(&format!("/api/apps.auth.external.{method}"));
        let answer = self.http.post(url).bearer_auth(key).form(form).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.json().await.expect("JSON")
    }

    /// The access token of a connection.
    pub async fn access_token(&self, connection: &str) -> String {
        let answer = self.get(connection).await;
        assert_eq!(answer["ok"], true, "{answer}");
        answer["external_token"].as_str().expect("a token").to_owned()
    }

    /// `POST /v1/connections/{id}/token` by the usual caller.
    pub async fn v1_token(&self, connection: &str, body: &Value) -> Response {
        let (_, key) = self.caller().await;
        let url = self.url(&format!("/v1/connections/{connection}/token"));
        self.http.post(url).bearer_auth(key).json(body).send().await.expect("an answer")
    }

    /// A token exchange by the usual caller for the demo environment; later parameters win, empty ones go.
    pub async fn exchange(&self, form: &[(&str, &str)]) -> Response {
        let (id, key) = self.caller().await;
        self.exchange_as(&id, &key, form).send().await.expect("an answer")
    }

    pub fn exchange_as(&self, id: &str, key: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let environment = platform::Environment::demo();
        let audience = format!("{}/{}", environment.project, environment.environment);
        let usual = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", &audience),
        ];
        let kept = usual.iter().filter(|(name, _)| form.iter().all(|(other, _)| other != name));
        let all: Vec<_> = kept.chain(form).filter(|(_, value)| !value.is_empty()).collect();
        self.http.post(self.url("/oauth/token")).basic_auth(id, Some(key)).form(&all)
    }

    /// The `_viewer` query with this bearer.
    pub async fn viewer(&self, bearer: &str) -> Response {
        let platform::Environment { project, environment, .. } = platform::Environment::demo();
        let query = format!(
            "query Viewer {{ _viewer {{ ... on UserViewer {{ id user {{ id profile {{ email name }} }} \
             project(id: \"{project}\") {{ id environment(id: \"{environment}\") {{ id authToken }} }} }} }} }}"
        );
        let post = self.http.post(self.url("/graphql")).bearer_auth(bearer).json(&json!({ "query": query }));
        post.send().await.expect("an answer")
    }

    /// The address of the demo environment's content API, which is also its tokens' audience.
    pub fn content_api_url(&self) -> String {
        self.platform.content_api_url(&platform::Environment::demo())
    }

    /// Creates an entry in the demo environment with a content token.
    pub async fn create_entry(&self, content_token: &str) -> Response {
        let query =
            "mutation { createDemoModel23May20250843(data: {title: \"A title\", slug: \"a-slug\"}) { id } }";
        let post = self.http.post(self.content_api_url()).bearer_auth(content_token);
        post.json(&json!({ "query": query })).send().await.expect("an answer")
    }

    /// Stops what this query finds by a connection's id.
    pub async fn freeze(&self, scope: &str, target: &'static str, connection: &str) {
        let target = self.column(target, connection).await.expect("a target");
        self.change(sqlx::query("INSERT INTO freezes (id, scope, target, reason, actor, created_at) VALUES ('fr_1', $1, $2, 'a promise', 'operator', 0)")
            .bind(scope)
            .bind(target)).await;
    }

    /// As after a start with this configuration.
    pub async fn restart(&self, config: &str) {
        open(config, &self.clock).await;
        self.broker.held.forget_all();
    }

    /// A change that goes past every verb, and what is held in memory of the rows.
    pub async fn change(&self, statement: sqlx::query::Query<'_, sqlx::Any, sqlx::any::AnyArguments>) {
        let mut transaction = self.broker.db.begin().await.expect("a turn");
        statement.execute(&mut *transaction).await.expect("a change");
        transaction.commit().await.expect("a change that stands");
        self.broker.held.forget_all();
    }

    /// Everything outstanding that outlives its request, such as telling an issuer.
    pub async fn settle(&self) {
        settle(&self.broker).await;
    }

    /// One value of one row.
    pub async fn column(&self, sql: &'static str, bind: &str) -> Option<String> {
        use sqlx::Row;
        let row = sqlx::query(sql).bind(bind).fetch_optional(&self.broker.db.pool).await.expect("a query");
        row.and_then(|row| row.try_get::<Option<String>, _>(0).expect("a text"))
    }

    /// How many rows a table holds.
    pub async fn rows(&self, table: &str) -> i64 {
        use sqlx::Row;
        let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        sqlx::query(count).fetch_one(&self.broker.db.pool).await.expect("a count").get(0)
    }

    pub async fn status(&self, connection: &str) -> String {
        self.column("SELECT status FROM connections WHERE id = $1", connection).await.expect("a connection")
    }
}

pub async fn settle(broker: &Broker) {
    broker.tasks.close();
    tokio::time::timeout(PATIENCE, broker.tasks.wait()).await.expect("tasks that end");
    broker.tasks.reopen();
}

/// Waits for what must happen soon.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
}

/// An OAuth error answer with this status and word; its description.
pub async fn refused(answer: Response, status: u16, word: &str) -> String {
    assert_eq!(answer.status(), status);
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(body["error"], word, "{body}");
    assert!(body.get("access_token").is_none(), "{body}");
    body["error_description"].as_str().expect("a sentence").to_owned()
}

/// A second process on the same database.
pub struct Replica {
    pub url: String,
    pub machine_room: String,
    pub broker: Broker,
}

pub async fn open(config: &str, clock: &Clock) -> Broker {
    let config = Config::parse(config, []).expect("a good configuration");
    start::start(config, clock.clone()).await.expect("a start")
}
