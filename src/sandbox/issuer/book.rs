//! What the issuer remembers: sessions, consents, codes, and the families of refresh tokens. Every method is
//! one step that nobody can see half done. Decides nothing about HTTP.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::RevocationReach;
use crate::clock::Timestamp;
use crate::secret::random_text;

/// A person's signed-in browser.
#[derive(Clone)]
pub(super) struct Session {
    pub id: String,
    pub subject: String,
    pub signed_in_at: Timestamp,
}

/// What a person allowed a client.
#[derive(Clone)]
pub(super) struct Grant {
    pub client: String,
    pub subject: String,
    pub scope: BTreeSet<String>,
    pub audience: Option<String>,
    pub nonce: Option<String>,
    /// The browser session in which it was given.
    pub session: String,
    pub signed_in_at: Timestamp,
}

impl Grant {
    pub(super) fn has(&self, scope: &str) -> bool {
        self.scope.contains(scope)
    }
}

/// An authorization code.
pub(super) struct Code {
    pub grant: Grant,
    pub redirect_uri: String,
    pub challenge: String,
    pub expires_at: Timestamp,
    /// The family that it was exchanged for.
    pub used_for: Option<usize>,
}

/// All that descends from one authorization code.
struct Family {
    grant: Grant,
    generation: u32,
    superseded_at: Timestamp,
    expires_at: Timestamp,
    live: bool,
}

impl Family {
    fn judge(&self, client: &str, generation: u32, now: Timestamp, leeway: i64) -> Verdict {
        if !self.live || self.grant.client != client || self.expires_at <= now {
            return Verdict::Dead;
        }
        let is_previous = generation + 1 == self.generation;
        let in_leeway = leeway > 0 && now.seconds_from(self.superseded_at) <= leeway;
        match generation == self.generation {
            true => Verdict::Current,
            false if is_previous && in_leeway => Verdict::Again,
            false => Verdict::Reused,
        }
    }
}

/// An access token that was issued.
#[derive(Clone)]
pub(super) struct Access {
    pub grant: Grant,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    family: usize,
}

/// A refresh token that somebody showed, and what the issuer made of it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// By the issuer's monotonic clock.
    pub at: Duration,
    /// The `User-Agent`.
    pub by: String,
    /// Of the person whose grant it is.
    pub subject: String,
    /// Its place among all families.
    pub family: usize,
    /// Of the refresh token within its family.
    pub generation: u32,
    pub verdict: Verdict,
    /// Whether the answer was sent.
    pub answered: bool,
}

/// What a refresh token that was shown was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The current one; it was superseded, unless there is no rotation.
    Current,
    /// The one before, still within the leeway.
    Again,
    /// A spent one, outside of it: that ended the family.
    Reused,
    /// One of a family that had ended before, or of another client.
    Dead,
}

/// How refresh tokens are replaced.
#[derive(Clone, Copy)]
pub(super) struct Rotation {
    /// Whether a use replaces one.
    pub rotates: bool,
    /// See [`super::Settings`] for both.
    pub leeway: i64,
    pub reuse_window: i64,
}

/// Who shows a refresh token, and whether they will learn what came of it.
pub(super) struct Showing<'a> {
    pub client: &'a str,
    pub token: &'a str,
    pub by: &'a str,
    pub at: Duration,
    pub answered: bool,
}

/// What came of presenting a refresh token.
pub(super) struct Refreshed {
    pub family: usize,
    pub grant: Grant,
    /// The new refresh token, when there is one.
    pub token: Option<String>,
}

/// The issuer's memory.
#[derive(Default)]
pub(super) struct Book {
    pub sessions: HashMap<String, Session>,
    pub codes: HashMap<String, Code>,
    pub issued: Vec<String>,
    pub exchanges: u64,
    pub refreshes: u64,
    pub revocations: u64,
    /// Those of a family that had ended before.
    pub revocations_again: u64,
    pub introspections: u64,
    pub key_set_requests: u64,
    pub discovery_requests: u64,
    pub shown: Vec<Shown>,
    pub management_tokens: Vec<String>,
    consents: Vec<Grant>,
    families: Vec<Family>,
    refresh_tokens: HashMap<String, (usize, u32)>,
    access_tokens: HashMap<String, Access>,
}

