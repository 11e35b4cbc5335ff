//! Judges the issuer's clock by the `Date` of an answer: tokens are dated by it.

use super::report::Report;
use crate::clock::Timestamp;
use crate::issuer::claims::SKEW;
use crate::issuer::http::Response;

const ABOUT: &str = "clock";

/// `before` and `after` are our own time when the request went out and when its answer was there.
pub(super) fn judge(answer: &Response, before: Timestamp, after: Timestamp, report: &mut Report) {
    let Some(theirs) = answer.date else {
        report.unproven(ABOUT, "its answers have no Date, so the clocks were not compared");
        return;
    };
    // On its way the answer grew older by an unknown part of that time.
    let ahead = theirs.seconds_from(after).max(0) - before.seconds_from(theirs).max(0);
    let difference = ahead.unsigned_abs();
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    if ahead.abs() <= SKEW {
        report.good(ABOUT, format!("differs from ours by {difference} seconds; {SKEW} are allowed"));
        return;
    }
    report.problem(
        ABOUT,
        format!("it is {difference} seconds {side} ours; beyond {SKEW}, its ID tokens are refused and tokens end at the wrong time"),
        "Set this machine's clock by NTP; if it is right, tell the issuer's operator.",
    );
}
