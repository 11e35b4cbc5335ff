//! Time: the one place that reads the system clock. Everything else is given a `Timestamp`.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::torture;

/// A moment in whole Unix seconds, the form in which every time is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// `seconds` later (or earlier, if negative); saturates instead of wrapping on absurd input.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Whole seconds from `now` until this moment; negative when it has passed.
    #[must_use]
    pub const fn seconds_from(self, now: Self) -> i64 {
        self.0.saturating_sub(now.0)
    }

    /// For people, as seen from `now`: "5 minutes ago", "in 1 hour", and beyond a week "1 April 2026". Reads well
    /// after "Connected" and "Last used".
    #[must_use]
    pub fn human(self, now: Self) -> String {
        let ahead = self.seconds_from(now);
        let seconds = ahead.unsigned_abs();
        // What is to come is rounded up: nobody is told that it is over before it is.
        let whole = |unit: u64| if ahead > 0 { seconds.div_ceil(unit) } else { seconds / unit };
        let (count, unit) = match (whole(60), whole(3_600), whole(86_400)) {
            (0, ..) => return "just now".to_owned(),
            (minutes @ ..60, ..) => (minutes, "minute"),
            (_, hours @ ..24, _) => (hours, "hour"),
            (.., days @ ..=7) => (days, "day"),
            _ => {
                return self
                    .date_time()
                    .format(format_description!("[day padding:none] [month repr:long] [year]"))
                    .unwrap_or_default();
            }
        };
        let plural = if count == 1 { "" } else { "s" };
        if ahead > 0 { format!("in {count} {unit}{plural}") } else { format!("{count} {unit}{plural} ago") }
    }

    /// `1 Apr 2026, 12:03 UTC`, for people who keep a record.
    #[must_use]
    pub fn exact(self) -> String {
        let format = format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute] UTC");
        self.date_time().format(format).unwrap_or_default()
    }

    /// `1 Apr 2026, 12:03:04 UTC`, where it is about seconds.
    #[must_use]
    pub fn to_the_second(self) -> String {
        let format =
            format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute]:[second] UTC");
        self.date_time().format(format).unwrap_or_default()
    }

    /// `1 April`, UTC, where the year goes without saying.
    #[must_use]
    pub fn day(self) -> String {
        self.date_time()
            .format(format_description!("[day padding:none] [month repr:long]"))
            .unwrap_or_default()
    }

    /// RFC 3339, for machines and for the title of a `<time>`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.date_time().format(&Rfc3339).unwrap_or_default()
    }

    /// From RFC 3339, rounded down to a second.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(|moment| Self(moment.unix_timestamp()))
    }

    /// The `Date` of an HTTP answer, in any of its three forms. RFC 9110 section 5.6.7.
    #[must_use]
    pub fn from_http_date(text: &str) -> Option<Self> {
        let date = httpdate::parse_http_date(text).ok()?;
        let since = date.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok().map(Self)
    }

    /// As an HTTP answer writes its `Date`.
    #[must_use]
    pub fn http_date(self) -> String {
        let since = Duration::from_secs(u64::try_from(self.0).unwrap_or_default());
        httpdate::fmt_http_date(UNIX_EPOCH + since)
    }

    fn date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// A moment in whole Unix milliseconds, where a second is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(i64);

impl Millis {
    #[must_use]
    pub const fn from_unix(millis: i64) -> Self {
        Self(millis)
    }

    /// From its second and the part of the next one, as two columns hold it.
    #[must_use]
    pub const fn of(second: Timestamp, part: i64) -> Self {
        Self(second.0.saturating_mul(1000).saturating_add(part))
    }

    /// Rounded down.
    #[must_use]
    pub const fn second(self) -> Timestamp {
        Timestamp(self.0.div_euclid(1000))
    }

    /// What its second leaves of it, 0 to 999.
    #[must_use]
    pub const fn part(self) -> i64 {
        self.0.rem_euclid(1000)
    }

    /// Nothing, when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.rfc3339())
    }
}

