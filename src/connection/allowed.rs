//! Where a person lets a connection be used, and to do what. A column of its row; asks nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The environments that a person lets an app reach, by id; None for each one that is open to both. Only of those whose
/// tokens are made here: what another platform gives for an access token cannot be narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Allowed(Option<BTreeMap<String, Access>>);

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

impl Allowed {
    /// No more than these.
    #[must_use]
    pub const fn only(places: BTreeMap<String, Access>) -> Self {
        Self(Some(places))
    }

    /// Each one that was chosen; None for everywhere.
    #[must_use]
    pub const fn places(&self) -> Option<&BTreeMap<String, Access>> {
        self.0.as_ref()
    }

    /// What may be done at an environment; None for nothing.
    #[must_use]
    pub fn at(&self, environment_id: &str) -> Option<Access> {
        self.0.as_ref().map_or(Some(Access::Write), |places| places.get(environment_id).copied())
    }

    /// From its column. What cannot be read allows nothing.
    #[must_use]
    pub fn stored(text: Option<&str>) -> Self {
        text.map_or(Self(None), |text| Self(Some(serde_json::from_str(text).unwrap_or_default())))
    }

    /// For its column.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        self.0.as_ref().and_then(|places| serde_json::to_string(places).ok())
    }

    /// What it weighs in memory, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.as_ref().map_or(0, |places| places.keys().map(|id| id.len() + 48).sum())
    }
}