impl Book {
    /// Whether the person has already allowed the client all of this.
    pub(super) fn consented(&self, asked: &Grant) -> bool {
        self.consents.iter().any(|given| {
            given.client == asked.client
                && given.subject == asked.subject
                && given.audience == asked.audience
                && given.scope.is_superset(&asked.scope)
        })
    }

    pub(super) fn consent(&mut self, grant: &Grant) {
        if !self.consented(grant) {
            self.consents.push(grant.clone());
        }
    }

    /// A new code for what was allowed.
    pub(super) fn code(&mut self, code: Code) -> String {
        let text = random_text::<24>();
        self.issued.push(text.clone());
        self.codes.insert(text.clone(), code);
        text
    }

    /// Whether a token is a refresh token of ours.
    pub(super) fn is_refresh_token(&self, token: &str) -> bool {
        self.refresh_tokens.contains_key(token)
    }

    /// Ends what this person and client had before.
    pub(super) fn end_earlier(&mut self, grant: &Grant) {
        let same = |other: &Grant| other.client == grant.client && other.subject == grant.subject;
        self.families.iter_mut().filter(|family| same(&family.grant)).for_each(|family| family.live = false);
    }

    /// Begins a family; with a first refresh token if `offline`.
    pub(super) fn begin(&mut self, grant: Grant, now: Timestamp, expires_at: Timestamp) -> Refreshed {
        let family = self.families.len();
        let offline = grant.has("offline_access");
        self.families.push(Family {
            grant: grant.clone(),
            generation: 0,
            superseded_at: now,
            expires_at,
            live: true,
        });
        let token = offline.then(|| self.refresh_token(family, 0));
        Refreshed { family, grant, token }
    }

    /// Spends a refresh token, unless it is too new for that. A superseded one ends its family, unless it is the previous
    /// one and superseded at most `leeway` seconds ago.
    pub(super) fn refresh(
        &mut self,
        showing: &Showing<'_>,
        now: Timestamp,
        rotation: Rotation,
    ) -> Option<Refreshed> {
        let (index, generation) = *self.refresh_tokens.get(showing.token)?;
        let family = self.families.get_mut(index)?;
        let verdict = family.judge(showing.client, generation, now, rotation.leeway);
        let is_new = now.seconds_from(family.superseded_at) < rotation.reuse_window;
        let grant = family.grant.clone();
        self.shown.push(Shown {
            at: showing.at,
            by: showing.by.to_owned(),
            subject: grant.subject.clone(),
            family: index,
            generation,
            verdict,
            answered: showing.answered,
        });
        match verdict {
            Verdict::Current if is_new || !rotation.rotates => {
                return Some(Refreshed { family: index, grant, token: None });
            }
            Verdict::Current => {
                family.generation += 1;
                family.superseded_at = now;
            }
            Verdict::Again => {}
            Verdict::Reused => {
                family.live = false;
                return None;
            }
            Verdict::Dead => return None,
        }
        let next = family.generation;
        let token = Some(self.refresh_token(index, next));
        Some(Refreshed { family: index, grant, token })
    }

    fn refresh_token(&mut self, family: usize, generation: u32) -> String {
        let token = format!("v1.{}", random_text::<33>());
        self.issued.push(token.clone());
        self.refresh_tokens.insert(token.clone(), (family, generation));
        token
    }

    pub(super) fn keep_access(
        &mut self,
        token: &str,
        family: usize,
        grant: Grant,
        issued_at: Timestamp,
        lifetime: i64,
    ) {
        self.issued.push(token.to_owned());
        let expires_at = issued_at.plus(lifetime);
        self.access_tokens.insert(token.to_owned(), Access { grant, issued_at, expires_at, family });
    }

    /// What an access token is good for, unless it has ended.
    pub(super) fn access(&self, token: &str, now: Timestamp) -> Option<Access> {
        self.access_tokens.get(token).filter(|access| access.expires_at > now).cloned()
    }

