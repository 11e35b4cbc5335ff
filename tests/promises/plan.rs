//! How a database would answer what is sent to it: the statements as they went out, and its plan for each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use attache::db::DbConnection;
use sqlx::{AssertSqlSafe, Row};
use tracing::field::{Field, Visit};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt;

use crate::world::{Database, Postgres, Sqlite, World};

/// Every statement that was sent.
#[derive(Clone, Default)]
pub struct Statements(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut statement = Statement::default();
            event.record(&mut statement);
            let text = if statement.whole.is_empty() { statement.summary } else { statement.whole };
            self.0.lock().expect("a lock").push(text.trim().to_owned());
        }
    }
}

/// Short statements are their own summary.
#[derive(Default)]
struct Statement {
    summary: String,
    whole: String,
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Statements {
    pub fn listen() -> Self {
        let statements = Self::default();
        registry().with(LevelFilter::DEBUG).with(statements.clone()).init();
        statements
    }

    /// Whether one that holds this text was sent since it was last asked.
    pub fn have(&self, text: &str) -> bool {
        self.0.lock().expect("a lock").iter().any(|statement| statement.contains(text))
    }

    /// What was sent since it was last asked, each text once.
    pub fn take(&self) -> Vec<String> {
        let mut taken = std::mem::take(&mut *self.0.lock().expect("a lock"));
        taken.sort_unstable();
        taken.dedup();
        taken
    }
}

/// One step of a plan, with those that it is made of.
#[derive(Debug, Default)]
pub struct Step {
    pub said: String,
    pub parts: Vec<Self>,
}

impl Step {
    /// From lines and how deep each stands.
    pub fn tree(lines: Vec<(usize, String)>) -> Self {
        let mut open: Vec<(usize, Self)> = vec![(0, Self::default())];
        let close = |open: &mut Vec<(usize, Self)>| {
            let (_, step) = open.pop().expect("a step");
            open.last_mut().expect("a root").1.parts.push(step);
        };
        for (depth, said) in lines {
            while open.len() > 1 && open.last().is_some_and(|(above, _)| *above > depth) {
                close(&mut open);
            }
            open.push((depth + 1, Self { said, parts: Vec::new() }));
        }
        while open.len() > 1 {
            close(&mut open);
        }
        open.pop().expect("a root").1
    }

    pub fn any(&self, judge: &impl Fn(&Self) -> bool) -> bool {
        judge(self) || self.parts.iter().any(|part| part.any(judge))
    }

    pub fn holds(&self, text: &str) -> bool {
        self.any(&|step| step.said.contains(text))
    }
}

/// How the database answers a statement, whatever is bound to it.
pub async fn plan(world: &World, database: Database, statement: &str) -> Step {
    let mut connection = world.broker.db.pool.acquire().await.expect("a connection");
    let mut lines = Vec::new();
    match database {
        Sqlite => {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let mut depths = HashMap::from([(0_i64, 0)]);
            for row in sqlx::raw_sql(explain).fetch_all(&mut connection).await.expect("a plan") {
                let (id, above): (i64, i64) = (row.get(0), row.get(1));
                let depth = depths[&above] + 1;
                depths.insert(id, depth);
                lines.push((depth, row.get::<String, _>(3)));
            }
        }
        Postgres => {
            // As it plans for large tables, which those of a promise are not: many rows on each of their pages.
            let large = "UPDATE pg_class SET relpages = 1, reltuples = 100000 \
                WHERE relname IN ('connections', 'ledger') AND relkind = 'r'";
            sqlx::raw_sql(large).execute(&mut connection).await.expect("sizes");
            let settings = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_sort = off";
            sqlx::raw_sql(settings).execute(&mut connection).await.expect("settings");
            lines = explained(&mut connection, statement).await;
            sqlx::raw_sql("RESET ALL").execute(&mut connection).await.expect("an end");
        }
    }
    assert!(!lines.is_empty(), "no plan for {statement}");
    Step::tree(lines)
}

/// How PostgreSQL answers a statement as our connections are set, with a plan that it keeps.
pub async fn kept_plan(world: &World, statement: &str) -> Step {
    let mut connection = world.broker.db.pool.acquire().await.expect("a connection");
    let generic = "SET plan_cache_mode = force_generic_plan";
    sqlx::raw_sql(generic).execute(&mut connection).await.expect("a setting");
    let lines = explained(&mut connection, statement).await;
    sqlx::raw_sql("RESET plan_cache_mode").execute(&mut connection).await.expect("an end");
    Step::tree(lines)
}

/// The lines of a plan of PostgreSQL, and how deep each stands.
async fn explained(connection: &mut DbConnection, statement: &str) -> Vec<(usize, String)> {
    let last = (1..200).rev().find(|number| statement.contains(&format!("${number}"))).unwrap_or(0);
    let nulls = vec!["NULL"; last].join(", ");
    let execute = if last == 0 { "asked".to_owned() } else { format!("asked({nulls})") };
    let prepare = AssertSqlSafe(format!("PREPARE asked AS {statement}"));
    sqlx::raw_sql(prepare).execute(&mut *connection).await.expect("a statement");
    let explain = AssertSqlSafe(format!("EXPLAIN (COSTS off) EXECUTE {execute}"));
    let rows = sqlx::raw_sql(explain).fetch_all(&mut *connection).await.expect("a plan");
    sqlx::raw_sql("DEALLOCATE asked").execute(&mut *connection).await.expect("an end");
    let line = |row: sqlx::any::AnyRow| {
        let line: String = row.get(0);
        let said = line.trim_start();
        (line.len() - said.len(), said.trim_start_matches("->").trim_start().to_owned())
    };
    rows.into_iter().map(line).collect()
}

/// Whether a step reads a table under one of these names.
pub fn reads(step: &Step, names: &[&str]) -> bool {
    names.iter().any(|name| {
        let sqlite = [format!("SEARCH {name} "), format!("SCAN {name} ")];
        let postgres = step.said.contains(" on ") && step.said.ends_with(&format!(" {name}"));
        postgres || sqlite.iter().any(|begin| format!("{} ", step.said).starts_with(begin))
    })
}

/// Whether something is sorted of which no limit has said how much there is.
pub fn sorts_without_limit(step: &Step, names: &[&str]) -> bool {
    fn unlimited(step: &Step, names: &[&str]) -> bool {
        let beneath = || step.parts.iter().any(|part| unlimited(part, names));
        reads(step, names) || (step.said != "Limit" && beneath())
    }
    // PostgreSQL sorts what stands beneath, SQLite what stands beside.
    let sort = |step: &Step| ["Sort", "Incremental Sort"].contains(&step.said.as_str());
    let beside = |step: &Step| step.said.starts_with("USE TEMP B-TREE FOR ");
    step.any(&|step| sort(step) && step.parts.iter().any(|part| unlimited(part, names)))
        || step.any(&|step| step.parts.iter().any(beside) && step.parts.iter().any(|part| reads(part, names)))
}

/// Whether a table is read otherwise than by a range of an index.
pub fn reads_all(step: &Step, judged: &impl Fn(&Step) -> bool) -> bool {
    step.any(&|step| {
        let by_range = step.said.starts_with("SEARCH ")
            || step.parts.iter().any(|part| part.said.starts_with("Index Cond"));
        // A bitmap's conditions stand with its index, a step below.
        let by_bitmap = step.said.starts_with("Bitmap Heap Scan") && step.holds("Index Cond");
        judged(step) && !by_range && !by_bitmap
    })
}
