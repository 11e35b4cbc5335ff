//! What an entry must hold: a JSON object, compared as data. Nothing in it is ever run or spliced into a query.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How long a condition may be as JSON, in bytes.
const LENGTH: usize = 2_000;

/// Holds for an entry whose members have these values. An object within is compared member by member, too; anything else
/// must be equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Condition(Map<String, Value>);

impl Condition {
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    #[must_use]
    pub fn holds_for(&self, entry: &Map<String, Value>) -> bool {
        holds(&self.0, entry)
    }

    /// The condition that holds where both do; None when no entry can hold both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Option<Self> {
        both(&self.0, &other.0).map(Self)
    }
}

fn holds(wanted: &Map<String, Value>, found: &Map<String, Value>) -> bool {
    wanted.iter().all(|(name, wanted)| match (wanted, found.get(name)) {
        (Value::Object(wanted), Some(Value::Object(found))) => holds(wanted, found),
        (wanted, found) => found == Some(wanted),
    })
}

fn both(one: &Map<String, Value>, other: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut all = one.clone();
    for (name, value) in other {
        match (one.get(name), value) {
            (None, value) => drop(all.insert(name.clone(), value.clone())),
            (Some(Value::Object(one)), Value::Object(other)) => {
                all.insert(name.clone(), Value::Object(both(one, other)?));
            }
            (Some(one), other) if one == other => {}
            (Some(_), _) => return None,
        }
    }
    Some(all)
}

impl TryFrom<Map<String, Value>> for Condition {
    type Error = &'static str;

    fn try_from(members: Map<String, Value>) -> Result<Self, Self::Error> {
        if members.is_empty() {
            return Err("is empty; leave it out for each entry");
        }
        // A date of TOML would come as an object of such a member, and no platform has one.
        if members.keys().any(|name| name.starts_with('$')) || members.values().any(is_a_toml_date) {
            return Err("holds a date of TOML or a name that begins with `$`; write a date as text");
        }
        if serde_json::to_string(&members).map_or(true, |text| text.len() > LENGTH) {
            return Err("is longer than 2000 bytes");
        }
        Ok(Self(members))
    }
}

fn is_a_toml_date(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.keys().any(|name| name.starts_with('$')) || members.values().any(is_a_toml_date)
        }
        Value::Array(values) => values.iter().any(is_a_toml_date),
        _ => false,
    }
}
