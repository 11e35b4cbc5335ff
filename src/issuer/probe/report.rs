//! What a probe found, as data: sentences in the order in which they were found, and what was measured.

use std::collections::{BTreeMap, BTreeSet};

use crate::issuer::profile::{Profile, Reach, Rotation};

/// One thing that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In a word, what it is about.
    pub about: &'static str,
    pub what: String,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// Neither good nor bad: the issuer does not say, or it was not measured.
    Unproven,
    Problem {
        cure: String,
    },
}

/// How long a spent refresh token is taken once more, in seconds waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leeway {
    /// The longest wait after which it was taken.
    pub accepted: Option<u32>,
    /// The wait after which it was refused; None when none was.
    pub refused: Option<u32>,
}

/// The habits that were measured. What was not is None.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    pub rotation: Option<Rotation>,
    pub leeway: Option<Leeway>,
    /// Seconds for which a reusable refresh token was used; no longer was looked.
    pub reusable_for: Option<u32>,
    pub revocation_reach: Option<Reach>,
    pub live_refresh_tokens: Option<u32>,
    pub dead_words: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Report {
    pub findings: Vec<Finding>,
    pub measured: Measured,
}

impl Report {
    #[must_use]
    pub fn problems(&self) -> usize {
        self.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Problem { .. })).count()
    }

    pub(super) fn good(&mut self, about: &'static str, what: impl Into<String>) {
        self.add(about, what.into(), Verdict::Good);
    }

    pub(super) fn unproven(&mut self, about: &'static str, what: impl Into<String>) {
        self.add(about, what.into(), Verdict::Unproven);
    }

    pub(super) fn problem(&mut self, about: &'static str, what: impl Into<String>, cure: impl Into<String>) {
        self.add(about, what.into(), Verdict::Problem { cure: cure.into() });
    }

    /// What is found twice is said once.
    fn add(&mut self, about: &'static str, what: String, verdict: Verdict) {
        let finding = Finding { about, what, verdict };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

impl Leeway {
    /// What may be relied on.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.accepted.unwrap_or_default()
    }
}

impl Measured {
    /// The profile with what was measured in place of what was believed.
    #[must_use]
    pub fn applied(&self, profile: &Profile) -> Profile {
        let mut profile = profile.clone();
        profile.rotation = self.rotation.unwrap_or(profile.rotation);
        profile.leeway_seconds = self.leeway.map_or(profile.leeway_seconds, Leeway::seconds);
        profile.revocation_reach = self.revocation_reach.unwrap_or(profile.revocation_reach);
        profile.live_refresh_tokens = self.live_refresh_tokens.or(profile.live_refresh_tokens);
        profile.dead_words.extend(self.dead_words.iter().cloned());
        profile
    }

    /// By the key of the profile, how its value was found.
    #[must_use]
    pub fn comments(&self) -> BTreeMap<&'static str, String> {
        let mut comments = BTreeMap::new();
        let mut comment = |key, measured: bool, how: &str| {
            if measured {
                comments.insert(key, how.to_owned());
            }
        };
        comment("rotation", self.rotation.is_some(), "measured");
        comment("revocation_reach", self.revocation_reach.is_some(), "measured");
        comment("live_refresh_tokens", self.live_refresh_tokens.is_some(), "measured");
        comment("dead_words", !self.dead_words.is_empty(), "measured");
        if let Some(seconds) = self.reusable_for {
            comments.insert("rotation", format!("measured: for {seconds} seconds, no longer was looked"));
        }
        if let Some(leeway) = self.leeway {
            let how = match leeway.refused {
                Some(refused) => format!("measured: refused after {refused}"),
                None => "measured: no longer one was tried".to_owned(),
            };
            comments.insert("leeway_seconds", how);
        }
        comments
    }
}
