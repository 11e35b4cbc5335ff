//! How many values one answer may hold. A query says which fields, and not how many things there are that have them; so they
//! are counted while they are found. Knows no query and nobody who asks.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo};
use async_graphql::{ServerResult, Value};
use async_trait::async_trait;
use tokio::sync::Notify;

/// Fields and entries of lists. What editors ask about the schema has 4,000.
pub const MOST: usize = 20_000;

/// Those of one answer.
#[derive(Debug, Default)]
pub struct Values {
    found: AtomicUsize,
    too_many: Notify,
}

impl Values {
    /// Ready when there are more than may be; whoever was looking for them looks no further.
    pub async fn too_many(&self) {
        self.too_many.notified().await;
    }

    /// False for one too many.
    fn count(&self) -> bool {
        if self.found.fetch_add(1, Ordering::Relaxed) < MOST {
            return true;
        }
        self.too_many.notify_one();
        false
    }
}

/// Counts the values of each query that has [`Values`] among its data.
pub struct Counting;

impl ExtensionFactory for Counting {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait]
impl Extension for Counting {
    async fn resolve(
        &self,
        context: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        if context.data_opt::<Arc<Values>>().is_some_and(|values| !values.count()) {
            // Whoever waits for it has been told to stop waiting.
            pending::<()>().await;
        }
        next.run(context, info).await
    }
}
