//! What an operation may refuse, by status. The words, sentences and statuses are those of the answers themselves.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Schema, Type};

use super::operation::{JSON, header, text, value};
use crate::db;
use crate::dialect::gate;
use crate::dialect::oauth::OAuthRefused;
use crate::dialect::v1::refusal::Refused;
use crate::error::Error;
use crate::limits::limited::Limited;
use crate::resource_server::gate::Denied;

/// Where the kinds of refusals are told to pages of browsers too.
const HTML: &str = "text/html";

/// One after another: the status, the body, whether the answer says when to come back.
#[derive(Default)]
pub struct Refusals {
    told: Vec<(StatusCode, Value, bool)>,
    /// Whether some are told by a page.
    by_page: bool,
}

impl Refusals {
    /// At `/v1`.
    pub fn v1(errors: &[Error]) -> Self {
        Self::default().and_v1(errors)
    }

    pub fn and_v1(mut self, errors: &[Error]) -> Self {
        self.told.extend(errors.iter().map(|error| {
            let (status, body) = Refused::told(error);
            (status, value(&body), error.retry_after().is_some())
        }));
        self
    }

    /// At `/oauth`.
    pub fn oauth(errors: &[Error]) -> Self {
        let told = |error| {
            let (status, body) = OAuthRefused::told(error);
            (status, value(&body), error.retry_after().is_some())
        };
        Self { told: errors.iter().map(told).collect(), by_page: false }
    }

    pub fn and_oauth(mut self, errors: &[Error]) -> Self {
        self.told.extend(Self::oauth(errors).told);
        self
    }

    /// At the gate.
    pub fn gate(denied: &[Denied]) -> Self {
        let told = |why: &Denied| {
            let (status, sentence) = gate::words(*why);
            (status, value(&gate::refusal(why.word(), sentence)), false)
        };
        Self { told: denied.iter().map(told).collect(), by_page: false }
    }

    pub fn and(mut self, status: StatusCode, body: &Refused<'_>) -> Self {
        self.told.push((status, value(body), false));
        self
    }

    pub fn by_page_too(mut self) -> Self {
        self.by_page = true;
        self
    }

    /// `body` is the schema of each.
    pub fn responses(self, body: &RefOr<Schema>) -> Vec<(u16, Response)> {
        let mut by_status: BTreeMap<u16, Vec<(Value, bool)>> = BTreeMap::new();
        for (status, told, comes_back) in self.told {
            let here = by_status.entry(status.as_u16()).or_default();
            if here.iter().all(|(other, _)| other["error"] != told["error"]) {
                here.push((told, comes_back));
            }
        }
        let by_page = self.by_page;
        by_status.into_iter().map(|(status, told)| (status, response(status, &told, body, by_page))).collect()
    }
}

fn response(status: u16, told: &[(Value, bool)], body: &RefOr<Schema>, by_page: bool) -> Response {
    let sentence = |told: &Value| {
        let said = told.get("message").or_else(|| told.get("error_description"));
        format!("`{}`: {}", plain(&told["error"]), said.map(plain).unwrap_or_default())
    };
    let lines: Vec<String> = told.iter().map(|(told, _)| sentence(told)).collect();
    let words = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(told.iter().map(|(told, _)| told["error"].clone())));
    let these = ObjectBuilder::new().schema_type(Type::Object).property("error", words);
    let schema = AllOfBuilder::new().item(body.clone()).item(these).build();
    let example = told.first().map(|(told, _)| told.clone());
    let content = ContentBuilder::new().schema(Some(Schema::AllOf(schema))).example(example).build();
    let mut response = ResponseBuilder::new().description(lines.join("\n")).content(JSON, content);
    if by_page {
        response = response.content(HTML, ContentBuilder::new().schema(Some(text())).build());
    }
    if told.iter().any(|(_, comes_back)| *comes_back) {
        response = response.header("Retry-After", header("Seconds until the same request may succeed."));
    }
    if status == StatusCode::UNAUTHORIZED.as_u16() {
        response = response.header("WWW-Authenticate", header("How to prove oneself (RFC 9110)."));
    }
    response.build()
}

fn plain(text: &Value) -> &str {
    text.as_str().unwrap_or_default()
}

/// What may happen to whoever asks anything.
pub fn always() -> Vec<Error> {
    let busy = db::Error::Busy(db::Cause::new("no connection in time"));
    vec![
        Error::Database(busy),
        Error::Overloaded,
        Error::TakesLonger,
        Error::Internal("The session could not be read.".to_owned()),
    ]
}

/// What may happen to whoever sends a body.
pub fn of_a_body() -> Vec<Error> {
    vec![Error::TooLarge, Error::TooSlow]
}

/// Whoever asks too often, or guesses.
pub const TOO_MANY: [Error; 1] = [Error::RateLimited { limit: Limited::Key, retry_after: 1 }];
