//! Redacts an issuer's words: whatever we sent it is blotted out, as it is, URL-encoded, in hexadecimal, in base64 or
//! base64url at any alignment, whole or in part. What is left is one short line. Judges nothing.
//!
//! The cost is bounded: the words are cut before they are read, and each secret is gone through once.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// A part of a secret from this many characters on is blotted out, as it is written; so is a whole one that is shorter.
const PART: usize = 12;
/// A secret that is this short when it is encoded is not looked for in that form: it would be found in every text.
const SHORTEST_ENCODED: usize = 6;
/// Characters that are read of what an issuer says.
const READ: usize = 4096;
/// Bytes of a list of words that are read.
const MOST_WORDS: usize = 32 * 1024;
/// Characters that are quoted of it.
const QUOTED: usize = 200;
/// What stands for a secret.
const BLOT: char = '…';

/// The issuer's words as data: on one line, cut, and without what we sent.
#[must_use]
pub fn quote(words: &str, sent: &[&str]) -> String {
    // First: a secret could be broken up by what nobody sees.
    let line: String = words.chars().filter(|character| !character.is_control()).take(READ).collect();
    let blots = blots(&line, sent);
    let mut quoted = String::new();
    let mut blotting = false;
    for (at, character) in line.char_indices() {
        let blotted = blots[at..at + character.len_utf8()].contains(&true);
        match (blotted, blotting) {
            (true, false) => quoted.push(BLOT),
            (true, true) => {}
            (false, _) => quoted.push(character),
        }
        blotting = blotted;
    }
    quoted.chars().take(QUOTED).collect()
}

/// Whether a text of a bounded length holds any of what we sent.
#[must_use]
pub fn holds(text: &str, sent: &[&str]) -> bool {
    blots(text, sent).contains(&true)
}

/// The words of a text that hold nothing of what we sent; of a text that is too long only those at its beginning.
#[must_use]
pub fn words<'t>(text: &'t str, sent: &[&str]) -> Vec<&'t str> {
    let read = match text.get(..text.floor_char_boundary(MOST_WORDS)) {
        Some(cut) if cut.len() < text.len() => {
            cut.rsplit_once(char::is_whitespace).map_or("", |(whole, _)| whole)
        }
        _ => text,
    };
    let blots = blots(read, sent);
    let mut words = Vec::new();
    let mut at = 0;
    for part in read.split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        if !word.is_empty() && !blots[at..at + word.len()].contains(&true) {
            words.push(word);
        }
        at += part.len();
    }
    words
}

/// Which bytes of a text are to be blotted out.
fn blots(text: &str, sent: &[&str]) -> Vec<bool> {
    let mut blots = vec![false; text.len()];
    if sent.iter().all(|secret| secret.is_empty()) {
        return blots;
    }
    let mut readings = vec![Reading::as_it_is(text)];
    if text.contains('%') || text.contains('+') {
        readings.extend([Reading::decoded(text, b'+'), Reading::decoded(text, b' ')]);
    }
    let [mut raw, mut hex, mut base64] = FORMS.map(|form| Parts::of(&readings, form));
    for secret in sent.iter().filter(|secret| !secret.is_empty()) {
        raw.look_for(secret.as_bytes());
        // In a Basic value it is form-encoded before it is base64 (RFC 6749 section 2.3.1).
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let form = Some(form).filter(|form| form != secret);
        for bytes in std::iter::once(secret.as_bytes()).chain(form.as_ref().map(String::as_bytes)) {
            hex.look_for_encoded(&in_hex(bytes));
            for alignment in 0..3 {
                base64.look_for_encoded(&in_base64(bytes, alignment));
            }
        }
    }
    for parts in [raw, hex, base64] {
        parts.blot(&mut blots);
    }
    blots
}

/// A way to write a secret; what is read is brought into it before it is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Raw,
    /// In lower case.
    Hex,
    /// In the standard alphabet.
    Base64,
}

const FORMS: [Form; 3] = [Form::Raw, Form::Hex, Form::Base64];

impl Form {
    const fn folded(self, byte: u8) -> u8 {
        match (self, byte) {
            (Self::Hex, _) => byte.to_ascii_lowercase(),
            (Self::Base64, b'-') => b'+',
            (Self::Base64, b'_') => b'/',
            _ => byte,
        }
    }
}