    /// The same, unless what it came of has ended: that is seen by whoever asks, and not at userinfo.
    pub(super) fn live_access(&self, token: &str, now: Timestamp) -> Option<Access> {
        self.access(token, now).filter(|access| self.families[access.family].live)
    }

    /// The subject of an access token and when it ends, also after that.
    pub(super) fn whose(&self, access_token: &str) -> Option<(String, Timestamp)> {
        let access = self.access_tokens.get(access_token)?;
        Some((access.grant.subject.clone(), access.expires_at))
    }

    /// Ends the family of a token, and what else goes with it. `None`: the token is another client's.
    pub(super) fn revoke(&mut self, client: &str, token: &str, reach: RevocationReach) -> Option<()> {
        let of_refresh_token = self.refresh_tokens.get(token).map(|(index, _)| *index);
        let of_access_token = || self.access_tokens.get(token).map(|access| access.family);
        let Some(index) = of_refresh_token.or_else(of_access_token) else { return Some(()) };
        let grant = self.families[index].grant.clone();
        if grant.client != client {
            return None;
        }
        if !std::mem::replace(&mut self.families[index].live, false) {
            self.revocations_again += 1;
        }
        let same = |other: &Grant| match reach {
            RevocationReach::Family => false,
            RevocationReach::Session => other.client == grant.client && other.session == grant.session,
            RevocationReach::Grant => other.client == grant.client && other.subject == grant.subject,
        };
        self.families.iter_mut().filter(|family| same(&family.grant)).for_each(|family| family.live = false);
        if reach == RevocationReach::Grant {
            self.consents.retain(|given| !same(given));
        }
        Some(())
    }

    /// What people allowed clients: place, subject and client of each.
    pub(super) fn consents_of(
        &self,
        subject: Option<&str>,
        client: Option<&str>,
    ) -> Vec<(usize, String, String)> {
        let wanted = |grant: &Grant| {
            subject.is_none_or(|subject| grant.subject == subject)
                && client.is_none_or(|client| grant.client == client)
        };
        let given = self.consents.iter().enumerate().filter(|(_, grant)| wanted(grant));
        given.map(|(id, grant)| (id, grant.subject.clone(), grant.client.clone())).collect()
    }

    /// Ends what somebody allowed a client, and all that came of it.
    pub(super) fn delete_consent(&mut self, id: usize) {
        let Some(grant) = self.consents.get(id).cloned() else { return };
        for family in &mut self.families {
            family.live &= family.grant.client != grant.client || family.grant.subject != grant.subject;
        }
        // Its place stays, so that the others keep theirs.
        self.consents[id].scope.clear();
        self.consents[id].client.clear();
    }

    /// Ends all that came of one code, access tokens included.
    pub(super) fn end_family(&mut self, index: usize) {
        self.families[index].live = false;
        self.access_tokens.retain(|_, access| access.family != index);
    }

    /// Ends all that a person ever allowed.
    pub(super) fn end_all_of(&mut self, subject: &str) {
        let theirs = |grant: &Grant| grant.subject == subject;
        self.families
            .iter_mut()
            .filter(|family| theirs(&family.grant))
            .for_each(|family| family.live = false);
        self.consents.retain(|given| !theirs(given));
        self.access_tokens.retain(|_, access| !theirs(&access.grant));
        self.codes.retain(|_, code| !theirs(&code.grant));
    }

    /// Whether a refresh token would be accepted without any leeway.
    pub(super) fn is_live(&self, token: &str, now: Timestamp) -> bool {
        self.refresh_tokens.get(token).is_some_and(|place| self.is_current(*place, now))
    }

    pub(super) fn live_refresh_tokens(&self, now: Timestamp) -> usize {
        self.refresh_tokens.values().filter(|place| self.is_current(**place, now)).count()
    }

    fn is_current(&self, (index, generation): (usize, u32), now: Timestamp) -> bool {
        let family = &self.families[index];
        family.live && family.generation == generation && family.expires_at > now
    }
}
