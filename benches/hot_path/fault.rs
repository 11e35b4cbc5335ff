//! Why a measurement cannot be made, in one sentence for whoever started it.

pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// # Errors
/// Always; so that a check may end in `?`.
pub fn refuse<T>(sentence: impl Into<String>) -> Result<T, Fault> {
    Err(sentence.into().into())
}
