//! Who acts for a person, and for whom: the claim `act` of RFC 8693 section 4.1. Pure: believes nothing, and judges nobody; see
//! [`super::actor_token`].

use serde_json::{Value, json};

use super::issued_token::{GivenTo, IssuedToken};

/// How many may act, one for another.
pub const LONGEST: usize = 5;

/// Callers, the newest first. Only the newest decides anything; those before it are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actors {
    newest: String,
    prior: Vec<String>,
}

impl Actors {
    /// A caller that acts for others, or for nobody but the person. Who acts already acts on.
    #[must_use]
    pub fn of(caller_id: &str, acts_for: Option<&Self>) -> Self {
        match acts_for {
            None => Self { newest: caller_id.to_owned(), prior: Vec::new() },
            Some(actors) if actors.newest == caller_id => actors.clone(),
            Some(actors) => {
                let prior = actors.all().map(str::to_owned).collect();
                Self { newest: caller_id.to_owned(), prior }
            }
        }
    }

    /// Those of a token that was issued here; None for one that an access token asked for by itself.
    #[must_use]
    pub fn of_token(token: &IssuedToken) -> Option<Self> {
        match (token.claims.get("act"), &token.given_to) {
            (Some(claim), GivenTo::Connection { .. }) => Self::read(claim),
            // RFC 9068 section 2.2: of a client's own token the client is the subject.
            (None, GivenTo::Caller(id)) => (*id == token.subject).then(|| Self::of(id, None)),
            _ => None,
        }
    }

    /// Of the claim; None for what has not our form.
    #[must_use]
    pub fn read(claim: &Value) -> Option<Self> {
        let (mut actors, mut next) = (Vec::new(), Some(claim));
        while let Some(claim) = next {
            if actors.len() == LONGEST {
                return None;
            }
            actors.push(text(claim.get("sub")?)?);
            next = claim.get("act");
        }
        let newest = actors.remove(0);
        Some(Self { newest, prior: actors })
    }

    #[must_use]
    pub fn newest(&self) -> &str {
        &self.newest
    }

    #[must_use]
    pub fn are_too_many(&self) -> bool {
        self.all().count() > LONGEST
    }

    fn all(&self) -> impl DoubleEndedIterator<Item = &str> {
        [self.newest.as_str()].into_iter().chain(self.prior.iter().map(String::as_str))
    }

    /// The newest outermost.
    #[must_use]
    pub fn claim(&self) -> Value {
        let nested = self.all().rev().fold(None, |inner, actor| {
            let mut claim = json!({ "sub": actor });
            if let Some(inner) = inner {
                claim["act"] = inner;
            }
            Some(claim)
        });
        nested.unwrap_or_default()
    }
}

/// PostgreSQL stores no NUL, and nothing of ours holds a control character.
fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.contains(char::is_control)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::{Actors, LONGEST};
    use crate::content::issued_token::IssuedToken;

    fn chain(callers: &[&str]) -> Actors {
        let oldest_first = callers.iter().rev();
        oldest_first
            .fold(None, |actors: Option<Actors>, caller| Some(Actors::of(caller, actors.as_ref())))
            .unwrap()
    }

    #[test]
    fn the_newest_actor_is_the_outermost_and_what_is_written_is_read() {
        let actors = chain(&["c", "b", "a"]);
        let claim = json!({ "sub": "c", "act": { "sub": "b", "act": { "sub": "a" } } });
        assert_eq!((actors.claim(), actors.newest()), (claim.clone(), "c"));
        assert_eq!(Actors::read(&claim), Some(actors));
    }

    #[test]
    fn who_acts_already_is_not_named_twice_in_a_row() {
        assert_eq!(Actors::of("b", Some(&chain(&["b", "a"]))), chain(&["b", "a"]));
        assert_eq!(Actors::of("a", Some(&chain(&["b", "a"]))).claim(), chain(&["a", "b", "a"]).claim());
    }

    #[test]
    fn five_may_act_one_for_another_and_no_sixth() {
        let five = chain(&["e", "d", "c", "b", "a"]);
        assert!(!five.are_too_many());
        assert_eq!(Actors::read(&five.claim()), Some(five.clone()));
        let six = Actors::of("f", Some(&five));
        assert!(six.are_too_many());
        assert_eq!((Actors::read(&six.claim()), six.all().count()), (None, LONGEST + 1));
    }

    #[test]
    fn only_a_token_with_an_actor_or_of_a_caller_itself_has_actors() {
        let token = |more: Value| {
            let mut claims = json!({ "iss": "i", "aud": "https://content.test/", "jti": "ct_1", "iat": 7, "exp": 8,
                "client_id": "ca_1" });
            more.as_object().unwrap().iter().for_each(|(name, value)| claims[name] = value.clone());
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let header = json!({ "typ": "at+jwt", "kid": "k" });
            IssuedToken::parse(&format!("{}.{}.", part(&header), part(&claims))).unwrap()
        };
        let good = [
            json!({ "sub": "ac_1", "connection": "Et1", "act": { "sub": "ca_1" } }),
            json!({ "sub": "ca_1" }),
        ];
        for more in good {
            assert_eq!(Actors::of_token(&token(more)), Some(chain(&["ca_1"])));
        }
        let bad = [
            json!({ "sub": "ac_1", "connection": "Et1" }),
            json!({ "sub": "ac_1" }),
            json!({ "sub": "ca_1", "act": { "sub": "ca_1" } }),
            json!({ "sub": "ac_1", "connection": "Et1", "act": { "sub": 7 } }),
            json!({ "sub": "ac_1", "connection": "Et1", "act": "ca_1" }),
            json!({ "sub": "ac_1", "connection": "Et1", "act": { "sub": "ca_\u{0}" } }),
            json!({ "sub": "ac_1", "connection": "Et1", "act": { "sub": "ca_1", "act": null } }),
        ];
        for more in bad {
            assert_eq!(Actors::of_token(&token(more.clone())), None, "{more}");
        }
    }
}
