//! An issuer one of whose endpoints hangs, beside the usual load: what those who need no issuer notice of those who do, and
//! how soon all is well once the issuer is. `userinfo` is asked for at a sign-in only; the promises hang it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Stage, settle};
use crate::fault::{Fault, refuse};
use crate::issuer::Endpoint;
use crate::jobs::Choice;
use crate::jobs::exchange::FirstSight;
use crate::jobs::hand_out::{HandOut, Wire};
use crate::jobs::stop::Stop;
use crate::load::client::Client;
use crate::load::closed::{Shape, drive};
use crate::load::{Draw, Job};
use crate::numbers::Series;
use crate::report::{Report, milliseconds};
use crate::seed::Seed;
use crate::seed::layout::connection_id;
use crate::seed::write::Writer;

/// Clients of the usual load.
const USUAL: usize = 16;
/// Clients that need the endpoint that hangs, more than there are calls to an issuer at once.
const HELD_UP: usize = 64;
/// Longer than a call may take, and than an answer may.
const HANGS: Duration = Duration::from_secs(15);
/// Until somebody who needs the issuer is served again.
const PATIENCE: Duration = Duration::from_mins(2);
/// Connections that are stopped, and put back afterwards.
const STOPPED: u64 = 64;

const HANGING: [(Endpoint, &str); 4] = [
    (Endpoint::Metadata, "metadata"),
    (Endpoint::KeySet, "key set"),
    (Endpoint::Token, "token"),
    (Endpoint::Revocation, "revocation"),
];

pub fn run(stage: &Stage<'_>, seed: &Seed, report: &mut Report) -> Result<(), Fault> {
    let stopped = seed.layout.to_refresh();
    if !stage.arguments.wants("hung") || stopped.end - stopped.start < 2 * STOPPED {
        return Ok(());
    }
    let stopped = stopped.end - STOPPED..stopped.end;
    stage.runtime.block_on(set_aside(seed, stopped.clone()))?;
    let mut rows = Vec::new();
    for (endpoint, name) in HANGING {
        rows.push(one(stage, seed, endpoint, name, stopped.clone())?);
    }
    stage.runtime.block_on(put_back(seed, stopped))?;
    report.heading(&format!("An endpoint of the issuer hangs, {}", seed.place.name()));
    let columns = [
        "what hangs for 15 s",
        "usual p99 before",
        "meanwhile, median of windows",
        "meanwhile, worst",
        "ratio of medians (aim: within 2x)",
        "answers to those held up",
        "slowest",
        "served again after",
    ];
    report.table(columns, &rows);
    Ok(())
}

fn one(
    stage: &Stage<'_>,
    seed: &Seed,
    endpoint: Endpoint,
    name: &str,
    stopped: std::ops::Range<u64>,
) -> Result<[String; 8], Fault> {
    // A server that has seen no issuer yet has no good copy of anything.
    stage.issuer.hang(Some(endpoint));
    let broker = stage.serve(seed)?;
    let watched = stage.watch(seed, broker.pid());
    let hot: Arc<dyn Job> = Arc::new(HandOut::new(Wire::Json, Choice::Any(seed.layout.hot()), &seed.callers));
    let usual = |window| {
        let shape = Shape { address: broker.address, clients: USUAL, warm_up: Duration::ZERO, window };
        drive(&hot, shape, watched)
    };
    let window = stage.arguments.window();
    usual(window)?;
    settle(watched);
    let mut before = Series::default();
    for _ in 0..3 {
        before.push(usual(window)?.percentile(99.0));
    }
    let refreshed = seed.layout.to_refresh().start..stopped.start;
    let needs: Arc<dyn Job> = match endpoint {
        Endpoint::Metadata | Endpoint::Token => {
            Arc::new(HandOut::new(Wire::Refresh, Choice::each(refreshed), &seed.callers))
        }
        Endpoint::KeySet => {
            Arc::new(FirstSight::new(stage.issuer.clone(), seed.layout, seed.callers.clone()))
        }
        Endpoint::Revocation => Arc::new(Stop::new(stopped, &seed.callers)),
    };
    needs.prepare(2_000);
    let (over, noted) = (CancellationToken::new(), Arc::new(Mutex::new(Seen::default())));
    let began = Instant::now();
    let crowd =
        stage.runtime.spawn(crowd(Arc::clone(&needs), broker.address, over.clone(), Arc::clone(&noted)));
    let mut during = Series::default();
    while began.elapsed() < HANGS {
        let measured = usual(window)?;
        if measured.wrong > 0 {
            return refuse(format!("a usual client got {}", measured.complaint.unwrap_or_default()));
        }
        during.push(measured.percentile(99.0));
    }
    noted.lock().unwrap_or_else(PoisonError::into_inner).well = false;
    stage.issuer.hang(None);
    let healed = Instant::now();
    // Nothing is answered by an issuer that is told of a stop.
    let waits_for_it = endpoint != Endpoint::Revocation;
    while waits_for_it
        && healed.elapsed() < PATIENCE
        && !noted.lock().unwrap_or_else(PoisonError::into_inner).well
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    let again = healed.elapsed();
    over.cancel();
    stage.runtime.block_on(crowd)?;
    let noted = noted.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let ms = |value: Option<f64>| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{} ms", milliseconds(value)))
    };
    let ratio =
        before.median().zip(during.median()).map(|(before, during)| format!("{:.2}x", during / before));
    broker.stop()?;
    Ok([
        name.to_owned(),
        ms(before.median()),
        ms(during.median()),
        ms(during.most()),
        ratio.unwrap_or_default(),
        noted
            .answers
            .iter()
            .map(|(status, count)| format!("{status}: {count}"))
            .collect::<Vec<_>>()
            .join(", "),
        format!("{:.1} s", noted.slowest.as_secs_f64()),
        match (waits_for_it, noted.well) {
            (false, _) => "–".to_owned(),
            (true, true) => format!("{:.1} s", again.as_secs_f64()),
            (true, false) => format!("not within {} s", PATIENCE.as_secs()),
        },
    ])
}

