//! Where one seeded database is, as the server and as sqlx are told.

use std::path::PathBuf;

use crate::arguments::Database;

#[derive(Clone, Debug)]
pub struct Place {
    pub kind: Database,
    pub rows: u64,
    /// Holds what belongs to it: the configuration, the seed's description, and on SQLite the file itself.
    pub folder: PathBuf,
    /// `database.url`
    pub url: String,
}

impl Place {
    pub fn name(&self) -> String {
        format!("{}, {} connections", self.kind.name(), thousands(self.rows))
    }
}

/// `1,000,000`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
