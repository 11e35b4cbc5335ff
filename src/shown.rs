//! How texts are shown, whoever wrote them: a character that nobody sees, but that turns the text around it or moves the
//! cursor, stands there by its number. Every page's text and every line of a command goes through here. Cuts nothing.

use std::borrow::Cow;
use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};

/// Characters that turn the direction of what stands around them. Unicode Standard Annex 9, section 2.
const fn turns(character: char) -> bool {
    matches!(
        character,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

fn is_unseen(character: char) -> bool {
    turns(character) || (character.is_control() && !matches!(character, '\n' | '\r' | '\t'))
}

/// A text for a terminal: on it, controls would do more than turn text.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unseen(character) {
            let _ = number(&mut shown, character);
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn number(to: &mut impl Write, character: char) -> fmt::Result {
    write!(to, "[U+{:04X}]", u32::from(character))
}

/// The escaper of all templates (`askama.toml`). What a form carries along and does not show is escaped by
/// `|escape("xml")` instead: it must come back as it was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown;

impl Escaper for Shown {
    fn write_escaped_str<W: Write>(&self, mut to: W, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_unseen) {
            Html.write_escaped_str(&mut to, &rest[..at])?;
            let mut after = rest[at..].chars();
            if let Some(character) = after.next() {
                number(&mut to, character)?;
            }
            rest = after.as_str();
        }
        Html.write_escaped_str(to, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_text_stands_there_by_its_number() {
        let turning = ['\u{61c}', '\u{200e}', '\u{200f}'].into_iter();
        let turning = turning.chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        for character in turning {
            let name = format!("Pay{character}lap <b>");
            let by_number = format!("[U+{:04X}]", u32::from(character));
            let mut page = String::new();
            Shown.write_escaped_str(&mut page, &name).expect("a text");
            assert_eq!(page, format!("Pay{by_number}lap &#60;b&#62;"));
            assert_eq!(shown(&name), format!("Pay{by_number}lap <b>"));
        }
        assert_eq!(shown("\u{1b}[2Jgone\r\nשלום\tété"), "[U+001B][2Jgone\r\nשלום\tété");
    }
}
