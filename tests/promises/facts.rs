//! The facts by which a use is judged are the same, whether each comes from where it is held or all come by one statement:
//! after any history of connects, refreshes, revokes, freezes, pauses, narrowings, ends of consent, keys, suspensions and
//! deletions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use attache::access::facts::{self, Facts, Question, Wanted, Which, Who};
use attache::access::judge::judge;
use attache::connection::allowed::{Access, Allowed};
use attache::connection::look_up;
use attache::connection::token_times::{SignedIn, TokenTimes};
use attache::consent::choice::{Choice, Places};
use attache::consent::choose;
use attache::consent::duration::Lasts;
use attache::content::Requested;
use attache::content::exchange::Target;
use attache::content::sight::{self, Asked};
use attache::freeze::freezes;
use attache::operator::select::{Named, NamedSelection, Person};
use attache::operator::{Command, run};
use attache::secret::{Token, TokenHash};
use rstest::rstest;

use crate::freeze::{account, asked, freeze, unfreeze};
use crate::many::{grants, more_apps};
use crate::world::{APP, Database, EDITOR, Plan, Postgres, Sqlite, World};

const STEPS: usize = 300;
/// Questions after each step.
const QUESTIONS: usize = 6;
const APPS: [&str; 2] = [APP, "second"];

/// Of the second app, and of everybody at the environment.
const BOUNDS: &str = r#"
direct = "read"
accepted_audiences = ["https://management.sandbox.test/"]
permissions = [{ actions = ["read", "create"], models = ["Article"], condition = { id = "1" } }]
[[environments.demo-master.roles]]
name = "everybody"
accounts = "any"
permissions = [{ actions = ["read", "create", "update"], stages = ["DRAFT"] }]
"#;

/// xorshift64: the same history in each run, or another by `ATTACHE_SEED`.
struct Chance(u64);

impl Chance {
    fn below(&mut self, number: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % number as u64).expect("a small number")
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// What a history has made, living or not.
struct History {
    world: World,
    chance: Chance,
    people: usize,
    connections: Vec<String>,
    tokens: Vec<String>,
    /// Callers' ids, and keys.
    callers: Vec<(String, String)>,
    freezes: Vec<String>,
    /// What refused, and how often nothing did.
    refused: BTreeSet<String>,
    allowed: usize,
}

impl History {
    async fn new(database: Database, seed: u64) -> Self {
        let more_config = more_apps(&[("second", "Second Tool")]) + BOUNDS;
        let world = World::planned(database, Plan { more_config, ..Plan::default() }).await;
        let connection = world.connection().await;
        let mut history = Self {
            chance: Chance(seed),
            people: 0,
            connections: vec![connection, "Et0".to_owned(), "no id".to_owned()],
            tokens: vec!["nobody's".to_owned()],
            callers: vec![world.caller().await, world.make_caller("of both", &APPS).await],
            freezes: Vec::new(),
            refused: BTreeSet::new(),
            allowed: 0,
            world,
        };
        for _ in 0..6 {
            history.connect().await;
        }
        history
    }

    /// Somebody new connects one of the apps.
    async fn connect(&mut self) {
        let app = *self.chance.of(&APPS);
        let id = grants(&self.world, app, self.people..self.people + 1).await.remove(0);
        self.people += 1;
        self.tokens.push(format!("access-of-{id}"));
        self.connections.push(id);
    }

    fn connection(&mut self) -> String {
        self.chance.of(&self.connections).clone()
    }

