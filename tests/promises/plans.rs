//! What a page costs does not grow with the pages before it, nor a start with the connections there are. Asked of the
//! database itself: how it would answer the very statements that were sent to it.

use attache::refresh::early::Line;
use attache::start;
use rstest::rstest;

use crate::many::{Copy, copy, more_apps, note};
use crate::plan::{Statements, Step, kept_plan, plan, reads, reads_all, sorts_without_limit};
use crate::world::{APP, Database, EDITOR, Plan, Postgres, Sqlite, World};

/// Tells a process of its own which promise to make: only there can all threads write into one log.
const ALONE: &str = "ATTACHE_TEST_PLANS";

/// Sends a request and judges how each statement that pages would be answered.
struct Asked<'a> {
    world: &'a World,
    database: Database,
    statements: &'a Statements,
}

impl Asked<'_> {
    /// `indexes` are those that the page's keys come from; `key` is what their ranges begin with, as each of the two
    /// databases says it.
    async fn judge(&self, request: &str, indexes: &[&str], key: [&str; 2]) {
        let sent = self.statements.take();
        let pages =
            |text: &&String| text.contains("FROM connections k WHERE k.a") || text.contains("FROM ledger l");
        let mut plans = Vec::new();
        for text in sent.iter().filter(pages) {
            let plan = plan(self.world, self.database, text).await;
            let names = ["k", "l"];
            assert!(!reads_all(&plan, &|step| reads(step, &names)), "{request}: {text}\n{plan:#?}");
            if text.contains("LIMIT") {
                assert!(!sorts_without_limit(&plan, &names), "{request}: {text}\n{plan:#?}");
            }
            plans.push(plan);
        }
        for index in indexes {
            let used = |step: &Step| step.said.split([' ', '(']).any(|word| word == *index);
            assert!(
                plans.iter().any(|plan| plan.any(&used)),
                "{request} without {index}: {sent:#?}\n{plans:#?}"
            );
        }
        let key = if self.database == Sqlite { key[0] } else { key[1] };
        assert!(plans.iter().any(|plan| plan.holds(key)), "{request} not by {key}: {plans:#?}");
    }
}

const LISTED: [&str; 2] = ["(listed_at,id)<(?,?)", "(ROW(listed_at, id) < ROW("];
const PLACED: [&str; 2] = ["(account_id,id)>(?,?)", "(ROW(account_id, id) > ROW("];
const FIRST: [&str; 2] = ["", ""];

async fn every_page_is_a_range_of_an_index(database: Database) {
    let statements = Statements::listen();
    let more_config = more_apps(&[("second", "Second Tool"), ("third", "Third Tool")]);
    let world = World::planned(database, Plan { more_config, ..Plan::default() }).await;
    let person = world.signed_in(EDITOR).await;
    let own = person.connect(APP).await;
    let copies: Vec<Copy> = (0..600)
        .map(|number| Copy::new(number, ["second", "third", APP][number % 3]).used(1_800_000_100))
        .collect();
    copy(&world, &own, &copies).await;
    note(&world, &own, 60).await;
    let account =
        world.column("SELECT account_id FROM connections WHERE id = $1", &own).await.expect("an id");
    let (_, key) = world.make_caller("backend", &[APP, "second"]).await;
    let asked = Asked { world: &world, database, statements: &statements };
    let list = "/account/connected-apps";
    let (waiting, rest) = (format!("after=0-1800000100-{own}"), format!("after=1-1800000100-{own}"));
    let ledger = [["(connection_id=? AND seq<?)", "(seq < "], ["(connection_id=? AND seq>?)", "(seq >= "]];
    for (path, indexes, key) in [
        (list.to_owned(), &["connections_waiting", "connections_listed"][..], FIRST),
        (format!("{list}?{waiting}"), &["connections_waiting", "connections_listed"], LISTED),
        (format!("{list}?{rest}"), &["connections_listed"], LISTED),
        (format!("{list}?q=tool"), &["connections_waiting_of_app", "connections_listed_of_app"], FIRST),
        (format!("{list}?q=second&{rest}"), &["connections_listed_of_app"], LISTED),
        (format!("{list}?q=tool&{rest}"), &["connections_listed_of_app"], LISTED),
        (format!("{list}/{own}"), &["ledger_connection"], ledger[0]),
        (format!("{list}/{own}?before=1932735283200000000"), &["ledger_connection"], ledger[0]),
        (format!("{list}/{own}"), &["ledger_connection"], ledger[1]),
    ] {
        statements.take();
        assert_eq!(person.get(&path).await.status, 200, "{path}");
        asked.judge(&path, indexes, key).await;
    }
    for (query, index) in [
        (String::new(), "connections_app"),
        (format!("app={APP}"), "connections_app"),
        ("state=active".to_owned(), "connections_app_status"),
        ("state=revoked".to_owned(), "connections_app_status"),
        (format!("account={account}"), "connections_app"),
        (format!("account={account}&state=active&app={APP}"), "connections_app_status"),
    ] {
        let path = format!("/v1/connections?limit=5&{query}");
        let mut cursor = String::new();
        for begun in [false, true] {
            statements.take();
            let path = format!("{path}{cursor}");
            let answer = world.http.get(world.url(&path)).bearer_auth(&key).send().await.expect("an answer");
            let answer: serde_json::Value = answer.json().await.expect("JSON");
            let by = match (begun, query.contains("account")) {
                (false, _) => FIRST,
                (true, false) => PLACED,
                (true, true) => ["account_id=? AND id>?", "(id > "],
            };
            asked.judge(&path, &[index], by).await;
            let next = answer["next_cursor"].as_str().map(|next| format!("&cursor={next}"));
            cursor = next.unwrap_or_else(|| "&cursor=YWNfMS5FdDE".to_owned());
            if query.contains("account") && cursor.ends_with("FdDE") {
                break;
            }
        }
    }
}

