//! Permissions as they are typed: a JSON array, or the file that holds one.

use attache::content::permission::{Permissions, typed};

/// What was typed, or what stands in the file that it names.
///
/// # Errors
/// When the file cannot be read.
pub fn written(text: &str) -> Result<String, String> {
    let Some(file) = text.strip_prefix('@') else { return Ok(text.to_owned()) };
    std::fs::read_to_string(file).map_err(|error| format!("{file} cannot be read: {error}"))
}

/// Those of an app.
///
/// # Errors
/// What is wrong, with its path.
pub fn parse(text: &str) -> Result<Permissions, String> {
    let read = typed::read(&written(text)?)?;
    if read.is_empty() {
        return Err("an app that may do nothing is of no use; leave it out for no bound".to_owned());
    }
    Ok(read)
}
