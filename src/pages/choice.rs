//! What a person may choose of a consent, as a form shows it and sends it: for how long, and at which environments to do
//! what. Offers nothing that could not be given. Stores nothing.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::connection::allowed::{Access, Allowed};
use crate::consent::choice::{Choice, Places};
use crate::consent::duration::Lasts;
use crate::content::Environment;
use crate::content::overview::Open;
use crate::content::permission::scope::writes;
use crate::content::permission::{Action, Permissions};
use crate::error::Error;
use crate::web::view;

/// The choices, and which of them is made.
#[derive(Debug)]
pub struct Choices {
    /// The form that they belong to, wherever they stand.
    pub form: &'static str,
    pub lasts: Vec<Radio>,
    /// The same for all environments, or not; empty where there are fewer than two.
    pub all: Vec<Radio>,
    /// What can be chosen at any of them.
    pub columns: Vec<Radio>,
    pub projects: Vec<ProjectChoice>,
    /// Whether less can be given at some than at others, or than apps get elsewhere.
    pub is_limited: bool,
}

#[derive(Clone, Debug)]
pub struct Radio {
    pub value: &'static str,
    pub label: String,
    pub checked: bool,
}

/// The environments of a project whose tokens are made here.
#[derive(Debug)]
pub struct ProjectChoice {
    pub name: String,
    pub places: Vec<EnvironmentChoice>,
}

#[derive(Debug)]
pub struct EnvironmentChoice {
    /// Of its field.
    pub name: String,
    pub environment: String,
    /// What can be chosen there.
    pub accesses: Vec<Radio>,
}

/// The fields of the form, those of the environments among others that are not ours.
#[derive(Debug, Default, Deserialize)]
pub struct Chosen {
    lasts: Option<String>,
    all: Option<String>,
    #[serde(flatten)]
    more: BTreeMap<String, String>,
}

/// What holds, and so is marked.
#[derive(Clone, Copy, Debug)]
pub enum Now<'a> {
    /// Nothing yet; this is proposed.
    Proposed(Access),
    Chosen(Option<Timestamp>, &'a Allowed),
}

const NONE: &str = "none";
const EACH: &str = "each";
/// From the most to nothing.
const ACCESSES: [Option<Access>; 3] = [Some(Access::Write), Some(Access::Read), None];

impl Now<'_> {
    fn at(self, environment: &Environment) -> Option<Access> {
        match self {
            Self::Proposed(access) => Some(access),
            Self::Chosen(_, allowed) => allowed.at(&environment.id),
        }
    }

    const fn ends(self) -> Option<Timestamp> {
        match self {
            Self::Proposed(_) => None,
            Self::Chosen(ends, _) => ends,
        }
    }
}

impl Choices {
    #[must_use]
    pub fn of(form: &'static str, open: &[Open], now_holds: Now<'_>, now: Timestamp) -> Self {
        let choosable: Vec<_> = choosable(open).collect();
        let could = |access| choosable.iter().any(|(_, possible)| settle(access, possible) == access);
        let columns: Vec<_> = ACCESSES.into_iter().filter(|access| could(*access)).collect();
        let mut projects: BTreeMap<&str, Vec<EnvironmentChoice>> = BTreeMap::new();
        for (environment, possible) in &choosable {
            let choice = EnvironmentChoice::of(environment, possible, now_holds);
            projects.entry(environment.in_words().0).or_default().push(choice);
        }
        let projects = projects.into_iter().map(|(name, mut places)| {
            places.sort_by(|one, other| one.environment.cmp(&other.environment));
            ProjectChoice { name: name.to_owned(), places }
        });
        Self {
            form,
            lasts: lasts(now_holds.ends().filter(|ends| *ends > now)),
            all: same_for_all(&choosable, &columns, now_holds),
            columns: columns.iter().map(|access| radio(*access, in_words(*access), false)).collect(),
            projects: projects.collect(),
            is_limited: choosable.iter().any(|(_, possible)| !writes(possible)),
        }
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.projects.iter().map(|project| project.places.len()).sum()
    }
}

impl EnvironmentChoice {
    fn of(environment: &Environment, possible: &Permissions, now_holds: Now<'_>) -> Self {
        let holds = settle(now_holds.at(environment), possible);
        let offered = ACCESSES.into_iter().filter(|access| settle(*access, possible) == *access);
        let label = |access| match access {
            Some(Access::Write) if !possible.may(Action::Read) => "Change",
            access => in_words(access),
        };
        Self {
            name: field(environment),
            environment: environment.in_words().1.to_owned(),
            accesses: offered.map(|access| radio(access, label(access), access == holds)).collect(),
        }
    }

    /// What stands in the column of this value.
    #[must_use]
    pub fn access(&self, value: &str) -> Option<&Radio> {
        self.accesses.iter().find(|radio| radio.value == value)
    }
}

