//! One mistake in the configuration. Quotes no value, for it may be a secret.

use std::fmt;

/// One thing that is wrong: the key, what is wrong with it, and the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    pub key: String,
    pub problem: String,
}

impl ConfigFault {
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.key, self.problem)
    }
}
