//! How refresh tokens rotate, and for how long a spent one is taken once more: measured by spending one, waiting, and
//! presenting it again, with longer and longer waits.

use super::Report;
use super::consent::{Asking, Person, is_dead, next};
use super::report::Leeway;
use crate::issuer::IssuerFault;
use crate::issuer::profile::Rotation;
use crate::secret::Token;

const ABOUT: &str = "leeway";
const FIRST_WAITS: [u32; 8] = [0, 1, 2, 5, 10, 20, 30, 60];

/// The waits up to the longest, in seconds; beyond a minute each is twice the one before.
#[must_use]
pub fn waits(longest: u32) -> Vec<u32> {
    let beyond = std::iter::successors(Some(120_u32), |wait| wait.checked_mul(2));
    let mut waits: Vec<u32> =
        FIRST_WAITS.into_iter().chain(beyond).take_while(|wait| *wait < longest).collect();
    waits.push(longest);
    waits
}

/// What a refresh token became when it was used.
enum Use {
    Replaced(Token),
    Kept,
}

/// The refresh token that is alive afterwards, if one is.
pub(super) async fn measure<P: Person>(
    asking: &Asking<'_>,
    first: Token,
    longest: u32,
    person: &mut P,
    report: &mut Report,
) -> Option<Token> {
    let mut current = first;
    let mut leeway = Leeway::default();
    for wait in waits(longest) {
        let spent = current.clone();
        match spend(asking, &spent).await {
            Ok(Use::Replaced(new)) => current = new,
            Ok(Use::Kept) if leeway.accepted.is_none() => return reusable(asking, current, report).await,
            Ok(Use::Kept) => {
                report.unproven(ABOUT, "it replaced its refresh token at first, and later did not");
                break;
            }
            Err(fault) => {
                unmeasured(&fault, leeway, report);
                break;
            }
        }
        if wait > 0 {
            person.waits(wait);
            asking.probe.issuers.clock.pause(wait).await;
        }
        match asking.refresh(&spent).await {
            Ok(answer) => {
                leeway.accepted = Some(wait);
                current = next(current, answer);
            }
            Err(fault) if is_dead(&fault, report) => {
                leeway.refused = Some(wait);
                break;
            }
            Err(fault) => {
                unmeasured(&fault, leeway, report);
                break;
            }
        }
    }
    if leeway != Leeway::default() {
        judge(asking, leeway, report);
    }
    if leeway.refused.is_some() { survivor(asking, current, report).await } else { Some(current) }
}

async fn spend(asking: &Asking<'_>, token: &Token) -> Result<Use, IssuerFault> {
    let answer = asking.refresh(token).await?;
    let new = answer.refresh_token.token().cloned().filter(|new| new.expose() != token.expose());
    Ok(new.map_or(Use::Kept, Use::Replaced))
}

fn unmeasured(fault: &IssuerFault, leeway: Leeway, report: &mut Report) {
    let what = match leeway.accepted {
        None => format!("a refresh failed: {fault}"),
        Some(wait) => format!("a refresh failed after a reuse {wait} seconds late had been taken: {fault}"),
    };
    report.problem(
        "refresh",
        what,
        "Run this again; if it stays so, tell the issuer's operator what stands here.",
    );
}

/// It was used and not replaced; is it good for another time?
async fn reusable(asking: &Asking<'_>, token: Token, report: &mut Report) -> Option<Token> {
    match asking.refresh(&token).await {
        Ok(answer) => {
            report.measured.rotation = Some(Rotation::Reusable);
            let what = "a refresh token stays good when it is used: rotation = \"reusable\"; a lost answer harms nothing";
            report.good("rotation", what);
            Some(next(token, answer))
        }
        Err(fault) => {
            report.problem(
                "rotation",
                format!("a refresh gave no new refresh token, and the old one is not taken again: {fault}"),
                "Connections end at their second refresh: ask its operator what a client must do to get the next one.",
            );
            None
        }
    }
}

fn judge(asking: &Asking<'_>, leeway: Leeway, report: &mut Report) {
    let profile = &asking.probe.issuer.profile;
    report.measured.rotation = Some(Rotation::Rotating);
    report.measured.leeway = Some(leeway);
    let what = "each use replaces the refresh token: rotation = \"rotating\"";
    if profile.rotation == Rotation::Rotating {
        report.good("rotation", what);
    } else {
        report.problem(
            "rotation",
            format!("{what}; the profile believes that they can be used again, and would lose grants"),
            "Set rotation = \"rotating\", as in the profile below.",
        );
    }
    let seconds = leeway.seconds();
    let what = match (leeway.accepted, leeway.refused) {
        (None, _) => "none: a spent refresh token is refused at once: leeway_seconds = 0".to_owned(),
        (Some(taken), Some(refused)) => format!(
            "a spent refresh token is taken once more {taken} seconds later and refused after {refused}: \
             leeway_seconds = {seconds}"
        ),
        (Some(taken), None) => format!(
            "a spent refresh token is still taken after {taken} seconds: leeway_seconds = {seconds}; it may be longer, \
             see --longest-leeway"
        ),
    };
    if leeway.refused.is_some() && profile.leeway_seconds > seconds {
        report.problem(
            ABOUT,
            format!(
                "{what}; the profile believes {}, and a lost answer asked again then would end the grant",
                profile.leeway_seconds
            ),
            format!("Set leeway_seconds = {seconds}, as in the profile below."),
        );
    } else {
        report.good(ABOUT, what);
    }
}

/// After a reuse that was refused: does the current one live?
async fn survivor(asking: &Asking<'_>, current: Token, report: &mut Report) -> Option<Token> {
    let about = "reuse";
    match asking.refresh(&current).await {
        Ok(answer) => {
            report.good(about, "a reuse that is refused ends nothing else: the current refresh token lives");
            Some(next(current, answer))
        }
        Err(fault) if is_dead(&fault, report) => {
            report.good(
                about,
                "a reuse that is refused ends the whole consent, the current refresh token too (RFC 9700 section 4.14.2)",
            );
            None
        }
        Err(fault) => {
            report.unproven(about, format!("what a refused reuse ends could not be seen: {fault}"));
            None
        }
    }
}
