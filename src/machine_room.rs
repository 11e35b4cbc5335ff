//! The second listener, for the operator's machines: `/healthz`, `/readyz`, `/metrics`. Tells no secret.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::Error;
use crate::issuer::{Issuer, discovery};
use crate::restore::{self, Restore};
use crate::{Broker, vault};

/// A probe is answered quickly, however slow an issuer is.
const PATIENCE: Duration = Duration::from_secs(1);

pub fn router(broker: Broker) -> Router {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(broker)
}

async fn healthy(State(broker): State<Broker>) -> Response {
    match broker.db.silent_for().filter(|_| broker.db.is_long_silent()) {
        None => "ok\n".into_response(),
        Some(silent) => {
            let why = format!("the database has not answered for {} s\n", silent.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
        }
    }
}

/// 503 only for a database that does not answer or takes no write, for leaving and draining, and for a master key in use
/// that this server was not given; a vault that does not open
/// never starts. An issuer in trouble and a restored copy are 200 with `degraded`: other issuers' connections and live
/// tokens go on.
async fn ready(State(broker): State<Broker>) -> Response {
    if broker.leaving.is_cancelled() || broker.draining.is_cancelled() {
        return not_ready("draining", "the server is shutting down");
    }
    if let Some(why) = broker.db.trouble().or_else(|| broker.pulse.trouble()) {
        return not_ready("database", &why);
    }
    let (issuers, foreign, restored) = match timeout(PATIENCE, read(&broker)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::error!(%error, "the database does not answer");
            return not_ready("database", "the database does not answer");
        }
        Err(_) => return not_ready("database", "the database does not answer in time"),
    };
    if !foreign.is_empty() {
        // Other servers may know it: to those the callers are to be sent.
        let why = format!("this server was not given the master key {}, which is in use", foreign.join(", "));
        return not_ready("vault", &why);
    }
    let mut probes = JoinSet::new();
    for issuer in issuers {
        let broker = broker.clone();
        probes.spawn(async move {
            let trouble = trouble(&broker, &issuer).await;
            (issuer.key, trouble)
        });
    }
    let mut degraded = serde_json::Map::new();
    for (key, trouble) in probes.join_all().await {
        if let Some(trouble) = trouble {
            degraded.insert(key, json!(trouble));
        }
    }
    let status = if degraded.is_empty() && restored.is_none() { "ready" } else { "degraded" };
    let mut body = json!({ "status": status, "issuers": degraded });
    if let Some(restored) = restored {
        body["restored"] = json!(restored.sentence());
    }
    Json(body).into_response()
}

/// What the database says of the issuers, of master keys that are in use and not known here, and of an old copy.
async fn read(broker: &Broker) -> Result<(Vec<Issuer>, Vec<String>, Option<Restore>), Error> {
    broker.db.ping().await?;
    let issuers = crate::app::issuers(broker).await?;
    let (foreign, restored) =
        tokio::try_join!(vault::foreign(&broker.db, &broker.vault), restore::open(broker))?;
    Ok((issuers, foreign, restored))
}

/// Asks the issuer when there is no good copy, so that one that is down at boot is named; never for long.
async fn trouble(broker: &Broker, issuer: &Issuer) -> Option<String> {
    if let Some(closed) = broker.issuers.calls.closed_for(issuer) {
        let seconds = closed.retry_after;
        return Some(format!("refreshes failed in a row; it is left alone for {seconds} s"));
    }
    match timeout(PATIENCE, discovery::endpoints(&broker.issuers, issuer)).await {
        Err(_) => Some("no answer came in time".to_owned()),
        Ok(Err(fault)) => Some(fault.to_string()),
        Ok(Ok(_)) => discovery::trouble(&broker.issuers, issuer),
    }
}

fn not_ready(what: &str, why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not_ready", "what": what, "why": why })))
        .into_response()
}

/// `OpenMetrics` for who asks for it; else the text format 0.0.4, which every scraper reads.
async fn metrics(State(broker): State<Broker>, headers: HeaderMap) -> Response {
    broker.metrics.load(&broker.load);
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (kind, text) = if prefers_openmetrics(accepts) {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", broker.metrics.openmetrics())
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", broker.metrics.text())
    };
    ([(header::CONTENT_TYPE, kind), (header::VARY, "accept")], text).into_response()
}

/// Whether it is named, and at least as welcome as plain text. RFC 9110 section 12.5.1.
fn prefers_openmetrics(accepts: &str) -> bool {
    let weight = |wanted: &str| {
        let range = accepts.split(',').find(|range| {
            range.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
        })?;
        let said = range.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("q="));
        said.map_or(Some(1.0), |said| said.trim().parse::<f32>().ok())
    };
    let openmetrics = weight("application/openmetrics-text").unwrap_or(0.0);
    openmetrics > 0.0 && openmetrics >= weight("text/plain").unwrap_or(0.0)
}
