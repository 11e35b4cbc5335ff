//! What Attaché does against what the machine allows, in one interleaved run: `cargo bench --bench hot_path`, explained
//! in docs/performance.md. Drives the release binary from outside, over HTTP. This file holds the order of the
//! sections and nothing else.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to whoever started it")]

mod arguments;
mod broker;
mod browser;
mod database;
mod fault;
mod issuer;
mod jobs;
mod load;
mod machine;
mod numbers;
mod postgres;
mod process;
mod report;
mod sections;
mod seed;
mod yardstick;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use fault::Fault;
use report::Report;
use sections::Stage;

fn main() -> ExitCode {
    // The bench is its own yardstick: the same allocator, the same runtime, another process.
    if std::env::args().nth(1).as_deref() == Some(yardstick::COMMAND) {
        return ended(yardstick::serve(std::env::args().skip(2)));
    }
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("Not a test; `cargo bench --bench hot_path` runs it.");
        return ExitCode::SUCCESS;
    }
    ended(run(&arguments))
}

fn ended(outcome: Result<(), Fault>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("hot_path: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Fault> {
    process::raise_open_files();
    let stage = Stage::set(arguments)?;
    let mut report = Report::new(arguments.out.clone());
    report.text(&machine::describe(stage.postgres_version().as_deref(), &stage.folder)?);
    sections::signatures::run(&stage, &mut report)?;
    for seed in &stage.seeds {
        sections::rounds::run(&stage, seed, &mut report)?;
    }
    for seed in stage.largest() {
        sections::peer::run(&stage, seed, &mut report)?;
        sections::one_person::run(&stage, seed, &mut report)?;
    }
    for seed in stage.largest() {
        sections::start::run(&stage, seed, &mut report)?;
    }
    for seed in stage.largest() {
        sections::overload::run(&stage, seed, &mut report)?;
    }
    for seed in stage.largest() {
        sections::due::run(&stage, seed, &mut report)?;
    }
    for seed in stage.largest() {
        sections::hung::run(&stage, seed, &mut report)?;
    }
    // Minutes each, and no matter of the database.
    for seed in stage.largest().take(1) {
        sections::slow_clients::run(&stage, seed, &mut report)?;
        sections::soak::run(&stage, seed, &mut report)?;
    }
    report.finish()
}
