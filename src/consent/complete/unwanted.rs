//! Gives back a refresh token of a consent that is not stored. Where something that is wanted could end with it, it is kept
//! beside that, sealed, until the person stops it; see [`crate::revoke::unused_refresh_token`]. Judges no consent.

use super::grant::Grant;
use crate::connection::look_up::live_of_account;
use crate::connection::{Connection, ExternalIdentity};
use crate::consent::attempt::store::is_connecting;
use crate::error::Error;
use crate::issuer::profile::Reach;
use crate::revoke::shared;
use crate::revoke::unused_refresh_token;
use crate::secret::Token;

/// What is to become of it.
enum Fate {
    /// Nothing else can end with it.
    Revoke,
    /// It is kept beside this connection.
    Keep(Box<Connection>),
    /// Nothing can be done now: something could end with it, and it may be another person's.
    Wait,
}

impl Grant {
    /// False when the issuer is to be told again.
    pub(crate) async fn revoke_unwanted(
        &self,
        refresh_token: Option<&Token>,
        identity: Option<&ExternalIdentity>,
    ) -> bool {
        let Some(refresh_token) = refresh_token else { return true };
        if self.app.issuer.profile.revocation_reach == Reach::None {
            return true;
        }
        let kept = match self.fate(identity).await {
            Ok(Fate::Revoke) => {
                return unused_refresh_token::tell_now(&self.broker, &self.app, refresh_token).await;
            }
            Ok(Fate::Wait) => Ok(false),
            Ok(Fate::Keep(beside)) => {
                let issuer = beside.external.issuer.clone();
                let nobody = ExternalIdentity { issuer, subject: String::new() };
                let whose = identity.unwrap_or(&nobody);
                unused_refresh_token::keep_beside(&self.broker, &beside, whose, refresh_token).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &kept {
            tracing::error!(app = self.app.key, %error, "a consent that is not stored is not given back");
        }
        kept.unwrap_or(false)
    }

    async fn fate(&self, identity: Option<&ExternalIdentity>) -> Result<Fate, Error> {
        let reach = self.app.issuer.profile.revocation_reach;
        if reach == Reach::Token {
            return Ok(Fate::Revoke);
        }
        let (account_id, app_id) = (&self.account.id, &self.app.id);
        let live = live_of_account(&self.broker, account_id).await?;
        let own = live.into_iter().filter(|connection| connection.app_id == *app_id);
        let pinned = self.attempt.connection_id.as_ref();
        let nearest = |connection: &Connection| {
            (identity != Some(&connection.external), pinned != Some(&connection.id))
        };
        let beside = own.min_by_key(nearest);
        let may_end_another = match identity {
            // At the issuer it may be whose connection is somebody else's here.
            None if reach.may_end_others() => return Ok(Fate::Wait),
            None => beside.is_some(),
            Some(identity) => {
                let now = self.broker.clock.now();
                shared::shares_a_grant(&self.broker, account_id, app_id, identity).await?
                    || reach.may_end_others()
                        && is_connecting(&self.broker.db, account_id, app_id, Some(&self.state), now).await?
            }
        };
        Ok(match beside {
            _ if !may_end_another => Fate::Revoke,
            Some(beside) => Fate::Keep(Box::new(beside)),
            None => Fate::Wait,
        })
    }
}