/// What grows with what people and callers do. The operator's few apps, issuers and environments may be read whole.
const GROWING: [&str; 10] = [
    "accounts",
    "sessions",
    "connect_attempts",
    "used_sign_ins",
    "connect_sessions",
    "connections",
    "vault_keys",
    "content_tokens",
    "outbox",
    "ledger",
];
/// The names under which statements read what does not grow.
const SMALL: [&str; 8] = ["apps", "a", "issuers", "i", "environments", "signing_keys", "api_keys", "found"];

async fn nothing_is_read_whole_at_start_or_by_housekeeping(database: Database) {
    let statements = Statements::listen();
    let world = World::new(database).await;
    world.connection().await;
    statements.take();
    let broker = crate::world::open(&world.config, &world.clock).await;
    let housekeeping = tokio::spawn(start::keep_house(broker.clone()));
    let carried_on = tokio::spawn(start::carry_on(broker.clone()));
    let swept = async {
        let last =
            ["FROM content_tokens WHERE expires_at", "FROM outbox WHERE status", "kept_tokens IS NOT NULL"];
        while !last.iter().all(|last| statements.have(last)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), swept)
        .await
        .expect("everything is swept at once");
    Line::default().begin_due(&broker).await.expect("nothing that is due");
    broker.draining.cancel();
    housekeeping.await.expect("an end");
    carried_on.await.expect("an end");
    let mut seen = Vec::new();
    for text in statements.take() {
        let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let tables: Vec<&str> = GROWING.into_iter().filter(|table| words.contains(table)).collect();
        let judged = ["SELECT", "UPDATE", "DELETE"].contains(&words[0]) || words.contains(&"SELECT");
        if tables.is_empty() || !judged || words[0] == "CREATE" {
            continue;
        }
        let plan = plan(&world, database, &text).await;
        let read = |step: &Step| match database {
            Sqlite => step
                .said
                .strip_prefix("SCAN ")
                .is_some_and(|rest| !SMALL.contains(&rest.split(' ').next().unwrap_or_default())),
            Postgres => {
                step.said.contains("Scan")
                    && GROWING.iter().any(|table| {
                        step.said.split(' ').skip_while(|word| *word != "on").nth(1) == Some(*table)
                    })
            }
        };
        assert!(!reads_all(&plan, &read), "{text}\n{plan:#?}");
        seen.extend(tables);
    }
    for table in [
        "vault_keys",
        "sessions",
        "connect_attempts",
        "used_sign_ins",
        "connect_sessions",
        "content_tokens",
        "outbox",
    ] {
        assert!(seen.contains(&table), "{table} was not asked for: {seen:?}");
    }
}

