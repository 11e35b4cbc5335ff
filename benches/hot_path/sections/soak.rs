//! Memory over time under mixed load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Stage;
use crate::fault::{Fault, refuse};
use crate::jobs::Choice;
use crate::jobs::exchange::Kept;
use crate::jobs::get::Get;
use crate::jobs::hand_out::{HandOut, Wire};
use crate::load::Job;
use crate::load::closed::{Shape, drive};
use crate::numbers::{Series, float};
use crate::process::memory;
use crate::report::{Report, median, number};
use crate::seed::Seed;

pub fn run(stage: &Stage<'_>, seed: &Seed, report: &mut Report) -> Result<(), Fault> {
    let window = Duration::from_secs(stage.arguments.soak);
    if window.is_zero() || !stage.arguments.wants("soak") {
        return Ok(());
    }
    let broker = stage.serve(seed)?;
    let watched = stage.watch(seed, broker.pid());
    let (layout, callers) = (seed.layout, &seed.callers);
    let pages = stage.pages(&broker)?;
    let jobs: [(&str, usize, Arc<dyn Job>); 5] = [
        ("hand-out, hot", 16, Arc::new(HandOut::new(Wire::Slack, Choice::Any(layout.hot()), callers))),
        ("hand-out, any", 8, Arc::new(HandOut::new(Wire::Json, Choice::Any(layout.known()), callers))),
        ("exchange", 8, Arc::new(Kept::new(layout.hot(), callers))),
        ("page", 1, Arc::new(Get::new(&pages.first, Some(&pages.cookie), "/account/connected-apps/Et"))),
        ("refresh", 4, Arc::new(HandOut::new(Wire::Refresh, Choice::each(layout.to_refresh()), callers))),
    ];
    let began = Instant::now();
    let drivers: Vec<_> = jobs
        .into_iter()
        .map(|(name, clients, job)| {
            let shape = Shape { address: broker.address, clients, warm_up: Duration::ZERO, window };
            (name, std::thread::spawn(move || drive(&job, shape, watched)))
        })
        .collect();
    let step = Duration::from_secs(10).min(window / 12);
    let mut resident = Vec::new();
    while began.elapsed() < window {
        std::thread::sleep(step);
        resident.push((began.elapsed(), float(memory(broker.pid()).resident) / 1e6));
    }
    let mut rows = Vec::new();
    for (name, driver) in drivers {
        let Ok(measured) = driver.join() else { return refuse("a client of the bench panicked") };
        let measured = measured?;
        let (refused, wrong) = (measured.refused.to_string(), measured.wrong.to_string());
        rows.push([name.to_owned(), number(measured.rate()), refused, wrong]);
    }
    let minute = Duration::from_mins(1).min(window / 4);
    let within = |from: Duration, to: Duration| -> Series {
        let samples = resident.iter().filter(|(at, _)| *at > from && *at <= to + step);
        samples.map(|(_, megabytes)| *megabytes).collect()
    };
    let (first, last) = (within(Duration::ZERO, minute), within(window.saturating_sub(minute), window));
    report.heading(&format!("{} s of mixed load, {}", window.as_secs(), seed.place.name()));
    report.table(["job", "a second", "refused", "wrong"], &rows);
    let megabytes = |value: f64| format!("{} MB", number(value));
    report.text(&format!(
        "Resident memory: {} in the first {} s, {} in the last, at most {} (aim: ≤ 60 MB).\n",
        median(&first, megabytes),
        minute.as_secs(),
        median(&last, megabytes),
        megabytes(float(memory(broker.pid()).peak) / 1e6)
    ));
    broker.stop()
}
