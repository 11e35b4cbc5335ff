//! Somebody's published keys, fetched over HTTP and kept. A key id that is not known asks again, but not more
//! often than every five seconds, so that made-up ids cannot be used to hammer the publisher.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use crate::clock::{Clock, Timestamp};
use crate::sandbox::locked;

/// Seconds between two fetches.
const PAUSE: i64 = 5;

/// The keys at one address.
pub(super) struct KeyCache {
    url: String,
    clock: Clock,
    http: reqwest::Client,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    keys: Vec<Value>,
    fetched_at: Option<Timestamp>,
}

impl KeyCache {
    pub(super) fn new(url: String, clock: Clock) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(5))
            .build()
            .expect("a client without special wishes can be built");
        Self { url, clock, http, kept: Mutex::default() }
    }

    /// The JWK with this id.
    pub(super) async fn key(&self, id: &str) -> Option<Value> {
        if let Some(key) = self.kept(id) {
            return Some(key);
        }
        let now = self.clock.now();
        {
            let mut kept = locked(&self.kept);
            let recently = kept.fetched_at.is_some_and(|time| now.seconds_from(time) < PAUSE);
            // Without any keys there is nothing to be served from, and nothing to protect.
            if recently && !kept.keys.is_empty() {
                return None;
            }
            kept.fetched_at = Some(now);
        }
        let keys = self.fetch().await?;
        locked(&self.kept).keys = keys;
        self.kept(id)
    }

    fn kept(&self, id: &str) -> Option<Value> {
        locked(&self.kept).keys.iter().find(|key| key["kid"] == id).cloned()
    }

    async fn fetch(&self) -> Option<Vec<Value>> {
        let answer = self.http.get(&self.url).send().await.ok()?.error_for_status().ok()?;
        let set: Value = answer.json().await.ok()?;
        set["keys"].as_array().cloned()
    }
}
