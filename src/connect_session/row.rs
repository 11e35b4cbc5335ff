//! A link for a platform's user, as it is stored. Looks nothing up.

use url::Url;

use crate::account::vouched::Vouched;
use crate::clock::Timestamp;
use crate::secret::TokenHash;

/// Seconds for which a link is good. A word of a platform lives shorter, so that no word is forgotten while it is good.
pub const LIFETIME: i64 = 600;

#[derive(Clone, Debug)]
pub struct ConnectSession {
    pub secret: TokenHash,
    pub id: String,
    /// Whom the platform says it is.
    pub person: Vouched,
    pub app_key: Option<String>,
    /// A page of the platform's.
    pub return_to: Option<Url>,
    /// Who brought the word.
    pub caller_id: String,
    pub status: Status,
    pub expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    Open,
    /// The person went on.
    Used,
    /// Whoever opened it is not that person.
    Declined,
    /// The person's account was deleted.
    Forgotten,
}

impl ConnectSession {
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.status == Status::Open && self.expires_at > now
    }
}

/// Whether a text can be the secret of a link; anything else need not be looked for.
#[must_use]
pub fn is_secret(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
