//! The arguments that name what is frozen or revoked.

use attache::clock::Timestamp;
use attache::operator::select::{Named, NamedSelection, Person};
use clap::Args;

use super::failure::Failure;

/// Exactly one of them, and how old the consent is.
#[derive(Debug, Args)]
#[group(skip)]
pub struct Selection {
    /// Connections of this app, by its key
    #[arg(long, value_name = "KEY")]
    app: Option<String>,
    /// Connections of this person: an account's id, a subject at the sign-in issuer, or an issuer and a subject
    #[arg(long, num_args = 1..=2, value_names = ["ISSUER", "SUBJECT"])]
    account: Option<Vec<String>>,
    /// Connections at this issuer, by its key
    #[arg(long, value_name = "KEY")]
    issuer: Option<String>,
    /// One connection
    #[arg(long, value_name = "Et…")]
    connection: Option<String>,
    /// Every connection there is
    #[arg(long)]
    all: bool,
    /// Only what was agreed to before this moment (RFC 3339, such as 2026-04-01T12:00:00Z)
    #[arg(long, value_name = "RFC3339", value_parser = parse_moment)]
    issued_before: Option<Timestamp>,
}

impl Selection {
    fn named(&self) -> Vec<Named> {
        let all = self.all.then_some(Named::All);
        let ones = [
            self.app.clone().map(Named::App),
            self.account.as_deref().map(person).map(Named::Account),
            self.issuer.clone().map(Named::Issuer),
            self.connection.clone().map(Named::Connection),
            all,
        ];
        ones.into_iter().flatten().collect()
    }

    /// `caller` is another one that it may be.
    pub fn asked(&self, caller: Option<&str>) -> Result<NamedSelection, Failure> {
        let mut named = self.named();
        named.extend(caller.map(|caller| Named::Caller(caller.to_owned())));
        match (named.pop(), named.is_empty()) {
            (Some(what), true) => Ok(NamedSelection { what, issued_before: self.issued_before }),
            _ => Err(Failure::Sentence(
                "Say what: one of --app, --account, --issuer, --caller (of a freeze), --connection and --all.".to_owned(),
            )),
        }
    }
}

/// An account's id or a subject, after its issuer where that is said.
pub fn person(words: &[String]) -> Person {
    match words {
        [issuer, who] => Person { issuer: Some(issuer.clone()), who: who.clone() },
        words => Person { issuer: None, who: words.concat() },
    }
}

fn parse_moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::from_rfc3339(text).ok_or_else(|| "a moment such as 2026-04-01T12:00:00Z".to_owned())
}
