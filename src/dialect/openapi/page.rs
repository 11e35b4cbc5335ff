//! `GET /openapi`: the document for people. Made of the document alone, so that it can't tell anything else.

use askama::Template;
use serde_json::{Map, Value};

use super::shape::{Member, members};
use crate::config::Config;
use crate::web::view::Page;

#[derive(Template)]
#[template(path = "openapi.html")]
pub struct ReferencePage {
    page: Page,
    about: String,
    tags: Vec<Tag>,
    bodies: Vec<Body>,
}

/// Operations that belong together.
struct Tag {
    name: String,
    about: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    more: String,
    /// Each a way to prove who asks.
    who: Vec<String>,
    parameters: Vec<Parameter>,
    takes: Option<Takes>,
    answers: Vec<Answer>,
}

struct Parameter {
    member: Member,
    place: String,
    example: String,
}

/// A request's body.
struct Takes {
    about: String,
    /// By name; a form has no name, and its members stand here.
    body: Option<String>,
    members: Vec<Member>,
    example: String,
}

struct Answer {
    status: String,
    lines: Vec<String>,
    headers: Vec<(String, String)>,
    body: Option<String>,
    example: Option<String>,
}

/// What a body is made of.
struct Body {
    name: String,
    about: String,
    members: Vec<Member>,
}

impl ReferencePage {
    pub fn of(document: &Value, config: &Config) -> Self {
        let all: Vec<(&str, Operation)> = operations(document).collect();
        let mut tags: Vec<Tag> = list(&document["tags"])
            .map(|tag| Tag {
                name: text(&tag["name"]),
                about: text(&tag["description"]),
                operations: Vec::new(),
            })
            .collect();
        for (tag, operation) in all {
            if let Some(tag) = tags.iter_mut().find(|known| known.name == tag) {
                tag.operations.push(operation);
            }
        }
        let bodies = pairs(&document["components"]["schemas"]).map(|(name, schema)| Body {
            name: name.clone(),
            about: text(&schema["description"]),
            members: members(schema),
        });
        Self {
            page: Page::new("What can be asked").branded(config),
            about: text(&document["info"]["description"]),
            tags,
            bodies: bodies.collect(),
        }
    }
}

/// Each beside its tag.
fn operations(document: &Value) -> impl Iterator<Item = (&str, Operation)> {
    pairs(&document["paths"]).flat_map(move |(path, item)| {
        pairs(item).map(move |(method, operation)| {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            (tag, Operation::of(document, path, method, operation))
        })
    })
}

impl Operation {
    fn of(document: &Value, path: &str, method: &str, operation: &Value) -> Self {
        let takes = pairs(&operation["requestBody"]["content"]).next();
        Self {
            id: text(&operation["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]),
            more: text(&operation["description"]),
            who: list(&operation["security"]).map(|way| who(document, way)).collect(),
            parameters: list(&operation["parameters"]).map(Parameter::of).collect(),
            takes: takes.map(|(kind, content)| Takes::of(&operation["requestBody"], kind, content)),
            answers: pairs(&operation["responses"]).map(Answer::of).collect(),
        }
    }
}

fn who(document: &Value, way: &Value) -> String {
    let schemes = &document["components"]["securitySchemes"];
    let all: Vec<String> = pairs(way).map(|(name, _)| text(&schemes[name]["description"])).collect();
    if all.is_empty() { "Nothing has to be proved here.".to_owned() } else { all.join(" ") }
}

impl Parameter {
    fn of(parameter: &Value) -> Self {
        let mut member = Member::of(&text(&parameter["name"]), &parameter["schema"]);
        member.is_needed = parameter["required"] == true;
        member.about = text(&parameter["description"]);
        Self { member, place: text(&parameter["in"]), example: text(&parameter["example"]) }
    }
}

impl Takes {
    fn of(body: &Value, kind: &str, content: &Value) -> Self {
        let named = reference(&content["schema"]);
        let members = if named.is_none() { members(&content["schema"]) } else { Vec::new() };
        let is_form = kind != super::operation::JSON;
        let example = &content["example"];
        let example = if is_form { form(example) } else { pretty(example) };
        let how = if body["required"] == true { "" } else { " It may be left out." };
        Self {
            about: format!("{} ({kind}).{how}", text(&body["description"]).trim_end_matches('.')),
            body: named,
            members,
            example,
        }
    }
}

impl Answer {
    fn of((status, response): (&String, &Value)) -> Self {
        let content = pairs(&response["content"]).next().map(|(_, content)| content);
        let schema = content.map(|content| &content["schema"]);
        let named = schema.and_then(|schema| reference(schema).or_else(|| reference(&schema["allOf"][0])));
        let is_good = status.as_str() < "400";
        Self {
            status: status.clone(),
            lines: text(&response["description"]).lines().map(str::to_owned).collect(),
            headers: pairs(&response["headers"])
                .map(|(name, header)| (name.clone(), text(&header["description"])))
                .collect(),
            body: named,
            // What is refused is said in words.
            example: content.filter(|_| is_good).map(|content| pretty(&content["example"])),
        }
    }
}

/// The name that a schema stands for.
fn reference(schema: &Value) -> Option<String> {
    schema["$ref"].as_str()?.rsplit('/').next().map(str::to_owned)
}

fn form(example: &Value) -> String {
    let lines: Vec<String> = pairs(example).map(|(name, value)| format!("{name}={}", text(value))).collect();
    lines.join("\n& ")
}

fn pretty(example: &Value) -> String {
    serde_json::to_string_pretty(example).unwrap_or_default()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn pairs(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
