//! What this process holds in memory of its database, where it is alone with it (SQLite): exact at every moment,
//! because whoever changes a row lets go of it between the commit and the answer. On PostgreSQL nothing is held. No
//! secret is held in clear.

use crate::access::facts::OfToken;
use crate::account::Account;
use crate::app::Apps;
use crate::caller::Callers;
use crate::connection::Connection;
use crate::connection::held::{OfIdentity, USUAL};
use crate::content::revoked_tokens::RevokedTokens;
use crate::content::template::look_up::Templates;
use crate::content::{Environment, KeptToken};
use crate::db::row_cache::RowCache;
use crate::db::snapshot::Snapshot;
use crate::freeze::freezes::Covers;
use crate::permanent_token::PermanentTokens;
use crate::resource_server::ResourceServers;

#[derive(Debug)]
pub struct Held {
    pub callers: Snapshot<Callers>,
    pub apps: Snapshot<Apps>,
    pub freezes: Snapshot<Covers>,
    pub environments: Snapshot<Vec<std::sync::Arc<Environment>>>,
    pub resource_servers: Snapshot<ResourceServers>,
    pub revoked_tokens: Snapshot<RevokedTokens>,
    pub templates: Snapshot<Templates>,
    pub permanent_tokens: Snapshot<PermanentTokens>,
    pub accounts: RowCache<Account>,
    pub connections: RowCache<Connection>,
    pub by_access_token: RowCache<OfToken>,
    pub by_identity: RowCache<OfIdentity>,
    pub content_tokens: RowCache<KeptToken>,
}

impl Held {
    /// `megabytes` is the bound on what grows with the number of people.
    #[must_use]
    pub fn new(megabytes: u64) -> Self {
        let sixteenth = megabytes * 1024 * 1024 / 16;
        Self {
            callers: Snapshot::default(),
            apps: Snapshot::default(),
            freezes: Snapshot::default(),
            environments: Snapshot::default(),
            resource_servers: Snapshot::default(),
            revoked_tokens: Snapshot::default(),
            templates: Snapshot::default(),
            permanent_tokens: Snapshot::default(),
            accounts: RowCache::new(sixteenth, 1024),
            connections: RowCache::new(sixteenth * 11, USUAL),
            by_access_token: RowCache::new(sixteenth, 200),
            by_identity: RowCache::new(sixteenth, 250),
            content_tokens: RowCache::new(sixteenth * 2, 1500),
        }
    }

    /// For whoever changed the database past every verb: a restore, a promise.
    pub fn forget_all(&self) {
        self.callers.forget();
        self.apps.forget();
        self.freezes.forget();
        self.environments.forget();
        self.resource_servers.forget();
        self.revoked_tokens.forget();
        self.templates.forget();
        self.permanent_tokens.forget();
        self.accounts.forget_all();
        self.connections.forget_all();
        self.by_access_token.forget_all();
        self.by_identity.forget_all();
        self.content_tokens.forget_all();
    }
}
