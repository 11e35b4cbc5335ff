//! Whether an address that has used up its failures is let past all the same, by a credential that was good lately: in the
//! header, or in the body of a wire that takes one there. Looks nothing up.

use axum::body::to_bytes;
use axum::extract::Request;

use super::finish::given_up;
use super::request::EdgeRequest;
use crate::BODY_LIMIT;
use crate::dialect::authorization_header::bearer_token;
use crate::dialect::{self, client_authentication, resource_server_secret};
use crate::error::Error;
use crate::limits::AcceptedCredential;
use crate::server::body;

pub(super) enum Verdict {
    /// By that credential, where the address has to wait.
    Served(Option<AcceptedCredential>),
    Refused(Error),
    /// The address has to wait, and the header holds no credential.
    ByItsBody,
}

pub(super) fn judge(asked: &EdgeRequest, request: &Request) -> Verdict {
    if !asked.wire.authenticates() {
        return Verdict::Served(None);
    }
    let headers = request.headers();
    let mut in_header = false;
    let credential = || {
        // Where a proxy asks, `Authorization` is its client's.
        let found = resource_server_secret::read(headers)
            .or_else(|| bearer_token(headers))
            .or_else(|| client_authentication::basic(headers).map(|(_, secret)| secret));
        in_header = found.is_some();
        found
    };
    match asked.broker.limits.admit_address(asked.address, credential) {
        Ok(known) => Verdict::Served(known),
        Err(_) if !in_header && asked.wire.takes_credentials_in_a_body() => Verdict::ByItsBody,
        Err(error) => Verdict::Refused(error),
    }
}

/// Reads the body for the credential that may stand in it, in nobody's place, and puts it back.
pub(super) async fn judge_body(
    asked: &EdgeRequest,
    request: Request,
) -> Result<(Option<AcceptedCredential>, Request), Error> {
    let (parts, body) = request.into_parts();
    let (read, gave_up) = body::watch(to_bytes(body, BODY_LIMIT)).await;
    let body = read.map_err(|_| given_up(gave_up))?;
    let credential = || dialect::credential_in_body(asked.wire, &parts.headers, &body);
    let known = asked.broker.limits.admit_address(asked.address, credential)?;
    Ok((known, Request::from_parts(parts, body.into())))
}
