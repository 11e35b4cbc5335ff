//! One person's app exchanges on and on, each time for something else, so that a token is minted and kept each time. The
//! hundred-thousandth exchange must cost no more than the first.

use std::sync::Arc;

use super::{Stage, settle};
use crate::fault::{Fault, refuse};
use crate::jobs::exchange::EachAnew;
use crate::load::Job;
use crate::load::closed::{Shape, drive};
use crate::report::{Report, number};
use crate::seed::Seed;

const CLIENTS: usize = 16;
const EXCHANGES: u64 = 100_000;

pub fn run(stage: &Stage<'_>, seed: &Seed, report: &mut Report) -> Result<(), Fault> {
    let arguments = stage.arguments;
    if !arguments.wants("one-person") {
        return Ok(());
    }
    let broker = stage.serve(seed)?;
    let job: Arc<dyn Job> = Arc::new(EachAnew::new(seed.layout.hot().start, &seed.callers));
    let watched = stage.watch(seed, broker.pid());
    let (warm_up, window) = (arguments.warm_up(), arguments.window());
    let shape = Shape { address: broker.address, clients: CLIENTS, warm_up, window };
    let mut rows = Vec::new();
    let mut done = 0;
    while done < EXCHANGES {
        settle(watched);
        let measured = drive(&job, shape, watched)?;
        if measured.wrong > 0 || measured.right() == 0 {
            return refuse(measured.complaint.unwrap_or_else(|| "no exchange was answered".to_owned()));
        }
        let (server, database) = measured.cpu_each();
        rows.push([number(crate::numbers::float(done)), number(measured.rate()), number(server + database)]);
        done += measured.right();
    }
    // The first window, some between and the last.
    let step = rows.len().div_ceil(6).max(1);
    let last = rows.pop();
    let shown: Vec<_> = rows.into_iter().step_by(step).chain(last).collect();
    report.heading(&format!("One person's exchanges, {}", seed.place.name()));
    report.table(["after as many", "exchanges a second", "CPU µs for each, server and database"], &shown);
    broker.stop()
}