impl Chosen {
    /// `before` is what holds now, if anything does.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a value that no form of ours sends.
    pub fn choice(&self, open: &[Open], before: Option<&Allowed>) -> Result<Choice, Error> {
        let lasts = match &self.lasts {
            None => Lasts::AsBefore,
            Some(word) => word.parse().map_err(|_| odd())?,
        };
        let all = self.all.as_deref().filter(|word| *word != EACH).map(read).transpose()?;
        let mut changes = false;
        // Who has left something out has not chosen what is not to be seen at this moment.
        let mut places = before.and_then(Allowed::places).cloned();
        let mut everywhere = match before {
            None => Some(Access::Write),
            Some(Allowed::Everywhere(access)) => Some(*access),
            Some(Allowed::Only(_)) => None,
        };
        for (environment, possible) in choosable(open) {
            let of_this = self.more.get(&field(environment)).map(|word| read(word)).transpose()?;
            let Some(access) = all.or(of_this) else { continue };
            // Never more than there is at this moment.
            let access = settle(access, possible);
            changes |= before.is_none_or(|before| settle(before.at(&environment.id), possible) != access);
            everywhere = everywhere.filter(|all| access == Some(*all));
            let places = places.get_or_insert_default();
            places.remove(&environment.id);
            places.extend(access.map(|access| (environment.id.clone(), access)));
        }
        let places = match (changes, everywhere) {
            (false, _) => Places::AsBefore,
            (true, Some(all)) => Places::Chosen(Allowed::Everywhere(all)),
            (true, None) => Places::Chosen(Allowed::only(places.unwrap_or_default())),
        };
        Ok(Choice { lasts, places })
    }
}

fn lasts(ends: Option<Timestamp>) -> Vec<Radio> {
    let radio =
        |lasts: Lasts, label: &str, checked| Radio { value: lasts.into(), label: label.to_owned(), checked };
    let mut lasts = vec![
        radio(Lasts::UntilStopped, "Until you stop it", ends.is_none()),
        radio(Lasts::ThirtyDays, "For 30 days", false),
        radio(Lasts::OneDay, "For one day", false),
    ];
    if let Some(ends) = ends {
        lasts.insert(0, radio(Lasts::AsBefore, &format!("As now: until {}", ends.exact()), true));
    }
    lasts
}

/// One choice for all; marked where the same holds for all.
fn same_for_all(
    choosable: &[(&Environment, &Permissions)],
    columns: &[Option<Access>],
    now_holds: Now<'_>,
) -> Vec<Radio> {
    if choosable.len() < 2 {
        return Vec::new();
    }
    let holds_everywhere = |access: Option<Access>| {
        choosable.iter().all(|(environment, possible)| {
            settle(access, possible) == settle(now_holds.at(environment), possible)
        })
    };
    let marked = columns.iter().copied().find(|access| holds_everywhere(*access));
    let everywhere_alike =
        |access: Option<Access>| choosable.iter().all(|(_, possible)| settle(access, possible) == access);
    let label = |access| match access {
        access if everywhere_alike(access) => in_words(access).to_owned(),
        access => format!("{}, where it can", in_words(access)),
    };
    let mut all: Vec<_> =
        columns.iter().map(|access| radio(*access, &label(*access), Some(*access) == marked)).collect();
    all.push(Radio { value: EACH, label: "Choose for each".to_owned(), checked: marked.is_none() });
    all
}

/// The most of what is wanted that there is.
fn settle(wanted: Option<Access>, possible: &Permissions) -> Option<Access> {
    match wanted? {
        Access::Write if writes(possible) => Some(Access::Write),
        Access::Write | Access::Read => possible.may(Action::Read).then_some(Access::Read),
    }
}

fn radio(access: Option<Access>, label: &str, checked: bool) -> Radio {
    Radio { value: access.map_or(NONE, Access::into), label: label.to_owned(), checked }
}

fn read(word: &str) -> Result<Option<Access>, Error> {
    if word == NONE { Ok(None) } else { word.parse().map(Some).map_err(|_| odd()) }
}

fn odd() -> Error {
    Error::InvalidRequest("The form holds a choice that there is not.".to_owned())
}

const fn in_words(access: Option<Access>) -> &'static str {
    match access {
        Some(Access::Write) => "Read and change",
        Some(Access::Read) => "Only read",
        None => "Not at all",
    }
}

/// An environment in words, without what may be done there.
#[must_use]
pub fn named(environment: &Environment) -> view::Environment {
    let (project, name) = environment.in_words();
    view::Environment {
        project: project.to_owned(),
        environment: name.to_owned(),
        may: None,
        permits: Vec::new(),
    }
}

/// Those whose tokens are made here, with what can be given there: what another platform gives cannot be narrowed.
fn choosable(open: &[Open]) -> impl Iterator<Item = (&Environment, &Permissions)> {
    open.iter().filter_map(|open| Some((open.environment.as_ref(), open.permissions.as_ref()?)))
}

fn field(environment: &Environment) -> String {
    format!("at-{}", environment.id)
}
