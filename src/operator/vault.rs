//! What an operator does with the vault: rotates its master key and looks whether all that is sealed still opens, both a
//! step at a time, because each may take longer than anybody waits for one answer. Shows no secret.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::keys;
use super::output::Output;
use crate::error::Error;
use crate::vault::rotate::{self, Progress, Step};
use crate::vault::{self, Damage, Verified};
use crate::{Broker, app as apps, connection, consent, content, revoke, session};

/// Rows of one step.
const PAGE: i64 = 1_000;
/// What holds sealed values, in the order in which it is looked at.
const TABLES: [&str; 8] = [
    "vault_keys",
    "apps",
    "signing_keys",
    "connections",
    "superseded_tokens",
    "content_tokens",
    "sessions",
    "connect_attempts",
];

/// How far looking has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    pub table: usize,
    pub after: String,
    pub values: usize,
    pub damaged: usize,
}

/// The next step of a rotation.
///
/// # Errors
/// [`Error::Conflict`] with what is to be done first.
pub async fn rotate(broker: &Broker, progress: Progress) -> Result<Output, Error> {
    let line = |damage: &Damage| format!("{damage}; {}", damage.cure());
    let named = |damaged: &[Damage]| damaged.iter().map(line).collect::<Vec<_>>();
    match rotate::step(broker, progress).await? {
        Step::Further { progress, damaged } => Output::further(named(&damaged), damaged.len(), &progress),
        Step::Waiting { progress, servers } => {
            // They hear of it within a few seconds.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let line = format!("Waiting for {servers} servers to hear of the new master key.");
            Output::further(vec![line], 0, &progress)
        }
        Step::Retired { from, to, progress, .. } => {
            let mut lines = vec![format!(
                "The vault was rotated from {from} to {to}: {} data keys were wrapped anew, and {from} is out of use.",
                progress.rewrapped
            )];
            if progress.damaged > 0 {
                lines.push(format!(
                    "{} data keys opened with no key and were left as they are; they were named above.",
                    progress.damaged
                ));
            }
            lines.push(
                "Remove vault.previous_master_key at the next restart. Backups of before open with the old key only."
                    .to_owned(),
            );
            Ok(Output { lines, troubles: usize::from(progress.damaged > 0), ..Output::default() })
        }
        Step::Nothing { kid } => Ok(Output::line(format!(
            "The vault is under {kid}, which is vault.master_key: there is nothing to rotate. To rotate, give a new key \
             as vault.master_key and this one as vault.previous_master_key, restart, and try again."
        ))),
    }
}

/// Which master keys there are, how much is wrapped by each, and how the keys of the house and those that sign stand.
///
/// # Errors
/// When the database does not answer.
pub async fn status(broker: &Broker) -> Result<Output, Error> {
    let standing = rotate::standing(broker).await?;
    let role = |kid: &str| {
        let configured = match kid {
            kid if kid == broker.vault.master_kid() => ", vault.master_key",
            kid if Some(kid) == broker.vault.previous_kid() => ", vault.previous_master_key",
            _ => ", which was not given",
        };
        let under = if kid == standing.under { ", which the vault is under" } else { "" };
        format!("{configured}{under}")
    };
    let mut lines: Vec<String> = standing
        .wrapped
        .iter()
        .map(|(kid, count)| format!("{count} data keys are wrapped by {kid}{}", role(kid)))
        .collect();
    if let Some(kid) = &standing.waiting {
        lines.push(format!(
            "The vault is not under {kid} (vault.master_key) yet: run `attache vault rotate`."
        ));
    } else if standing.wrapped.iter().any(|(kid, _)| Some(kid.as_str()) == broker.vault.previous_kid()) {
        lines.push("A rotation has not come to its end: run `attache vault rotate`.".to_owned());
    }
    if let Some(kid) = &standing.removable {
        lines.push(format!(
            "{kid} (vault.previous_master_key) wraps nothing: remove it from the configuration."
        ));
    }
    lines.extend(keys::status(broker).await?);
    Ok(Output { lines, ..Output::default() })
}

/// The next page of everything that is sealed; names what does not open.
///
/// # Errors
/// When the database does not answer.
pub async fn look(broker: &Broker, looked: Looked) -> Result<Output, Error> {
    let Some(table) = TABLES.get(looked.table) else {
        let Looked { values, damaged, .. } = looked;
        let line = if damaged == 0 {
            format!("All {values} sealed values open.")
        } else {
            format!("Of {values} sealed values {damaged} do not open. Everything else is served as ever.")
        };
        return Ok(Output { lines: vec![line], troubles: damaged, ..Output::default() });
    };
    let Verified { values, damaged, next } = page(broker, table, &looked.after).await?;
    let further = Looked {
        table: looked.table + usize::from(next.is_none()),
        after: next.unwrap_or_default(),
        values: looked.values + values,
        damaged: looked.damaged + damaged.len(),
    };
    let lines = damaged.iter().map(|damage| format!("{damage}; {}", damage.cure())).collect();
    Output::further(lines, damaged.len(), &further)
}

async fn page(broker: &Broker, table: &str, after: &str) -> Result<Verified, Error> {
    match table {
        "vault_keys" => Ok(vault::verify(&broker.db, &broker.vault, after, PAGE).await?),
        "apps" => apps::verify(broker, after, PAGE).await,
        "signing_keys" => content::verify::verify_signing_keys(broker).await,
        "connections" => connection::verify::verify(broker, after, PAGE).await,
        "superseded_tokens" => revoke::verify::verify(broker, after, PAGE).await,
        "content_tokens" => content::verify::verify_tokens(broker, after, PAGE).await,
        "sessions" => Ok(session::verify(broker, after, PAGE).await?),
        _ => consent::verify::verify(broker, after, PAGE).await,
    }
}
