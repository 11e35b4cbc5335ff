//! Permissions as an operator types them: a JSON array. Says where a fault is, and how to write it.

use super::Permissions;

/// # Errors
/// The first fault, with its path, such as `permissions[0].actions`.
pub fn read(text: &str) -> Result<Permissions, String> {
    let fault = |path: &str, why: &serde_json::Error| {
        format!(
            "permissions{path}: {why}. Write a JSON array, such as [{{\"actions\":[\"read\"],\"stages\":[\"PUBLISHED\"]}}]."
        )
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read: Permissions = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        fault(if path == "." { "" } else { &path }, error.inner())
    })?;
    reader.end().map_err(|error| fault("", &error))?;
    Ok(read)
}
