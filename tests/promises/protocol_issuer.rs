//! A model of an issuer that rotates refresh tokens, strictly or with an overlap. Tokens are numbers, in the order in
//! which it made them.

use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issuer {
    pub live: BTreeSet<u8>,
    /// What was spent last, while the overlap is open.
    pub overlap: Option<u8>,
    pub dead: bool,
    pub made: u8,
    /// Every answer that went out and was never read.
    pub unread: bool,
}

impl Issuer {
    pub fn would_take(&self, token: u8) -> bool {
        self.live.contains(&token) || self.overlap == Some(token)
    }

    pub fn present(&mut self, token: u8, overlap: bool) -> Option<u8> {
        if self.dead || !self.would_take(token) {
            // Reuse of a spent token ends the family, RFC 9700 section 4.14.2.
            self.dead = true;
            self.live.clear();
            return None;
        }
        self.live.remove(&token);
        if overlap {
            self.overlap = Some(token);
        }
        self.made += 1;
        self.live.insert(self.made);
        Some(self.made)
    }
}
