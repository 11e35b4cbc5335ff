//! The value of a claim, read once: what in it is fixed, and where shortcodes stand. Names of members are never read for
//! shortcodes, so no value can make one.

use serde_json::{Map, Value};

use super::Fault;
use super::shortcode::{Expression, Part, Shortcode, parse};

#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// Holds no shortcode.
    Fixed(Value),
    /// Exactly one shortcode: its value as it is.
    Native(Expression),
    /// Shortcodes within a longer text: what they say becomes text.
    Text(Vec<Part>),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Claim {
    pub fn parse(path: &str, value: &Value, faults: &mut Vec<Fault>) -> Self {
        match value {
            Value::String(text) => Self::parse_text(path, text, faults),
            Value::Array(values) => {
                let each = values.iter().enumerate();
                let each = each.map(|(at, value)| Self::parse(&format!("{path}[{at}]"), value, faults));
                Self::List(each.collect())
            }
            Value::Object(members) => Self::Object(Self::parse_members(path, members, faults)),
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::Fixed(value.clone()),
        }
    }

    /// The members of an object, each under its name.
    pub fn parse_members(
        path: &str,
        members: &Map<String, Value>,
        faults: &mut Vec<Fault>,
    ) -> Vec<(String, Self)> {
        let parse = |(name, value): (&String, &Value)| {
            let path = format!("{path}.{name}");
            if name.contains("{{") {
                faults.push(Fault::new(
                    &path,
                    "is a name, in which no shortcode is read; put it into the value",
                ));
            }
            (name.clone(), Self::parse(&path, value, faults))
        };
        members.iter().map(parse).collect()
    }

    fn parse_text(path: &str, text: &str, faults: &mut Vec<Fault>) -> Self {
        match parse(text) {
            Err(problem) => {
                faults.push(Fault::new(path, problem));
                Self::Fixed(Value::Null)
            }
            Ok(parts) => match <[Part; 1]>::try_from(parts) {
                Ok([Part::Expression(expression)]) => Self::Native(expression),
                Ok([Part::Text(text)]) => Self::Fixed(Value::String(text)),
                Err(parts) if parts.is_empty() => Self::Fixed(Value::from("")),
                Err(parts) => Self::Text(parts),
            },
        }
    }

    /// `of` says what a shortcode stands for.
    pub fn value(&self, of: &dyn Fn(&Shortcode) -> Value) -> Value {
        match self {
            Self::Fixed(value) => value.clone(),
            Self::Native(expression) => expression.value(of),
            Self::Text(parts) => {
                let words = parts.iter().map(|part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Expression(expression) => as_text(&expression.value(of)),
                });
                Value::String(words.collect())
            }
            Self::List(claims) => claims.iter().map(|claim| claim.value(of)).collect(),
            Self::Object(members) => {
                Value::Object(members.iter().map(|(name, claim)| (name.clone(), claim.value(of))).collect())
            }
        }
    }

    /// Every shortcode that it holds.
    pub fn shortcodes(&self) -> Vec<&Shortcode> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Native(expression) => expression.shortcodes().collect(),
            Self::Text(parts) => {
                let expressions = parts.iter().filter_map(|part| match part {
                    Part::Expression(expression) => Some(expression),
                    Part::Text(_) => None,
                });
                expressions.flat_map(Expression::shortcodes).collect()
            }
            Self::List(claims) => claims.iter().flat_map(Self::shortcodes).collect(),
            Self::Object(members) => members.iter().flat_map(|(_, claim)| claim.shortcodes()).collect(),
        }
    }
}

/// A value within a longer text; what is missing is the word `null`.
pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
