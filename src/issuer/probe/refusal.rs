//! How the token endpoint refuses: a refresh token that nobody issued is presented by the app's real client, or by one
//! that nobody registered. Tells by it whether the client is right and whether a dead grant will be recognised.

use super::clients::{client, made_up_token, name, sent_otherwise, way};
use super::clock;
use super::report::Report;
use super::target::{Probe, Registration};
use crate::issuer::client::Client;
use crate::issuer::endpoints::Endpoints;
use crate::issuer::fault::IssuerFault;
use crate::issuer::http::Response;
use crate::issuer::refresh;
use crate::issuer::token_answer::{DEAD_WORDS, Said, said};

const ABOUT: &str = "token endpoint";

/// Words that say something else than that the grant is dead. RFC 6749 sections 4.1.2.1 and 5.2, and common others.
const OTHER_WORDS: [&str; 11] = [
    "access_denied",
    "incorrect_client_credentials",
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "too_many_requests",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// Whether an error word means that the token is dead, where the same request is known to be good but for that.
pub(super) fn tells_of_a_dead_token(word: &str) -> bool {
    may_mean_dead(word) || matches!(word, "access_denied" | "invalid_request")
}

/// Whether an error word may mean that the grant is dead.
fn may_mean_dead(word: &str) -> bool {
    !OTHER_WORDS.contains(&word)
}

/// The client as the issuer knows it, if it does.
pub(super) async fn probe(probe: Probe<'_>, endpoints: &Endpoints, report: &mut Report) -> Option<Client> {
    let client = client(probe);
    let before = probe.issuers.clock.now();
    let answer = match present(probe, endpoints, &client).await {
        Ok(answer) => answer,
        Err(fault) => {
            let cure =
                "Look whether it can be reached from this machine, and for a firewall or a proxy between.";
            report.problem(ABOUT, format!("it gave no answer: {fault}"), cure);
            return None;
        }
    };
    clock::judge(&answer, before, probe.issuers.clock.now(), report);
    let word = match word(&answer) {
        Ok(word) => word,
        Err((what, cure)) => {
            report.problem(ABOUT, what, cure);
            return None;
        }
    };
    let status = answer.status;
    let Some(registration) = probe.registration else {
        report.good(
            ABOUT,
            format!("it refuses as OAuth wants it: `{word}` with status {status} for a client that nobody registered; \
                     name one with --app to see whether its secret is right"),
        );
        return None;
    };
    if refuses_the_client(&answer) {
        return refused_client(probe, endpoints, registration, &word, status, report).await;
    }
    report.good("client", format!("it knows the client of [{}], {}", registration.section, way(client.auth)));
    if !registration.is_sign_in {
        dead_word(probe, &word, status, report);
    }
    Some(client)
}

async fn present(probe: Probe<'_>, endpoints: &Endpoints, client: &Client) -> Result<Response, IssuerFault> {
    refresh::ask(probe.issuers, endpoints, client, &made_up_token()).await.answer()
}

/// The error word of a refusal; else what the answer is instead, and the cure.
fn word(answer: &Response) -> Result<String, (String, String)> {
    let status = answer.status;
    match said(answer) {
        Some(Said::Word(word)) => return Ok(word),
        Some(Said::Sentence) => {
            return Err((
                format!("its `error` is a sentence instead of a word (status {status})"),
                "Nothing can be told by it: ask its operator for the error words of RFC 6749 section 5.2."
                    .to_owned(),
            ));
        }
        None => {}
    }
    let is_page =
        answer.content_type.starts_with("text/html") || answer.body.trim_ascii_start().starts_with(b"<");
    let (what, cure) = match status {
        300..=399 => (
            format!(
                "it answers with a redirect (status {status}), and secrets are not sent after a redirect"
            ),
            "Name the address that it redirects to: its metadata, or token_url, must hold the final one.",
        ),
        429 => (
            "it turned us away (status 429) before anything could be learnt".to_owned(),
            "Wait a few minutes, and run this again.",
        ),
        500..=599 => (
            format!(
                "it fails (status {status}) over a refresh token that it did not issue, so that a dead grant looks like an outage"
            ),
            "Run this again later; if it stays so, tell its operator: RFC 6749 section 5.2 wants `invalid_grant`.",
        ),
        _ if is_page => (
            format!("it answers with a web page (status {status}) instead of OAuth's JSON"),
            "This is a firewall, a login page or another address: correct token_url, or let this machine through.",
        ),
        200..=299 => (
            format!("it answers status {status} without an `error` to a refresh token that nobody issued"),
            "This does not look like a token endpoint: correct token_url, or the issuer's metadata.",
        ),
        _ => (
            format!(
                "it refuses (status {status}) without an `error` word, so that a dead grant cannot be told from a fault"
            ),
            "Ask its operator for the error answers of RFC 6749 section 5.2; look for a proxy that rewrites answers.",
        ),
    };
    Err((what, cure.to_owned()))
}

/// By the word, or by the status where the word is the issuer's own.
fn refuses_the_client(answer: &Response) -> bool {
    match said(answer) {
        Some(Said::Word(word)) if DEAD_WORDS.contains(&word.as_str()) => false,
        Some(Said::Word(word)) => {
            answer.status == 401 || matches!(word.as_str(), "invalid_client" | "incorrect_client_credentials")
        }
        _ => false,
    }
}

/// Is the secret wrong, or only the way in which it is sent? The other way tells.
async fn refused_client(
    probe: Probe<'_>,
    endpoints: &Endpoints,
    registration: &Registration,
    word: &str,
    status: u16,
    report: &mut Report,
) -> Option<Client> {
    let Registration { section, client, .. } = registration;
    let said = format!("`{word}` with status {status}");
    let Some(other) = sent_otherwise(client) else {
        report.problem(
            "client",
            format!("it refuses the client of [{section}], which has no secret: {said}"),
            format!("Correct client_id in [{section}]; if it is no public client there, give its client_secret too."),
        );
        return None;
    };
    let otherwise = present(probe, endpoints, &other).await;
    if let Ok(answer) = &otherwise
        && self::word(answer).is_ok()
        && !refuses_the_client(answer)
    {
        report.problem(
            "client",
            format!(
                "the client id and secret of [{section}] are right, but sent the wrong way: it refuses them {} ({said}) \
                 and takes them {}",
                way(client.auth),
                way(other.auth)
            ),
            format!("Set client_auth = \"{}\" in [{section}].", name(other.auth)),
        );
        return Some(other);
    }
    report.problem(
        "client",
        format!("it refuses the client id or secret of [{section}], in the body and by HTTP Basic alike: {said}"),
        format!("Copy both from the issuer into [{section}] once more, and see that the client is not disabled there."),
    );
    None
}

/// Whether the word for an unknown refresh token will be taken for the end of the grant.
fn dead_word(probe: Probe<'_>, word: &str, status: u16, report: &mut Report) {
    let heard = format!("for a refresh token that nobody issued it says `{word}` with status {status}");
    match word {
        _ if DEAD_WORDS.contains(&word) || probe.issuer.profile.dead_words.contains(word) => {
            report.good(ABOUT, heard);
        }
        "unauthorized_client" | "unsupported_grant_type" => report.problem(
            ABOUT,
            format!("{heard}: it does not let this client refresh"),
            "Allow the client the grant type refresh_token at the issuer; without it a connection ends with its access token.",
        ),
        "invalid_request" => report.unproven(
            ABOUT,
            format!("{heard}, perhaps for the token's form; --consent shows what it says of one that is really dead"),
        ),
        _ if !may_mean_dead(word) => report.problem(
            ABOUT,
            format!("{heard}, which does not tell that the token is the reason"),
            "Run this again later. If it stays so, ask its operator for `invalid_grant` (RFC 6749 section 5.2).",
        ),
        _ => dead_words(word, &heard, report),
    }
}

/// A word of the issuer's own for a dead grant: only the profile can know it.
pub(super) fn dead_words(word: &str, heard: &str, report: &mut Report) {
    report.measured.dead_words.insert(word.to_owned());
    report.problem(
        ABOUT,
        format!("{heard}, where OAuth has `invalid_grant`; unless the profile knows the word, such a grant is asked for again and again"),
        format!("Set dead_words = [\"{word}\"], as in the profile below."),
    );
}
