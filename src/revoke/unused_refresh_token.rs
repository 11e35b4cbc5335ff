//! What becomes of a refresh token that nobody will use: replaced by a new consent, or come too late. Its issuer is told at
//! once only where the reach of a revoke is known to be that one token. Elsewhere what is in use might end with it; so it
//! is kept, sealed, beside the live connection, and told when that is stopped ([`super::tell`]). Stops nothing.

pub(crate) mod store;

use super::shared;
use crate::Broker;
use crate::app::App;
use crate::connection::seal::{Binding, data_key};
use crate::connection::{Connection, ExternalIdentity, store as connections};
use crate::consent::attempt;
use crate::db::write::Transaction;
use crate::error::Error;
use crate::issuer::profile::Reach;
use crate::issuer::revoke::{Kind, Told, revoke};
use crate::secret::{Token, random_id};
use crate::vault::{DataKey, Place};

/// Kept beside one connection at the most; what is older is left to run out at the issuer.
const MOST: i64 = 10;

/// A refresh token that is kept until its connection is stopped.
pub(crate) struct Superseded {
    pub id: String,
    /// Whose it was; empty for nobody who was named.
    pub subject: String,
    pub token: Token,
}

/// Where one is sealed to.
pub(crate) fn place(id: &str, binding: &Binding<'_>) -> Place {
    let owner = [binding.connection_id, binding.account_id, binding.app_id];
    Place::new("superseded_tokens", "refresh_token", id, &owner)
}

/// Keeps a token beside a connection, in the transaction that ends its use; the name of what is kept.
///
/// # Errors
/// When the cipher refuses or the database does not answer.
pub(crate) async fn keep(
    broker: &Broker,
    transaction: &mut Transaction,
    key: &DataKey,
    connection: &Connection,
    whose: &ExternalIdentity,
    token: &Token,
) -> Result<String, Error> {
    let id = format!("su_{}", random_id::<20>());
    let sealed = key.seal(&place(&id, &connection.binding()), token)?;
    let kept = store::Row { id: id.clone(), subject: whose.subject.clone(), sealed };
    store::insert(transaction, &connection.id, &kept, broker.clock.now()).await?;
    if store::drop_beyond(transaction, &connection.id, MOST).await? > 0 {
        tracing::warn!(
            connection = connection.id,
            "more than {MOST} superseded refresh tokens: the oldest is left to run out at the issuer"
        );
    }
    Ok(id)
}

/// The same for a token that no transaction is about. False when the connection is not live any more.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn keep_beside(
    broker: &Broker,
    connection: &Connection,
    whose: &ExternalIdentity,
    token: &Token,
) -> Result<bool, Error> {
    let key = data_key(broker, connection)?;
    let mut transaction = broker.db.begin().await?;
    // Whoever stops it comes before this, or sees what is kept.
    if !store::hold_live(&mut transaction, &connection.id, broker.clock.now()).await? {
        return Ok(false);
    }
    keep(broker, &mut transaction, &key, connection, whose, token).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Tells the issuer of what was just kept, where nothing else can end with it. What it does not confirm stays.
pub(crate) async fn tell_if_alone(broker: &Broker, app: &App, id: &str, token: &Token) {
    if app.issuer.profile.revocation_reach == Reach::Token && tell_now(broker, app, token).await {
        let forgotten = store::forget(&broker.db, id).await;
        if let Err(error) = forgotten {
            tracing::error!(%error, "a superseded token was revoked and is still kept");
        }
    }
}

/// Whether there is nothing more to tell the issuer of a token.
pub(crate) async fn tell_now(broker: &Broker, app: &App, token: &Token) -> bool {
    let issuer = &app.issuer;
    let Ok(client) = crate::app::client(broker, app) else { return false };
    let told = revoke(&broker.issuers, issuer, &client, &[(token.clone(), Kind::RefreshToken)]).await;
    if let Err(fault) = &told {
        tracing::warn!(issuer = issuer.key, %fault, "a refresh token that nobody needs could not be revoked");
    }
    matches!(told, Ok(Told::Confirmed | Told::Unsupported))
}

/// What a refresh brought when its connection had moved on.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn give_up_late(
    broker: &Broker,
    app: &App,
    seen: &Connection,
    token: &Token,
) -> Result<(), Error> {
    let row = connections::by_id(&broker.db, &seen.id).await?.filter(Connection::is_live);
    let reach = app.issuer.profile.revocation_reach;
    let alone = match (reach, &row) {
        (Reach::Token, _) | (Reach::Family, None) => true,
        (Reach::Grant | Reach::Unknown, None) => {
            let (account, app_id, now) = (&seen.account_id, &seen.app_id, broker.clock.now());
            !shared::shares_a_grant(broker, account, app_id, &seen.external).await?
                && !attempt::store::is_connecting(&broker.db, account, app_id, None, now).await?
        }
        _ => false,
    };
    if alone && tell_now(broker, app, token).await {
        return Ok(());
    }
    match row {
        Some(row) => keep_beside(broker, &row, &seen.external, token).await.map(drop),
        None => Ok(()),
    }
}

/// What is kept beside a connection. What does not open is named by the log and left out.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn kept(broker: &Broker, connection: &Connection) -> Result<Vec<Superseded>, Error> {
    let rows = store::of(&broker.db, &connection.id).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let key = data_key(broker, connection)?;
    let open = |row: store::Row| {
        let at = place(&row.id, &connection.binding());
        let opened =
            broker.vault.open(("superseded_tokens", "refresh_token", &row.id), &key, &at, &row.sealed);
        opened.ok().map(|token| Superseded { id: row.id, subject: row.subject, token })
    };
    Ok(rows.into_iter().filter_map(open).collect())
}
