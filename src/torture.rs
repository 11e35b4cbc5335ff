//! What the torture run (docs/torture.md) needs inside a process: named steps of a refresh at which it can be told to
//! die, to stop or to fail, and a clock that can be moved. Without the feature `torture` each function is empty, and
//! nothing of it is in the program. Imports nothing of ours, for the clock imports it.

#[cfg(feature = "torture")]
mod control;

/// The torture run wants a step to fail; the sentence that says so.
#[derive(Debug)]
pub struct Failed(pub String);

/// Passes a step of a refresh.
///
/// # Errors
/// When this step has been told to fail.
#[cfg(not(feature = "torture"))]
#[inline]
pub fn pass(_step: &str, _connection: &str) -> Result<(), Failed> {
    Ok(())
}

/// Passes a step of a refresh, unless the control directory orders otherwise.
///
/// # Errors
/// When this step has been told to fail.
#[cfg(feature = "torture")]
pub fn pass(step: &str, connection: &str) -> Result<(), Failed> {
    if control::wants_failure(step, connection) {
        Err(Failed(format!("The torture run wants this to fail: {step}")))
    } else {
        Ok(())
    }
}

/// Seconds that the system's clock is wrong.
#[must_use]
#[inline]
pub fn clock_offset() -> i64 {
    #[cfg(feature = "torture")]
    let offset = control::clock_offset();
    #[cfg(not(feature = "torture"))]
    let offset = 0;
    offset
}

/// Who we are toward an issuer; in a torture run also which process of how many, so that its book tells them apart.
#[cfg(not(feature = "torture"))]
#[must_use]
#[inline]
pub const fn user_agent(usual: &'static str) -> &'static str {
    usual
}

/// Which process of how many, so that the issuer's book tells them apart.
#[cfg(feature = "torture")]
#[must_use]
pub fn user_agent(usual: &'static str) -> String {
    control::name().unwrap_or_else(|| usual.to_owned())
}
