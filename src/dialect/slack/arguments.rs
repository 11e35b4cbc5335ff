//! The arguments of a Slack method: a form or JSON, by content type. In a form, values that are not text come
//! as JSON text.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::Refusal;
use crate::Broker;
use crate::error::Error;
use crate::secret::Token;

pub struct Arguments(Map<String, Value>);

/// What a body is said to be.
pub(super) fn kind(headers: &HeaderMap) -> String {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_lowercase()
}

impl Arguments {
    pub(super) async fn read(request: Request, broker: &Broker) -> Result<Self, Refusal> {
        let kind = kind(request.headers());
        let body = Bytes::from_request(request, broker).await.map_err(|_| Error::TooLarge)?;
        Self::parse(&kind, &body)
    }

    pub(super) fn parse(kind: &str, body: &[u8]) -> Result<Self, Refusal> {
        match kind {
            "application/json" => match serde_json::from_slice(body) {
                Ok(Value::Object(members)) => Ok(Self(members)),
                Ok(_) => Err(Refusal::word("json_not_object")),
                Err(_) => Err(Refusal::word("invalid_json")),
            },
            "application/x-www-form-urlencoded" | "" => Self::form(body),
            _ => Err(Refusal::word("invalid_post_type")),
        }
    }

    fn form(body: &[u8]) -> Result<Self, Refusal> {
        let mut members = Map::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            if members.insert(name.into_owned(), Value::String(value.into_owned())).is_some() {
                return Err(Error::InvalidRequest("An argument stands twice.".to_owned()).into());
            }
        }
        Ok(Self(members))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = self.0.get(name)?.as_str()?.trim();
        // No argument of ours holds a control character, and PostgreSQL stores no NUL.
        (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
    }

    pub(super) fn token(&self) -> Option<Token> {
        self.text("token").map(Token::new)
    }

    /// False when it is absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if matches!(text.as_str(), "true" | "1") => Ok(true),
            Some(Value::String(text)) if matches!(text.as_str(), "false" | "0" | "") => Ok(false),
            Some(_) => {
                Err(Error::InvalidRequest(format!("The argument `{name}` is neither true nor false.")))
            }
        }
    }
}
