//! What pages are told: plain values, already judged and put into words. Reads no database, no clock and no
//! request.

use askama::Template;

use super::brand::Brand;
use crate::clock::Timestamp;
use crate::config::Config;

/// Where the one stylesheet is served (`templates/attache.css`).
pub const STYLESHEET: &str = "/assets/attache.css";

/// What the frame around every page needs.
#[derive(Debug, Clone)]
pub struct Page {
    /// The page's own name, shown as `title · Attaché`; empty on the first page.
    pub title: String,
    /// Who is signed in; the header then names them and offers to sign out.
    pub signed_in: Option<SignedIn>,
    /// The session's anti-forgery value, repeated by every form. Empty where there is no session, and then no form.
    pub csrf: String,
    /// Path of the stylesheet, same origin.
    pub stylesheet: &'static str,
    /// Whose pages these are.
    pub brand: Brand,
}

impl Page {
    /// A page for somebody we do not know (yet).
    pub fn new(title: impl Into<String>) -> Self {
        let (title, csrf, brand) = (title.into(), String::new(), Brand::default());
        Self { title, signed_in: None, csrf, stylesheet: STYLESHEET, brand }
    }

    #[must_use]
    pub fn branded(self, config: &Config) -> Self {
        Self { brand: Brand::of(&config.brand), ..self }
    }

    /// The same page for a signed-in person.
    #[must_use]
    pub fn signed_in(self, person: SignedIn, csrf: impl Into<String>) -> Self {
        Self { signed_in: Some(person), csrf: csrf.into(), ..self }
    }
}

/// The person in the header. Where the issuer gave no name, put the e-mail (or the subject) into `name`.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub name: String,
    /// May be empty; not shown twice when it equals the name.
    pub email: String,
}

/// Takes whoever sent a form on to another place.
#[derive(Debug, Template)]
#[template(path = "onward.html")]
pub struct OnwardPage {
    pub page: Page,
    /// An absolute URL.
    pub to: String,
    /// Whose place that is.
    pub name: String,
}

/// A moment, for people and for machines.
#[derive(Debug, Clone)]
pub struct Time {
    /// "2 hours ago", "3 March 2025"; reads well after "Connected" and "Last used".
    pub human: String,
    /// "3 Mar 2025, 14:20 UTC", where people keep a record.
    pub exact: String,
    pub rfc3339: String,
}

/// A link that is shown as an action.
#[derive(Debug, Clone)]
pub struct Link {
    pub label: String,
    pub href: String,
}

/// Somebody with a tile: an app, or an issuer.
#[derive(Debug, Clone)]
pub struct Face {
    pub name: String,
    /// One or two characters in place of a logo.
    pub initials: String,
    /// Same-origin path of a logo we hold ourselves; never a remote address.
    pub logo: Option<String>,
}

impl Face {
    /// A face without a logo.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { initials: initials(&name), name, logo: None }
    }
}

/// The first letters of the first two words, as the name's own script writes them.
fn initials(name: &str) -> String {
    let letters: String = name
        .split(|c: char| !c.is_alphanumeric())
        .filter_map(|word| word.chars().next())
        .take(2)
        .flat_map(char::to_uppercase)
        .take(3)
        .collect();
    if letters.is_empty() { "?".to_owned() } else { letters }
}

/// An app's home page: the address, and its host as it is on the wire (punycode), so that it can't imitate another.
#[derive(Debug, Clone)]
pub struct HomePage {
    /// An absolute `https:` (or allowed `http:`) address, nothing else.
    pub href: String,
    pub host: String,
}

/// What an app may do: what is described first, the rest in one block.
#[derive(Debug, Clone, Default)]
pub struct Permissions {
    pub described: Vec<Permission>,
    /// What the issuer has no words for.
    pub undescribed: Vec<Permission>,
}

impl Permissions {
    #[must_use]
    pub fn of(all: impl Iterator<Item = Permission>) -> Self {
        let (described, undescribed) = all.partition(|permission| permission.line.is_some());
        Self { described, undescribed }
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.described.is_empty() && self.undescribed.is_empty()
    }

    #[must_use]
    pub const fn len(&self) -> usize {
        self.described.len() + self.undescribed.len()
    }

    /// Before the issuer's name: "3 more that".
    #[must_use]
    pub fn how_many_undescribed(&self) -> String {
        let more = if self.described.is_empty() { "" } else { " more" };
        format!("{}{more} that", self.undescribed.len())
    }
}

/// One thing an app may do.
#[derive(Debug, Clone)]
pub struct Permission {
    /// The line people read; absent when the issuer has none for it, and the page then says so.
    pub line: Option<String>,
    /// Whether it is more than the app had before.
    pub is_new: bool,
    /// The scope's own name, kept for the opened details.
    pub name: String,
}

impl Permission {
    #[must_use]
    pub fn words(&self) -> &str {
        self.line.as_deref().unwrap_or(&self.name)
    }
}

/// One content environment the app reaches.
#[derive(Debug, Clone)]
pub struct Environment {
    pub project: String,
    pub environment: String,
    /// What may be done there, where there is a choice.
    pub may: Option<&'static str>,
    /// The same in detail, where it is narrower.
    pub permits: Vec<String>,
}

/// How a connection is, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Active,
    /// The person must consent again.
    NeedsYou {
        /// What for, in a few words.
        why: String,
    },
    /// The issuer did not answer, or its answer is not known yet; it is asked again.
    Checking {
        issuer: String,
    },
    /// The issuer refuses the app's credentials, which only its operator can correct.
    OperatorsTurn,
    PausedByYou,
    /// Frozen by an operator.
    Held,
    /// Over on our side, not yet confirmed by the issuer.
    Stopping {
        issuer: String,
    },
    Stopped,
}

impl State {
    /// What the person reads.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Active => "Active".to_owned(),
            Self::NeedsYou { why } => format!("Needs you: {why}"),
            Self::Checking { issuer } => format!("Checking with {issuer}"),
            Self::OperatorsTurn => "Waiting for the app’s operator".to_owned(),
            Self::PausedByYou => "Paused by you".to_owned(),
            Self::Held => "Held by an administrator".to_owned(),
            Self::Stopping { issuer } => format!("Stopping: waiting for {issuer} to confirm"),
            Self::Stopped => "Stopped".to_owned(),
        }
    }

    /// The class of the mark before the words.
    #[must_use]
    pub fn tone(&self) -> &'static str {
        match self {
            Self::Active => "well",
            Self::NeedsYou { .. } => "yours",
            Self::Checking { .. } | Self::OperatorsTurn | Self::Stopping { .. } => "waiting",
            Self::PausedByYou | Self::Held => "resting",
            Self::Stopped => "ended",
        }
    }
}

/// What happened, whose turn it is, and the way on.
#[derive(Clone, Debug, Template)]
#[template(path = "message.html")]
pub struct MessagePage {
    pub page: Page,
    pub heading: String,
    pub sentences: Vec<String>,
    /// Somebody else's text (an issuer's error), shown as theirs.
    pub said: Option<Said>,
    pub primary: Link,
    pub secondary: Option<Link>,
    /// Shown on errors only, to quote.
    pub request_id: Option<String>,
}

/// Words that are not ours.
#[derive(Debug, Clone)]
pub struct Said {
    pub who: String,
    pub words: String,
}

impl Time {
    /// A moment as seen from `now`.
    #[must_use]
    pub fn of(moment: Timestamp, now: Timestamp) -> Self {
        Self { human: moment.human(now), exact: moment.exact(), rfc3339: moment.rfc3339() }
    }
}
