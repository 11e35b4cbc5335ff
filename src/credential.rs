//! The form of every credential that we make: `<kind>_<id>_<256-bit secret>_<checksum>`. A mistyped one is refused before
//! any database work. Knows nobody who has one.

pub mod last_use;

use aws_lc_rs::digest::{SHA256, digest};

use crate::secret::{Token, TokenHash, random_id, same, spell};

const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 52;
const CHECKSUM_LENGTH: usize = 6;

/// What a credential is for: what its text begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ApiKey,
    ResourceServer,
    PermanentToken,
}

/// A credential as it is shown once, and what is kept of it beside its hash.
pub struct NewCredential {
    pub id: String,
    pub secret: Token,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "ak_",
            Self::ResourceServer => "rs_",
            Self::PermanentToken => "pt_",
        }
    }

    /// The kind that a text says it is; nothing of it is judged.
    #[must_use]
    pub fn said(text: &str) -> Option<Self> {
        let all = [Self::ApiKey, Self::ResourceServer, Self::PermanentToken];
        all.into_iter().find(|kind| text.starts_with(kind.prefix()))
    }
}

#[must_use]
pub fn generate(kind: Kind) -> NewCredential {
    let id = random_id::<ID_LENGTH>();
    let body = format!("{}{id}_{}", kind.prefix(), random_id::<SECRET_LENGTH>());
    let secret = Token::new(format!("{body}_{}", checksum(&body)));
    NewCredential { id, secret }
}

/// The hash to look for, or None for a text that cannot be one of ours.
#[must_use]
pub fn recognise(kind: Kind, text: &str) -> Option<TokenHash> {
    let (body, sum) = text.rsplit_once('_')?;
    let length = kind.prefix().len() + ID_LENGTH + 1 + SECRET_LENGTH + 1 + CHECKSUM_LENGTH;
    let well_formed = text.len() == length && body.starts_with(kind.prefix());
    (well_formed && same(sum, &checksum(body))).then(|| TokenHash::of(text))
}

fn checksum(body: &str) -> String {
    spell(&digest(&SHA256, body.as_bytes()).as_ref()[..CHECKSUM_LENGTH])
}

#[cfg(test)]
mod tests {
    use super::{Kind, generate, recognise};

    #[test]
    fn a_credential_is_recognised_as_what_it_is_and_a_mistyped_one_is_not() {
        for (kind, other) in [(Kind::ApiKey, Kind::ResourceServer), (Kind::ResourceServer, Kind::ApiKey)] {
            let new = generate(kind);
            assert!(recognise(kind, new.secret.expose()).is_some());
            assert!(recognise(other, new.secret.expose()).is_none());
            assert_eq!(Kind::said(new.secret.expose()), Some(kind));
            let mut mistyped = new.secret.expose().to_owned();
            let last = if mistyped.pop() == Some('0') { '1' } else { '0' };
            mistyped.push(last);
            assert!(recognise(kind, &mistyped).is_none());
            for nonsense in ["", "ak_", "rs_", "ak___", "xoxb-1", "ak_é_é_é"] {
                assert!(recognise(kind, nonsense).is_none(), "{nonsense}");
            }
        }
    }
}