fn in_hex(bytes: &[u8]) -> Vec<u8> {
    let digit = |four: u8| b"0123456789abcdef"[usize::from(four)];
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// As it is written behind `alignment` other bytes, without the characters that those and what follows have a share in.
fn in_base64(bytes: &[u8], alignment: usize) -> Vec<u8> {
    let behind = [&vec![0; alignment], bytes].concat();
    let encoded = STANDARD_NO_PAD.encode(&behind).into_bytes();
    let shared_before = [0, 2, 3][alignment];
    let whole = behind.len() * 8 / 6;
    encoded.get(shared_before..whole).unwrap_or_default().to_vec()
}

/// One way to read a text: its bytes, and where each of them stands in it.
struct Reading {
    bytes: Vec<u8>,
    /// For each byte where it begins in the text; at the end where the text ends.
    begins: Vec<usize>,
}

impl Reading {
    fn as_it_is(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), begins: (0..=text.len()).collect() }
    }

    /// URL-decoded, as far as it is encoded.
    fn decoded(text: &str, plus: u8) -> Self {
        let text = text.as_bytes();
        let mut reading = Self { bytes: Vec::new(), begins: Vec::new() };
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            let hex = |at: usize| text.get(at).and_then(|digit| char::from(*digit).to_digit(16));
            let decoded = match (byte, hex(at + 1), hex(at + 2)) {
                (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
                _ => None,
            };
            reading.begins.push(at);
            reading.bytes.push(decoded.unwrap_or(if *byte == b'+' { plus } else { *byte }));
            at += if decoded.is_some() { 3 } else { 1 };
        }
        reading.begins.push(text.len());
        reading
    }
}

/// The parts of the readings of a text in one form, and which of them belong to a secret.
struct Parts<'a> {
    form: Form,
    readings: &'a [Reading],
    folded: Vec<Vec<u8>>,
    found: HashMap<[u8; PART], bool>,
    /// Whole secrets that are shorter than a part.
    short: Vec<Vec<u8>>,
}

impl<'a> Parts<'a> {
    fn of(readings: &'a [Reading], form: Form) -> Self {
        let fold =
            |reading: &Reading| reading.bytes.iter().map(|byte| form.folded(*byte)).collect::<Vec<u8>>();
        let folded: Vec<Vec<u8>> = readings.iter().map(fold).collect();
        let parts = folded.iter().flat_map(|bytes| bytes.array_windows()).map(|part| (*part, false));
        let found = parts.collect();
        Self { form, readings, folded, found, short: Vec::new() }
    }

    fn look_for_encoded(&mut self, secret: &[u8]) {
        if secret.len() >= SHORTEST_ENCODED {
            self.look_for(secret);
        }
    }

    fn look_for(&mut self, secret: &[u8]) {
        if secret.len() < PART {
            self.short.push(secret.to_vec());
            return;
        }
        for part in secret.array_windows() {
            if let Some(found) = self.found.get_mut(part) {
                *found = true;
            }
        }
    }

    fn blot(&self, blots: &mut [bool]) {
        for (reading, folded) in self.readings.iter().zip(&self.folded) {
            let mut blot = |from: usize, to: usize| {
                let (from, to) = self.widened(folded, from, to);
                blots[reading.begins[from]..reading.begins[to]].fill(true);
            };
            for (from, part) in folded.array_windows::<PART>().enumerate() {
                if self.found.get(part) == Some(&true) {
                    blot(from, from + PART);
                }
            }
            for secret in &self.short {
                let windows = folded.windows(secret.len()).enumerate();
                windows
                    .filter(|(_, window)| window == secret)
                    .for_each(|(from, _)| blot(from, from + secret.len()));
            }
        }
    }