/// What those saw who need the issuer.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// By status; 0 is a connection that was closed.
    answers: std::collections::BTreeMap<u16, u64>,
    slowest: Duration,
    /// Somebody was served since this was last made false.
    well: bool,
}

async fn crowd(
    job: Arc<dyn Job>,
    address: std::net::SocketAddr,
    over: CancellationToken,
    noted: Arc<Mutex<Seen>>,
) {
    let mut clients = JoinSet::new();
    for number in 0..HELD_UP {
        let (job, over, noted) = (Arc::clone(&job), over.clone(), Arc::clone(&noted));
        clients
            .spawn(async move { over.run_until_cancelled(ask(&job, address, number as u64, &noted)).await });
    }
    clients.join_all().await;
}

/// Asks, and comes back as it is told to.
async fn ask(job: &Arc<dyn Job>, address: std::net::SocketAddr, seed: u64, noted: &Mutex<Seen>) {
    let (mut draw, mut scratch) = (Draw::new(seed), Vec::new());
    let mut client = None;
    while let Some((_, request)) = job.request(&mut draw, &mut scratch) {
        if client.is_none() {
            client = Client::connect(address).await.ok();
        }
        let Some(connected) = client.as_mut() else { return };
        let began = Instant::now();
        let (status, right, wait) = match connected.ask(request).await {
            Ok(answer) => (
                answer.status,
                job.looks_right(answer.status, answer.body),
                answer.retry_after().unwrap_or(0),
            ),
            Err(_) => (0, false, 1),
        };
        {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            *noted.answers.entry(status).or_default() += 1;
            noted.slowest = noted.slowest.max(began.elapsed());
            noted.well |= right;
        }
        if status == 0 {
            client = None;
        }
        tokio::time::sleep(Duration::from_secs(wait)).await;
    }
}

fn list(rows: std::ops::Range<u64>) -> String {
    rows.map(|row| format!("'{}'", connection_id(row))).collect::<Vec<_>>().join(", ")
}

async fn set_aside(seed: &Seed, rows: std::ops::Range<u64>) -> Result<(), Fault> {
    let mut writer = Writer::open(&seed.place).await?;
    writer.execute("DROP TABLE IF EXISTS bench_set_aside").await?;
    let copy =
        format!("CREATE TABLE bench_set_aside AS SELECT * FROM connections WHERE id IN ({})", list(rows));
    writer.execute(&copy).await
}

async fn put_back(seed: &Seed, rows: std::ops::Range<u64>) -> Result<(), Fault> {
    let mut writer = Writer::open(&seed.place).await?;
    let ids = list(rows);
    for change in [
        format!("DELETE FROM content_tokens WHERE connection_id IN ({ids})"),
        format!("DELETE FROM superseded_tokens WHERE connection_id IN ({ids})"),
        format!("DELETE FROM outbox WHERE connection_id IN ({ids})"),
        format!("DELETE FROM connections WHERE id IN ({ids})"),
        "INSERT INTO connections SELECT * FROM bench_set_aside".to_owned(),
        "DROP TABLE bench_set_aside".to_owned(),
    ] {
        writer.execute(&change).await?;
    }
    Ok(())
}
