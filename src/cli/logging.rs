//! Structured logs on standard error, as text or JSON.

use std::io::IsTerminal;

use attache::config::{Log, LogFormat};
use attache::log::filter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

use super::failure::Failure;

pub fn init(log: &Log) -> Result<(), Failure> {
    let filter = filter(&log.level).map_err(|_| {
        Failure::Sentence("log.level: is not a filter directive; use info, debug or attache=debug".to_owned())
    })?;
    // Colours are for people at a terminal, not for files.
    let layer = fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => registry().with(filter).with(layer).init(),
        LogFormat::Json => registry().with(filter).with(layer.json()).init(),
    }
    Ok(())
}
