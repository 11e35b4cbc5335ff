//! What a person may choose of a consent, as a form shows it and sends it: for how long, and at which environments to do
//! what. Stores nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::connection::allowed::{Access, Allowed};
use crate::consent::choice::{Choice, Places};
use crate::consent::duration::Lasts;
use crate::content::Environment;
use crate::error::Error;
use crate::web::view;

/// The choices, and which of them is made.
#[derive(Debug)]
pub struct Choices {
    /// The form that they belong to, wherever they stand.
    pub form: &'static str,
    pub lasts: Vec<Radio>,
    pub places: Vec<EnvironmentChoice>,
}

#[derive(Debug)]
pub struct Radio {
    pub value: &'static str,
    pub label: String,
    pub checked: bool,
}

/// An environment whose tokens are made here.
#[derive(Debug)]
pub struct EnvironmentChoice {
    /// Of its field.
    pub name: String,
    pub environment: String,
    pub project: String,
    pub accesses: Vec<Radio>,
}

/// The fields of the form, those of the environments among others that are not ours.
#[derive(Debug, Default, Deserialize)]
pub struct Chosen {
    lasts: Option<String>,
    #[serde(flatten)]
    more: BTreeMap<String, String>,
}

const NONE: &str = "none";

impl Choices {
    /// With what holds now, if anything does.
    #[must_use]
    pub fn of(
        form: &'static str,
        open: &[Arc<Environment>],
        now_holds: Option<(Option<Timestamp>, &Allowed)>,
        now: Timestamp,
    ) -> Self {
        let ends = now_holds.and_then(|(ends, _)| ends).filter(|ends| *ends > now);
        let everywhere = Allowed::default();
        let allowed = now_holds.map_or(&everywhere, |(_, allowed)| allowed);
        let radio = |lasts: Lasts, label: &str, checked: bool| Radio {
            value: lasts.into(),
            label: label.to_owned(),
            checked,
        };
        let mut lasts = vec![
            radio(Lasts::UntilStopped, "Until you stop it", ends.is_none()),
            radio(Lasts::ThirtyDays, "For 30 days", false),
            radio(Lasts::OneDay, "For one day", false),
        ];
        if let Some(ends) = ends {
            lasts.insert(0, radio(Lasts::AsBefore, &format!("As now: until {}", ends.exact()), true));
        }
        Self {
            form,
            lasts,
            places: choosable(open).map(|environment| EnvironmentChoice::of(environment, allowed)).collect(),
        }
    }
}

impl EnvironmentChoice {
    fn of(environment: &Environment, allowed: &Allowed) -> Self {
        let access = allowed.at(&environment.id);
        let (project, shown) = environment.in_words();
        let radio = |value, label: &str, checked| Radio { value, label: label.to_owned(), checked };
        Self {
            name: field(environment),
            environment: shown.to_owned(),
            project: project.to_owned(),
            accesses: vec![
                radio(Access::Write.into(), "Read and change", access == Some(Access::Write)),
                radio(Access::Read.into(), "Only read", access == Some(Access::Read)),
                radio(NONE, "Not at all", access.is_none()),
            ],
        }
    }
}

impl Chosen {
    /// `before` is what holds now, if anything does.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a value that no form of ours sends.
    pub fn choice(&self, open: &[Arc<Environment>], before: Option<&Allowed>) -> Result<Choice, Error> {
        let odd = || Error::InvalidRequest("The form holds a choice that there is not.".to_owned());
        let lasts = match &self.lasts {
            None => Lasts::AsBefore,
            Some(word) => word.parse().map_err(|_| odd())?,
        };
        let mut said = false;
        // Who has left something out has not chosen what is not to be seen at this moment.
        let mut places = before.and_then(Allowed::places).cloned();
        let mut everywhere = match before {
            None => Some(Access::Write),
            Some(Allowed::Everywhere(access)) => Some(*access),
            Some(Allowed::Only(_)) => None,
        };
        for environment in choosable(open) {
            let Some(word) = self.more.get(&field(environment)) else { continue };
            said = true;
            let access = match word.as_str() {
                NONE => None,
                word => Some(word.parse::<Access>().map_err(|_| odd())?),
            };
            everywhere = everywhere.filter(|all| access == Some(*all));
            let places = places.get_or_insert_default();
            places.remove(&environment.id);
            places.extend(access.map(|access| (environment.id.clone(), access)));
        }
        let places = match (said, everywhere) {
            (false, _) => Places::AsBefore,
            (true, Some(all)) => Places::Chosen(Allowed::Everywhere(all)),
            (true, None) => Places::Chosen(Allowed::only(places.unwrap_or_default())),
        };
        Ok(Choice { lasts, places })
    }
}

/// The environments that a person lets an app reach, with what it may do there.
#[must_use]
pub fn reached(open: &[Arc<Environment>], allowed: &Allowed) -> Vec<view::Environment> {
    let reached = open.iter().filter_map(|environment| {
        let mints = environment.strategy.mints();
        let access = if mints { Some(allowed.at(&environment.id)?) } else { None };
        let (project, name) = environment.in_words();
        Some(view::Environment {
            project: project.to_owned(),
            environment: name.to_owned(),
            may: access.map(|access| match access {
                Access::Read => "Only read",
                Access::Write => "Read and change",
            }),
            permits: Vec::new(),
        })
    });
    reached.collect()
}

/// Those whose tokens are made here: what another platform gives cannot be narrowed.
fn choosable(open: &[Arc<Environment>]) -> impl Iterator<Item = &Environment> {
    open.iter().filter(|environment| environment.strategy.mints()).map(Arc::as_ref)
}

fn field(environment: &Environment) -> String {
    format!("at-{}", environment.id)
}
