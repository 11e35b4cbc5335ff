//! What the edge keeps of a request while it is served. Judges nothing.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, Version};

use super::address::{Address, NOBODY, Peer};
use crate::Broker;
use crate::dialect::Wire;
use crate::dialect::cross_origin::is_preflight;
use crate::dialect::graphql::cross_origin as graphql;
use crate::dialect::v1::session::origin as session;
use crate::request_id::RequestId;

pub(super) struct EdgeRequest {
    pub broker: Broker,
    pub id: RequestId,
    pub method: Method,
    pub version: Version,
    route: Option<MatchedPath>,
    pub wire: Wire,
    pub address: Address,
    pub cross_origin: CrossOrigin,
}

/// Whether pages of other origins may ask, and read the answer.
pub(super) enum CrossOrigin {
    /// None may.
    No,
    /// Those that are named; here is the one that asks, if it is.
    Named { allowed: Option<HeaderValue>, is_preflight: bool, with_cookies: bool },
}

impl EdgeRequest {
    pub fn of(broker: &Broker, request: &Request) -> Self {
        let wire = Wire::of(request.uri().path());
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(NOBODY);
        Self {
            id: RequestId::new(),
            method: request.method().clone(),
            version: request.version(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            wire,
            address: Address::of(peer, request.headers(), &broker.config.listen.trusted_proxies),
            cross_origin: CrossOrigin::of(broker, wire, request),
            broker: broker.clone(),
        }
    }

    /// The route's pattern: a query may hold a code or a state, and a path whatever somebody mistook for an id.
    pub fn route(&self) -> &str {
        self.route.as_ref().map_or("other", MatchedPath::as_str)
    }
}

impl CrossOrigin {
    fn of(broker: &Broker, wire: Wire, request: &Request) -> Self {
        let headers = request.headers();
        let allowed = match wire {
            Wire::GraphQl if !broker.config.graphql.allowed_origins.is_empty() => {
                graphql::allowed(&broker.config, headers)
            }
            Wire::Session => session::allowed(broker, headers),
            _ => return Self::No,
        };
        let is_preflight = is_preflight(request.method(), headers);
        Self::Named { allowed, is_preflight, with_cookies: wire == Wire::Session }
    }

    pub fn is_preflight(&self) -> bool {
        matches!(self, Self::Named { is_preflight: true, .. })
    }
}
