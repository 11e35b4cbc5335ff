//! Which limit was reached, in words for whoever reached it.

use std::fmt;

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    Key,
    Failures,
    SubjectTokens,
    SignIns,
    Connects,
    SessionTokens,
}

impl fmt::Display for Limited {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Key => "This API key asks more often than it may.",
            Self::Failures => "Too many requests from this address were refused.",
            Self::SubjectTokens => "Too many subject tokens of this caller were refused.",
            Self::SignIns => "Too many sign-ins were begun from this address.",
            Self::Connects => "You went on to connect apps more often than is allowed.",
            Self::SessionTokens => "More tokens were asked of this session than it is given in a minute.",
        })
    }
}
