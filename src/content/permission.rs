//! What may be done to content: models, actions, stages, locales, and a condition on the entry. Sets of permissions, what
//! two sets have in common, and what a set allows. Pure, and knows no people; who has which is judged in
//! [`crate::access::judge`].

mod condition;
pub mod details;
mod names;
pub mod scope;
pub mod typed;

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

pub use self::condition::Condition;
pub use self::names::Names;

/// How many permissions a set may be given with.
pub const LIMIT: usize = 50;

/// What is done to an entry.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Action {
    Read,
    Create,
    Update,
    Delete,
    Publish,
    Unpublish,
}

impl Action {
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Create, Self::Update, Self::Delete, Self::Publish, Self::Unpublish];

    /// Whether it leaves content as it is.
    #[must_use]
    pub fn only_reads(self) -> bool {
        self == Self::Read
    }
}

/// Some actions on some content. What is left out is any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    #[serde(deserialize_with = "some_actions")]
    #[schema(min_items = 1)]
    pub actions: BTreeSet<Action>,
    #[serde(default, skip_serializing_if = "Names::is_any")]
    #[schema(value_type = Vec<String>)]
    pub models: Names,
    #[serde(default, skip_serializing_if = "Names::is_any")]
    #[schema(value_type = Vec<String>)]
    pub stages: Names,
    #[serde(default, skip_serializing_if = "Names::is_any")]
    #[schema(value_type = Vec<String>)]
    pub locales: Names,
    /// What an entry must hold; left out for each entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, nullable = false)]
    pub condition: Option<Condition>,
}

/// Somebody wants to do this to that entry.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub action: Action,
    pub model: &'a str,
    pub stage: &'a str,
    pub locale: &'a str,
    pub entry: &'a Map<String, Value>,
}

/// Whatever any of some permissions allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Permissions(Vec<Permission>);

impl Permission {
    /// These actions on all content.
    #[must_use]
    pub fn everywhere(actions: impl IntoIterator<Item = Action>) -> Self {
        let actions = actions.into_iter().collect();
        Self { actions, models: Names::Any, stages: Names::Any, locales: Names::Any, condition: None }
    }

    #[must_use]
    pub fn allows(&self, request: &Request<'_>) -> bool {
        self.actions.contains(&request.action)
            && self.models.holds(request.model)
            && self.stages.holds(request.stage)
            && self.locales.holds(request.locale)
            && self.condition.as_ref().is_none_or(|condition| condition.holds_for(request.entry))
    }

    /// What both allow; None for nothing.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let actions: BTreeSet<_> = self.actions.intersection(&other.actions).copied().collect();
        if actions.is_empty() {
            return None;
        }
        let condition = match (&self.condition, &other.condition) {
            (None, condition) | (condition, None) => condition.clone(),
            (Some(one), Some(other)) => Some(one.and(other)?),
        };
        Some(Self {
            actions,
            models: self.models.meet(&other.models)?,
            stages: self.stages.meet(&other.stages)?,
            locales: self.locales.meet(&other.locales)?,
            condition,
        })
    }

    /// Whether this one allows whatever the other does.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.meet(other).as_ref() == Some(other)
    }

    /// Two that allow together what this one does; None when it can't be parted.
    fn halves(&self) -> Option<(Self, Self)> {
        let (mut one, mut other) = (self.clone(), self.clone());
        if self.actions.len() > 1 {
            let middle = self.actions.iter().nth(self.actions.len() / 2)?;
            other.actions = one.actions.split_off(middle);
            return Some((one, other));
        }
        if let Some(halves) = self.models.halves() {
            (one.models, other.models) = halves;
        } else if let Some(halves) = self.stages.halves() {
            (one.stages, other.stages) = halves;
        } else {
            (one.locales, other.locales) = self.locales.halves()?;
        }
        Some((one, other))
    }
}

impl Permissions {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![Permission::everywhere(Action::ALL)])
    }

    /// What is documented for requests without a token, where an operator wants any: reading what is published.
    #[must_use]
    pub fn public_defaults() -> Self {
        let stages = Names::only(["PUBLISHED"]);
        Self(vec![Permission { stages, ..Permission::everywhere([Action::Read]) }])
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Permission> {
        self.0.iter()
    }

    #[must_use]
    pub fn allows(&self, request: &Request<'_>) -> bool {
        self.0.iter().any(|permission| permission.allows(request))
    }

    /// Whether there is any content to which this may be done.
    #[must_use]
    pub fn may(&self, action: Action) -> bool {
        self.0.iter().any(|permission| permission.actions.contains(&action))
    }

    /// What both allow: never more than each.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        self.0.iter().flat_map(|one| other.0.iter().filter_map(|other| one.meet(other))).collect()
    }

    /// Those of its actions.
    #[must_use]
    pub fn only(&self, actions: impl IntoIterator<Item = Action>) -> Self {
        self.meet(&Self(vec![Permission::everywhere(actions)]))
    }

    /// Whether these allow whatever the others do, each by one permission or by several together.
    #[must_use]
    pub fn cover(&self, others: &Self) -> bool {
        let mine: Vec<_> = self.0.iter().collect();
        others.0.iter().all(|other| is_covered(other, &mine))
    }
}

/// Parts it until each part is covered by one, or a part is found that none covers.
fn is_covered(permission: &Permission, by: &[&Permission]) -> bool {
    if by.iter().any(|one| one.covers(permission)) {
        return true;
    }
    let near: Vec<_> = by.iter().copied().filter(|one| one.meet(permission).is_some()).collect();
    if near.is_empty() {
        return false;
    }
    permission.halves().is_some_and(|(one, other)| is_covered(&one, &near) && is_covered(&other, &near))
}

/// Leaves out what another one covers.
impl FromIterator<Permission> for Permissions {
    fn from_iter<T: IntoIterator<Item = Permission>>(all: T) -> Self {
        let mut kept: Vec<Permission> = Vec::new();
        for permission in all {
            if !kept.iter().any(|other| other.covers(&permission)) {
                kept.retain(|other| !permission.covers(other));
                kept.push(permission);
            }
        }
        Self(kept)
    }
}

impl<'a> IntoIterator for &'a Permissions {
    type Item = &'a Permission;
    type IntoIter = std::slice::Iter<'a, Permission>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Vec::<Permission>::deserialize(deserializer)?;
        if all.len() > LIMIT {
            return Err(de::Error::custom(format!("holds more than {LIMIT} permissions")));
        }
        Ok(all.into_iter().collect())
    }
}

fn some_actions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Action>, D::Error> {
    let actions = BTreeSet::deserialize(deserializer)?;
    if actions.is_empty() {
        return Err(de::Error::custom("is empty; name at least one action"));
    }
    Ok(actions)
}
