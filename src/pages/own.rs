//! A form about one of the sender's own connections: proven to be ours, and then looked up. Somebody else's connection is
//! as good as none. Changes nothing.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use crate::Broker;
use crate::account::Account;
use crate::connection::Connection;
use crate::connection::look_up::of_account;
use crate::error::Error;
use crate::web::failure::PageFailure;
use crate::web::forms::OwnForm;
use crate::web::see_other;

/// Who sent it, which of their connections it is about, and what it holds.
pub struct OwnConnection<T> {
    pub account: Account,
    pub connection: Connection,
    pub fields: T,
}

impl<T: DeserializeOwned + Send> FromRequest<Broker> for OwnConnection<T> {
    type Rejection = Response;

    async fn from_request(request: Request, broker: &Broker) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let id = Path::<String>::from_request_parts(&mut parts, broker).await.ok();
        let form = OwnForm::from_request(Request::from_parts(parts, body), broker).await?;
        let account = form.signed_in.account;
        let connection = match id {
            Some(Path(id)) => of_account(broker, &account.id, &id).await,
            None => Err(Error::ConnectionNotFound),
        };
        let connection = connection.map_err(|error| PageFailure::from(error).into_response())?;
        Ok(Self { account, connection, fields: form.fields })
    }
}

/// Back to the connection's page, which says how it is now.
#[must_use]
pub fn see(connection: &Connection) -> Response {
    see_other(&format!("/account/connected-apps/{}", connection.id))
}
