//! The part of a probe for which a person consents, with a test account: what a consent gives, and then how refresh
//! tokens rotate and die. Ends every grant that it is given. Codes and tokens appear in no finding.

use url::Url;

use super::asking::{Asking, next};
use super::reach::Ended;
use super::report::Report;
use super::target::{Contact, Probe};
use super::{leeway, reach};
use crate::issuer::authorize::{AuthorizationRequest, authorization_url};
use crate::issuer::callback::{Answered, Callback};
use crate::issuer::endpoints::Endpoints;
use crate::issuer::exchange_code::exchange_code;
use crate::issuer::fault::IssuerFault;
use crate::issuer::id_token::{self, Expected};
use crate::issuer::scope::{self, Scopes};
use crate::issuer::token_set::TokenSet;
use crate::secret::{Token, same};

pub use super::asking::{Person, Round};
pub use leeway::waits;

const ABOUT: &str = "consent";

/// What a person consented to.
struct Attempt {
    url: Url,
    state: Token,
    nonce: Token,
    verifier: Token,
}

/// Measures by up to four consents. Does nothing without an app whose client the issuer knows.
pub async fn measure<P: Person>(
    probe: Probe<'_>,
    contact: &Contact,
    longest: u32,
    person: &mut P,
    report: &mut Report,
) {
    let (Some(registration), Some(client)) = (probe.registration, &contact.client) else {
        report.unproven(ABOUT, "nobody was asked to consent, because the issuer does not know the client");
        return;
    };
    let asking = Asking { probe, endpoints: &contact.endpoints, client, registration };
    let Some(first) = asking.family(person, Round::First, report).await else { return };
    // From here on a word for a refusal is about the token: the same request was taken before.
    let first = match asking.refresh(&first).await {
        Ok(answer) => next(first, &answer),
        Err(fault) => {
            report.problem(
                "refresh",
                format!("the refresh token of the consent is not taken: {fault}"),
                "Allow the client the grant type refresh_token at the issuer, and run this again.",
            );
            reach::end(&asking, Some(first), false, report).await;
            return;
        }
    };
    let mut ended = Ended::default();
    let mut left = Some(first);
    for round in [Round::Beside, Round::Elsewhere] {
        let Some(second) = asking.family(person, round, report).await else { continue };
        let Some(first) = left.take() else { break };
        let compared = reach::compare(&asking, (first, second), round, &mut ended, report).await;
        left = compared.left;
        if !compared.goes_on {
            break;
        }
    }
    reach::judge(&asking, ended, report);
    let left = match left {
        Some(left) => Some(left),
        None => asking.family(person, Round::Again, report).await,
    };
    let Some(left) = left else {
        report.unproven(
            "refresh",
            "rotation and leeway were not measured: no consent was left to measure them by",
        );
        return;
    };
    let left = leeway::measure(&asking, left, longest, person, report).await;
    reach::end(&asking, left, ended != Ended::default(), report).await;
}

