//! Permissions as they are typed: a JSON array, or the file that holds one.

use attache::content::permission::Permissions;

/// # Errors
/// What is wrong, with its path.
pub fn parse(text: &str) -> Result<Permissions, String> {
    let text = match text.strip_prefix('@') {
        None => text.to_owned(),
        Some(file) => {
            std::fs::read_to_string(file).map_err(|error| format!("{file} cannot be read: {error}"))?
        }
    };
    let cure = "write a JSON array such as [{\"actions\":[\"read\"]}]";
    let mut reader = serde_json::Deserializer::from_str(&text);
    let read: Permissions = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = Some(error.path().to_string()).filter(|path| path != ".");
        format!("{}: {}; {cure}", path.unwrap_or_else(|| "permissions".to_owned()), error.inner())
    })?;
    reader.end().map_err(|error| format!("{error}; {cure}"))?;
    if read.is_empty() {
        return Err("an app that may do nothing is of no use; leave it out for no bound".to_owned());
    }
    Ok(read)
}
