//! What dies at the issuer when one refresh token is revoked there (RFC 7009), measured by consents of one person: one in
//! another browser, and one in the same, whose session both share.

use super::asking::{Asking, Round, is_dead, next};
use super::report::Report;
use super::revocation::ABOUT;
use crate::issuer::profile::Reach;
use crate::issuer::revoke::{Kind, ask};
use crate::secret::Token;

/// Whether a revoke of one consent ended the first; None where that was not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ended {
    /// The one of another browser.
    pub elsewhere: Option<bool>,
    /// The one beside it, in the same browser.
    pub beside: Option<bool>,
}

impl Ended {
    const fn note(&mut self, round: Round, ended: bool) {
        match round {
            Round::Beside => self.beside = Some(ended),
            _ => self.elsewhere = Some(ended),
        }
    }
}

/// What a comparison leaves.
pub(super) struct Compared {
    /// What is left alive to measure by.
    pub left: Option<Token>,
    /// Whether another comparison is of use.
    pub goes_on: bool,
}

/// Looks whether the first is alive beside a second consent, and then whether it is when that is revoked.
pub(super) async fn compare(
    asking: &Asking<'_>,
    (first, second): (Token, Token),
    round: Round,
    ended: &mut Ended,
    report: &mut Report,
) -> Compared {
    let over = |left| Compared { left, goes_on: false };
    let first = match asking.refresh(&first).await {
        Ok(answer) => next(first, &answer),
        Err(fault) if is_dead(&fault, report) => {
            one_alive(asking, report);
            return over(Some(second));
        }
        Err(fault) => {
            report.unproven(ABOUT, format!("the reach was not measured: the first refresh failed ({fault})"));
            return over(Some(second));
        }
    };
    if asking.endpoints.revocation.is_none() || !revoke(asking, &second, report).await {
        return over(Some(first));
    }
    match asking.refresh(&first).await {
        Ok(answer) => {
            ended.note(round, false);
            Compared { left: Some(next(first, &answer)), goes_on: true }
        }
        Err(fault) if is_dead(&fault, report) => {
            ended.note(round, true);
            over(None)
        }
        Err(fault) => {
            report.unproven(ABOUT, format!("the reach was not measured: a refresh failed ({fault})"));
            over(Some(first))
        }
    }
}

fn one_alive(asking: &Asking<'_>, report: &mut Report) {
    let about = "refresh tokens";
    report.measured.live_refresh_tokens = Some(1);
    let what = "the second consent ended the first, so one person can have one alive for one client: \
        live_refresh_tokens = 1";
    if asking.probe.issuer.profile.live_refresh_tokens == Some(1) {
        report.good(about, what);
    } else {
        report.problem(
            about,
            format!(
                "{what}; whoever connects the same account of it once more ends the connection that is there"
            ),
            "Set live_refresh_tokens = 1, as in the profile below: then people are told before they agree.",
        );
    }
    if asking.endpoints.revocation.is_some() {
        let what = "the reach of a revoke was not measured: there cannot be two consents to compare";
        report.unproven(ABOUT, what);
    }
}

/// The value that is safe by what was seen.
pub(super) fn judge(asking: &Asking<'_>, ended: Ended, report: &mut Report) {
    let believed = asking.probe.issuer.profile.revocation_reach;
    let what = match (ended.elsewhere, ended.beside) {
        (_, Some(true)) => "it ended the other consent of the same browser too",
        (Some(true), _) => "it ended the consent of another browser too",
        (Some(false), Some(false)) => {
            report.measured.revocation_reach = Some(Reach::Family);
            report.good(
                ABOUT,
                "it ended that consent only, and the person's other lives, in another browser and in the same: \
                 revocation_reach = \"family\" (whether a sibling of the token would have lived was not measured)",
            );
            return;
        }
        (Some(false), None) | (None, Some(false)) => {
            let (seen, unseen) =
                if ended.beside.is_none() { ("another", "the same") } else { ("the same", "another") };
            report.unproven(
                ABOUT,
                format!(
                    "it ended that consent only where the other was of {seen} browser; that of {unseen} browser was not \
                     measured, and may end all the same"
                ),
            );
            return;
        }
        (None, None) => return,
    };
    report.measured.revocation_reach = Some(Reach::Grant);
    let what = format!("{what}: revocation_reach = \"grant\"");
    if matches!(believed, Reach::Token | Reach::Family) {
        report.problem(
            ABOUT,
            format!("{what}, and the profile believes less, so stopping one connection would stop others"),
            "Set revocation_reach = \"grant\", as in the profile below.",
        );
    } else {
        report.good(ABOUT, what);
    }
}

/// Ends what is left, so that nothing of the probe lives on.
pub(super) async fn end(
    asking: &Asking<'_>,
    left: Option<Token>,
    reach_was_measured: bool,
    report: &mut Report,
) {
    if asking.endpoints.revocation.is_none() {
        let alive = left.is_some();
        if alive {
            let what = "the test account's grant is still alive there: end it in the issuer's own settings";
            report.unproven(ABOUT, what);
        }
        return;
    }
    match left {
        Some(left) if reach_was_measured => {
            // Told before: what it does is known.
            revoke(asking, &left, &mut Report::default()).await;
        }
        Some(left) => {
            revoke(asking, &left, report).await;
            report.unproven(ABOUT, "what else a revoke ends was not measured: that needs more consents");
        }
        None if !reach_was_measured => report.unproven(
            ABOUT,
            "what a revoke ends was not measured: the reuse had ended the only consent; that needs more of them",
        ),
        None => {}
    }
}

/// Whether the token was revoked, and is dead.
async fn revoke(asking: &Asking<'_>, token: &Token, report: &mut Report) -> bool {
    let Some(url) = &asking.endpoints.revocation else { return false };
    let cure =
        "Until this is mended no revoke is confirmed; if it cannot be, set revocation_reach = \"none\".";
    match ask(&asking.probe.issuers.http, url, asking.client, token, Kind::RefreshToken).await {
        Ok(answer) if (200..300).contains(&answer.status) => {}
        Ok(answer) => {
            let what = format!("it does not revoke a refresh token that is alive (status {})", answer.status);
            report.problem(ABOUT, what, cure);
            return false;
        }
        Err(fault) => {
            report.problem(ABOUT, format!("it gave no answer to a revoke: {fault}"), cure);
            return false;
        }
    }
    match asking.refresh(token).await {
        Err(fault) if is_dead(&fault, report) => {
            report.good(ABOUT, "a refresh token is dead as soon as it is revoked");
            true
        }
        Ok(_) => {
            report.problem(
                ABOUT,
                "it confirms a revoke, and the refresh token works all the same",
                "Tell its operator; until then a person must end the grant in the issuer's own settings.",
            );
            false
        }
        Err(fault) => {
            report.unproven(ABOUT, format!("whether the revoked token is dead could not be seen: {fault}"));
            false
        }
    }
}
