//! A small table held in memory, whole. Exact only where this process alone changes the table: whoever does says so
//! in [`super::write::Transaction::after_commit`]. On PostgreSQL nothing is held.

use std::sync::{Arc, PoisonError, RwLock};

use super::Db;

#[derive(Debug)]
pub struct Snapshot<T> {
    held: RwLock<Held<T>>,
}

#[derive(Debug)]
struct Held<T> {
    value: Option<Arc<T>>,
    /// How often it was forgotten. What was read before the last time is not kept.
    forgotten: u64,
}

impl<T> Default for Snapshot<T> {
    fn default() -> Self {
        Self { held: RwLock::new(Held { value: None, forgotten: 0 }) }
    }
}

impl<T> Snapshot<T> {
    /// What is held, or what `load` reads now.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn get<E>(&self, db: &Db, load: impl AsyncFnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        if !db.is_alone() {
            return Ok(Arc::new(load().await?));
        }
        let forgotten = {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = &held.value {
                return Ok(Arc::clone(value));
            }
            held.forgotten
        };
        let value = Arc::new(load().await?);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.forgotten == forgotten {
            held.value = Some(Arc::clone(&value));
        }
        Ok(value)
    }

    /// As [`Self::get`], where something is held at all: None where this process is not alone.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn held<E>(
        &self,
        db: &Db,
        load: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<Option<Arc<T>>, E> {
        if db.is_alone() { self.get(db, load).await.map(Some) } else { Ok(None) }
    }

    /// The table has changed so that what is held can follow; what is being read at this moment is not kept.
    pub fn amend(&self, change: impl FnOnce(&T)) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.forgotten += 1;
        if let Some(value) = &held.value {
            change(value);
        }
    }

    /// The table has changed.
    pub fn forget(&self) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.value = None;
        held.forgotten += 1;
    }
}