    async fn step(&mut self, step: usize) {
        let connection = self.connection();
        let caller = self.chance.of(&self.callers).clone();
        let broker = self.world.broker.clone();
        match self.chance.below(22) {
            0..3 => self.connect().await,
            3..6 => {
                let form = [("external_token_id", connection.as_str()), ("force_refresh", "true")];
                let answer = self.world.slack("get", &form).await;
                self.tokens.extend(answer["external_token"].as_str().map(str::to_owned));
            }
            6 => {
                self.world.slack("delete", &[("external_token_id", &connection)]).await;
            }
            7..9 => self.freeze(&connection, &caller.0).await,
            9..11 => {
                if let Some(id) = self.freezes.pop() {
                    // What ended with its target is lifted already.
                    let _ = unfreeze(&self.world, &id).await;
                }
            }
            11..13 => {
                let pauses = self.chance.below(2) == 0;
                if let Some(connection) = look_up::by_id(&broker, &connection).await.expect("an answer") {
                    if pauses {
                        // One that has ended is not paused.
                        let _ = freezes::pause(&broker, &connection).await;
                    } else {
                        freezes::go_on(&broker, &connection).await.expect("an answer");
                    }
                }
            }
            13..15 => self.choose(&connection).await,
            15 => {
                self.world.clock.advance([1, 600, 4000, 90_000][self.chance.below(4)]);
            }
            16 => {
                let apps: &[&str] = if self.chance.below(2) == 0 { &APPS } else { &["second"] };
                let made = self.world.make_caller(&format!("caller {step}"), apps).await;
                self.callers.push(made);
            }
            17 => {
                let id = caller.1.split('_').nth(1).expect("an id").to_owned();
                if self.callers[0] != caller {
                    let _ = run(&broker, Command::RevokeKey { id }).await;
                }
            }
            18 => self.suspend("callers", &caller.0).await,
            19 => {
                let app = *self.chance.of(&APPS);
                let app = self.world.column("SELECT id FROM apps WHERE key = $1", app).await;
                self.suspend("apps", &app.expect("an app")).await;
            }
            20 => {
                let person =
                    Person { issuer: None, who: format!("ac_{:020}", self.chance.below(self.people)) };
                let _ = run(&broker, Command::DeleteAccount { person, reason: "asked for".to_owned() }).await;
                self.world.settle().await;
            }
            _ => self.rarely(&connection).await,
        }
    }

    async fn freeze(&mut self, connection: &str, caller: &str) {
        let what = match self.chance.below(7) {
            0 => Named::App((*self.chance.of(&APPS)).to_owned()),
            1 => account(&format!("ac_{:020}", self.chance.below(self.people))),
            2 => account(EDITOR),
            3 => Named::Issuer("sandbox".to_owned()),
            4 => Named::Caller(caller.to_owned()),
            5 => Named::Connection(connection.to_owned()),
            _ => Named::All,
        };
        let ago = self.chance.below(2) == 0;
        let issued_before = ago.then(|| self.world.broker.clock.now().plus(-300));
        let asked = NamedSelection { issued_before, ..asked(what) };
        // Whoever is not there, or is gone, is not frozen.
        let command = Command::Freeze { asked: asked.clone(), reason: "r".to_owned() };
        if matches!(asked.what, Named::Account(_) | Named::Connection(_)) {
            if let Ok(done) = run(&self.world.broker, command).await {
                self.freezes.extend(done.lines[0].split(' ').next().map(str::to_owned));
            }
        } else {
            self.freezes.push(freeze(&self.world, asked).await);
        }
    }

    /// The person chooses otherwise.
    async fn choose(&mut self, connection: &str) {
        let broker = &self.world.broker;
        let Some(found) = look_up::by_id(broker, connection).await.expect("an answer") else { return };
        let lasts = *self.chance.of(&[Lasts::OneDay, Lasts::ThirtyDays, Lasts::UntilStopped]);
        let environment = self.world.column("SELECT id FROM environments WHERE status = $1", "active").await;
        let environment = environment.expect("an environment");
        let places = match self.chance.below(3) {
            0 => Places::AsBefore,
            1 => Places::Chosen(Allowed::only(BTreeMap::new())),
            _ => Places::Chosen(Allowed::only(BTreeMap::from([(environment, Access::Read)]))),
        };
        // One that has ended is not changed.
        let _ = choose::change(broker, &found, &found.account_id, &Choice { lasts, places }).await;
    }

    /// Suspends, or lets go on. There is no verb for it.
    async fn suspend(&mut self, table: &str, id: &str) {
        let good = if table == "apps" { "approved" } else { "active" };
        let status = if self.chance.below(3) == 0 { "suspended" } else { good };
        let update = sqlx::AssertSqlSafe(format!("UPDATE {table} SET status = $1 WHERE id = $2"));
        self.world.change(sqlx::query(update).bind(status).bind(id)).await;
    }

    async fn rarely(&mut self, connection: &str) {
        let broker = self.world.broker.clone();
        match self.chance.below(6) {
            0 => {
                run(&broker, Command::MarkRestored).await.expect("a mark");
            }
            1 => {
                let _ = run(&broker, Command::UseRestored).await;
            }
            2 => {
                let status = self.world.column("SELECT status FROM apps WHERE key = $1", APP).await;
                if status.as_deref() == Some("approved") {
                    let id = self.world.signed_in(EDITOR).await.connect(APP).await;
                    self.connections.push(id);
                }
            }
            3 => {
                // Some issuers give one access token twice.
                let other = self.connection();
                let update = "UPDATE connections SET access_token_hash = (SELECT o.access_token_hash FROM connections o \
                    WHERE o.id = $1) WHERE id = $2 AND status NOT IN ('revoking', 'revoked')";
                self.world.change(sqlx::query(update).bind(other).bind(connection)).await;
            }
            4 => {
                let update = "UPDATE connections SET direct = 1 WHERE id = $1";
                self.world.change(sqlx::query(update).bind(connection)).await;
            }
            _ => choose::end_due(&broker).await.expect("an end"),
        }
    }

