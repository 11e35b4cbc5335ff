//! The form of an API key: `ak_<id>_<256-bit secret>_<checksum>`. A mistyped one is refused before any
//! database work.

use aws_lc_rs::digest::{SHA256, digest};

use crate::secret::{Token, TokenHash, random_id, same, spell};

const CHECKSUM_LENGTH: usize = 6;

/// A key as it is shown once, and what is kept of it.
pub struct NewKey {
    pub id: String,
    pub key: Token,
}

#[must_use]
pub fn generate() -> NewKey {
    let id = random_id::<12>();
    let body = format!("ak_{id}_{}", random_id::<52>());
    let key = Token::new(format!("{body}_{}", checksum(&body)));
    NewKey { id, key }
}

/// The hash to look for, or None for a text that cannot be one of our keys.
#[must_use]
pub fn recognise(text: &str) -> Option<TokenHash> {
    let (body, sum) = text.rsplit_once('_')?;
    let well_formed =
        text.len() == "ak_".len() + 12 + 1 + 52 + 1 + CHECKSUM_LENGTH && body.starts_with("ak_");
    (well_formed && same(sum, &checksum(body))).then(|| TokenHash::of(text))
}

fn checksum(body: &str) -> String {
    spell(&digest(&SHA256, body.as_bytes()).as_ref()[..CHECKSUM_LENGTH])
}

#[cfg(test)]
mod tests {
    use super::{generate, recognise};

    #[test]
    fn a_key_is_recognised_and_a_mistyped_one_is_not() {
        let new = generate();
        assert!(recognise(new.key.expose()).is_some());
        let mut mistyped = new.key.expose().to_owned();
        let last = if mistyped.pop() == Some('0') { '1' } else { '0' };
        mistyped.push(last);
        assert!(recognise(&mistyped).is_none());
        for nonsense in ["", "ak_", "ak___", "xoxb-1", "ak_é_é_é"] {
            assert!(recognise(nonsense).is_none(), "{nonsense}");
        }
    }
}
