//! What can happen in the model: the effects of a refresh, and the steps that the world may take.

use attache::connection::status::Status;
use attache::refresh::protocol::Effect;
use attache::replicas::holders::Holder;

/// An effect without what only production needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Do {
    Lease,
    TakeOver,
    Ask,
    AskPrevious,
    Read,
    Pause,
    Store,
    Rescue,
    Tidy,
    KeepLate,
    RevokeLate,
    SetBack { status: &'static str, open: bool },
    Release,
}

impl From<&Effect> for Do {
    fn from(effect: &Effect) -> Self {
        match effect {
            Effect::Lease => Self::Lease,
            Effect::TakeOver => Self::TakeOver,
            Effect::Ask => Self::Ask,
            Effect::AskPrevious => Self::AskPrevious,
            Effect::Read => Self::Read,
            Effect::Pause(_) => Self::Pause,
            Effect::Store => Self::Store,
            Effect::Rescue => Self::Rescue,
            Effect::Tidy => Self::Tidy,
            Effect::KeepLate => Self::KeepLate,
            Effect::RevokeLate => Self::RevokeLate,
            Effect::SetBack(setback) => Self::SetBack {
                status: match setback.status {
                    Status::NeedsReconnect => "dead",
                    Status::InDoubt => "in_doubt",
                    _ => "backoff",
                },
                open: setback.in_doubt,
            },
            Effect::Release => Self::Release,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reached {
    Token,
    Family,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Begin(usize),
    /// The effect is carried out and its outcome is told.
    Well(usize),
    /// It is not carried out, and that is told.
    Fails(usize),
    /// It is carried out, and the process does not hear of it.
    Unheard(usize),
    /// The issuer turns the request away without processing it.
    TurnedAway(usize),
    /// The process ends and starts again.
    Crash(usize),
    /// What the others see of the process changes: it is stopped, loses its lock, or is well again.
    Seems(usize, Holder),
    /// The lease runs out, whatever its holder does.
    LeaseEnds,
    /// The issuer takes a spent token no more.
    OverlapEnds,
    /// The person revokes.
    Revoke,
}
