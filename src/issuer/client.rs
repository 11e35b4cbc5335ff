//! Our registration at an issuer, and how a client authenticates there. RFC 6749 section 2.3. Sends nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;
use serde::{Deserialize, Serialize};
use url::form_urlencoded::byte_serialize;

use crate::secret::Token;

/// Our registration at an issuer.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub secret: Option<Token>,
    pub auth: ClientAuth,
}

/// How a client authenticates at the token endpoint. RFC 6749 section 2.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// A public client: only its id, in the body.
    None,
    /// `client_secret_post`
    Body,
    /// `client_secret_basic`
    Basic,
}

impl ClientAuth {
    /// Body when there is a secret, unless something else was said.
    #[must_use]
    pub fn or_default(said: Option<Self>, secret: Option<&Token>) -> Self {
        said.unwrap_or(if secret.is_some() { Self::Body } else { Self::None })
    }
}

impl Client {
    /// Id and secret for HTTP Basic, where the client authenticates by it. RFC 6749 section 2.3.1: both are form-encoded
    /// before they are joined.
    fn basic(&self) -> Option<(String, Token)> {
        let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let secret = self.secret.as_ref().filter(|_| self.auth == ClientAuth::Basic)?;
        Some((encode(&self.id), Token::new(encode(secret.expose()))))
    }

    /// A request of this client: by HTTP Basic, or with its id and its secret in the form. RFC 6749 section 2.3.1.
    pub(super) fn authenticate<'a>(
        &'a self,
        request: RequestBuilder,
        form: &mut Vec<(&str, &'a str)>,
    ) -> RequestBuilder {
        if let Some((id, secret)) = self.basic() {
            return request.basic_auth(id, Some(secret.expose()));
        }
        form.push(("client_id", &self.id));
        let secret = self.secret.as_ref().filter(|_| self.auth == ClientAuth::Body);
        form.extend(secret.map(|secret| ("client_secret", secret.expose())));
        request
    }

    /// What is sent of a client and not to be repeated: its secret, as it is and in a Basic value, and these.
    pub(super) fn secrets(&self, others: &[&Token]) -> Vec<Token> {
        let value = |(id, secret): (String, Token)| STANDARD.encode(format!("{id}:{}", secret.expose()));
        let basic = self.basic().map(|pair| Token::new(value(pair)));
        self.secret.clone().into_iter().chain(basic).chain(others.iter().copied().cloned()).collect()
    }
}
