//! Recognises an old copy of the database, by the file beside it or by its cluster, and has what it holds wait for the
//! operator's word.

use std::io;

use super::store::{self, Restore};
use crate::Broker;
use crate::app;
use crate::connection::look_up;
use crate::db::cluster::cluster;
use crate::db::sidecar::Sidecar;
use crate::error::Error;
use crate::freeze::restored_copy;
use crate::issuer::profile::Rotation;
use crate::ledger;
use crate::secret::random_id;

/// Whether the database is what it was when it was last used. Called at each start, before anything is refreshed.
///
/// # Errors
/// When the database does not answer, or the file beside it can be neither read nor written.
pub async fn judge(broker: &Broker) -> Result<(), Error> {
    match broker.db.sidecar() {
        Some(sidecar) => judge_sqlite(broker, sidecar).await,
        None => judge_postgres(broker).await,
    }
}

async fn judge_sqlite(broker: &Broker, sidecar: &Sidecar) -> Result<(), Error> {
    // Before the row: whoever commits in between makes the row newer, which says nothing.
    let beside = sidecar.read().map_err(|error| unusable(&error))?;
    let known = store::mark(&broker.db).await?.map(|row| row.mark);
    let why = match (&known, &beside) {
        (None, Some(_)) => Some("it knows nothing of the mark beside it"),
        // Else nothing was ever counted: a new database, or one of an older release.
        (Some(known), None) if known.changes > 0 => Some("the mark that belongs beside it is missing"),
        (Some(known), Some(beside)) if known.epoch != beside.epoch => {
            Some("the mark beside it is that of another copy")
        }
        (Some(known), Some(beside)) if known.changes < beside.changes => {
            Some("the mark beside it is further than it is")
        }
        _ => None,
    };
    if known.is_none() {
        store::first(&broker.db, &random_id::<20>(), None).await?;
    }
    if let Some(why) = why
        && look_up::exist(broker).await?
    {
        hold(broker, why, None).await?;
    }
    let row = store::mark(&broker.db).await?.ok_or_else(|| unusable(&io::Error::other("no row")))?;
    if let Err(error) = sidecar.settle(&row.mark) {
        // No reason to serve nobody: what is missing is only that the next old copy would be recognised.
        tracing::error!("{}", unusable(&error));
    }
    Ok(())
}

async fn judge_postgres(broker: &Broker) -> Result<(), Error> {
    let seen = match cluster(&broker.db).await {
        Ok(seen) => seen,
        Err(error) => {
            tracing::warn!(
                %error,
                "PostgreSQL does not tell its system identifier and timeline to this user, so a restored copy is not \
                 recognised: grant it EXECUTE ON FUNCTION pg_control_system(), or run `attache restore mark` after \
                 each restore"
            );
            None
        }
    };
    let Some(row) = store::mark(&broker.db).await? else {
        return Ok(store::first(&broker.db, &random_id::<20>(), seen.as_deref()).await?);
    };
    match (row.cluster, seen) {
        (_, None) => Ok(()),
        (None, Some(seen)) => Ok(store::adopt(&broker.db, "", &seen).await?),
        (Some(known), Some(seen)) if known == seen => Ok(()),
        (Some(known), Some(seen)) => {
            let why = format!("its cluster and timeline are {seen}, and were {known}");
            hold(broker, &why, Some(&seen)).await
        }
    }
}

/// A server that runs on looks whether the database is still where it was. With `unbroken`, what this server wrote a
/// moment ago is still there: then a standby took over that had everything, and nothing is in doubt.
///
/// # Errors
/// When the database does not answer.
pub async fn look_again(broker: &Broker, unbroken: bool) -> Result<(), Error> {
    // A user who may not see it was told so at the start.
    let Ok(Some(seen)) = cluster(&broker.db).await else { return Ok(()) };
    let Some(known) = store::mark(&broker.db).await?.and_then(|row| row.cluster) else { return Ok(()) };
    if known == seen {
        return Ok(());
    }
    if unbroken {
        tracing::warn!(known, seen, "the database is in another place and has all that this server wrote");
        return Ok(store::adopt(&broker.db, &known, &seen).await?);
    }
    let why = format!(
        "its cluster and timeline are {seen}, and were {known}, and what was written last is missing"
    );
    hold(broker, &why, Some(&seen)).await
}

/// The operator says that this is a restored copy; returns how many connections wait now.
///
/// # Errors
/// When the database does not answer, or the file beside it cannot be written.
pub async fn mark(broker: &Broker) -> Result<i64, Error> {
    hold(broker, "the operator says so", None).await?;
    if let (Some(sidecar), Some(row)) = (broker.db.sidecar(), store::mark(&broker.db).await?) {
        sidecar.settle(&row.mark).map_err(|error| unusable(&error))?;
    }
    Ok(store::open(&broker.db).await?.map_or(0, |open| open.connections))
}

/// Everything whose token may have been spent since the copy was made waits for the operator. In one transaction with
/// the copy's new epoch: whoever dies in between finds it old once more.
async fn hold(broker: &Broker, why: &str, cluster: Option<&str>) -> Result<(), Error> {
    let now = broker.clock.now();
    let all = app::all(broker).await?;
    let rotating = all.iter().filter(|app| app.issuer.profile.rotation == Rotation::Rotating);
    let newest_at = ledger::newest_at(broker).await?;
    let Some(row) = store::mark(&broker.db).await? else { return Ok(()) };
    let mut transaction = broker.db.begin().await?;
    if !store::turn_over(&mut transaction, &row.mark.epoch, &random_id::<20>(), cluster).await? {
        // Another server was quicker.
        return Ok(());
    }
    restored_copy::begin(broker, &mut transaction, newest_at).await?;
    let mut connections = 0;
    for app in rotating {
        connections += restored_copy::hold(broker, &mut transaction, &app.id, now).await?;
    }
    let restore = Restore { found_at: now, why: why.to_owned(), newest_at, connections };
    store::record(&mut transaction, &restore).await?;
    transaction.commit().await?;
    tracing::error!(why, connections, "an old copy of the database was found");
    Ok(())
}

fn unusable(error: &io::Error) -> Error {
    Error::Internal(format!(
        "The mark beside the database, by which old copies are recognised, cannot be used: {error}"
    ))
}