/// Where the system's monotonic time begins for us: nobody reads it but as a difference.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Where the time comes from: the system, the database that replicas share, or a hand that a test moves.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// The system's, and by how many milliseconds the database's is ahead of it. All replicas judge by one clock, so none
    /// that is wrong keeps the others waiting, or takes a token for alive that is over.
    Shared(Arc<AtomicI64>),
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still at `start` until it is advanced.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.unix())))
    }

    /// One that follows a database's clock from now on; a manual one stands for both.
    #[must_use]
    pub fn shared(self) -> Self {
        match self {
            Self::System => Self::Shared(Arc::default()),
            shared_or_manual => shared_or_manual,
        }
    }

    /// The database has just said that it is `theirs`, in Unix milliseconds; it took `asking` to ask it.
    pub fn agree(&self, theirs: i64, asking: Duration) {
        if let Self::Shared(ahead) = self {
            let half = i64::try_from(asking.as_millis() / 2).unwrap_or_default();
            ahead.store(theirs.saturating_add(half).saturating_sub(system_millis()), Ordering::SeqCst);
        }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now_in_millis().second()
    }

    /// To the millisecond; by a manual clock its second.
    #[must_use]
    pub fn now_in_millis(&self) -> Millis {
        match self {
            Self::System => Millis(system_millis()),
            Self::Shared(ahead) => Millis(system_millis().saturating_add(ahead.load(Ordering::SeqCst))),
            Self::Manual(seconds) => Millis::of(Timestamp(seconds.load(Ordering::SeqCst)), 0),
        }
    }

    /// A finer time that never goes back, for how fast something happens; it is no time of day, and never stored.
    /// By a manual clock its seconds.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        match self {
            Self::System | Self::Shared(_) => BEGIN.elapsed(),
            Self::Manual(_) => Duration::from_secs(u64::try_from(self.now().unix()).unwrap_or_default()),
        }
    }

    /// Waits so many seconds; a manual clock is moved by them instead.
    pub async fn pause(&self, seconds: u32) {
        match self {
            Self::System | Self::Shared(_) => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
            Self::Manual(_) => self.advance(seconds.into()),
        }
    }

    /// Moves a manual clock; the system's clock is nobody's to move.
    pub fn advance(&self, seconds: i64) {
        if let Self::Manual(now) = self {
            now.fetch_add(seconds, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one reader of the system clock")]
fn system_millis() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
    millis.saturating_add(torture::clock_offset().saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_clock_tells_the_time_of_the_database_however_wrong_the_systems_is() {
        let clock = Clock::System.shared();
        let now = Clock::System.now();
        for ahead in [0, 600, -600] {
            clock.agree(now.plus(ahead).unix() * 1000, Duration::ZERO);
            assert!((0..5).contains(&clock.now().seconds_from(now.plus(ahead))), "{ahead}");
        }
        let manual = Clock::manual(now).shared();
        manual.agree(0, Duration::ZERO);
        assert_eq!(manual.now(), now);
    }

    #[test]
    fn a_moment_to_the_millisecond_is_its_second_and_what_that_leaves() {
        for (millis, second, part) in [(1999, 1, 999), (2000, 2, 0), (-1, -1, 999)] {
            let moment = Millis::from_unix(millis);
            assert_eq!((moment.second().unix(), moment.part()), (second, part));
            assert_eq!(Millis::of(moment.second(), part), moment);
        }
        let since = |later, earlier| Millis::from_unix(later).since(Millis::from_unix(earlier)).as_millis();
        assert_eq!((since(5, 3), since(3, 5)), (2, 0));
    }

    #[test]
    fn people_read_how_long_ago_or_how_soon() {
        let now = Timestamp::from_unix(1_775_044_800);
        let said = |seconds| now.plus(seconds).human(now);
        assert_eq!(said(0), "just now");
        assert_eq!(said(-59), "just now");
        assert_eq!(said(-60), "1 minute ago");
        assert_eq!(said(-3_599), "59 minutes ago");
        assert_eq!(said(-7_200), "2 hours ago");
        assert_eq!(said(-86_400 * 8 + 1), "7 days ago");
        assert_eq!(said(-86_400 * 8), "24 March 2026");
        assert_eq!(said(1), "in 1 minute");
        assert_eq!(said(3_597), "in 1 hour");
        assert_eq!(said(86_400 * 30), "1 May 2026");
    }

    #[test]
    fn a_date_of_http_is_read_as_it_is_written() {
        let moment = Timestamp::from_unix(784_111_777);
        assert_eq!(moment.http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"] {
            assert_eq!(Timestamp::from_http_date(text), Some(moment));
        }
        assert_eq!(Timestamp::from_http_date("yesterday"), None);
    }

    #[test]
    fn a_record_names_its_minute() {
        let moment = Timestamp::from_unix(1_775_044_980);
        assert_eq!(moment.exact(), "1 Apr 2026, 12:03 UTC");
        assert_eq!(moment.day(), "1 April");
    }
}
