//! Rows held in memory by their id. Exact only where this process alone changes the rows: whoever does says so in
//! [`super::write::Transaction::after_commit`]. On PostgreSQL nothing is held. Never holds a secret in clear.

use std::sync::Arc;

use super::Db;
use crate::cache::{Cache, Weigh};

#[derive(Debug)]
pub struct RowCache<T: Weigh>(Cache<T>);

impl<T: Weigh> RowCache<T> {
    /// `bytes` is the bound; `usual` is what one row usually takes.
    #[must_use]
    pub fn new(bytes: u64, usual: u64) -> Self {
        Self(Cache::new(bytes, usual))
    }

    /// The row that is held, or what `load` reads now.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn get<E>(
        &self,
        db: &Db,
        id: &str,
        load: impl AsyncFnOnce() -> Result<Option<T>, E>,
    ) -> Result<Option<Arc<T>>, E> {
        if db.is_alone() { self.0.get(id, load).await } else { Ok(load().await?.map(Arc::new)) }
    }

    /// The row has changed.
    pub fn forget(&self, id: &str) {
        self.0.forget(id);
    }

    /// Every row may have changed.
    pub fn forget_all(&self) {
        self.0.forget_all();
    }
}