    /// In base64 the characters on either side may hold bits of the secret, too; padding belongs to it.
    fn widened(&self, folded: &[u8], from: usize, to: usize) -> (usize, usize) {
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        if self.form != Form::Base64 {
            return (from, to);
        }
        let before = usize::from(from > 0 && is_base64(&folded[from - 1]));
        let behind = folded[to..].iter().take(3).take_while(|byte| is_base64(byte)).count();
        (from - before, to + behind)
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;

    const SECRET: &str = "kP9+vX/w2=Q~z& 7Lm_Rt-b5ÄYc";

    /// Every way to write a text that an issuer might use.
    fn spellings(secret: &str) -> Vec<String> {
        let hex = String::from_utf8(in_hex(secret.as_bytes())).expect("digits");
        let every: String = (0..secret.len()).map(|at| ["%", &hex[2 * at..2 * at + 2]].concat()).collect();
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let mut spellings = vec![
            secret.to_owned(),
            form.clone(),
            form.replace('+', "%20"),
            every.to_uppercase(),
            every,
            hex.to_uppercase(),
            hex,
        ];
        for before in ["", "a", "ab", "an id:"] {
            for text in
                [format!("{before}{secret}"), format!("{before}{secret}:more"), format!("{before}{form}")]
            {
                spellings.extend(
                    [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].map(|engine| engine.encode(&text)),
                );
                let escaped: String =
                    url::form_urlencoded::byte_serialize(STANDARD.encode(&text).as_bytes()).collect();
                spellings.push(escaped);
            }
        }
        spellings
    }

    /// The longest run of characters that two texts have in common.
    fn in_common(one: &str, other: &str) -> usize {
        let one: Vec<char> = one.chars().collect();
        let other: Vec<char> = other.chars().collect();
        let mut longest = 0;
        let mut row = vec![0; other.len() + 1];
        for left in &one {
            for at in (0..other.len()).rev() {
                row[at + 1] = if *left == other[at] { row[at] + 1 } else { 0 };
                longest = longest.max(row[at + 1]);
            }
        }
        longest
    }

    #[test]
    fn what_was_sent_is_blotted_out_in_every_spelling_whole_and_in_part() {
        for spelling in spellings(SECRET) {
            let quoted = quote(&format!("The token ({spelling}) is unknown."), &[SECRET]);
            assert!(quoted.starts_with("The token (") && quoted.ends_with(" is unknown."), "{quoted}");
            assert!(in_common(&quoted, &spelling) < PART, "{spelling}: {quoted}");
            let characters: Vec<char> = spelling.chars().collect();
            // Where every character is escaped, twelve of them are written with three times as many, and cut at both ends.
            for (from, part) in characters.windows(3 * PART + 2).enumerate() {
                let part: String = part.iter().collect();
                let quoted = quote(&format!("<{part}>"), &[SECRET]);
                // What stands before and behind the secret in the same base64 is not ours.
                let ours = from > 8 && from + part.chars().count() + 8 <= characters.len();
                assert!(!ours || in_common(&quoted, &part) < PART, "{part}: {quoted}");
            }
        }
    }

    #[test]
    fn a_short_secret_is_blotted_out_whole() {
        for text in ["s3cret", "s%33cret", "733363726574", "czNjcmV0", "bWU6czNjcmV0"] {
            let quoted = quote(&format!("({text})"), &["s3cret"]);
            assert!(quoted.starts_with('(') && quoted.contains(BLOT), "{text}: {quoted}");
        }
        assert_eq!(quote("a secret", &["s3cret"]), "a secret");
        assert_eq!(quote("a secret", &[""]), "a secret");
    }

    #[test]
    fn of_a_list_those_words_are_left_that_hold_no_secret() {
        let list = "  repo s3cret\tx:733363726574 gist\n";
        assert_eq!(words(list, &["s3cret"]), ["repo", "gist"]);
        let long = format!("{} last", "word ".repeat(10_000));
        let read = words(&long, &[]);
        assert!(read.len() > 6_000 && read.iter().all(|word| *word == "word"));
    }

    #[test]
    fn what_nobody_sees_does_not_hide_a_secret() {
        assert_eq!(quote("s3\u{0}cr\u{7}et\n", &["s3cret"]), "…");
    }

    #[test]
    fn what_was_not_sent_is_quoted_as_it_is_and_cut() {
        let words = "The refresh token was revoked at 12:00 by 100% of all admins + one.";
        assert_eq!(quote(words, &[SECRET, "another-secret-of-ours"]), words);
        assert_eq!(quote(&"ä".repeat(5000), &[SECRET]).chars().count(), QUOTED);
    }

    /// Random secrets in random surroundings: nothing of twelve characters gets through, and nothing panics.
    #[test]
    fn no_part_of_a_random_secret_gets_through() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut dice = |sides: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % sides as u64).expect("a small number")
        };
        let alphabet: Vec<char> = "abcXYZ019-._~+/=%&: ü€".chars().collect();
        for _ in 0..40 {
            let mut text =
                |length: usize| (0..length).map(|_| alphabet[dice(alphabet.len())]).collect::<String>();
            let (secret, before, behind) = (text(16), text(5), text(7));
            for spelling in spellings(&secret) {
                let quoted = quote(&format!("{before}{spelling}{behind}"), &[&secret]);
                assert!(in_common(&quoted, &spelling) < 2 * PART, "{secret} as {spelling}: {quoted}");
                assert!(in_common(&quoted, &secret) < PART, "{secret} as {spelling}: {quoted}");
            }
        }
    }

    #[test]
    fn the_longest_of_everything_takes_no_time() {
        let secret = "a".repeat(64 * 1024);
        let words = "a".repeat(512 * 1024);
        assert_eq!(quote(&words, &[&secret, &secret, &secret]), "…");
        assert!(super::words(&words, &[&secret]).is_empty());
    }
}
