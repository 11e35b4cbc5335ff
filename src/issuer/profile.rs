//! The habits of an issuer, as values that an operator can override one by one. `attache check --issuer` finds them out.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

pub use super::preset::Preset;
use super::scope::Separator;
use crate::clock::Timestamp;

/// Whether authorization requests carry a code challenge (RFC 7636, S256). There is no fallback between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pkce {
    Always,
    Never,
}

/// The authorization parameter that carries an app's audience: Auth0's `audience` or RFC 8707's `resource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudienceParameter {
    Audience,
    Resource,
}

impl AudienceParameter {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audience => "audience",
            Self::Resource => "resource",
        }
    }
}

/// What dies at the issuer when one refresh token is revoked there. Only what was measured, or is said by somebody who
/// knows, is one of the first three.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, strum::EnumString, strum::Display,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Reach {
    /// That token only.
    Token,
    /// All tokens that came from the same consent by rotation.
    Family,
    /// Other consents of the same person and client too: all of them (Auth0 with deletes-grant), or those of one browser
    /// session (Keycloak).
    Grant,
    /// Nobody has measured it, so that it may be any of these: treated as the widest.
    #[default]
    Unknown,
    /// The issuer has no revocation.
    None,
}

impl Reach {
    /// Whether other consents of the same person and client may end with a token.
    #[must_use]
    pub const fn may_end_others(self) -> bool {
        matches!(self, Self::Grant | Self::Unknown)
    }
}

/// Whether a refresh token is replaced when it is used. RFC 9700 section 4.14.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rotation {
    /// Each use may spend it.
    Rotating,
    /// It stays good, so asking again after a lost answer harms nothing.
    Reusable,
}

/// All habits of one issuer. What an older row does not say is as if nothing was known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub preset: Preset,
    pub pkce: Pkce,
    pub audience_parameter: AudienceParameter,
    pub revocation_reach: Reach,
    #[serde(default = "rotating")]
    pub rotation: Rotation,
    /// Seconds for which the issuer takes a spent refresh token once more (Auth0's leeway); 0 when it never does.
    #[serde(default)]
    pub leeway_seconds: u32,
    /// Seconds after which a refresh token that was not used is dead.
    #[serde(default)]
    pub refresh_idle_seconds: Option<u32>,
    /// Seconds from the consent after which no refresh token is good any more, however often it was used.
    #[serde(default)]
    pub refresh_life_seconds: Option<u32>,
    /// Refresh tokens that one person can have alive for one client; the issuer ends the oldest one beyond.
    #[serde(default)]
    pub live_refresh_tokens: Option<u32>,
    /// The issuer's own words for a dead grant, beside `invalid_grant`.
    #[serde(default)]
    pub dead_words: BTreeSet<String>,
    /// What it writes between granted scopes, beside blanks. None: a comma, unless it is part of what was asked for.
    #[serde(default)]
    pub scope_separator: Option<Separator>,
    /// Refreshes that are asked of it at one time.
    #[serde(default = "calls_at_once")]
    pub calls_at_once: u16,
    /// The `prompt` values that it knows, where its metadata does not say so or is wrong.
    #[serde(default)]
    pub prompts: Option<BTreeSet<String>>,
    /// Origins other than the issuer's own that its metadata may name as endpoints.
    #[serde(default)]
    pub endpoint_origins: BTreeSet<Url>,
    /// Whether it is asked what an access token is that says nothing by itself (RFC 7662).
    #[serde(default)]
    pub introspection: bool,
    /// Where, if not where its metadata says.
    #[serde(default)]
    pub introspection_url: Option<Url>,
}

/// What a question may take to reach an issuer: an overlap is over for us that much sooner.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// Seconds between two questions for a lost answer, while the overlap lasts.
const LONGEST_HASTE: i64 = 5;

pub(super) const fn rotating() -> Rotation {
    Rotation::Rotating
}

