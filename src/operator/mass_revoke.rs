//! The operator's mass revokes: begun and followed.

use super::freeze::given;
use super::output::Output;
use super::select::{NamedSelection, in_words, select};
use crate::Broker;
use crate::error::Error;
use crate::freeze::mass_revoke;
use crate::freeze::mass_revoke::{MassRevoke, Progress, Status};
use crate::freeze::selection::Why;

/// # Errors
/// [`Error::InvalidRequest`] for what is not there, or without a reason.
pub async fn begin(
    broker: &Broker,
    asked: &NamedSelection,
    reason: &str,
    per_second: Option<u32>,
) -> Result<Output, Error> {
    let (selection, why) = (select(broker, asked).await?, Why::operator(given(reason)?));
    let begun = mass_revoke::start(broker, &selection, &why, per_second).await?;
    let MassRevoke { id, total, per_second, .. } = &begun;
    let words = in_words(broker, &begun.selection).await?;
    let lines = vec![
        format!("{id} has begun: {words}."),
        format!(
            "From now on nothing is handed out of its {total} connections. They are ended {per_second} a second, and their \
             issuers told."
        ),
        format!("  attache revoke --status {id}"),
    ];
    Ok(Output { lines, follow: Some(begun.id), ..Output::default() })
}

/// # Errors
/// [`Error::InvalidRequest`] when there is none of that id.
pub async fn status(broker: &Broker, id: &str) -> Result<Output, Error> {
    let progress = mass_revoke::progress(broker, id).await?;
    let follow = (progress.mass_revoke.status == Status::Running).then(|| id.to_owned());
    Ok(Output { lines: vec![told(&progress)], follow, ..Output::default() })
}

fn told(progress: &Progress) -> String {
    let Progress { mass_revoke, to_go, unconfirmed } = progress;
    let MassRevoke { id, total, status, .. } = mass_revoke;
    let ended = (total - to_go).max(0);
    let waiting = match unconfirmed {
        0 => "all issuers that were to be told have been".to_owned(),
        unconfirmed => format!("{unconfirmed} are still to be confirmed by their issuers"),
    };
    match status {
        Status::Running => format!("{id}\trunning\t{ended} of {total} ended here, {to_go} to go; {waiting}"),
        Status::Ended => {
            let at = mass_revoke.ended_at.map(|at| format!(" at {at}")).unwrap_or_default();
            format!("{id}\tended{at}\t{total} ended here; {waiting}")
        }
    }
}

/// # Errors
/// When the database does not answer.
pub async fn list(broker: &Broker) -> Result<Output, Error> {
    let mut lines = Vec::new();
    for MassRevoke { id, selection, why, total, status, created_at, .. } in
        mass_revoke::latest(broker).await?
    {
        let words = in_words(broker, &selection).await?;
        lines.push(format!("{id}\t{created_at}\t{status}\t{total}\t{}\t{words}\t{}", why.actor, why.reason));
    }
    if lines.is_empty() {
        lines.push("There has been no mass revoke.".to_owned());
    }
    Ok(Output::of(lines))
}
