//! Whose pages these are: the name, the logo and the colors that the operator chose, and where people get help. Chooses nothing.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::failure::PageFailure;
use crate::Broker;
use crate::config::BrandConfig;
use crate::config::brand::READABLE;
use crate::config::color::{BLACK, Color, WHITE};
use crate::error::Error;

/// Where its colors and its logo are served.
pub const STYLESHEET: &str = "/assets/brand.css";
pub const LOGO: &str = "/assets/brand-logo";
/// The ground of a dark page, as the one stylesheet has it.
const DARK_GROUND: Color = Color([0x13, 0x16, 0x14]);

/// What the frame around a page shows of it.
#[derive(Debug, Clone)]
pub struct Brand {
    pub name: String,
    pub has_logo: bool,
    pub has_colors: bool,
    pub help: Option<String>,
    pub privacy: Option<String>,
}

impl Brand {
    #[must_use]
    pub fn of(config: &BrandConfig) -> Self {
        Self {
            name: config.name.clone(),
            has_logo: config.logo.is_some(),
            has_colors: config.accent_color.is_some(),
            help: config.help_url.as_ref().map(ToString::to_string),
            privacy: config.privacy_url.as_ref().map(ToString::to_string),
        }
    }
}

impl Default for Brand {
    fn default() -> Self {
        Self::of(&BrandConfig::default())
    }
}

pub async fn stylesheet(State(broker): State<Broker>) -> Result<Response, PageFailure> {
    let accent = broker.config.brand.accent_color.ok_or(Error::NotFound)?;
    Ok((kept("text/css; charset=utf-8"), colors(accent)).into_response())
}

pub async fn logo(State(broker): State<Broker>) -> Result<Response, PageFailure> {
    let logo = broker.config.brand.logo.as_ref().ok_or(Error::NotFound)?;
    let kind = HeaderValue::from_str(&logo.content_type).map_err(|_| Error::NotFound)?;
    let mut answer = (kept("image/png"), logo.bytes()).into_response();
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(answer)
}

fn kept(kind: &'static str) -> [(header::HeaderName, HeaderValue); 2] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
    ]
}

/// The chosen color on light pages, and the same made light enough on dark ones.
fn colors(accent: Color) -> String {
    let dark = accent.readable_on(DARK_GROUND, READABLE);
    format!(
        ":root {{ {} }}\n@media (prefers-color-scheme: dark) {{\n  :root {{ {} }}\n}}\n",
        properties(accent),
        properties(dark)
    )
}

fn properties(accent: Color) -> String {
    let on = if accent.contrast(WHITE) >= accent.contrast(BLACK) { WHITE } else { BLACK };
    format!(
        "--accent: {accent}; --accent-over: color-mix(in srgb, {accent} 82%, var(--ink)); --on-accent: {on};",
        accent = accent.written(),
        on = on.written()
    )
}
