//! Which row is what: everything about a connection follows from its number, so that the bench knows a million of
//! them without keeping one.

use std::ops::Range;

use crate::broker::{APPS, MARKER, app_key};

/// Callers, each with a key of its own, so that no limit of one key is reached; a connection is always asked for by
/// the same one.
pub const CALLERS: u64 = 64;
/// Rows of the list on one page.
pub const PAGE: u64 = 50;
/// What is asked for over and over.
const HOT: u64 = 1_000;
/// About what an RS256 access token with a few claims has.
const TOKEN_LENGTH: usize = 700;
/// Connections of one account, other than the one that owns most.
const EACH: u64 = 10;

/// The rows of a database by what they are for. One account owns the first three quarters.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub rows: u64,
}

impl Layout {
    const fn share(self, percent: u64) -> u64 {
        self.rows * percent / 100
    }

    /// Handed out earlier today, as the ledger knows.
    pub const fn known(self) -> Range<u64> {
        0..self.share(50)
    }

    /// Not handed out today.
    pub const fn unseen(self) -> Range<u64> {
        self.share(50)..self.share(74)
    }

    /// Of the one account that owns most.
    pub const fn owned(self) -> Range<u64> {
        0..self.share(76)
    }

    /// To be refreshed.
    pub const fn to_refresh(self) -> Range<u64> {
        self.share(76)..self.share(82)
    }

    /// Whose issuer's JWTs are shown.
    pub const fn first_sight(self) -> Range<u64> {
        self.share(82)..self.share(99)
    }

    pub const fn hot(self) -> Range<u64> {
        self.rows.saturating_sub(HOT)..self.rows
    }

    /// The page that is deep in the owner's list: the 15,000th of a million connections.
    pub const fn deep_page(self) -> u64 {
        self.share(75) / PAGE
    }

    /// The connections of the marker app: a page of them ends where the deep page begins, and one more follows.
    pub const fn marked(self) -> Range<u64> {
        let deep_begins = (self.deep_page() - 1) * PAGE;
        deep_begins - PAGE..deep_begins + 1
    }

    pub fn app_key(self, row: u64) -> String {
        if self.marked().contains(&row) {
            return MARKER.to_owned();
        }
        app_key(usize::try_from(row).unwrap_or_default() % APPS)
    }

    pub fn account_id(self, row: u64) -> String {
        if self.owned().contains(&row) { owner() } else { account_id(1 + row / EACH) }
    }

    /// The accounts beside the owner, by number.
    pub fn others(self) -> Range<u64> {
        let first = self.owned().end;
        if first >= self.rows { 1..1 } else { 1 + first / EACH..2 + (self.rows - 1) / EACH }
    }
}

/// The account that owns most connections.
pub fn owner() -> String {
    account_id(0)
}

pub fn account_id(number: u64) -> String {
    format!("ac_{}", spell(number ^ 0xacc0, 20))
}

/// `Et` and 20 characters, as real ones; neighbours are far apart.
pub fn connection_id(row: u64) -> String {
    format!("Et{}", spell(row, 20))
}

pub fn subject(row: u64) -> String {
    format!("bench|{row:08}")
}

/// The index of the caller that asks for a connection.
pub fn caller(row: u64) -> usize {
    usize::try_from(row % CALLERS).unwrap_or_default()
}

/// The access token of a connection that was not refreshed yet.
pub fn access_token(row: u64) -> String {
    let mut token = String::with_capacity(TOKEN_LENGTH);
    token.push_str("eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.");
    fill(&mut token, row ^ 0x70_6b65, TOKEN_LENGTH);
    token
}

pub fn refresh_token(row: u64) -> String {
    let mut token = String::from("v1.");
    fill(&mut token, row ^ 0x7265_6672, 64);
    token
}

/// Random enough, and the same each time (`SplitMix64`).
pub const fn mix(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// In the alphabet of ids. The first 13 characters hold all of the mixed number, so no two are the same.
fn spell(number: u64, length: usize) -> String {
    let halves = [mix(number), mix(mix(number))].map(u64::to_le_bytes).concat();
    let bits = |index: usize| (0..5).fold(0_u8, |byte, bit| byte << 1 | bit_of(&halves, index * 5 + bit));
    let bytes: Vec<u8> = (0..length).map(bits).collect();
    attache::secret::spell(&bytes)
}

fn bit_of(bytes: &[u8], index: usize) -> u8 {
    bytes[index / 8] >> (index % 8) & 1
}

fn fill(text: &mut String, seed: u64, length: usize) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = seed;
    while text.len() < length {
        state = mix(state);
        for byte in state.to_le_bytes().into_iter().take(length - text.len()) {
            text.push(char::from(ALPHABET[usize::from(byte & 63)]));
        }
    }
}
