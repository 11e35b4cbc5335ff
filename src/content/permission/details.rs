//! Permissions on the wire: `authorization_details` of the type `content` (RFC 9396). Read strictly: what is not known is
//! refused, with the place of the fault.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{Permission, Permissions};

/// `type`, RFC 9396 section 2.
pub const TYPE: &str = "content";
/// How many may be asked for at once.
const LIMIT: usize = 10;

/// Where something is wrong, and what. Quotes nothing that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetailFault {
    /// Such as `[0].actions[1]`.
    pub path: String,
    pub problem: String,
}

impl fmt::Display for DetailFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "authorization_details{}: {}", self.path, self.problem)
    }
}

/// One permission on the wire.
#[derive(Serialize)]
pub struct Detail<'a> {
    r#type: &'static str,
    /// The content API's address.
    locations: [&'a str; 1],
    #[serde(flatten)]
    permission: &'a Permission,
}

/// Those of a permission, and two of its own. A permission takes no other member, so it can't be a part of this schema.
impl PartialSchema for Detail<'_> {
    fn schema() -> RefOr<Schema> {
        let mut schema = Permission::schema();
        if let RefOr::T(Schema::Object(detail)) = &mut schema {
            let text = || ObjectBuilder::new().schema_type(Type::String);
            let locations = ArrayBuilder::new().items(text()).description(Some("The content API's address."));
            detail.properties.insert("type".to_owned(), text().enum_values(Some([TYPE])).into());
            detail.properties.insert("locations".to_owned(), locations.into());
            detail.required.extend(["type", "locations"].map(str::to_owned));
            detail.description = Some("One permission, as RFC 9396 says it.".to_owned());
        }
        schema
    }
}

impl ToSchema for Detail<'_> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("AuthorizationDetail")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Permission::schemas(schemas);
    }
}

/// For the content API at this address.
#[must_use]
pub fn written(permissions: &Permissions, content_api_url: &str) -> Value {
    let detail = |permission| json!(Detail { r#type: TYPE, locations: [content_api_url], permission });
    permissions.iter().map(detail).collect()
}

/// What is asked for in a parameter.
///
/// # Errors
/// The first fault; also when a detail is for another place than these addresses of one environment.
pub fn parse(text: &str, addresses: &[&str]) -> Result<Permissions, DetailFault> {
    let value: Value =
        serde_json::from_str(text).map_err(|_| fault(String::new(), "must be JSON, an array of objects"))?;
    if value.as_array().is_some_and(|details| details.len() > LIMIT) {
        return Err(fault(String::new(), "must be no more than 10"));
    }
    read(&value, addresses)
}

/// What a token carries in its claim.
///
/// # Errors
/// As [`parse`].
pub fn read(value: &Value, addresses: &[&str]) -> Result<Permissions, DetailFault> {
    let details = value.as_array().ok_or_else(|| fault(String::new(), "must be an array of objects"))?;
    details.iter().enumerate().map(|(at, detail)| read_one(at, detail, addresses)).collect()
}

fn read_one(at: usize, detail: &Value, addresses: &[&str]) -> Result<Permission, DetailFault> {
    let mut members: Map<String, Value> =
        detail.as_object().cloned().ok_or_else(|| fault(format!("[{at}]"), "must be an object"))?;
    if members.remove("type") != Some(json!(TYPE)) {
        return Err(fault(format!("[{at}].type"), "must be `content`"));
    }
    if let Some(locations) = members.remove("locations") {
        let here = |location: &Value| location.as_str().is_some_and(|location| addresses.contains(&location));
        if !locations.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(here)) {
            let problem = "must be a list of the content API URL of the environment, and no other";
            return Err(fault(format!("[{at}].locations"), problem));
        }
    }
    serde_path_to_error::deserialize(Value::Object(members)).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => String::new(),
            path => format!(".{}", plain(path)),
        };
        fault(format!("[{at}]{path}"), &unquoted(&error.into_inner().to_string()))
    })
}

/// A path may end in a member's name, which somebody else chose.
fn plain(path: &str) -> String {
    let known = |letter: char| letter.is_ascii_alphanumeric() || "_.[]".contains(letter);
    path.chars().take(100).map(|letter| if known(letter) { letter } else { '?' }).collect()
}

fn fault(path: String, problem: &str) -> DetailFault {
    DetailFault { path, problem: problem.to_owned() }
}

/// serde quotes what it found, which somebody else sent.
fn unquoted(sentence: &str) -> String {
    let quote = if sentence.starts_with("unknown") { '`' } else { '"' };
    // What is expected stands behind it, and is ours.
    let found = &sentence[..sentence.rfind(", expected").unwrap_or(sentence.len())];
    match (found.find(quote), found.rfind(quote)) {
        (Some(first), Some(last)) if first < last => {
            format!("{}{}", sentence[..first].trim_end(), &sentence[last + 1..])
        }
        _ => sentence.to_owned(),
    }
}
