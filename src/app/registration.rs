//! An app's registration at its issuer as the configuration file has it, for `attache check`: opens no database.

use super::rules::callback_path;
use crate::config::Config;
use crate::issuer::probe::Registration;
use crate::issuer::scope::Scopes;
use crate::issuer::{Client, ClientAuth};

/// What stands for the client of `[sign_in]` where a key of `[apps]` is asked for, unless an app has that key.
pub const SIGN_IN: &str = "sign_in";

/// The registration of this app at this issuer.
///
/// # Errors
/// A sentence, when the file has no such app or it is another issuer's.
pub fn registration(config: &Config, issuer: &str, app: &str) -> Result<Registration, String> {
    let (found, its_issuer) = match config.apps.get(app) {
        Some(found) => {
            let registration = Registration {
                section: format!("apps.{app}"),
                is_sign_in: false,
                client: Client {
                    id: found.client_id.clone(),
                    secret: found.client_secret.clone(),
                    auth: ClientAuth::or_default(found.client_auth, found.client_secret.as_ref()),
                },
                redirect_uri: config.public_url.at(&callback_path(app)),
                scopes: Scopes::lenient(&found.scopes.join(" ")),
                audience: found.audience.clone(),
                extras: found.authorization_url_extras.clone(),
            };
            (registration, &found.issuer)
        }
        None if app == SIGN_IN => (of_sign_in(config), &config.sign_in.issuer),
        None => {
            return Err(format!(
                "There is no [apps.{app}] in the configuration file; an app that was made by `attache app` cannot be \
                 probed, because its secret is in the database."
            ));
        }
    };
    if its_issuer == issuer {
        Ok(found)
    } else {
        Err(format!("[{}] is at the issuer `{its_issuer}`, not at `{issuer}`.", found.section))
    }
}

fn of_sign_in(config: &Config) -> Registration {
    let sign_in = &config.sign_in;
    Registration {
        section: SIGN_IN.to_owned(),
        is_sign_in: true,
        client: Client {
            id: sign_in.client_id.clone(),
            secret: sign_in.client_secret.clone(),
            auth: ClientAuth::or_default(sign_in.client_auth, sign_in.client_secret.as_ref()),
        },
        redirect_uri: config.public_url.at("/sign-in/callback"),
        scopes: Scopes::lenient(&sign_in.scopes.join(" ")),
        audience: None,
        extras: std::collections::BTreeMap::default(),
    }
}
