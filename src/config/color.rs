//! A color by its six digits, and how well it is read on another (WCAG 2.2, contrast ratio).

use serde::{Deserialize, Deserializer, de};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub [u8; 3]);

pub const WHITE: Color = Color([0xff; 3]);
pub const BLACK: Color = Color([0; 3]);

impl Color {
    /// `#0c5a47`; None for whatever else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let all_are = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| all_are)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self([red, green, blue]))
    }

    #[must_use]
    pub fn written(self) -> String {
        let [red, green, blue] = self.0;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// From 1, the same, to 21, black on white.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// The first of ever lighter ones that is read as well as this on that ground.
    #[must_use]
    pub fn readable_on(self, ground: Self, ratio: f64) -> Self {
        let steps = (0..=20_u16).map(|step| self.toward_white(step));
        steps.into_iter().find(|color| color.contrast(ground) >= ratio).unwrap_or(WHITE)
    }

    /// By twentieths.
    fn toward_white(self, step: u16) -> Self {
        Self(self.0.map(|part| {
            let lighter = u16::from(part) + (255 - u16::from(part)) * step / 20;
            u8::try_from(lighter).unwrap_or(u8::MAX)
        }))
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("must be six digits, such as \"#0c5a47\""))
    }
}

#[cfg(test)]
mod tests {
    use super::{BLACK, Color, WHITE};

    #[test]
    fn contrast_is_as_the_guidelines_count_it() {
        assert!((BLACK.contrast(WHITE) - 21.0).abs() < 0.001);
        assert!((WHITE.contrast(WHITE) - 1.0).abs() < 0.001);
        // Well known: the lightest grey that is read on white.
        assert!(Color([0x76; 3]).contrast(WHITE) >= 4.5);
        assert!(Color([0x77; 3]).contrast(WHITE) < 4.5);
    }

    #[test]
    fn a_dark_color_becomes_light_enough_for_a_dark_ground_and_a_light_one_stays() {
        let dark_ground = Color([0x13, 0x16, 0x14]);
        for text in ["#0c5a47", "#000000", "#1a2b8c", "#7f0000"] {
            let color = Color::parse(text).expect("a color");
            assert!(color.readable_on(dark_ground, 4.5).contrast(dark_ground) >= 4.5, "{text}");
        }
        let light = Color::parse("#7fd6ba").expect("a color");
        assert_eq!(light.readable_on(dark_ground, 4.5), light);
    }

    #[test]
    fn only_six_digits_are_a_color() {
        assert_eq!(Color::parse("#0C5a47").map(Color::written).as_deref(), Some("#0c5a47"));
        for text in ["0c5a47", "#0c5a4", "#0c5a477", "#+c5a47", "red", "#0c5a4g", "", "#äöü"] {
            assert_eq!(Color::parse(text), None, "{text}");
        }
    }
}
