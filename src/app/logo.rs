//! An app's logo: a small picture that we hold ourselves, because our pages load nothing from elsewhere.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Enough for a sharp tile, little enough to keep in a row.
const LARGEST: usize = 64 * 1024;

/// A PNG, JPEG or WebP picture. No SVG: it can hold script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logo {
    pub content_type: String,
    /// Base64.
    data: String,
}

/// Why a file is no logo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoFault {
    #[error("is larger than 64 KiB")]
    TooLarge,
    #[error("is not a PNG, JPEG or WebP picture")]
    NotAPicture,
}

impl Logo {
    /// # Errors
    /// Why the file is no logo, as the end of a sentence about it.
    pub fn read(file: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(file).map_err(|error| format!("cannot be read ({error})"))?;
        Self::parse(&bytes).map_err(|fault| fault.to_string())
    }

    /// By what the bytes are, not by what the file is called.
    ///
    /// # Errors
    /// [`LogoFault`]
    pub fn parse(bytes: &[u8]) -> Result<Self, LogoFault> {
        if bytes.len() > LARGEST {
            return Err(LogoFault::TooLarge);
        }
        let content_type = match bytes {
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => "image/png",
            [0xff, 0xd8, 0xff, ..] => "image/jpeg",
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
            _ => return Err(LogoFault::NotAPicture),
        };
        Ok(Self { content_type: content_type.to_owned(), data: STANDARD.encode(bytes) })
    }

    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.data).unwrap_or_default()
    }
}
