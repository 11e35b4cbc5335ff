//! A closed loop: each client asks again as soon as it is answered, on as many threads as there are cores, so that the
//! rate is what server and machine give.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::client::{Answer, Client};
use super::{Draw, Job, SAMPLE};
use crate::fault::{Fault, refuse};
use crate::machine::cores;
use crate::numbers::{float, nanoseconds, per_second};
use crate::process::{Cpu, Watched};

/// Two minutes in nanoseconds: nothing is waited for longer.
const LONGEST: u64 = 120_000_000_000;
/// How long after the window an answer is still awaited before the client hangs up.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub address: SocketAddr,
    pub clients: usize,
    pub warm_up: Duration,
    pub window: Duration,
}

/// What one window brought.
pub struct Measured {
    /// Answers of any kind.
    pub answers: u64,
    /// 429 and 503.
    pub refused: u64,
    /// Neither right nor refused.
    pub wrong: u64,
    /// What the first wrong one was.
    pub complaint: Option<String>,
    pub elapsed: Duration,
    /// Of right answers, in nanoseconds.
    pub latencies: Histogram<u64>,
    pub cpu: Cpu,
}

impl Measured {
    pub const fn right(&self) -> u64 {
        self.answers - self.refused - self.wrong
    }

    /// Right answers a second.
    pub fn rate(&self) -> f64 {
        per_second(self.right(), self.elapsed)
    }

    /// Microseconds.
    pub fn percentile(&self, percent: f64) -> f64 {
        float(self.latencies.value_at_quantile(percent / 100.0)) / 1000.0
    }

    /// CPU time of the server and of the database for one right answer, in microseconds.
    pub fn cpu_each(&self) -> (f64, f64) {
        let each = |time: Duration| time.as_secs_f64() * 1e6 / float(self.right().max(1));
        (each(self.cpu.server), each(self.cpu.database))
    }

    /// The bench's own share of the machine, 0 to 1.
    pub fn own_share(&self) -> f64 {
        let machine = self.elapsed.as_secs_f64() * float(u64::try_from(cores()).unwrap_or(1));
        self.cpu.own.as_secs_f64() / machine
    }
}

/// What the clients of one thread have seen within the window.
struct Tally {
    answers: u64,
    refused: u64,
    wrong: u64,
    complaint: Option<String>,
    latencies: Histogram<u64>,
}

pub fn drive(job: &Arc<dyn Job>, shape: Shape, watched: Watched) -> Result<Measured, Fault> {
    let threads = cores().min(shape.clients).max(1);
    let ready = Arc::new(Barrier::new(threads + 1));
    let asking = Arc::new(AtomicUsize::new(threads));
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let (job, ready, asking) = (Arc::clone(job), Arc::clone(&ready), Arc::clone(&asking));
            let clients = shape.clients / threads + usize::from(thread < shape.clients % threads);
            std::thread::spawn(move || {
                let tally = work(&job, shape, thread, clients, &ready);
                asking.fetch_sub(1, Ordering::SeqCst);
                tally
            })
        })
        .collect();
    ready.wait();
    std::thread::sleep(shape.warm_up);
    let (began, before) = (Instant::now(), Cpu::of(watched));
    // A job may run out of what to ask.
    while began.elapsed() < shape.window && asking.load(Ordering::SeqCst) > 0 {
        std::thread::sleep(Duration::from_millis(5).min(shape.window));
    }
    let (cpu, elapsed) = (Cpu::of(watched).since(before), began.elapsed().min(shape.window));
    let mut measured =
        Measured { answers: 0, refused: 0, wrong: 0, complaint: None, elapsed, latencies: histogram()?, cpu };
    for worker in workers {
        let Ok(tally) = worker.join() else { return refuse("a client of the bench panicked") };
        let tally = tally?;
        measured.answers += tally.answers;
        measured.refused += tally.refused;
        measured.wrong += tally.wrong;
        measured.complaint = measured.complaint.or(tally.complaint);
        measured.latencies.add(tally.latencies)?;
    }
    Ok(measured)
}

pub fn histogram() -> Result<Histogram<u64>, Fault> {
    Ok(Histogram::new_with_bounds(1, LONGEST, 3)?)
}

fn work(
    job: &Arc<dyn Job>,
    shape: Shape,
    thread: usize,
    clients: usize,
    ready: &Barrier,
) -> Result<Tally, Fault> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let mut connected = Vec::new();
        for _ in 0..clients {
            connected.push(Client::connect(shape.address).await);
        }
        // Also after a failure: the others wait for us.
        ready.wait();
        let begin = Instant::now() + shape.warm_up;
        let tally = Tally { answers: 0, refused: 0, wrong: 0, complaint: None, latencies: histogram()? };
        let tally = Rc::new(RefCell::new(tally));
        let mut tasks = Vec::new();
        for (number, client) in connected.into_iter().enumerate() {
            let seed = u64::try_from(thread * 10_000 + number)? ^ nanoseconds(begin.elapsed()) ^ chance();
            let asker =
                Asker { job: Arc::clone(job), shape, begin, tally: Rc::clone(&tally), draw: Draw::new(seed) };
            tasks.push(tokio::task::spawn_local(asker.ask(client?)));
        }
        let end = tokio::time::Instant::from_std(begin + shape.window + GRACE);
        for mut task in tasks {
            if let Ok(ended) = tokio::time::timeout_at(end, &mut task).await {
                ended?;
            } else {
                task.abort();
                let _ = task.await;
            }
        }
        let Ok(tally) = Rc::try_unwrap(tally) else { return refuse("a client is still asking") };
        Ok(tally.into_inner())
    })
}

/// Another one in each run.
fn chance() -> u64 {
    u64::from_le_bytes(attache::secret::random_bytes::<8>())
}

struct Asker {
    job: Arc<dyn Job>,
    shape: Shape,
    begin: Instant,
    tally: Rc<RefCell<Tally>>,
    draw: Draw,
}

impl Asker {
    async fn ask(mut self, mut client: Client) {
        let end = self.begin + self.shape.window;
        let mut scratch = Vec::new();
        loop {
            let Some((row, request)) = self.job.request(&mut self.draw, &mut scratch) else { return };
            let sent = Instant::now();
            let answer = client.ask(request).await;
            let now = Instant::now();
            if now >= end {
                return;
            }
            let cut = answer.is_err();
            // What is answered before the window begins does not count.
            if now >= self.begin {
                self.count(row, answer, now.duration_since(sent));
            }
            if cut {
                match Client::connect(self.shape.address).await {
                    Ok(fresh) => client = fresh,
                    Err(_) => return,
                }
            }
        }
    }

    fn count(&self, row: u64, answer: io::Result<Answer<'_>>, took: Duration) {
        let mut tally = self.tally.borrow_mut();
        let sampled = tally.answers.is_multiple_of(SAMPLE);
        tally.answers += 1;
        let complaint = match answer {
            Ok(answer) if answer.is_refusal() => {
                tally.refused += 1;
                return;
            }
            Ok(answer)
                if self.job.looks_right(answer.status, answer.body)
                    && (!sampled || self.job.is_right(row, answer.body)) =>
            {
                tally.latencies.saturating_record(nanoseconds(took).min(LONGEST));
                return;
            }
            Ok(answer) => {
                let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]);
                format!("status {}: {body}", answer.status)
            }
            Err(error) => error.to_string(),
        };
        tally.wrong += 1;
        tally.complaint.get_or_insert(complaint);
    }
}
