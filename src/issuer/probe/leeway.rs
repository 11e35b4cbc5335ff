//! How refresh tokens rotate, and for how long a spent one is taken once more: measured by using one again and again until
//! a use replaces it, and by presenting what was replaced, both with longer and longer waits. What was not seen is not
//! claimed.

use super::asking::{Asking, Person, is_dead, next};
use super::report::{Leeway, Report};
use crate::issuer::fault::IssuerFault;
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

/// A refresh token that a use has replaced.
struct Replaced {
    spent: Token,
    by: Token,
    /// Seconds that a token is to be left alone, so that its use replaces it.
    rest: u32,
}

/// The refresh token that is alive afterwards, if one is.
pub(super) async fn measure<P: Person>(
    asking: &Asking<'_>,
    first: Token,
    longest: u32,
    person: &mut P,
    report: &mut Report,
) -> Option<Token> {
    let Replaced { spent, by, rest } = match replacement(asking, first, longest, person, report).await {
        Ok(replaced) => replaced,
        Err(left) => return left,
    };
    let mut current = by;
    let mut replaced = Some(spent);
    let mut leeway = Leeway::default();
    for wait in waits(longest) {
        let spent = if let Some(spent) = replaced.take() {
            spent
        } else {
            pause(asking, rest, person).await;
            let spent = current.clone();
            match spend(asking, &spent).await {
                Ok(Use::Replaced(new)) => current = new,
                Ok(Use::Kept) => {
                    report.unproven(ABOUT, "it replaced its refresh token at first, and later did not");
                    break;
                }
                Err(fault) => {
                    unmeasured(&fault, leeway, report);
                    break;
                }
            }
            spent
        };
        pause(asking, wait, person).await;
        match asking.refresh(&spent).await {
            Ok(answer) => {
                leeway.accepted = Some(wait);
                current = next(current, &answer);
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

async fn pause<P: Person>(asking: &Asking<'_>, seconds: u32, person: &mut P) {
    if seconds > 0 {
        person.waits(seconds);
        asking.probe.issuers.clock.pause(seconds).await;
    }
}

/// Uses a refresh token until a use replaces it. Else what is left: one that stays good as long as was looked, or that is
/// dead without a successor.
async fn replacement<P: Person>(
    asking: &Asking<'_>,
    token: Token,
    longest: u32,
    person: &mut P,
    report: &mut Report,
) -> Result<Replaced, Option<Token>> {
    match spend(asking, &token).await {
        Ok(Use::Replaced(by)) => return Ok(Replaced { spent: token, by, rest: 0 }),
        Ok(Use::Kept) => {}
        Err(fault) => {
            unmeasured(&fault, Leeway::default(), report);
            return Err(Some(token));
        }
    }
    // Since the first use, and up to the last that was taken.
    let (mut passed, mut good_for) = (0, 0);
    for wait in waits(longest) {
        pause(asking, wait, person).await;
        passed += wait;
        match spend(asking, &token).await {
            Ok(Use::Kept) => good_for = passed,
            Ok(Use::Replaced(by)) => {
                report.unproven(
                    "rotation",
                    format!(
                        "a refresh token can be used for at least {good_for} seconds, and a use {passed} seconds after \
                         the first replaces it"
                    ),
                );
                return Ok(Replaced { spent: token, by, rest: passed });
            }
            Err(fault) => {
                report.problem(
                    "rotation",
                    format!(
                        "a refresh token is used for at least {good_for} seconds without being replaced, and is not \
                         taken again {passed} seconds after its first use: {fault}"
                    ),
                    "Connections end at their second refresh: ask its operator what a client must do to get the next one.",
                );
                return Err(None);
            }
        }
    }
    reusable(good_for, longest, report);
    Err(Some(token))
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

/// From this wait on, what stays good is taken to stay good.
const LONG_ENOUGH: u32 = 60;

/// It was used again and again, and never replaced.
fn reusable(good_for: u32, longest: u32, report: &mut Report) {
    let about = "rotation";
    if longest < LONG_ENOUGH {
        report.measured.leeway = Some(Leeway { accepted: Some(good_for), refused: None });
        report.unproven(
            about,
            format!(
                "a refresh token can be used again for at least {good_for} seconds, as long as was looked: \
                 leeway_seconds = {good_for}. Whether it stays good is seen with --longest-leeway {LONG_ENOUGH} or more"
            ),
        );
        return;
    }
    report.measured.rotation = Some(Rotation::Reusable);
    report.measured.reusable_for = Some(good_for);
    report.good(
        about,
        format!(
            "a refresh token can be used again for at least {good_for} seconds, as long as was looked: \
             rotation = \"reusable\""
        ),
    );
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
            Some(next(current, &answer))
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
