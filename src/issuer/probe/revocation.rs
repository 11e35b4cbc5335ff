//! What the revocation endpoint says (RFC 7009) to a token that nobody issued: 200 is expected, because such a token is
//! as revoked as can be. Ends nothing.

use super::clients::{client, made_up_token, sent_otherwise, way};
use super::report::Report;
use super::target::Probe;
use crate::issuer::authorization_server::Whereabouts;
use crate::issuer::client::Client;
use crate::issuer::endpoints::Endpoints;
use crate::issuer::fault::IssuerFault;
use crate::issuer::http::Response;
use crate::issuer::profile::Reach;
use crate::issuer::revoke::{Kind, UNSUPPORTED, ask};
use crate::issuer::token_answer::{Said, said};
use url::Url;

pub(super) const ABOUT: &str = "revocation";

/// As the client that the issuer knows, if there is one.
pub(super) async fn probe(
    probe: Probe<'_>,
    endpoints: &Endpoints,
    known: Option<&Client>,
    report: &mut Report,
) {
    let Some(url) = &endpoints.revocation else {
        report.measured.revocation_reach = Some(Reach::None);
        let hint = match probe.issuer.whereabouts {
            Whereabouts::Explicit(_) => "there is no revocation_url",
            Whereabouts::Discovery { .. } => "it has no revocation endpoint",
        };
        report.unproven(
            ABOUT,
            format!("{hint}: what a person stops ends here, and lives on there until it runs out; revocation_reach is \"none\""),
        );
        return;
    };
    let asked = known.cloned().unwrap_or_else(|| client(probe));
    let answer = match present(probe, url, &asked).await {
        Ok(answer) => answer,
        Err(fault) => {
            let cure = "Look whether it can be reached from this machine; a revoke is repeated until it is confirmed.";
            report.problem(ABOUT, format!("the endpoint gave no answer: {fault}"), cure);
            return;
        }
    };
    if (200..300).contains(&answer.status) {
        confirmed(probe, answer.status, report);
    } else if known.is_none() && asks_who_asks(&answer) {
        report.good(
            ABOUT,
            format!("the endpoint is there and asks who is asking (status {}); it was not asked as a client that it knows", answer.status),
        );
    } else if answer.status == 401 {
        unauthorized(probe, url, &asked, report).await;
    } else if says_unsupported(&answer) {
        report.measured.revocation_reach = Some(Reach::None);
        report.unproven(
            ABOUT,
            format!("it revokes no refresh tokens (`{UNSUPPORTED}`), so a person's revoke ends here only; revocation_reach is \"none\""),
        );
    } else {
        let (what, cure) = refused(&answer);
        report.problem(ABOUT, what, cure);
    }
}

async fn present(probe: Probe<'_>, url: &Url, client: &Client) -> Result<Response, IssuerFault> {
    ask(&probe.issuers.http, url, client, &made_up_token(), Kind::RefreshToken).await
}

fn confirmed(probe: Probe<'_>, status: u16, report: &mut Report) {
    let heard = format!("for a token that nobody issued the endpoint says {status}, as RFC 7009 wants it");
    if probe.issuer.profile.revocation_reach == Reach::None {
        let what = format!(
            "{heard}; but revocation_reach is \"none\", so no revoke is told there. --consent measures the reach"
        );
        report.unproven(ABOUT, what);
    } else {
        report.good(ABOUT, heard);
    }
}

fn asks_who_asks(answer: &Response) -> bool {
    answer.status == 401 || matches!(answer.status, 400 | 403) && said(answer).is_some()
}

async fn unauthorized(probe: Probe<'_>, url: &Url, client: &Client, report: &mut Report) {
    let refused = format!(
        "the endpoint refuses, {}, the client that the token endpoint knows (status 401)",
        way(client.auth)
    );
    let other = match sent_otherwise(client) {
        Some(other) => present(probe, url, &other).await.ok().map(|answer| (other, answer)),
        None => None,
    };
    match other {
        Some((other, answer)) if (200..300).contains(&answer.status) => report.problem(
            ABOUT,
            format!("{refused}, and takes it {}", way(other.auth)),
            "Let the issuer's operator allow one way at both endpoints; until then set revocation_reach = \"none\".",
        ),
        _ => report.problem(
            ABOUT,
            refused,
            "Allow the client to revoke, at the issuer; until then no revoke is confirmed, and its connection stays \
             `revoking`. If it never may, set revocation_reach = \"none\".",
        ),
    }
}

fn says_unsupported(answer: &Response) -> bool {
    said(answer) == Some(Said::Word(UNSUPPORTED.to_owned()))
}

/// What an answer other than 200 means, and what to do.
fn refused(answer: &Response) -> (String, String) {
    let status = answer.status;
    let word = match said(answer) {
        Some(Said::Word(word)) => format!(", `{word}`"),
        _ => String::new(),
    };
    let (what, cure) = match status {
        300..=399 => (
            format!("the endpoint redirects (status {status}), and tokens are not sent after a redirect"),
            "Name the final address in the metadata or in revocation_url.",
        ),
        403 => (
            format!("the endpoint forbids it (status 403{word})"),
            "Allow the client to revoke, at the issuer, and look for a firewall. If it never may, set \
             revocation_reach = \"none\": a revoke then ends here, and is not told there.",
        ),
        404 | 410 => (
            format!("there is nothing at the revocation endpoint's address (status {status})"),
            "Correct revocation_url or the metadata. If there is no revocation, set revocation_reach = \"none\".",
        ),
        405 => (
            "the endpoint takes no POST (status 405), as RFC 7009 wants it".to_owned(),
            "Correct revocation_url. If its revocation is of another kind, set revocation_reach = \"none\".",
        ),
        429 => {
            ("the endpoint turned us away (status 429)".to_owned(), "Wait a few minutes, and run this again.")
        }
        500..=599 => (
            format!("the endpoint fails (status {status}); a revoke is repeated until it answers 200"),
            "Run this again later. If it fails over tokens that it does not know only, tell its operator: RFC 7009 \
             section 2.2 wants 200.",
        ),
        _ => (
            format!(
                "the endpoint refuses a token that it does not know (status {status}{word}), where RFC 7009 section 2.2 wants 200"
            ),
            "A revoke of a token that is dead already is never confirmed there. Run with --consent to see what it says \
             of a living one; if it refuses that too, set revocation_reach = \"none\".",
        ),
    };
    (what, cure.to_owned())
}
