//! What is known of the PostgreSQL server: when it was last heard, when the heartbeat was last answered, whether it is the
//! primary that it was, and from when on a connection to it is trusted. Connects to nothing, and decides nothing for
//! anybody else.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whoever has waited for so long looks whether the server still answers anybody.
const GRACE: Duration = Duration::from_secs(1);
/// Nothing was heard for so long, though the heartbeat asks every half second: the server is silent.
const SILENT: Duration = Duration::from_millis(1500);
/// How often those who wait look.
const LOOK: Duration = Duration::from_millis(100);
/// No statement is waited for any longer, whatever others hear.
const DEADLINE: Duration = Duration::from_secs(30);
/// A heartbeat that is older than this means that the server is not ready.
const STALE: Duration = Duration::from_secs(3);

/// The time is counted in milliseconds since `began`, so that telling it costs one store.
#[derive(Debug)]
pub struct Standing {
    began: Instant,
    heard: AtomicU64,
    /// When the last heartbeat was answered.
    beat: AtomicU64,
    /// Whether anybody beats: a command does not, and then silence tells nothing.
    beating: AtomicBool,
    /// A connection that was made before this is not used any more.
    distrusted: AtomicU64,
    /// Whether our role may not see which server it is.
    blind: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    server: Option<Server>,
    trouble: Option<String>,
}

/// Which server it is: a copy has the same system identifier, and once it is promoted another timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub system: String,
    /// Eight hexadecimal digits, as in the name of a log file.
    pub timeline: String,
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "system {}, timeline {}", self.system, self.timeline)
    }
}

/// How a server presents itself on one connection.
#[derive(Clone, Debug)]
pub struct Presented {
    pub standby: bool,
    pub read_only: bool,
    /// None when our role may not see it.
    pub server: Option<Server>,
}

/// Nobody waits any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RanOut;

impl Default for Standing {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            heard: AtomicU64::new(0),
            beat: AtomicU64::new(0),
            beating: AtomicBool::new(false),
            distrusted: AtomicU64::new(0),
            blind: AtomicBool::new(false),
            known: Mutex::default(),
        }
    }
}

impl Standing {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn since(&self, moment: &AtomicU64) -> Duration {
        Duration::from_millis(self.now().saturating_sub(moment.load(Ordering::Relaxed)))
    }

