//! What may stand in the log, whatever level is asked for. Writes nothing itself.

use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, ParseError, filter_fn};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

/// The libraries below us would write whole requests, tokens and all, at their lowest levels.
/// By the beginning of their targets.
const HELD: [(&str, LevelFilter); 6] = [
    ("hyper", LevelFilter::INFO),
    ("reqwest", LevelFilter::INFO),
    ("h2", LevelFilter::INFO),
    ("rustls", LevelFilter::INFO),
    ("sqlx", LevelFilter::WARN),
    // Its only warning is about a cookie whose session has ended, which is everyday life.
    ("tower_sessions", LevelFilter::ERROR),
];

/// The operator's directive, such as `info` or `attache=debug`, with the libraries held. A directive for a part
/// of a held library does not let it go: the two are judged apart. To be put below all other layers, not upon one of
/// them: filters of single layers lose events after sqlx has asked what is enabled.
///
/// # Errors
/// When it is no directive.
pub fn filter<S>(directive: &str) -> Result<impl Layer<S> + Send + Sync + use<S>, ParseError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let held: fn(&Metadata<'_>) -> bool = is_allowed;
    Ok(EnvFilter::try_new(directive)?.and_then(filter_fn(held)))
}

/// Whether a text is a directive that lets something through: a bare word that is no level would silence everything.
#[must_use]
pub fn is_directive(text: &str) -> bool {
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    let one = |directive: &str| match directive.rsplit_once('=') {
        Some((target, level)) => is_level(level) && !target.contains('='),
        None => is_level(directive),
    };
    !text.trim().is_empty()
        && EnvFilter::try_new(text).is_ok()
        && text.split(',').all(|part| one(part.trim()))
}

fn is_allowed(metadata: &Metadata<'_>) -> bool {
    let held = HELD.iter().find(|(library, _)| metadata.target().starts_with(library));
    held.is_none_or(|(_, most)| metadata.level() <= most)
}