    /// Asks something of both, and wants one answer.
    async fn ask(&mut self, said: &str) {
        // Between the two, no issuer may be told of a revoke.
        self.world.settle().await;
        let broker = self.world.broker.clone();
        let (caller_id, key) = self.chance.of(&self.callers).clone();
        let key = if self.chance.below(8) == 0 { "no key" } else { key.as_str() };
        let key = Token::new(key.to_owned()).hash();
        let token: &String = self.chance.of(&self.tokens);
        let token = TokenHash::of(token);
        let connection = self.connection();
        let times = TokenTimes { issued_at: broker.clock.now().plus(-600), signed_in: SignedIn::Unsaid };
        let which = match self.chance.below(5) {
            0 | 1 => Which::Id(&connection),
            2 => Which::Verified { id: &connection, times },
            _ => Which::AccessToken(&token),
        };
        let (one, other) = if self.chance.below(2) == 0 {
            let audience = self
                .world
                .column("SELECT project || '/' || environment FROM environments WHERE status = $1", "active")
                .await;
            let audience = audience.expect("an environment");
            let url = self.world.content_api_url();
            let targets = [
                None,
                Some(Target::Audience(&audience)),
                Some(Target::Audience("no/where")),
                Some(Target::Audience("nowhere")),
                Some(Target::Resource(&url)),
                Some(Target::Both { audience: &audience, resource: &url }),
                Some(Target::Both { audience: &audience, resource: "https://elsewhere.test/" }),
            ];
            let requested = Requested::default();
            let asked = Asked { key: &key, which, target: *self.chance.of(&targets), requested };
            let held = sight::in_memory(&broker, asked, |_| Ok(())).await.expect("facts").facts;
            (held, sight::by_statement(&broker, asked).await.expect("facts").facts)
        } else {
            let who = match self.chance.below(3) {
                0 => Who::Nobody,
                1 => Who::Caller(&caller_id),
                _ => Who::Key(&key),
            };
            let wanted = *self.chance.of(&[Wanted::Connection, Wanted::Content]);
            let question = Question { who, which, wanted };
            let held = facts::in_memory(&broker, &question, |_| Ok(())).await.expect("facts");
            (held, facts::by_statement(&broker, &question).await.expect("facts"))
        };
        let (one, other) = (settled(one), settled(other));
        assert_eq!(one, other, "{said}");
        match judge(&one, broker.clock.now()) {
            Ok(_) => self.allowed += 1,
            Err(refusal) => {
                let word = format!("{refusal:?}");
                self.refused.insert(word.split('(').next().unwrap_or_default().to_owned());
            }
        }
    }
}

/// When a connection was used last decides nothing, and memory is not told of it.
fn settled(mut facts: Facts) -> Facts {
    for found in &mut facts.found {
        Arc::make_mut(&mut found.connection).last_used_at = None;
    }
    facts
}

#[rstest]
#[tokio::test]
async fn both_bring_the_same_facts_after_any_history(#[values(Sqlite, Postgres)] database: Database) {
    let seed = std::env::var("ATTACHE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(0x9e37_79b9_7f4a_7c15);
    let mut history = History::new(database, seed).await;
    for step in 0..STEPS {
        history.step(step).await;
        for _ in 0..QUESTIONS {
            history.ask(&format!("ATTACHE_SEED={seed}, step {step}")).await;
        }
    }
    // A history that meets no rule proves nothing.
    let met: Vec<&str> = history.refused.iter().map(String::as_str).collect();
    for rule in [
        "AppNotAllowed",
        "AppNotApproved",
        "CallerSuspended",
        "ConnectionEnded",
        "ConsentOver",
        "EnvironmentClosed",
        "Frozen",
        "NoConnection",
        "RevokedKey",
        "UnknownKey",
        "UnknownToken",
    ] {
        assert!(met.contains(&rule), "{rule} was not met: {met:?}");
    }
    assert!(history.allowed > STEPS / 20, "{} were allowed", history.allowed);
}
