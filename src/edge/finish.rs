//! What every answer gets on its way out: the counts, its id, the headers that all answers carry. So does a refusal that
//! the edge makes itself.

use axum::http::{HeaderValue, Version, header};
use axum::response::Response;

use super::rejection::Rejection;
use super::request::{CrossOrigin, EdgeRequest};
use crate::dialect::cross_origin;
use crate::dialect::{self, protected_resource};
use crate::error::Error;
use crate::request_id;
use crate::server::body::GaveUp;
use crate::web::{failure, headers};

pub(super) fn refuse(asked: &EdgeRequest, error: Error) -> Response {
    let response = turn_away(asked, error);
    count(asked, &response);
    response
}

/// Counted and not told: a log that grows with each refusal would be a load of its own.
pub(super) fn turn_away(asked: &EdgeRequest, error: Error) -> Response {
    let refused = request_id::at_once(asked.id, || dialect::refuse(asked.wire, error));
    finish(asked, failure::branded(&asked.broker.config, refused))
}

pub(super) fn count(asked: &EdgeRequest, response: &Response) {
    if let Some(reason) = response.extensions().get::<Rejection>().and_then(|mark| mark.turned_away()) {
        asked.broker.metrics.turned_away(reason);
    }
    asked.broker.metrics.request(asked.route(), response.status().as_u16());
}

pub(super) fn finish(asked: &EdgeRequest, mut response: Response) -> Response {
    // The next request is to come on a connection to another server. HTTP/2 has no such header (RFC 9113 section 8.2.2).
    if asked.broker.leaving.is_cancelled() && asked.version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    protected_resource::name(&asked.broker, asked.wire, &mut response);
    let https = asked.broker.config.public_url.scheme() == "https";
    headers::secure(response.headers_mut(), https);
    asked.id.put(response.headers_mut());
    // Refusals too: a page that may not read one sees a broken network.
    if let CrossOrigin::Named { allowed, with_cookies, .. } = &asked.cross_origin {
        cross_origin::let_read(allowed.as_ref(), *with_cookies, response.headers_mut());
    }
    response
}

/// Why a body was not read to its end.
pub(super) fn given_up(why: Option<GaveUp>) -> Error {
    match why {
        Some(GaveUp::TooSlow) => Error::TooSlow,
        Some(GaveUp::NoRoom) => Error::Overloaded,
        None => Error::TooLarge,
    }
}
