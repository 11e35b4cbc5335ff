//! What a command brings back for the command line to print.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::secret::Token;

/// What the command line prints.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Output {
    /// For people, on standard error, or on standard output when there is no secret.
    pub lines: Vec<String>,
    /// For a pipe: alone on standard output.
    #[serde(with = "crate::secret::exposed_option")]
    pub secret: Option<Token>,
    /// Where a command of several steps goes on, to be asked for with the next one.
    #[serde(default)]
    pub next: Option<String>,
    /// Things that are not as they should be, though the command was carried out.
    #[serde(default)]
    pub troubles: usize,
    /// A mass revoke that is still running.
    #[serde(default)]
    pub follow: Option<String>,
}

impl Output {
    pub(super) fn line(line: String) -> Self {
        Self::of(vec![line])
    }

    pub(super) fn of(lines: Vec<String>) -> Self {
        Self { lines, ..Self::default() }
    }

    /// There is more to do, from here on.
    pub(super) fn further(lines: Vec<String>, troubles: usize, from: &impl Serialize) -> Result<Self, Error> {
        let next = serde_json::to_string(from).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self { lines, troubles, next: Some(next), ..Self::default() })
    }
}
