//! Where a person lets a connection be used, and to do what. A column of its row; asks nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The environments that a person lets an app reach. Only of those whose tokens are made here: what another platform gives
/// for an access token cannot be narrowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum Allowed {
    /// Each one that is open to both.
    Everywhere(Access),
    /// By id, no more than these.
    Only(BTreeMap<String, Access>),
}

/// In JSON. Nothing stands for everywhere, to read and change.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Everywhere(Option<Access>),
    Only(BTreeMap<String, Access>),
}

/// What may be done at an environment.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Access {
    Read,
    Write,
}

impl Default for Allowed {
    fn default() -> Self {
        Self::Everywhere(Access::Write)
    }
}

impl From<Written> for Allowed {
    fn from(written: Written) -> Self {
        match written {
            Written::Everywhere(access) => Self::Everywhere(access.unwrap_or(Access::Write)),
            Written::Only(places) => Self::Only(places),
        }
    }
}

impl From<Allowed> for Written {
    fn from(allowed: Allowed) -> Self {
        match allowed {
            Allowed::Everywhere(access) => Self::Everywhere(Some(access).filter(|all| *all != Access::Write)),
            Allowed::Only(places) => Self::Only(places),
        }
    }
}

impl Allowed {
    /// No more than these.
    #[must_use]
    pub const fn only(places: BTreeMap<String, Access>) -> Self {
        Self::Only(places)
    }

    /// Each one that was chosen; None for everywhere.
    #[must_use]
    pub const fn places(&self) -> Option<&BTreeMap<String, Access>> {
        match self {
            Self::Everywhere(_) => None,
            Self::Only(places) => Some(places),
        }
    }

    /// What may be done at an environment; None for nothing.
    #[must_use]
    pub fn at(&self, environment_id: &str) -> Option<Access> {
        match self {
            Self::Everywhere(access) => Some(*access),
            Self::Only(places) => places.get(environment_id).copied(),
        }
    }

    /// From its column. What cannot be read allows nothing.
    #[must_use]
    pub fn stored(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::default() };
        match serde_json::from_str(text) {
            Ok(Written::Everywhere(Some(access))) => Self::Everywhere(access),
            Ok(Written::Only(places)) => Self::Only(places),
            Ok(Written::Everywhere(None)) | Err(_) => Self::Only(BTreeMap::new()),
        }
    }

    /// For its column.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Everywhere(Access::Write) => None,
            allowed => serde_json::to_string(allowed).ok(),
        }
    }

    /// What it weighs in memory, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.places().map_or(0, |places| places.keys().map(|id| id.len() + 48).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_is_read_as_it_was_written_and_what_is_odd_allows_nothing() {
        let some = BTreeMap::from([("en_1".to_owned(), Access::Read)]);
        for allowed in [
            Allowed::default(),
            Allowed::Everywhere(Access::Read),
            Allowed::Only(some),
            Allowed::Only(BTreeMap::new()),
        ] {
            assert_eq!(Allowed::stored(allowed.text().as_deref()), allowed);
            let json = serde_json::to_value(&allowed).expect("JSON");
            assert_eq!(serde_json::from_value::<Allowed>(json).expect("the same"), allowed);
        }
        for odd in ["null", "[]", "\"all\"", "{\"en_1\":\"delete\"}", "", "1"] {
            assert_eq!(Allowed::stored(Some(odd)), Allowed::Only(BTreeMap::new()), "{odd}");
        }
    }
}
