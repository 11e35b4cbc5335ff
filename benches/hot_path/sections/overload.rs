//! Five times more than the server has: how much of its best it still does, how quickly it refuses the rest, and how
//! soon all is as before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Stage, settle};
use crate::broker::Broker;
use crate::fault::Fault;
use crate::jobs::Choice;
use crate::jobs::hand_out::{HandOut, Wire};
use crate::load::Job;
use crate::load::closed::{Measured, Shape, drive};
use crate::load::open::{Offer, Taken, offer};
use crate::numbers::{float, per_second};
use crate::process::Watched;
use crate::report::{Report, milliseconds, number, percent};
use crate::seed::Seed;

const TIMES: f64 = 5.0;
/// Clients of the usual load, before and after.
const USUAL: usize = 16;
/// All is as before once the p99 of a short window is no more than this times the usual one.
const NORMAL: f64 = 1.5;
const PATIENCE: Duration = Duration::from_mins(1);

const COLUMNS: [&str; 9] = [
    "clients that are refused",
    "peak a second",
    "sent a second",
    "good a second",
    "of the peak",
    "refused a second",
    "p99 of refusals ms",
    "p99 of good ones ms",
    "normal again after s",
];

pub fn run(stage: &Stage<'_>, seed: &Seed, report: &mut Report) -> Result<(), Fault> {
    if !stage.arguments.wants("overload") {
        return Ok(());
    }
    let broker = stage.serve(seed)?;
    let watched = stage.watch(seed, broker.pid());
    let rows = Choice::Any(seed.layout.known());
    let job: Arc<dyn Job> = Arc::new(HandOut::new(Wire::Json, rows, &seed.callers));
    let field = Field { stage, broker: &broker, watched, job };
    let mut rows = Vec::new();
    let mut cuts = Vec::new();
    for honours_retry_after in [true, false] {
        let (row, taken) = field.overload(honours_retry_after)?;
        rows.push(row);
        cuts.push(taken);
    }
    report.heading(&format!("Overload, {}", seed.place.name()));
    report.table(COLUMNS, &rows);
    for taken in cuts {
        report.text(&format!(
            "* {} sent, {} right, {} refused, {} cut off, {} wrong; {} not sent because the client was still waiting.",
            taken.offered, taken.right, taken.refused, taken.cut, taken.wrong, taken.skipped
        ));
    }
    report.text("");
    broker.stop()
}

struct Field<'a> {
    stage: &'a Stage<'a>,
    broker: &'a Broker,
    watched: Watched,
    job: Arc<dyn Job>,
}

impl Field<'_> {
    fn overload(&self, honours_retry_after: bool) -> Result<([String; COLUMNS.len()], Taken), Fault> {
        let quick = self.stage.arguments.quick;
        let window = self.stage.arguments.window();
        // A server that has just started is slower than it will be.
        self.usual(64, window)?;
        let peak = self.peak(window)?;
        let usual = self.usual(USUAL, window)?.percentile(99.0);
        let lasts = window * 5;
        let clients = if quick { 500 } else { 2_000 };
        let address = self.broker.address;
        let taken =
            offer(&self.job, Offer { address, clients, rate: peak * TIMES, lasts, honours_retry_after })?;
        let over = Instant::now();
        let mut normal = None;
        while over.elapsed() < PATIENCE {
            let measured = self.now(USUAL, Duration::from_millis(250))?;
            if measured.right() > 0 && measured.percentile(99.0) <= usual * NORMAL {
                normal = Some(over.elapsed());
                break;
            }
        }
        // What was asked for meanwhile may be quicker now: a peak that was taken too low would flatter.
        let best = peak.max(self.peak(window)?);
        let p99 = |latencies: &hdrhistogram::Histogram<u64>| {
            if latencies.is_empty() {
                "–".to_owned()
            } else {
                milliseconds(float(latencies.value_at_quantile(0.99)) / 1000.0)
            }
        };
        let good = per_second(taken.right, lasts);
        let row = [
            if honours_retry_after { "wait as told by Retry-After" } else { "ask on" }.to_owned(),
            number(best),
            number(per_second(taken.offered, lasts)),
            number(good),
            percent(good / best),
            number(per_second(taken.refused, lasts)),
            p99(&taken.refusals),
            p99(&taken.latencies),
            normal.map_or_else(|| "not within 60".to_owned(), |after| format!("{:.1}", after.as_secs_f64())),
        ];
        Ok((row, taken))
    }

    /// The best of several numbers of clients.
    fn peak(&self, window: Duration) -> Result<f64, Fault> {
        let mut peak = 0.0_f64;
        for clients in [USUAL, 64, 256] {
            peak = peak.max(self.usual(clients, window)?.rate());
        }
        Ok(peak)
    }

    fn usual(&self, clients: usize, window: Duration) -> Result<Measured, Fault> {
        settle(self.watched);
        self.now(clients, window)
    }

    fn now(&self, clients: usize, window: Duration) -> Result<Measured, Fault> {
        let shape = Shape { address: self.broker.address, clients, warm_up: Duration::ZERO, window };
        drive(&self.job, shape, self.watched)
    }
}
