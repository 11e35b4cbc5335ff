//! The adversary: while callers ask, it kills processes at every step of a refresh and at random, pauses them, moves
//! their clocks, fills their disks, drops the issuer's answers and kills the database under them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use attache::sandbox::fault::Fault;
use attache::sandbox::issuer::Issuer;
use futures_util::future::join_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::arguments::Issuer as Kind;
use crate::dice::Dice;
use crate::history::{Event, History};
use crate::postgres::Postgres;
use crate::process::Process;
use crate::stage::{DEADLINE, LEASE, Stage};

/// Where a process can be told to die; see `src/refresh/carry_out.rs`.
pub const STEPS: [&str; 7] =
    ["before-lease", "leased", "before-store", "stored", "rescued", "tidied", "before-set-back"];
/// Steps that can be told to fail.
const FAILING: [&str; 4] = ["leased", "before-store", "stored", "before-set-back"];
/// No storm is longer, but for somebody who is paused beyond a lease.
const LONGEST: Duration = Duration::from_secs(25);

struct Storm<'a> {
    began: Instant,
    kills_left: AtomicI64,
    kills_only: bool,
    issuer: &'a Issuer,
    kind: Kind,
    history: &'a History,
    postgres: Option<&'a Postgres>,
}

/// What a storm brings: so many kills, and nothing else if it says so.
#[derive(Clone, Copy)]
pub struct Might {
    pub kills: u64,
    pub kills_only: bool,
}

/// Until so many processes were killed, or it has lasted long enough. Leaves all of them running.
pub async fn storm(
    stage: &mut Stage,
    kind: Kind,
    postgres: Option<&Postgres>,
    might: Might,
    dice: &mut Dice,
) {
    let storm = Storm {
        began: Instant::now(),
        kills_left: AtomicI64::new(i64::try_from(might.kills).unwrap_or(i64::MAX)),
        kills_only: might.kills_only,
        issuer: &stage.issuer,
        kind,
        history: &stage.history,
        postgres,
    };
    let stop = CancellationToken::new();
    let callers = stage.callers.all(dice, &stop);
    let crowd = {
        let (callers, after) = (stage.callers.clone(), dice.milliseconds(1000, 6000));
        async move {
            sleep(after).await;
            callers.at_once(1000).await;
        }
    };
    let (issuers_dice, databases_dice) = (dice.split(), dice.split());
    let torments = join_all(stage.processes.iter_mut().map(|process| storm.torment(process, dice.split())));
    tokio::join!(torments, storm.lose_answers(issuers_dice), storm.kill_databases(databases_dice), crowd);
    stop.cancel();
    callers.join_all().await;
    stage.issuer_is_well();
}

async fn kill(process: &mut Process) -> bool {
    process.kill().await;
    true
}

impl Storm<'_> {
    fn is_over(&self) -> bool {
        self.kills_left.load(Ordering::SeqCst) <= 0 || self.began.elapsed() > LONGEST
    }

    /// One process, until the end.
    async fn torment(&self, process: &mut Process, mut dice: Dice) {
        let mut may_pause = true;
        while !self.is_over() {
            sleep(dice.milliseconds(50, 500)).await;
            let blow = if self.kills_only { 5 + dice.below(15) } else { dice.below(20) };
            match blow {
                0 if may_pause => {
                    may_pause = false;
                    self.pause(process, &mut dice).await;
                }
                1 => process.fail(dice.one_of(&FAILING), dice.milliseconds(200, 2000)).await,
                2 => process.jump(dice.one_of(&[-10, -5, 5, 10])),
                3 | 4 if self.postgres.is_none() => self.fill_disk(process, &mut dice).await,
                5..12 => self.kill(process, kill).await,
                _ => self.kill(process, async |process| self.kill_at_a_step(process).await).await,
            }
            if !process.is_running() {
                sleep(dice.milliseconds(0, 200)).await;
                if dice.one_in(5) {
                    self.kill_at_the_start(process, &mut dice).await;
                }
                process.start().await;
            }
        }
        process.recover().await;
    }

    /// Once more, if kills are left.
    async fn kill(&self, process: &mut Process, how: impl AsyncFnOnce(&mut Process) -> bool) {
        if self.kills_left.fetch_sub(1, Ordering::SeqCst) <= 0 || !how(process).await {
            self.kills_left.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// At the step at which it was killed least.
    async fn kill_at_a_step(&self, process: &mut Process) -> bool {
        // The others are reached only by something else that goes wrong.
        let steps = if self.kills_only { &STEPS[..4] } else { &STEPS[..] };
        let least = steps.iter().min_by_key(|step| self.history.kills_at(step));
        let step = least.copied().unwrap_or(STEPS[0]);
        match step {
            "before-set-back" => {
                (0..4).for_each(|_| self.issuer.faults().token.next(Fault::Drop));
                process.kill_at(step).await
            }
            "rescued" => {
                process.begin_to_fail("before-store");
                let killed = process.kill_at(step).await;
                process.end_failing("before-store");
                killed
            }
            "tidied" => {
                process.fail("before-store", Duration::from_millis(600)).await;
                process.kill_at(step).await
            }
            _ => process.kill_at(step).await,
        }
    }

    /// While it is reading its rescue journal, or before.
    async fn kill_at_the_start(&self, process: &mut Process, dice: &mut Dice) {
        self.kill(process, async |process| {
            process.spawn();
            sleep(dice.milliseconds(5, 250)).await;
            process.kill().await;
            true
        })
        .await;
    }

    /// Mostly for longer than a call may take. With replicas and a strict issuer, one holder in three of a lease is
    /// paused beyond it, so that another one takes over.
    async fn pause(&self, process: &mut Process, dice: &mut Dice) {
        let beyond = self.postgres.is_some() && self.kind == Kind::Strict && dice.one_in(3);
        let time = match (beyond, dice.one_in(3)) {
            (true, _) => Duration::from_secs(LEASE + 1),
            (false, true) => dice.milliseconds(300, 2000),
            (false, false) => Duration::from_secs(DEADLINE.unsigned_abs() + 1),
        };
        let step = dice.one_of(&[None, Some("leased"), Some("before-store")]);
        process.pause(step, time, beyond).await;
    }

    async fn fill_disk(&self, process: &mut Process, dice: &mut Dice) {
        process.fill_disk(true);
        sleep(dice.milliseconds(200, 2000)).await;
        if dice.one_in(2) {
            self.kill(process, kill).await;
        }
        process.fill_disk(false);
    }

    /// Mostly after the issuer has done what it was asked for.
    async fn lose_answers(&self, mut dice: Dice) {
        while !self.kills_only && !self.is_over() {
            sleep(dice.milliseconds(300, 1100)).await;
            let fault = match dice.below(10) {
                0 => Fault::Drop,
                1 => Fault::HangAfterProcessing,
                2 => Fault::status(502),
                3 => Fault::too_many_requests(1),
                _ => Fault::DropAfterProcessing,
            };
            self.issuer.faults().token.next(fault);
        }
    }

    async fn kill_databases(&self, mut dice: Dice) {
        let Some(postgres) = self.postgres.filter(|_| !self.kills_only) else { return };
        let restart_after = dice.milliseconds(2000, 9000);
        let mut restarted = false;
        while !self.is_over() {
            sleep(dice.milliseconds(500, 3000)).await;
            if !restarted && self.began.elapsed() > restart_after {
                restarted = true;
                postgres.restart_at_once().await;
                self.history.did(Event::DatabaseRestarted);
            } else {
                postgres.kill_backends().await;
                self.history.did(Event::BackendsKilled);
            }
        }
    }
}
