//! What an operator says of restored copies, and is told.

use super::output::Output;
use crate::Broker;
use crate::error::Error;
use crate::restore;

/// # Errors
/// When the database does not answer.
pub async fn status(broker: &Broker) -> Result<Output, Error> {
    Ok(match restore::open(broker).await? {
        None => {
            let how = if broker.db.sidecar().is_some() {
                "a copy that is older is known by the .mark file beside this one"
            } else {
                "a copy is known when the server's identity or timeline has changed; `attache restore mark` says it of \
                 any other"
            };
            Output::line(format!(
                "This is no restored copy, or one that is in use by the operator's word: {how}."
            ))
        }
        Some(open) => {
            Output { lines: told(&open, broker.db.sidecar().is_some()), troubles: 1, ..Output::default() }
        }
    })
}

/// # Errors
/// When the database does not answer.
pub async fn mark(broker: &Broker) -> Result<Output, Error> {
    // In a task: with many connections it takes longer than anybody waits for an answer, and must not be cut off.
    let broker = broker.clone();
    let tasks = broker.tasks.clone();
    let marked = tasks.spawn(async move { restore::recognise::mark(&broker).await }).await;
    let connections = marked.unwrap_or_else(|_| Err(cut_off()))?;
    Ok(Output::line(format!(
        "{connections} connections are in doubt and are not refreshed until `attache restore done`."
    )))
}

/// # Errors
/// When the database does not answer.
pub async fn done(broker: &Broker) -> Result<Output, Error> {
    let broker = broker.clone();
    let tasks = broker.tasks.clone();
    let used = tasks.spawn(async move { restore::done::done(&broker).await }).await;
    Ok(Output::line(match used.unwrap_or_else(|_| Err(cut_off()))? {
        None => "There was no restored copy to say it of.".to_owned(),
        Some(connections) => format!(
            "The copy is in use. {connections} connections are tried once each, when somebody asks for them; whose \
             token was spent since the copy was made is told to reconnect."
        ),
    }))
}

fn cut_off() -> Error {
    Error::Internal("It was cut off; `attache restore status` says how it stands.".to_owned())
}

fn told(open: &restore::Restore, has_mark: bool) -> Vec<String> {
    vec![
        open.sentence(),
        if has_mark {
            "If the newest database is still there, stop, put it back together with the .mark file beside it, and start: \
             nothing was spent."
        } else {
            "If the newest database is still there, stop, give its address in database.url again, and start: nothing was \
             spent."
        }
        .to_owned(),
        "If this copy is all there is: what was revoked or frozen since it was made is not known to it, so do that again, \
         and then run `attache restore done`."
            .to_owned(),
    ]
}
