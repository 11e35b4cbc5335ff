//! The checker: lets everything settle, asks for every connection again, and compares what callers saw, what the
//! issuer's book says and what stands in the database.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use attache::clock::{Clock, Timestamp};
use attache::sandbox::issuer::{Shown, Verdict};
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::arguments::Issuer;
use crate::excuse::{TOO_LATE, at_once, excuse};
use crate::history::Outcome;
use crate::rows::{self, Row};
use crate::stage::{LEASE, LIFETIME, Stage, subject};

/// How soon the cause must be named.
const CAUSE_WITHIN: Duration = Duration::from_secs(5);
/// For all of them together: leases run out, two one after the other at the most, and waits end; a connection that gives no answer by then never will.
const PATIENCE: Duration = Duration::from_secs(2 * LEASE + 20);
/// How many connections are asked for at one time: this judges correctness, not speed.
const AT_ONCE: usize = 8;

/// What was found so far.
#[derive(Debug, Default)]
pub struct Findings {
    /// Why grants were lost, and how many.
    pub lost: BTreeMap<&'static str, u64>,
    pub lost_without_excuse: u64,
    /// The row does not say that its grant is gone, or is not there.
    pub lost_silently: u64,
    pub deleted: u64,
    /// Tokens that two processes showed at the same time.
    pub spent_at_once: u64,
    pub wrong_tokens: u64,
    /// The longest that a caller waited to be told why.
    pub slowest_cause: Duration,
    pub asked: u64,
    pub handed_out: u64,
    pub hung_up: u64,
    pub unanswered: u64,
    /// How much of the issuer's book was read.
    read: usize,
}

/// What the last question for a connection brought, and how long that one took.
struct Last {
    outcome: Option<Outcome>,
    took: Duration,
}

impl Findings {
    /// Everything is well again; so what is still wrong is a fault. The connections that must be connected again.
    pub async fn judge(&mut self, stage: &Stage, kind: Issuer) -> Vec<usize> {
        let stall = Stall::begin();
        let first = ask_all(stage, 0).await;
        // What was stored must be the issuer's present refresh token: by now it was spent once more.
        sleep(Duration::from_secs(LIFETIME.unsigned_abs() + 1)).await;
        let second = ask_all(stage, 1).await;
        let stall = stall.end();
        let rows = rows::read(&stage.database).await;
        let book = stage.issuer.shown(0);
        let mut dead = Vec::new();
        for (connection, last) in
            first.iter().zip(&second).enumerate().flat_map(|(number, (first, second))| {
                // The first time counts: the second finds what is known.
                let first = matches!(first.outcome, Some(Outcome::Reconnect(_))).then_some(first);
                [(number, first.unwrap_or(second))]
            })
        {
            let row = rows.get(&stage.callers.connections[connection]);
            if self.judge_connection(stage, connection, last, row, stall) {
                dead.push(connection);
            }
        }
        self.judge_book(stage, kind, &book, &dead);
        self.read = book.len();
        self.judge_asks(stage);
        dead
    }

    /// Whether its grant is lost.
    fn judge_connection(
        &mut self,
        stage: &Stage,
        number: usize,
        last: &Last,
        row: Option<&Row>,
        stall: Duration,
    ) -> bool {
        let broken =
            |what: String| stage.history.broken(format!("{}: {what}", stage.callers.connections[number]));
        let Some(row) = row else {
            self.deleted += 1;
            broken("its row is gone".to_owned());
            return false;
        };
        match &last.outcome {
            Some(Outcome::Token(_)) => false,
            Some(Outcome::Reconnect(cause)) => {
                self.slowest_cause = self.slowest_cause.max(last.took);
                if last.took > CAUSE_WITHIN + stall {
                    broken(format!("its cause was named after {:?} only", last.took));
                }
                if row.status != "needs_reconnect" || row.cause.as_ref() != Some(cause) {
                    self.lost_silently += 1;
                    broken(format!("callers are told {cause}, and its row says {row:?}"));
                }
                if cause != "rotation_lost" {
                    broken(format!("its answer was lost, and callers are told {cause}"));
                }
                true
            }
            other => {
                self.lost_silently += 1;
                broken(format!("neither a token nor a cause after {PATIENCE:?}, but {other:?}; {row:?}"));
                false
            }
        }
    }

    /// Whatever was shown twice must have been shown for a reason, and whatever ended must be known to have ended.
    fn judge_book(&mut self, stage: &Stage, kind: Issuer, book: &[Shown], dead: &[usize]) {
        let events = stage.history.events();
        let mut ended: HashMap<&str, &Shown> = HashMap::new();
        for shown in book[self.read..].iter().filter(|shown| shown.verdict == Verdict::Reused) {
            ended.insert(&shown.subject, shown);
        }
        for connection in dead {
            let id = &stage.callers.connections[*connection];
            let subject = subject(*connection);
            let reused = ended.remove(subject.as_str());
            let rotated = reused.and_then(|reused| rotation(book, reused));
            let too_late = || stage.logged(id, TOO_LATE).then_some("its answer came too late");
            let reason = reused.zip(rotated);
            let reason =
                reason.and_then(|(reused, rotated)| excuse(rotated, reused, id, &events).or_else(too_late));
            match reason {
                Some(reason) if kind == Issuer::Strict => *self.lost.entry(reason).or_default() += 1,
                _ => {
                    self.lost_without_excuse += 1;
                    let story = tell(book, &subject, &events);
                    stage.history.broken(format!("{id} was lost; reason: {reason:?}\n{story}"));
                }
            }
        }
        let mut last: HashMap<(usize, u32), &Shown> = HashMap::new();
        for (number, second) in book.iter().enumerate() {
            let first = last.insert((second.family, second.generation), second);
            let is_new = number >= self.read;
            let strict = kind == Issuer::Strict;
            if let Some(first) = first.filter(|first| strict && is_new && at_once(first, second)) {
                self.spent_at_once += 1;
                stage.history.broken(format!("two processes spent one token at once: {first:?} {second:?}"));
            }
        }
        for (subject, shown) in ended {
            // Its connection works, so it was another grant of the same person; or it works no longer, and nobody says so.
            self.lost_silently += 1;
            stage
                .history
                .broken(format!("{subject}: a spent token ended a grant, and nobody says so: {shown:?}"));
        }
    }

