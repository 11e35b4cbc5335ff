//! Sign-out at the issuer (OpenID Connect RP-Initiated Logout 1.0). Ending our own session is the page's work.

use url::Url;

use super::sign_in;
use crate::App;
use crate::error::Error;
use crate::issuer::address;
use crate::issuer::discovery::last_known;

/// Where to send the browser so that the issuer's session ends too; None when the issuer has no such place
/// or is not known right now.
///
/// # Errors
/// When the database does not answer.
pub async fn end_session_url(app: &App) -> Result<Option<Url>, Error> {
    let issuer = sign_in::issuer(app).await?;
    let known = last_known(&app.issuers, &issuer);
    let Some(url) = known.and_then(|endpoints| endpoints.end_session.clone()) else { return Ok(None) };
    let (client_id, here) = (&app.config.sign_in.client_id, app.url("/"));
    let ours = [("client_id", client_id.as_str()), ("post_logout_redirect_uri", here.as_str())];
    Ok(Some(address::with(&url, &ours)))
}
