//! What a schema of the document says of a value, in words for people.

use serde_json::Value;

/// A member of an object.
#[derive(Clone)]
pub struct Member {
    pub name: String,
    /// Such as `text`, or `list of Permission`.
    pub kind: String,
    /// The schema that is named there.
    pub of: Option<String>,
    pub is_needed: bool,
    pub about: String,
    /// The only values there are.
    pub words: Vec<String>,
}

impl Member {
    pub fn of(name: &str, schema: &Value) -> Self {
        let (kind, of) = kind(schema);
        let words = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Self {
            name: name.to_owned(),
            kind,
            of,
            is_needed: false,
            about: schema["description"].as_str().unwrap_or_default().to_owned(),
            words: words.map(str::to_owned).collect(),
        }
    }
}

/// The members of an object, whichever of its forms it has.
pub fn members(schema: &Value) -> Vec<Member> {
    let required = schema["required"].as_array();
    let is_needed = |name: &str| required.is_some_and(|names| names.iter().any(|needed| needed == name));
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut all: Vec<Member> = properties
        .map(|(name, schema)| Member { is_needed: is_needed(name), ..Member::of(name, schema) })
        .collect();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        all.extend(members(part));
    }
    let forms = schema["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
    for form in forms {
        for member in members(form) {
            match all.iter_mut().find(|known| known.name == member.name) {
                Some(known) => known.words.extend(member.words),
                None => all.push(member),
            }
        }
    }
    for member in &mut all {
        let in_each =
            |form: &Value| members(form).iter().any(|other| other.name == member.name && other.is_needed);
        member.is_needed = member.is_needed && forms.iter().all(in_each);
    }
    all
}

/// What a value is, and the schema that it names.
fn kind(schema: &Value) -> (String, Option<String>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        return (String::new(), Some(name.to_owned()));
    }
    if let Some(forms) = schema["oneOf"].as_array() {
        let of = forms.iter().find_map(|form| kind(form).1);
        return ("or null".to_owned(), of);
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec!["object"],
    };
    if types.contains(&"array") {
        let (inner, of) = kind(&schema["items"]);
        return (format!("list of {inner}").trim_end().to_owned(), of);
    }
    let words: Vec<&str> = types.iter().map(|name| in_words(name, schema["format"].as_str())).collect();
    (words.join(" or "), None)
}

fn in_words<'a>(name: &'a str, format: Option<&str>) -> &'a str {
    match (name, format) {
        ("string", Some("date-time")) => "time (RFC 3339)",
        ("string", Some("uri")) => "address",
        ("string", _) => "text",
        ("integer", _) => "whole number",
        ("boolean", _) => "true or false",
        (other, _) => other,
    }
}
