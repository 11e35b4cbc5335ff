//! An open loop: clients that ask at the times they were told, however long the answers take, so that more can be
//! offered than a server has. A client that is still waiting when its next time comes skips it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::{sleep, sleep_until, timeout_at};

use super::client::Client;
use super::closed::histogram;
use super::{Draw, Job};
use crate::fault::{Fault, refuse};
use crate::machine::cores;
use crate::numbers::{float, nanoseconds, whole};

#[derive(Clone, Copy, Debug)]
pub struct Offer {
    pub address: SocketAddr,
    pub clients: usize,
    /// Requests a second, by all clients together.
    pub rate: f64,
    pub lasts: Duration,
    /// Whether a client that is told to wait does.
    pub honours_retry_after: bool,
}

/// What came of an offer.
pub struct Taken {
    /// Requests that were sent.
    pub offered: u64,
    /// Times at which a client was still waiting, or had been told to.
    pub skipped: u64,
    pub right: u64,
    /// 429 and 503.
    pub refused: u64,
    /// Connections that were cut or not let in.
    pub cut: u64,
    pub wrong: u64,
    pub latencies: Histogram<u64>,
    pub refusals: Histogram<u64>,
}

impl Taken {
    fn none() -> Result<Self, Fault> {
        let (latencies, refusals) = (histogram()?, histogram()?);
        Ok(Self { offered: 0, skipped: 0, right: 0, refused: 0, cut: 0, wrong: 0, latencies, refusals })
    }

    fn add(&mut self, other: &Self) -> Result<(), Fault> {
        self.offered += other.offered;
        self.skipped += other.skipped;
        self.right += other.right;
        self.refused += other.refused;
        self.cut += other.cut;
        self.wrong += other.wrong;
        self.latencies.add(&other.latencies)?;
        self.refusals.add(&other.refusals)?;
        Ok(())
    }
}

pub fn offer(job: &Arc<dyn Job>, offer: Offer) -> Result<Taken, Fault> {
    let threads = cores();
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let job = Arc::clone(job);
            std::thread::spawn(move || work(&job, offer, thread, offer.clients / threads))
        })
        .collect();
    let mut taken = Taken::none()?;
    for worker in workers {
        let Ok(one) = worker.join() else { return refuse("a client of the bench panicked") };
        taken.add(&one?)?;
    }
    Ok(taken)
}

fn work(job: &Arc<dyn Job>, offer: Offer, thread: usize, clients: usize) -> Result<Taken, Fault> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let taken = Rc::new(RefCell::new(Taken::none()?));
        let begin = tokio::time::Instant::now();
        let tasks: Vec<_> = (0..clients)
            .map(|number| {
                let seed = u64::try_from(thread * 100_000 + number).unwrap_or_default();
                let (job, taken) = (Arc::clone(job), Rc::clone(&taken));
                let asker = Asker { job, offer, begin, taken, draw: Draw::new(seed) };
                tokio::task::spawn_local(asker.ask())
            })
            .collect();
        for task in tasks {
            task.await?;
        }
        let Ok(taken) = Rc::try_unwrap(taken) else { return refuse("a client is still asking") };
        Ok(taken.into_inner())
    })
}

struct Asker {
    job: Arc<dyn Job>,
    offer: Offer,
    begin: tokio::time::Instant,
    taken: Rc<RefCell<Taken>>,
    draw: Draw,
}

impl Asker {
    async fn ask(mut self) {
        let interval = float(u64::try_from(self.offer.clients).unwrap_or(1)) / self.offer.rate;
        let interval = Duration::from_secs_f64(interval);
        let end = self.begin + self.offer.lasts;
        let phase = self.draw.below(nanoseconds(interval).max(1));
        let mut due = self.begin + Duration::from_nanos(phase);
        let mut kept = None;
        let mut scratch = Vec::new();
        while due < end {
            sleep_until(due).await;
            let told = timeout_at(end, self.once(&mut kept, &mut scratch)).await;
            let Ok(told) = told else { return };
            if let Some(seconds) = told.filter(|_| self.offer.honours_retry_after) {
                // As told, and a little apart from each other.
                let apart = Duration::from_millis(self.draw.below(250));
                let until = tokio::time::Instant::now() + Duration::from_secs(seconds) + apart;
                if until >= end {
                    return;
                }
                sleep_until(until).await;
            }
            let late = tokio::time::Instant::now().saturating_duration_since(due);
            let passed = late.as_secs_f64() / interval.as_secs_f64();
            self.taken.borrow_mut().skipped += whole(passed);
            due += interval.mul_f64(passed.floor() + 1.0);
        }
    }

    /// One request. How long to wait, when it was refused.
    async fn once(&mut self, kept: &mut Option<Client>, scratch: &mut Vec<u8>) -> Option<u64> {
        let (_, request) = self.job.request(&mut self.draw, scratch)?;
        self.taken.borrow_mut().offered += 1;
        let sent = Instant::now();
        let client = match kept {
            Some(client) => client,
            None => match Client::connect(self.offer.address).await {
                Ok(client) => kept.insert(client),
                Err(_) => return self.cut().await,
            },
        };
        let Ok(answer) = client.ask(request).await else {
            *kept = None;
            return self.cut().await;
        };
        let took = nanoseconds(sent.elapsed());
        let mut taken = self.taken.borrow_mut();
        if answer.is_refusal() {
            taken.refused += 1;
            taken.refusals.saturating_record(took);
            return Some(answer.retry_after().unwrap_or(1));
        }
        if self.job.looks_right(answer.status, answer.body) {
            taken.right += 1;
            taken.latencies.saturating_record(took);
        } else {
            taken.wrong += 1;
        }
        None
    }

    /// A client that cannot get in does not spin.
    async fn cut(&self) -> Option<u64> {
        self.taken.borrow_mut().cut += 1;
        sleep(Duration::from_millis(10)).await;
        None
    }
}
