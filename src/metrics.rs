//! What Prometheus is told: counts only, never a name of a person, never a secret.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::load::Load;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Result {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Strategy {
    strategy: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: String,
    status: u16,
}

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    hand_outs: Family<Result, Counter>,
    refreshes: Family<Result, Counter>,
    exchanges: Family<Strategy, Counter>,
    requests: Family<Answer, Counter>,
    /// The counters of `requests` by route, so that no request makes a label of its own.
    by_route: RwLock<HashMap<String, Vec<(u16, Counter)>>>,
    turned_away: Family<Reason, Counter>,
    working: Gauge,
    waiting: Gauge,
    receiving: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("attache");
        let hand_outs = Family::default();
        let refreshes = Family::default();
        let exchanges = Family::default();
        let requests = Family::default();
        let turned_away = Family::default();
        let (working, waiting, receiving) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("hand_outs", "Access tokens asked for, by result", hand_outs.clone());
        registry.register("refreshes", "Refreshes at issuers, by result", refreshes.clone());
        registry.register("exchanges", "Content tokens given, by strategy", exchanges.clone());
        registry.register("http_requests", "Requests, by route and status", requests.clone());
        let help = "Requests refused unserved, by reason";
        registry.register("turned_away", help, turned_away.clone());
        registry.register("requests_working", "Requests that are worked on now", working.clone());
        let help = "Requests that wait for an issuer or a content platform now";
        registry.register("requests_waiting", help, waiting.clone());
        registry.register("requests_receiving", "Requests whose body is waited for now", receiving.clone());
        Self {
            registry,
            hand_outs,
            refreshes,
            exchanges,
            requests,
            by_route: RwLock::default(),
            turned_away,
            working,
            waiting,
            receiving,
        }
    }
}

impl Metrics {
    pub fn hand_out(&self, result: &'static str) {
        self.hand_outs.get_or_create(&Result { result }).inc();
    }

    pub fn refresh(&self, result: &'static str) {
        self.refreshes.get_or_create(&Result { result }).inc();
    }

    pub fn exchange(&self, strategy: &'static str) {
        self.exchanges.get_or_create(&Strategy { strategy }).inc();
    }

    /// By the route's pattern, never by the path, which anybody can invent.
    pub fn request(&self, route: &str, status: u16) {
        let known = self.by_route.read().unwrap_or_else(PoisonError::into_inner);
        let counters = known.get(route).map(Vec::as_slice).unwrap_or_default();
        if let Some((_, counter)) = counters.iter().find(|(counted, _)| *counted == status) {
            counter.inc();
            return;
        }
        drop(known);
        let counter = self.requests.get_or_create_owned(&Answer { route: route.to_owned(), status });
        counter.inc();
        // Two that come here at once add the same counter twice, of which the first is found.
        let mut known = self.by_route.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(route.to_owned()).or_default().push((status, counter));
    }

    pub fn turned_away(&self, reason: &'static str) {
        self.turned_away.get_or_create(&Reason { reason }).inc();
    }

    /// What the load is at the moment of being asked.
    pub fn load(&self, load: &Load) {
        let now = [
            (&self.working, load.working_now()),
            (&self.waiting, load.waiting_now()),
            (&self.receiving, load.receiving_now()),
        ];
        for (gauge, count) in now {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// The text format 0.0.4 of Prometheus: a counter's comments name it with its ending, and there is no end mark.
    #[must_use]
    pub fn text(&self) -> String {
        let mut counters = std::collections::HashSet::new();
        let openmetrics = self.openmetrics();
        for line in openmetrics.lines() {
            if let Some(named) = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter")) {
                counters.insert(named);
            }
        }
        let mut text = String::with_capacity(openmetrics.len());
        for line in openmetrics.lines().filter(|line| *line != "# EOF") {
            let mut words = line.splitn(4, ' ');
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("#"), Some(what), Some(name), Some(rest)) if counters.contains(name) => {
                    text.extend(["# ", what, " ", name, "_total ", rest]);
                }
                _ => text.push_str(line),
            }
            text.push('\n');
        }
        text
    }

    /// The text format of `OpenMetrics`.
    #[must_use]
    pub fn openmetrics(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics could not be written");
        }
        text
    }
}
