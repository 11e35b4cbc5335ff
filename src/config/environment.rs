//! Lays `ATTACHE_SECTION__KEY` variables over the file.

use toml::{Table, Value};

const PREFIX: &str = "ATTACHE_";
/// Not part of the configuration: read by the command line, and by the journeys.
const NOT_CONFIGURATION: [&str; 2] = ["ATTACHE_CONFIG", "ATTACHE_BIN"];

pub fn overlay(table: &mut Table, variables: impl IntoIterator<Item = (String, String)>) {
    for (name, value) in variables {
        if NOT_CONFIGURATION.contains(&name.as_str()) || name.starts_with("ATTACHE_TEST_") {
            continue;
        }
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let segments: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        set(table, &segments, &value);
    }
}

fn set(table: &mut Table, segments: &[String], value: &str) {
    let [first, rest @ ..] = segments else { return };
    let key = existing_key(table, first).unwrap_or_else(|| first.clone());
    if rest.is_empty() {
        let value = typed(&key, value);
        table.insert(key, value);
        return;
    }
    let inner = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(inner) = inner {
        set(inner, rest, value);
    }
}

/// Keys of the file may hold hyphens, names of variables may not.
fn existing_key(table: &Table, segment: &str) -> Option<String> {
    table.keys().find(|key| key.to_lowercase().replace('-', "_") == *segment).cloned()
}

/// A list or a table is written as in TOML; the rest is text, but for the few numbers there are: a client id or a
/// secret may well consist of digits.
fn typed(key: &str, value: &str) -> Value {
    let is_number = ["connections", "requests_at_once", "rsa_bits"].contains(&key)
        || ["_seconds", "_per_second", "_per_minute", "_burst", "_days"]
            .iter()
            .any(|unit| key.ends_with(unit));
    if !value.starts_with(['[', '{']) && !is_number {
        return Value::String(value.to_owned());
    }
    let parsed = format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(value.to_owned()))
}