    fn known<T>(&self, with: impl FnOnce(&mut Known) -> T) -> T {
        with(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Somebody had an answer of the server, whatever it said.
    pub fn is_heard(&self) {
        self.heard.store(self.now(), Ordering::Relaxed);
    }

    /// From now on somebody asks every half second.
    pub fn begin_beating(&self) {
        self.is_heard();
        self.beat.store(self.now(), Ordering::Relaxed);
        self.beating.store(true, Ordering::Relaxed);
    }

    /// The heartbeat was answered, by the primary.
    pub fn beats(&self) {
        self.is_heard();
        self.beat.store(self.now(), Ordering::Relaxed);
        self.known(|known| known.trouble = None);
    }

    pub fn end_beating(&self) {
        self.beating.store(false, Ordering::Relaxed);
    }

    pub fn is_not_shown(&self) {
        self.blind.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.blind.load(Ordering::Relaxed)
    }

    /// No server that could be used was found.
    pub fn is_in_trouble(&self, why: &str) {
        self.known(|known| known.trouble = Some(why.to_owned()));
    }

    /// The connections that there are now are not used any more.
    pub fn distrust(&self) {
        self.distrusted.store(self.now(), Ordering::Relaxed);
    }

    /// Whether a connection of this age may be used.
    #[must_use]
    pub fn trusts(&self, age: Duration) -> bool {
        let distrusted = self.distrusted.load(Ordering::Relaxed);
        distrusted == 0 || age < self.since(&self.distrusted)
    }

    /// Judges a server by what it says of itself. A new timeline is another server in the old one's place: what was
    /// connected before is not trusted any more.
    ///
    /// # Errors
    /// Why it is not to be used.
    pub fn judge(&self, presented: &Presented) -> Result<(), String> {
        let judged = self.known(|known| judge(known.server.as_ref(), presented));
        if judged == Ok(true) {
            self.known(|known| known.server.clone_from(&presented.server));
            self.distrust();
        }
        judged.map(drop)
    }

    fn is_silent(&self) -> bool {
        self.beating.load(Ordering::Relaxed) && self.since(&self.heard) > SILENT
    }

    /// For how long no heartbeat was answered; None where nobody beats.
    #[must_use]
    pub fn silent_for(&self) -> Option<Duration> {
        self.beating.load(Ordering::Relaxed).then(|| self.since(&self.beat))
    }

    /// Why the database is not to be used now, for a probe.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.known(|known| known.trouble.clone());
        let silent = self.silent_for().filter(|silent| *silent > STALE);
        trouble.or_else(|| Some(format!("the database has not answered for {} s", silent?.as_secs())))
    }

    /// Waits for a connection: not for long where there is none to be had.
    ///
    /// # Errors
    /// [`RanOut`]
    pub async fn wait_for_connection<T>(&self, work: impl Future<Output = T>) -> Result<T, RanOut> {
        self.wait(work, || self.is_silent() || self.known(|known| known.trouble.is_some())).await
    }

    /// Waits for the answer to a statement: for half a minute at the most, and for a second where the server says nothing to
    /// anybody.
    ///
    /// # Errors
    /// [`RanOut`]: the connection is of no use any more.
    pub async fn wait_for_answer<T>(&self, work: impl Future<Output = T>) -> Result<T, RanOut> {
        let done = self.wait(work, || self.is_silent()).await;
        match done {
            Ok(_) => self.is_heard(),
            // The others are to the same server: none of them is worth a wait of its own.
            Err(RanOut) if self.is_silent() => self.distrust(),
            Err(RanOut) => {}
        }
        done
    }

    async fn wait<T>(&self, work: impl Future<Output = T>, hopeless: impl Fn() -> bool) -> Result<T, RanOut> {
        let began = Instant::now();
        let mut work = std::pin::pin!(work);
        let mut patience = GRACE;
        loop {
            if let Ok(done) = tokio::time::timeout(patience, work.as_mut()).await {
                return Ok(done);
            }
            if hopeless() || began.elapsed() >= DEADLINE {
                return Err(RanOut);
            }
            patience = LOOK;
        }
    }
}

/// Whether it is another server than was known, or a new life of it.
fn judge(known: Option<&Server>, presented: &Presented) -> Result<bool, String> {
    if presented.standby {
        return Err("it is a standby (pg_is_in_recovery), and only a primary is used".to_owned());
    }
    if presented.read_only {
        return Err("it is read-only (transaction_read_only), and only a primary that takes writes is used"
            .to_owned());
    }
    let Some(seen) = &presented.server else { return Ok(false) };
    let Some(known) = known else { return Ok(true) };
    if seen.system != known.system {
        return Err(format!(
            "it is another server ({seen}) than before ({known}); restart to use it all the same"
        ));
    }
    if seen.timeline < known.timeline {
        return Err(format!("it is an old primary ({seen}): a newer one was seen ({known})"));
    }
    Ok(seen.timeline > known.timeline)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primary(system: &str, timeline: &str) -> Presented {
        let server = Some(Server { system: system.to_owned(), timeline: timeline.to_owned() });
        Presented { standby: false, read_only: false, server }
    }

    #[test]
    fn only_the_newest_primary_of_the_same_cluster_is_used() {
        let standing = Standing::default();
        standing.judge(&primary("7", "00000001")).expect("the first");
        standing.judge(&primary("7", "00000001")).expect("the same");
        standing.judge(&primary("7", "0000000A")).expect("a promoted standby");
        let refused = |presented: &Presented| standing.judge(presented).expect_err("refused");
        assert!(refused(&primary("7", "00000001")).contains("old primary"));
        assert!(refused(&primary("8", "0000000A")).contains("another server"));
        assert!(refused(&Presented { standby: true, ..primary("7", "0000000A") }).contains("standby"));
        assert!(refused(&Presented { read_only: true, ..primary("7", "0000000A") }).contains("read-only"));
        // What a role may not see is no reason to refuse.
        standing.judge(&Presented { server: None, ..primary("7", "0000000A") }).expect("unseen");
    }
}