    /// Nobody was given a token of somebody else.
    fn judge_asks(&mut self, stage: &Stage) {
        for ask in stage.history.take_asks() {
            self.asked += 1;
            match ask.outcome {
                Outcome::Token(token) => {
                    self.handed_out += 1;
                    let whose = stage.issuer.whose(&token).map(|(whose, _)| whose);
                    if whose.as_ref() != Some(&subject(ask.connection)) {
                        self.wrong_tokens += 1;
                        let id = &stage.callers.connections[ask.connection];
                        stage.history.broken(format!("{id} was handed out with a token of {whose:?}"));
                    }
                }
                Outcome::HungUp => self.hung_up += 1,
                Outcome::NoAnswer => self.unanswered += 1,
                Outcome::Reconnect(_) | Outcome::Refused(_) => {}
            }
        }
    }

    pub fn lost(&self) -> u64 {
        self.lost.values().sum::<u64>() + self.lost_without_excuse
    }
}

/// The entry that spent the token which was shown again.
fn rotation<'a>(book: &'a [Shown], reused: &Shown) -> Option<&'a Shown> {
    let spent = |shown: &&Shown| {
        shown.verdict == Verdict::Current
            && (shown.family, shown.generation) == (reused.family, reused.generation)
    };
    book.iter().find(spent)
}

/// The last of what happened to somebody's grant, for whoever looks for the fault.
fn tell(book: &[Shown], subject: &str, events: &[crate::history::Event]) -> String {
    let theirs: Vec<&Shown> = book.iter().filter(|shown| shown.subject == subject).collect();
    let end = &theirs[theirs.len().saturating_sub(6)..];
    let last: Vec<String> = end.iter().map(|shown| format!("    {shown:?}")).collect();
    let from = end.first().map_or(Duration::ZERO, |shown| shown.at);
    let whose: Vec<&str> = theirs.iter().map(|shown| shown.by.as_str()).collect();
    let near = events.iter().filter(|event| match event {
        crate::history::Event::Kill { who, at, .. } => *at >= from && whose.contains(&who.as_str()),
        crate::history::Event::Pause { who, to, .. } => *to >= from && whose.contains(&who.as_str()),
        _ => false,
    });
    let near: Vec<String> = near.map(|event| format!("    {event:?}")).collect();
    format!("{}\n{}", last.join("\n"), near.join("\n"))
}

/// Asks for each connection until there is a token that was issued since, or a cause why there is none.
async fn ask_all(stage: &Stage, turn: usize) -> Vec<Last> {
    let (began, since) = (Instant::now(), Clock::System.now());
    let waiting: Mutex<VecDeque<usize>> = Mutex::new((0..stage.callers.connections.len()).collect());
    let all = join_all((0..AT_ONCE).map(async |_| {
        let mut answers = Vec::new();
        loop {
            let Some(connection) = waiting.lock().expect("a lock").pop_front() else { return answers };
            let process = (connection + turn) % stage.processes.len();
            match ask_once(stage, process, connection, since).await {
                (last, told) if told || began.elapsed() > PATIENCE => answers.push((connection, last)),
                // What it waits for, the others wait for at the same time.
                _ => {
                    waiting.lock().expect("a lock").push_back(connection);
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }));
    let mut all: Vec<(usize, Last)> = all.await.into_iter().flatten().collect();
    all.sort_by_key(|(connection, _)| *connection);
    all.into_iter().map(|(_, last)| last).collect()
}

/// What it brought, and whether that is an answer.
async fn ask_once(stage: &Stage, process: usize, connection: usize, after: Timestamp) -> (Last, bool) {
    let began = Instant::now();
    let outcome = stage.callers.ask(process, connection).await;
    let took = began.elapsed();
    let told = match &outcome {
        Outcome::Token(token) => {
            let ends = stage.issuer.whose(token).map(|(_, ends)| ends);
            // Of somebody else: `judge_asks` says so.
            ends.is_none_or(|ends| ends.plus(-LIFETIME) > after)
        }
        Outcome::Reconnect(_) => true,
        _ => false,
    };
    let is_old = !told && matches!(outcome, Outcome::Token(_));
    (Last { outcome: (!is_old).then_some(outcome), took }, told)
}

/// How long this machine let nobody work: nothing that must happen in time is judged without it.
struct Stall(tokio::task::JoinHandle<()>, std::sync::Arc<std::sync::atomic::AtomicU64>);

impl Stall {
    fn begin() -> Self {
        let longest = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let seen = std::sync::Arc::clone(&longest);
        let ticker = tokio::spawn(async move {
            loop {
                let began = Instant::now();
                sleep(Duration::from_millis(20)).await;
                let late = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_sub(20);
                seen.fetch_max(late, Ordering::SeqCst);
            }
        });
        Self(ticker, longest)
    }

    /// Several such stalls may meet in one answer.
    fn end(self) -> Duration {
        self.0.abort();
        Duration::from_millis(self.1.load(Ordering::SeqCst)) * 4
    }
}
