//! The torture run of "a grant is never lost": `cargo test --features torture --test torture`, explained in
//! docs/torture.md. Real processes are killed, paused and starved while callers ask; a checker then compares what the
//! callers saw with the issuer's book and the database. This file holds the order of the trials and nothing else.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a run talks to whoever started it")]

mod adversary;
mod arguments;
mod callers;
mod checker;
mod dice;
mod excuse;
mod history;
#[path = "../promises/person.rs"]
#[expect(dead_code, reason = "the promises press more buttons than this run")]
mod person;
mod postgres;
mod process;
mod report;
mod rows;
mod stage;
mod trial;
mod world;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::{Arguments, Database};
use crate::postgres::Postgres;
use crate::report::Report;

#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    stage::raise_open_files();
    let mut terminate = signal(SignalKind::terminate()).expect("a signal to wait for");
    // Whoever ends the run early finds no server left behind.
    tokio::select! {
        code = run(&arguments) => code,
        _ = terminate.recv() => ExitCode::FAILURE,
        _ = tokio::signal::ctrl_c() => ExitCode::FAILURE,
    }
}

async fn run(arguments: &Arguments) -> ExitCode {
    let mut report = Report::new(arguments);
    let trials = arguments.trials();
    let needs_postgres = trials.iter().any(|(database, _)| *database == Database::Postgres);
    let postgres = needs_postgres.then(Postgres::start);
    let each = arguments.kills.div_ceil(u64::try_from(trials.len()).unwrap_or(1));
    for (database, issuer) in trials {
        eprintln!("{}", report::title(database, issuer));
        report.add(trial::run(arguments, database, issuer, each, postgres.as_ref()).await);
    }
    println!("{}", report.text());
    report.write();
    let faults = report.faults();
    for fault in &faults {
        eprintln!("BROKEN: {fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
