//! A memory of values by key, the most used of them, within a bound of bytes. Holds whatever it is given until it is
//! told to forget; says nothing about how long that is right.

use std::sync::Arc;

/// How many bytes a value takes in memory, roughly.
pub trait Weigh {
    fn weight(&self) -> u64;
}

#[derive(Debug)]
pub struct Cache<T: Weigh>(quick_cache::sync::Cache<String, Arc<T>, ByWeight>);

#[derive(Clone, Debug)]
struct ByWeight;

impl<T: Weigh> quick_cache::Weighter<String, Arc<T>> for ByWeight {
    fn weight(&self, key: &String, value: &Arc<T>) -> u64 {
        // What the cache itself keeps of an entry comes on top.
        64 + key.len() as u64 + value.weight()
    }
}

impl<T: Weigh> Cache<T> {
    /// `bytes` is the bound; `usual` is what one value usually takes.
    #[must_use]
    pub fn new(bytes: u64, usual: u64) -> Self {
        let values = usize::try_from(bytes / usual.max(1)).unwrap_or(usize::MAX);
        Self(quick_cache::sync::Cache::with_weighter(values, bytes, ByWeight))
    }

    #[must_use]
    pub fn find(&self, key: &str) -> Option<Arc<T>> {
        self.0.get(key)
    }

    /// The value that is held, or what `load` brings; None is not kept. One load serves everybody who asks meanwhile.
    ///
    /// What it brings is kept only if nobody called [`Cache::forget`] since it began: that takes away the place that
    /// was reserved for it, also when the value would have been let go of in between.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn get<E>(
        &self,
        key: &str,
        load: impl AsyncFnOnce() -> Result<Option<T>, E>,
    ) -> Result<Option<Arc<T>>, E> {
        let place = match self.0.get_value_or_guard_async(key).await {
            Ok(value) => return Ok(Some(value)),
            Err(place) => place,
        };
        let Some(value) = load().await?.map(Arc::new) else { return Ok(None) };
        let _ = place.insert(Arc::clone(&value));
        Ok(Some(value))
    }

    /// Holds a value that is the same for good.
    pub fn keep(&self, key: &str, value: Arc<T>) {
        self.0.insert(key.to_owned(), value);
    }

    pub fn forget(&self, key: &str) {
        self.0.remove(key);
    }

    pub fn forget_all(&self) {
        self.0.clear();
    }
}
