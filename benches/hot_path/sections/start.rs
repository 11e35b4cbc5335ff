//! From exec to the first answer: a hand-out, and `/healthz`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::Stage;
use crate::broker::{self, Broker};
use crate::fault::{Fault, refuse};
use crate::jobs::Choice;
use crate::jobs::hand_out::{HandOut, Wire};
use crate::load::{Draw, Job};
use crate::numbers::{Series, float};
use crate::process::memory;
use crate::report::{Report, median, number, spread};
use crate::seed::Seed;

const PATIENCE: Duration = Duration::from_mins(1);
const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: bench\r\n\r\n";

pub fn run(stage: &Stage<'_>, seed: &Seed, report: &mut Report) -> Result<(), Fault> {
    if !stage.arguments.wants("start") {
        return Ok(());
    }
    let configured = broker::configure(&seed.place, stage.sign_in.url())?;
    let job = HandOut::new(Wire::Json, Choice::Any(seed.layout.hot()), &seed.callers);
    let (mut hand_out, mut health, mut resident) = (Series::default(), Series::default(), Series::default());
    for time in 0..if stage.arguments.quick { 3 } else { 15 } {
        let mut scratch = Vec::new();
        let Some((_, request)) = job.request(&mut Draw::new(time), &mut scratch) else { break };
        let began = Instant::now();
        let broker = Broker::spawn(&configured)?;
        let (address, machine_room) = (broker.address, broker.machine_room);
        let healthy = std::thread::spawn(move || first_answer(machine_room, HEALTH, began));
        hand_out.push(first_answer(address, request, began)?);
        let Ok(healthy) = healthy.join() else { return refuse("the probe panicked") };
        health.push(healthy?);
        resident.push(float(memory(broker.pid()).resident) / 1e6);
        broker.stop()?;
    }
    report.heading(&format!("Start, {}", seed.place.name()));
    let milliseconds = |value: f64| format!("{} ms", number(value));
    let rows = [
        ["exec to the first hand-out (aim: ≤ 50 ms)".to_owned(), spread(&hand_out, milliseconds)],
        ["exec to `/healthz`".to_owned(), spread(&health, milliseconds)],
        ["resident memory then".to_owned(), median(&resident, |value| format!("{} MB", number(value)))],
    ];
    report.table(["what", "median (least – most)"], &rows);
    Ok(())
}

/// Milliseconds until the request is answered with 200, asked again until somebody listens.
fn first_answer(address: SocketAddr, request: &[u8], began: Instant) -> Result<f64, Fault> {
    while began.elapsed() < PATIENCE {
        if let Ok(mut stream) = TcpStream::connect(address) {
            stream.set_read_timeout(Some(PATIENCE))?;
            let mut status = [0; 15];
            let answered = stream.write_all(request).and_then(|()| stream.read_exact(&mut status));
            if answered.is_ok() && &status == b"HTTP/1.1 200 OK" {
                return Ok(began.elapsed().as_secs_f64() * 1000.0);
            }
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    refuse(format!("{address} did not answer within a minute"))
}