async fn keys_lead_to_rows(_: Database) {
    let statements = Statements::listen();
    let world = World::new(Postgres).await;
    let connection = world.connection().await;
    // As housekeeping leaves tables behind in which everything has run out.
    let empty = "DELETE FROM sessions; DELETE FROM content_tokens";
    let mut database = world.broker.db.pool.acquire().await.expect("a connection");
    sqlx::raw_sql(empty).execute(&mut database).await.expect("nothing");
    for table in ["sessions", "content_tokens"] {
        let analyze = sqlx::AssertSqlSafe(format!("VACUUM ANALYZE {table}"));
        sqlx::raw_sql(analyze).execute(&mut database).await.expect("statistics");
    }
    drop(database);
    statements.take();
    let person = world.signed_in(EDITOR).await;
    assert_eq!(person.get("/account/connected-apps").await.status, 200);
    let subject = world.access_token(&connection).await;
    for _ in 0..2 {
        assert_eq!(world.exchange(&[("subject_token", &subject)]).await.status(), 200);
    }
    let (mut seen, whole) = (Vec::new(), |step: &Step| step.said.starts_with("Seq Scan on "));
    for text in statements.take().iter().filter(|text| text.starts_with("SELECT")) {
        for (table, expiry) in [("content_tokens", "content_tokens_expiry"), ("sessions", "sessions_expiry")]
        {
            if text.contains(&format!("FROM {table}")) || text.contains(&format!("JOIN {table}")) {
                let plan = kept_plan(&world, text).await;
                let of_table = |step: &Step| whole(step) && step.said.contains(table);
                assert!(!plan.any(&of_table) && !plan.holds(expiry), "{text}\n{plan:#?}");
                seen.push(table);
            }
        }
    }
    assert!(["content_tokens", "sessions"].iter().all(|table| seen.contains(table)), "{seen:?}");
}

/// Makes a promise in a process of its own, or makes it here when this is that process.
async fn alone(name: &str, database: Database, promise: impl AsyncFnOnce(Database)) {
    let wanted = format!("{name} {database:?}");
    match std::env::var(ALONE) {
        Ok(asked) if asked == wanted => {
            promise(database).await;
            eprintln!("made: {wanted}");
        }
        Ok(_) => {}
        Err(_) => {
            let this = std::env::current_exe().expect("this binary");
            let mut process = tokio::process::Command::new(this);
            process.args([&format!("plans::{name}"), "--nocapture"]).env(ALONE, &wanted);
            let ended = process.output().await.expect("an end");
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(ended.status.success(), "{}{said}", String::from_utf8_lossy(&ended.stdout));
            assert!(said.contains(&format!("made: {wanted}")), "{said}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_pages_cost_does_not_grow_with_the_pages_before_it(#[values(Sqlite, Postgres)] database: Database) {
    alone("a_pages_cost", database, every_page_is_a_range_of_an_index).await;
}

#[rstest]
#[tokio::test]
async fn a_start_does_not_depend_on_how_many_are_connected(#[values(Sqlite, Postgres)] database: Database) {
    alone("a_start", database, nothing_is_read_whole_at_start_or_by_housekeeping).await;
}

#[tokio::test]
async fn what_has_a_key_is_found_by_it_though_its_table_was_empty_when_that_was_planned() {
    alone("what_has_a_key", Postgres, keys_lead_to_rows).await;
}

#[test]
fn a_plan_that_reads_or_sorts_everything_is_known_for_what_it_is() {
    let plan = |lines: &[(usize, &str)]| {
        Step::tree(lines.iter().map(|(depth, said)| (*depth, (*said).to_owned())).collect())
    };
    let reads_k = |step: &Step| reads(step, &["k"]);
    let sorted = plan(&[(1, "SEARCH k USING INDEX x (account_id=?)"), (1, "USE TEMP B-TREE FOR ORDER BY")]);
    assert!(sorts_without_limit(&sorted, &["k"]) && !reads_all(&sorted, &reads_k));
    let scanned = plan(&[(1, "MATERIALIZE keys"), (2, "SCAN k"), (1, "SCAN keys")]);
    assert!(reads_all(&scanned, &reads_k) && !sorts_without_limit(&scanned, &["k"]));
    let page = plan(&[
        (1, "MATERIALIZE keys"),
        (2, "SEARCH k USING INDEX x (account_id=?)"),
        (1, "SCAN keys"),
        (1, "USE TEMP B-TREE FOR ORDER BY"),
    ]);
    assert!(!reads_all(&page, &reads_k) && !sorts_without_limit(&page, &["k"]));
    let sorted = plan(&[
        (0, "Limit"),
        (6, "Sort"),
        (8, "Sort Key: k.id"),
        (12, "Index Scan using x on connections k"),
    ]);
    assert!(sorts_without_limit(&sorted, &["k"]) && reads_all(&sorted, &reads_k));
    let page = plan(&[
        (0, "Sort"),
        (6, "Limit"),
        (12, "Index Only Scan Backward using x on connections k"),
        (18, "Index Cond: (account_id = $1)"),
    ]);
    assert!(!sorts_without_limit(&page, &["k"]) && !reads_all(&page, &reads_k));
}
