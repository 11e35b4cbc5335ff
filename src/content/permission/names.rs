//! Any model, stage or locale, or those that are named. Compared exactly.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many names a list may hold.
const LIMIT: usize = 50;
/// How long a name may be, in bytes.
const LENGTH: usize = 128;
const ANY: &str = "any";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Names {
    #[default]
    Any,
    Only(BTreeSet<String>),
}

impl Names {
    #[must_use]
    pub fn only<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Only(names.into_iter().map(str::to_owned).collect())
    }

    #[must_use]
    pub const fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// Those that are named; None for any.
    #[must_use]
    pub const fn named(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::Any => None,
            Self::Only(names) => Some(names),
        }
    }

    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.named().is_none_or(|names| names.contains(name))
    }

    /// Those of both; None for none.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, names) | (names, Self::Any) => Some(names.clone()),
            (Self::Only(one), Self::Only(other)) => {
                let both: BTreeSet<_> = one.intersection(other).cloned().collect();
                (!both.is_empty()).then_some(Self::Only(both))
            }
        }
    }

    /// Two lists that hold together what this one does.
    pub(super) fn halves(&self) -> Option<(Self, Self)> {
        let mut one = self.named().filter(|names| names.len() > 1)?.clone();
        let middle = one.iter().nth(one.len() / 2)?.clone();
        let other = one.split_off(&middle);
        Some((Self::Only(one), Self::Only(other)))
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => serializer.serialize_str(ANY),
            Self::Only(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrList)
    }
}

struct WordOrList;

impl<'de> Visitor<'de> for WordOrList {
    type Value = Names;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of names, or the word `any`")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Names, E> {
        if word == ANY {
            Ok(Names::Any)
        } else {
            Err(E::custom("must be a list of names, or the word `any`"))
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(Name(name)) = list.next_element()? {
            names.insert(name);
        }
        if names.is_empty() {
            return Err(de::Error::custom("is empty; leave it out for any"));
        }
        if names.len() > LIMIT {
            return Err(de::Error::custom(format!("holds more than {LIMIT} names")));
        }
        Ok(Names::Only(names))
    }
}

/// One name of a list.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if name.is_empty() || name.len() > LENGTH || name.contains(char::is_control) {
            return Err("must be a name of 1 to 128 bytes without control characters");
        }
        Ok(Self(name))
    }
}