impl Asking<'_> {
    /// The refresh token of a new consent.
    async fn family<P: Person>(&self, person: &mut P, round: Round, report: &mut Report) -> Option<Token> {
        let attempt = self.begin();
        let Some(pasted) = person.consent(round, &attempt.url).await else {
            if round == Round::First {
                report.problem(
                    ABOUT,
                    "no address came back, so nothing was measured that needs a consent",
                    format!(
                        "If the issuer showed an error page of its own: register exactly {} there, for this client.",
                        self.registration.redirect_uri
                    ),
                );
            }
            return None;
        };
        let code = match code(&attempt, &pasted, self.endpoints) {
            Ok(code) => code,
            Err((what, cure)) => {
                report.problem(ABOUT, what, cure);
                return None;
            }
        };
        let tokens = match self.exchange(&attempt, &code).await {
            Ok(tokens) => tokens,
            Err(fault) => {
                report.problem(
                    "code",
                    format!("the code could not be exchanged: {fault}"),
                    code_cure(&fault),
                );
                return None;
            }
        };
        if round == Round::First {
            self.given(&attempt, &tokens, report).await;
        }
        if tokens.refresh_token.token().is_none() {
            report.problem(
                "refresh token",
                "no refresh token came with the consent, so a connection ends with its access token",
                format!(
                    "Ask for one: the scope offline_access in [{0}], or what the issuer wants instead, such as \
                     authorization_url_extras = {{ access_type = \"offline\", prompt = \"consent\" }}. At Auth0 the API \
                     must allow offline access too.",
                    self.registration.section
                ),
            );
        }
        tokens.refresh_token.token().cloned()
    }

    fn begin(&self) -> Attempt {
        let (state, nonce, verifier) = (Token::random(), Token::random(), Token::random());
        let profile = &self.probe.issuer.profile;
        let audience = self.registration.audience.as_deref();
        let request = AuthorizationRequest {
            client_id: &self.client.id,
            redirect_uri: &self.registration.redirect_uri,
            scopes: &self.registration.scopes,
            state: &state,
            nonce: &nonce,
            verifier: &verifier,
            pkce: profile.pkce,
            audience: audience.map(|audience| (profile.audience_parameter, audience)),
            prompt: None,
            extras: &self.registration.extras,
        };
        Attempt { url: authorization_url(self.endpoints, &request), state, nonce, verifier }
    }

    async fn exchange(&self, attempt: &Attempt, code: &Token) -> Result<TokenSet, IssuerFault> {
        let Probe { issuers, issuer, .. } = self.probe;
        let redirect_uri = &self.registration.redirect_uri;
        let pkce = issuer.profile.pkce;
        exchange_code(issuers, issuer, self.client, redirect_uri, code, &attempt.verifier, pkce).await.0
    }

    /// What came of the first consent.
    async fn given(&self, attempt: &Attempt, tokens: &TokenSet, report: &mut Report) {
        if tokens.refresh_token.token().is_some() {
            report.good("refresh token", "one came with the consent");
        }
        match tokens.expires_in {
            Some(seconds) => report.good("access token", format!("it lives for {seconds} seconds")),
            None => report.unproven("access token", "the issuer does not say how long it lives (expires_in)"),
        }
        let (asked, separator) = (&self.registration.scopes, self.probe.issuer.profile.scope_separator);
        let refreshable = tokens.refresh_token.token().is_some();
        let granted = scope::granted(tokens.scope.as_ref(), asked, separator, refreshable);
        scopes(asked, granted.as_ref(), report);
        let Some(id_token) = tokens.id_token.token().filter(|_| self.probe.issuer.identifier().is_some())
        else {
            return;
        };
        let expected = Expected {
            client_id: &self.client.id,
            nonce: attempt.nonce.expose(),
            access_token: tokens.access_token.token(),
        };
        match id_token::verify(self.probe.issuers, self.probe.issuer, id_token, &expected).await {
            Ok(_) => report.good("id token", "it is signed by the issuer, and its claims hold"),
            Err(fault) => report.problem(
                "id token",
                format!("it is not accepted: {fault}"),
                "No connection can be made before this is mended at the issuer; a wrong clock shows above.",
            ),
        }
    }
}

/// The code in an address that was pasted, if it answers this attempt; else what is wrong, and the cure.
fn code(attempt: &Attempt, pasted: &str, endpoints: &Endpoints) -> Result<Token, (String, String)> {
    let again = "Run this again, and paste the whole address of the page that the issuer sends you to.";
    let wrong = |what: &str, cure: &str| (what.to_owned(), cure.to_owned());
    let pasted = pasted.trim();
    let query = pasted.split_once('?').map_or(pasted, |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let callback =
        Callback::parse(query).map_err(|_| wrong("what was pasted is no answer of an issuer", again))?;
    if !callback.state().is_some_and(|state| same(state.expose(), attempt.state.expose())) {
        return Err(wrong(
            "what was pasted is not the answer to this request (its `state` is another)",
            again,
        ));
    }
    match callback.answered(endpoints, &[&attempt.verifier]) {
        Answered::Code(code) => Ok(code),
        Answered::Denied => Err(wrong("the consent was declined", "Run this again, and allow it.")),
        Answered::WrongIssuer => Err(wrong(
            "the answer does not name the issuer that was asked (`iss`, RFC 9207), so it is refused",
            "Every consent fails like this: ask the issuer's operator to send the `iss` that its metadata promises.",
        )),
        Answered::Error(said) => Err((
            format!("the issuer refused the request: {said}"),
            "Correct what it names, in the app's section or at the issuer, and run this again.".to_owned(),
        )),
        Answered::Nothing => Err(wrong("the answer holds neither a code nor an error", again)),
    }
}

const fn code_cure(fault: &IssuerFault) -> &'static str {
    match fault {
        IssuerFault::InvalidGrant(_) => {
            "Run this again without a pause: a code lives for a minute or so and is good for one use. If it stays so, \
             compare the redirect URI and pkce with what the issuer expects."
        }
        IssuerFault::InvalidClient(_) => "Allow the client the grant type authorization_code at the issuer.",
        _ => "Run this again; if it stays so, tell the issuer's operator what stands here.",
    }
}

fn scopes(asked: &Scopes, granted: Option<&Scopes>, report: &mut Report) {
    let Some(granted) = granted else {
        report.good("scopes", "granted as they were asked for");
        return;
    };
    let missing: Vec<&str> = asked.iter().filter(|scope| !granted.contains(scope)).collect();
    if missing.is_empty() {
        report.good("scopes", format!("granted: {granted}"));
    } else {
        let what = format!("granted: {granted}; not granted, or not said: {}", missing.join(" "));
        report.unproven("scopes", what);
    }
}
