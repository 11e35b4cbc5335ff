//! The command line only: reads it, and calls one file of `cli` for each command.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Databases, locks and sockets that we make are the operator's alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    cli::run(cli::CommandLine::parse())
}
