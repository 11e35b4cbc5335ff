//! Reads a secret of the configuration from its file. Quotes nothing of it.

use std::path::Path;

use super::fault::ConfigFault;
use crate::secret::Token;

/// A secret comes as a value or as a file; the file's last line break is not part of it. False when there is a
/// fault, so that nobody complains of what comes of it.
pub(super) fn read_secret(
    key: &str,
    value: &mut Option<Token>,
    file: Option<&Path>,
    faults: &mut Vec<ConfigFault>,
) -> bool {
    let before = faults.len();
    match (file, value.is_some()) {
        (Some(_), true) => {
            faults.push(ConfigFault::new(key, format!("is given twice, here and as {key}_file; keep one")));
        }
        (Some(file), false) => match std::fs::read_to_string(file) {
            Ok(text) => *value = Some(Token::new(text.trim_end_matches(['\r', '\n']))),
            Err(error) => {
                let problem = format!("{} cannot be read ({error}); name the secret's file", file.display());
                faults.push(ConfigFault::new(format!("{key}_file"), problem));
            }
        },
        (None, _) => {}
    }
    if let Some(problem) = value.as_ref().and_then(Token::oddity) {
        faults.push(ConfigFault::new(key, problem));
    }
    faults.len() == before
}
