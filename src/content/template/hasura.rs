//! The preset `hasura`: session variables in the form that Hasura's JWT mode documents. Two of them are roles, and must be
//! there; all others are texts. Knows no person.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::claims::{Claim, as_text};
use super::shortcode::{Name, Shortcode};
use super::{Fault, not_to_be_set};

/// Hasura's own, unless its `claims_namespace` says otherwise.
const NAMESPACE: &str = "https://hasura.io/jwt/claims";
const PREFIX: &str = "x-hasura-";
const DEFAULT_ROLE: &str = "x-hasura-default-role";
const ALLOWED_ROLES: &str = "x-hasura-allowed-roles";
const USER_ID: &str = "x-hasura-user-id";
const ROLE: &str = "user";

/// What is put under the namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Hasura {
    pub namespace: String,
    default_role: Claim,
    allowed_roles: Claim,
    /// The others, by their names in lower case.
    others: BTreeMap<String, Claim>,
}

/// Whether a claim is a session variable. Hasura does not tell upper case from lower.
pub fn is_variable(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

impl Hasura {
    /// What is not said is as most APIs have it: the role `user`, and the account's id.
    pub fn parse(namespace: Option<&str>, variables: &Map<String, Value>, faults: &mut Vec<Fault>) -> Self {
        let namespace = namespace.unwrap_or(NAMESPACE);
        if namespace.is_empty() || namespace.contains("{{") || not_to_be_set(namespace).is_some() {
            faults.push(Fault::new("namespace", "must be a claim's name, and none that Attaché sets itself"));
        }
        let mut others: BTreeMap<String, Claim> = BTreeMap::new();
        for (name, value) in variables {
            let (path, lower) = (format!("claims.{name}"), name.to_ascii_lowercase());
            let fault = match lower.as_str() {
                DEFAULT_ROLE if !is_role(value) => Some("must be a role: a text that is not empty"),
                ALLOWED_ROLES if !are_roles(value) => {
                    Some("must be a list of roles, or one shortcode that stands for such a list")
                }
                PREFIX => Some("has no name behind `x-hasura-`"),
                _ if others.contains_key(&lower) => {
                    Some("stands there twice: upper case is not told from lower")
                }
                _ => None,
            };
            let claim = Claim::parse(&path, value, faults);
            let is_unsafe = |shortcode: &&Shortcode| shortcode.name == Name::UnsafeMetadata;
            let of_roles = matches!(lower.as_str(), DEFAULT_ROLE | ALLOWED_ROLES);
            if of_roles && claim.shortcodes().iter().any(is_unsafe) {
                let problem = "must not come from unsafe metadata, because people set those themselves, and so their roles";
                faults.push(Fault::new(&path, problem));
            }
            faults.extend(fault.map(|problem| Fault::new(&path, problem)));
            others.insert(lower, claim);
        }
        let said = others.remove(ALLOWED_ROLES);
        let default_role = others.remove(DEFAULT_ROLE).unwrap_or_else(|| Claim::Fixed(json!(ROLE)));
        if said.is_none() && !matches!(default_role, Claim::Fixed(_)) {
            let path = format!("claims.{ALLOWED_ROLES}");
            faults.push(Fault::new(path, "is missing; name the roles that the default role may be"));
        }
        let allowed_roles = said.unwrap_or_else(|| Claim::List(vec![default_role.clone()]));
        if let (Claim::Fixed(role), Claim::List(allowed)) = (&default_role, &allowed_roles)
            && !allowed.is_empty()
            && allowed.iter().all(|claim| matches!(claim, Claim::Fixed(other) if other != role))
        {
            let path = format!("claims.{DEFAULT_ROLE}");
            faults.push(Fault::new(path, "is not among the roles of x-hasura-allowed-roles; add it there"));
        }
        let account_id = || Claim::parse(USER_ID, &json!("{{user.id}}"), &mut Vec::new());
        others.entry(USER_ID.to_owned()).or_insert_with(account_id);
        Self { namespace: namespace.to_owned(), default_role, allowed_roles, others }
    }

    /// The session variables of one person.
    ///
    /// # Errors
    /// A sentence, when their roles are none that Hasura takes. No role is made up for somebody who has none.
    pub fn variables(&self, of: &dyn Fn(&Shortcode) -> Value) -> Result<Value, &'static str> {
        let (default_role, allowed_roles) = (self.default_role.value(of), self.allowed_roles.value(of));
        if !is_role(&default_role) {
            return Err("x-hasura-default-role comes to no role");
        }
        let Value::Array(allowed) = &allowed_roles else {
            return Err("x-hasura-allowed-roles comes to no list of roles");
        };
        if !allowed.iter().all(is_role) {
            return Err("x-hasura-allowed-roles holds something that is no role");
        }
        if !allowed.contains(&default_role) {
            return Err("x-hasura-default-role is not among x-hasura-allowed-roles");
        }
        let others = self.others.iter().filter_map(|(name, claim)| {
            // A text `null` would be somebody's id. Hasura refuses a rule whose variable is missing.
            Some((name.clone(), Value::String(text(&claim.value(of))?)))
        });
        let mut variables: Map<String, Value> = others.collect();
        variables.insert(DEFAULT_ROLE.to_owned(), default_role);
        variables.insert(ALLOWED_ROLES.to_owned(), allowed_roles);
        Ok(Value::Object(variables))
    }
}

fn is_role(value: &Value) -> bool {
    value.as_str().is_some_and(|role| !role.is_empty())
}

fn are_roles(value: &Value) -> bool {
    match value {
        Value::Array(roles) => !roles.is_empty() && roles.iter().all(is_role),
        other => is_role(other) && other.as_str().is_some_and(|text| text.trim_start().starts_with("{{")),
    }
}

/// A session variable is a text; a list is one in the form of an array of PostgreSQL, which is how Hasura reads it.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Array(values) => {
            let elements: Vec<String> = values.iter().map(element).collect();
            Some(format!("{{{}}}", elements.join(",")))
        }
        other => Some(as_text(other)),
    }
}

fn element(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        other => format!("\"{}\"", as_text(other).replace('\\', "\\\\").replace('"', "\\\"")),
    }
}
