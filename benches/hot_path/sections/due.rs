//! Ten thousand connections in use that are due for an early refresh within one second, beside the usual load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use attache::clock::Clock;

use super::{Stage, settle};
use crate::fault::{Fault, refuse};
use crate::jobs::Choice;
use crate::jobs::hand_out::{HandOut, Wire};
use crate::load::Job;
use crate::load::closed::{Shape, drive};
use crate::numbers::Series;
use crate::report::{Report, milliseconds};
use crate::seed::Seed;
use crate::seed::layout::connection_id;
use crate::seed::write::Writer;

const DUE: u64 = 10_000;
/// Clients of the usual load.
const USUAL: usize = 16;
/// How long the issuer thinks about each, so that calls do overlap.
const THINKS: Duration = Duration::from_millis(20);
/// From the marking of the rows to the second in which they are due: a start, a warm-up and a window.
const AHEAD: i64 = 15;
const PATIENCE: Duration = Duration::from_mins(5);

pub fn run(stage: &Stage<'_>, seed: &Seed, report: &mut Report) -> Result<(), Fault> {
    let rows = seed.layout.to_refresh();
    let rows = rows.start..rows.end.min(rows.start + DUE);
    if !stage.arguments.wants("due") || rows.is_empty() {
        return Ok(());
    }
    let count = rows.end - rows.start;
    let due_at = Clock::System.now().plus(AHEAD);
    stage.runtime.block_on(mark(seed, rows, due_at.unix()))?;
    let broker = stage.serve(seed)?;
    let watched = stage.watch(seed, broker.pid());
    let job: Arc<dyn Job> = Arc::new(HandOut::new(Wire::Json, Choice::Any(seed.layout.hot()), &seed.callers));
    let usual = |window| {
        let shape = Shape { address: broker.address, clients: USUAL, warm_up: Duration::ZERO, window };
        drive(&job, shape, watched)
    };
    usual(Duration::from_secs(1))?;
    settle(watched);
    let mut before = Series::default();
    while Clock::System.now().plus(2) < due_at {
        before.push(usual(Duration::from_secs(1))?.percentile(99.0));
    }
    if Clock::System.now() >= due_at {
        return refuse("the server started too late; what was due is being refreshed already");
    }
    let refreshed = stage.issuer.refreshes();
    stage.issuer.think(THINKS);
    while Clock::System.now() < due_at {
        std::thread::sleep(Duration::from_millis(10));
    }
    let (began, mut during) = (Instant::now(), Series::default());
    let mut took = None;
    while began.elapsed() < PATIENCE && took.is_none() {
        during.push(usual(Duration::from_secs(1))?.percentile(99.0));
        took = (stage.issuer.refreshes() - refreshed >= count).then(|| began.elapsed());
    }
    // Whatever would be asked twice is asked by now.
    settle(watched);
    let most = stage.issuer.think(Duration::ZERO);
    let asked = stage.issuer.refreshes() - refreshed;
    let ms = |value: Option<f64>| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{} ms", milliseconds(value)))
    };
    let ratio = before
        .median()
        .zip(during.median())
        .map_or_else(String::new, |(before, during)| format!(" ({:.2}x; aim: within 2x)", during / before));
    let took =
        took.map_or_else(|| "not within five minutes".to_owned(), |took| format!("{} s", took.as_secs()));
    report.heading(&format!("{count} connections due in one second, {}", seed.place.name()));
    let rows = [
        ["refreshes that the issuer was asked for".to_owned(), asked.to_string()],
        ["at one time, at the most (cap: 16, half of it for early ones)".to_owned(), most.to_string()],
        ["until the last".to_owned(), took],
        [format!("p99 of {USUAL} usual clients, before"), ms(before.median())],
        ["p99 meanwhile, median of seconds".to_owned(), format!("{}{ratio}", ms(during.median()))],
        ["p99 meanwhile, worst second".to_owned(), ms(during.most())],
    ];
    report.table(["what", "measured"], &rows);
    broker.stop()
}

/// In use, and due at this moment.
async fn mark(seed: &Seed, rows: std::ops::Range<u64>, due_at: i64) -> Result<(), Fault> {
    let mut writer = Writer::open(&seed.place).await?;
    let ids: Vec<String> = rows.map(|row| format!("'{}'", connection_id(row))).collect();
    for ids in ids.chunks(1000) {
        let update = format!(
            "UPDATE connections SET refresh_due_at = {due_at}, last_used_at = {due_at}, retry_at = NULL, \
             status = 'active' WHERE id IN ({})",
            ids.join(", ")
        );
        writer.execute(&update).await?;
    }
    Ok(())
}
