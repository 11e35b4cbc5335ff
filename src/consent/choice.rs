//! What a person chose when they consented: for how long, and at which environments to do what. Judged at every
//! hand-out; changed on the connection's page; ended here when its time is over.

use serde::{Deserialize, Serialize};

use super::duration::Lasts;
use crate::connection::Connection;
use crate::connection::allowed::Allowed;

/// What a person chose in a form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    pub lasts: Lasts,
    pub places: Places,
}

/// Where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Places {
    /// As it was chosen before; everywhere where nothing was.
    #[default]
    AsBefore,
    Chosen(Allowed),
}

impl Choice {
    /// What "as before" means for a connection that is to be renewed: it may be gone when the person comes back.
    #[must_use]
    pub fn settled(&self, renewed: &Connection) -> Self {
        let lasts = match (self.lasts, renewed.consent_expires_at) {
            (Lasts::AsBefore, Some(ends)) => Lasts::At(ends.unix()),
            (Lasts::AsBefore, None) => Lasts::UntilStopped,
            (chosen, _) => chosen,
        };
        Self { lasts, places: Places::Chosen(self.places.over(&renewed.allowed)) }
    }
}

impl Places {
    #[must_use]
    pub fn over(&self, before: &Allowed) -> Allowed {
        match self {
            Self::AsBefore => before.clone(),
            Self::Chosen(allowed) => allowed.clone(),
        }
    }
}
