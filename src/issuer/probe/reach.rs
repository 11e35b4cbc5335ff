//! What dies at the issuer when one refresh token is revoked there (RFC 7009), measured by two consents of one person.

use super::Report;
use super::consent::{Asking, is_dead, next};
use super::revocation::ABOUT;
use crate::issuer::profile::Reach;
use crate::issuer::revoke::{Kind, ask};
use crate::secret::Token;

/// Revokes the second, and looks whether the first is alive. What is left alive to measure by.
pub(super) async fn measure(
    asking: &Asking<'_>,
    first: Token,
    second: Token,
    report: &mut Report,
) -> Option<Token> {
    let first = match asking.refresh(&first).await {
        Ok(answer) => next(first, answer),
        Err(fault) if is_dead(&fault, report) => {
            report.measured.live_refresh_tokens = Some(1);
            report.unproven(
                "refresh tokens",
                "the second consent ended the first, so one person can have one alive: live_refresh_tokens = 1; the \
                 reach of a revoke could not be measured",
            );
            return Some(second);
        }
        Err(fault) => {
            report.unproven(ABOUT, format!("the reach was not measured: the first refresh failed ({fault})"));
            return Some(second);
        }
    };
    if !revoke(asking, &second, report).await {
        return Some(first);
    }
    match asking.refresh(&first).await {
        Ok(answer) => {
            report.measured.revocation_reach = Some(Reach::Family);
            report.good(
                ABOUT,
                "it ended that consent only, and the person's other lives: revocation_reach = \"family\" (whether a \
                 sibling of the token would have lived was not measured)",
            );
            Some(next(first, answer))
        }
        Err(fault) if is_dead(&fault, report) => {
            report.measured.revocation_reach = Some(Reach::Grant);
            let what = "it ended every consent of the same person and client: revocation_reach = \"grant\"";
            if asking.probe.issuer.profile.revocation_reach == Reach::Grant {
                report.good(ABOUT, what);
            } else {
                report.problem(
                    ABOUT,
                    format!(
                        "{what}, and the profile believes less, so stopping one connection would stop others"
                    ),
                    "Set revocation_reach = \"grant\", as in the profile below.",
                );
            }
            None
        }
        Err(fault) => {
            report.unproven(ABOUT, format!("the reach was not measured: a refresh failed ({fault})"));
            Some(first)
        }
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
            report.unproven(ABOUT, "what else a revoke ends was not measured: that needs a second consent");
        }
        None if !reach_was_measured => report.unproven(
            ABOUT,
            "what a revoke ends was not measured: the reuse had ended the only consent; that needs a second one",
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
