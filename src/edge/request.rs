//! What the edge keeps of a request while it is served. Judges nothing.

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, Version};

use super::address::{Address, NOBODY, Peer};
use crate::Broker;
use crate::dialect::Wire;
use crate::request_id::RequestId;

pub(super) struct EdgeRequest {
    pub broker: Broker,
    pub id: RequestId,
    pub method: Method,
    pub version: Version,
    route: Option<MatchedPath>,
    pub wire: Wire,
    pub address: Address,
}

impl EdgeRequest {
    pub fn of(broker: &Broker, request: &Request) -> Self {
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(NOBODY);
        Self {
            id: RequestId::new(),
            method: request.method().clone(),
            version: request.version(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            wire: Wire::of(request.uri().path()),
            address: Address::of(peer, request.headers(), &broker.config.listen.trusted_proxies),
            broker: broker.clone(),
        }
    }

    /// The route's pattern: a query may hold a code or a state, and a path whatever somebody mistook for an id.
    pub fn route(&self) -> &str {
        self.route.as_ref().map_or("other", MatchedPath::as_str)
    }
}
