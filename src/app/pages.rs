//! What of an app is shown to anybody: its logo.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::rules::is_key;
use super::{App, store};
use crate::Broker;
use crate::error::Error;
use crate::web::failure::PageFailure;
use crate::web::view::Face;

pub fn router() -> Router<Broker> {
    Router::new().route("/apps/{key}/logo", get(logo))
}

async fn logo(State(broker): State<Broker>, Path(key): Path<String>) -> Result<Response, PageFailure> {
    if !is_key(&key) {
        return Err(Error::NotFound.into());
    }
    let logo = store::logo(&broker.db, &key).await?.ok_or(Error::NotFound)?;
    let cache = (header::CACHE_CONTROL, "public, max-age=3600".to_owned());
    let headers = [(header::CONTENT_TYPE, logo.content_type.clone()), cache];
    Ok((headers, logo.bytes()).into_response())
}

/// An app as a tile and a name.
#[must_use]
pub fn face(app: &App) -> Face {
    face_of(&app.key, &app.name, app.has_logo)
}

/// The same, where only these are at hand.
#[must_use]
pub fn face_of(key: &str, name: &str, has_logo: bool) -> Face {
    Face { logo: has_logo.then(|| format!("/apps/{key}/logo")), ..Face::named(name) }
}