pub(super) const fn calls_at_once() -> u16 {
    16
}

impl Profile {
    /// Whether asking once more heals a lost answer.
    #[must_use]
    pub fn has_overlap(&self) -> bool {
        self.rotation == Rotation::Reusable || self.leeway_seconds > 0
    }

    /// For how long a refresh token that may have been spent so long ago can still be shown.
    #[must_use]
    pub fn overlap_left(&self, ago: Duration) -> Duration {
        match self.rotation {
            Rotation::Reusable => Duration::MAX,
            Rotation::Rotating => {
                Duration::from_secs(self.leeway_seconds.into()).saturating_sub(ago + ON_ITS_WAY)
            }
        }
    }

    /// Seconds after which a lost answer is asked for again: the less of the overlap is left, the sooner. `ago` is how long
    /// ago the token may have been spent. None when nothing is won by haste. A clock may have jumped, and to ask too late
    /// ends the grant, so the overlap is taken for twice as long.
    #[must_use]
    pub fn ask_again_after(&self, ago: Duration) -> Option<i64> {
        self.overlap_third()?;
        let left = self.overlap_left(ago).as_secs().cast_signed();
        match left {
            1.. => Some((left / 3).clamp(1, LONGEST_HASTE)),
            _ => (ago < 2 * Duration::from_secs(self.leeway_seconds.into())).then_some(LONGEST_HASTE),
        }
    }

    /// What may have been spent since then is asked for in haste; None when no overlap ends.
    #[must_use]
    pub fn haste_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.overlap_third().map(|_| now.plus(-2 * i64::from(self.leeway_seconds)))
    }

    /// Seconds after which somebody looks at a refresh that has not ended by itself, while the overlap still heals it.
    #[must_use]
    pub fn looked_at_after(&self) -> Option<i64> {
        let after = i64::from(self.leeway_seconds / 3).clamp(1, LONGEST_HASTE);
        self.has_overlap().then_some(after)
    }

    /// A third of an overlap that ends. For so long an answer is waited for, so that the overlap still heals its loss.
    #[must_use]
    pub fn overlap_third(&self) -> Option<Duration> {
        let rotating = self.rotation == Rotation::Rotating && self.leeway_seconds > 0;
        rotating.then(|| Duration::from_millis(u64::from(self.leeway_seconds) * 1000 / 3))
    }

    /// How often a call that went unanswered is made once more at once, where a call may take `deadline`. The last one is
    /// waited for as ever, so a slow issuer is given the time it takes; those before it are cut short where the overlap is.
    #[must_use]
    pub fn repeats(&self, deadline: Duration) -> u8 {
        match self.overlap_third() {
            Some(third) if third < deadline => 2,
            _ => u8::from(self.has_overlap()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::preset::Preset;

    #[test]
    fn a_short_overlap_heals_but_for_the_half_second_that_a_question_takes() {
        let mut profile = Profile::of(Preset::Auth0);
        profile.leeway_seconds = 3;
        let left = |millis| profile.overlap_left(Duration::from_millis(millis)).as_millis();
        assert_eq!([0, 1999, 2499, 2500, 9000].map(left), [2500, 501, 1, 0, 0]);
    }

    #[test]
    fn the_less_is_left_of_an_overlap_the_sooner_a_lost_answer_is_asked_for_again() {
        let mut profile = Profile::of(Preset::Auth0);
        profile.leeway_seconds = 30;
        let after = |profile: &Profile, seconds| profile.ask_again_after(Duration::from_secs(seconds));
        let waits = [0, 15, 20, 25, 28, 29, 59, 60].map(|seconds| after(&profile, seconds));
        assert_eq!(waits, [Some(5), Some(4), Some(3), Some(1), Some(1), Some(5), Some(5), None]);
        // What is never spent can wait.
        profile.rotation = Rotation::Reusable;
        assert_eq!(after(&profile, 0), None);
    }
}
