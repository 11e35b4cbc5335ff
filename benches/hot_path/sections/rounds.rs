//! Every kind of request, round by round beside what the machine allows in the same round, so that a noisy neighbour
//! is noise to both.

mod cases;
mod table;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;

use self::cases::{Beside, CLIENTS, Case, FIRST_PAGE, cases};
use self::table::{Allowed, remark, write};
use super::{Stage, durable, settle, signatures};
use crate::broker::Broker;
use crate::fault::{Fault, refuse};
use crate::jobs::Choice;
use crate::jobs::constant::{Constant, Read};
use crate::jobs::exchange::Kept;
use crate::jobs::hand_out::{HandOut, Wire};
use crate::load::client::Client;
use crate::load::closed::{Measured, Shape, drive};
use crate::load::{Draw, Job};
use crate::numbers::whole;
use crate::process::memory;
use crate::report::{Report, number};
use crate::seed::Seed;
use crate::yardstick::Yardstick;

pub fn run(stage: &Stage<'_>, seed: &Seed, report: &mut Report) -> Result<(), Fault> {
    let broker = stage.serve(seed)?;
    let mut cases = cases(stage, seed, &broker)?;
    if cases.is_empty() {
        return broker.stop();
    }
    let body_bytes = warm(stage, seed, &broker, &cases)?;
    let yardstick = Yardstick::start(&seed.place, body_bytes)?;
    let field = Field { stage, seed, broker: &broker, yardstick: &yardstick, body_bytes };
    let mut allowed = Allowed::default();
    let refreshes = stage.issuer.refreshes();
    for round in 1..=stage.arguments.rounds() {
        eprintln!("{}: round {round}", seed.place.name());
        field.round(&mut cases, &mut allowed)?;
    }
    let memory = memory(broker.pid());
    report.heading(&seed.place.name());
    write(report, &cases, &allowed);
    remark(report, &cases);
    let megabytes = |bytes: u64| number(crate::numbers::float(bytes) / 1e6);
    report.text(&format!(
        "Resident memory after it: {} MB, at most {} MB. Answers of {body_bytes} bytes. The issuer was asked for {} \
         refreshes.\n",
        megabytes(memory.resident),
        megabytes(memory.peak),
        stage.issuer.refreshes() - refreshes
    ));
    broker.stop()
}

/// Asks once for everything that is asked for over and over. The size of a hand-out's answer.
fn warm(stage: &Stage<'_>, seed: &Seed, broker: &Broker, cases: &[Case]) -> Result<usize, Fault> {
    let rows = || Choice::each(seed.layout.hot());
    let hand_outs = HandOut::new(Wire::Json, rows(), &seed.callers);
    let wants_exchange = cases.iter().any(|case| case.name == "exchange-kept");
    let exchanges = wants_exchange.then(|| Kept::new(seed.layout.hot(), &seed.callers));
    let count = seed.layout.hot().end - seed.layout.hot().start;
    stage.runtime.block_on(async {
        let mut client = Client::connect(broker.address).await?;
        let (mut draw, mut scratch) = (Draw::new(0), Vec::new());
        let mut body_bytes = 0;
        for _ in 0..count {
            let Some((row, request)) = hand_outs.request(&mut draw, &mut scratch) else { break };
            let answer = client.ask(request).await?;
            if !hand_outs.looks_right(answer.status, answer.body) || !hand_outs.is_right(row, answer.body) {
                let body = String::from_utf8_lossy(answer.body);
                return refuse(format!("a hand-out was answered with {}: {body}", answer.status));
            }
            body_bytes = answer.body.len();
        }
        for request in exchanges.iter().flat_map(Kept::all) {
            // What is wrong with it, the table will say.
            let _ = client.ask(request).await?;
        }
        Ok(body_bytes)
    })
}

/// Where rounds take place.
struct Field<'a> {
    stage: &'a Stage<'a>,
    seed: &'a Seed,
    broker: &'a Broker,
    yardstick: &'a Yardstick,
    body_bytes: usize,
}

impl Field<'_> {
    fn round(&self, cases: &mut [Case], allowed: &mut Allowed) -> Result<(), Fault> {
        let key = &self.seed.callers[0].key;
        let constant: Arc<dyn Job> = Arc::new(Constant::new(key, self.body_bytes));
        let mut bare = BTreeMap::new();
        for case in &*cases {
            if let Entry::Vacant(vacant) = bare.entry(case.clients) {
                let measured = self.beside(&constant, case.clients)?;
                allowed.bare.entry(case.clients).or_default().add(&measured, None, None);
                vacant.insert(measured);
            }
        }
        let holds = |beside| cases.iter().any(|case| case.beside == beside);
        let (mut read, mut durable, mut signature) = (None, None, None);
        if holds(Beside::BareRead) {
            let rows = Choice::Any(self.seed.layout.known());
            let authorization = format!("Bearer {key}");
            let job: Arc<dyn Job> = Arc::new(Read { rows, authorization, body_bytes: self.body_bytes });
            let measured = self.beside(&job, CLIENTS)?;
            allowed.read.add(&measured, bare.get(&CLIENTS), None);
            read = Some(measured.rate());
        }
        if holds(Beside::Durable) {
            let rate = durable::overwrites(&self.seed.place.folder, self.stage.arguments.window())?;
            allowed.durable.push(rate);
            durable = Some(rate);
        }
        if holds(Beside::Signature) {
            let rate = signatures::by_default(self.stage.arguments.window())?;
            allowed.signature.push(rate);
            signature = Some(rate);
        }
        let mut first_pages = BTreeMap::new();
        for case in cases {
            let measured = self.case(case)?;
            if case.name == FIRST_PAGE {
                first_pages.insert(case.clients, measured.rate());
            }
            let beside = match case.beside {
                Beside::Nothing => None,
                Beside::BareRead => read,
                Beside::Durable => durable,
                Beside::Signature => signature,
                Beside::FirstPage => first_pages.get(&case.clients).copied(),
            };
            case.seen.add(&measured, bare.get(&case.clients), beside);
        }
        Ok(())
    }

    fn case(&self, case: &Case) -> Result<Measured, Fault> {
        let watched = self.stage.watch(self.seed, self.broker.pid());
        settle(watched);
        let shape = self.shape(self.broker.address, case.clients);
        let seconds = (shape.window + shape.warm_up).as_secs_f64();
        // Half as much again as last time, so that it does not run out.
        let expected = case.seen.rate.last().map_or(10_000.0, |rate| rate * 1.5) * seconds;
        case.job.prepare(whole(expected).max(1_000));
        drive(&case.job, shape, watched)
    }

    fn beside(&self, job: &Arc<dyn Job>, clients: usize) -> Result<Measured, Fault> {
        settle(self.stage.watch(self.seed, self.broker.pid()));
        let watched = self.stage.watch(self.seed, self.yardstick.pid());
        drive(job, self.shape(self.yardstick.address, clients), watched)
    }

    fn shape(&self, address: SocketAddr, clients: usize) -> Shape {
        let arguments = self.stage.arguments;
        Shape { address, clients, warm_up: arguments.warm_up(), window: arguments.window() }
    }
}
