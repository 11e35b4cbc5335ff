//! One trial: an issuer of one kind, a database, a thousand callers at once; then storm after storm, each followed by
//! a calm in which everything is judged and what was lost is connected again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::adversary::{Might, storm};
use crate::arguments::{Arguments, Database, Issuer};
use crate::checker::Findings;
use crate::dice::Dice;
use crate::history::{Event, Outcome};
use crate::postgres::Postgres;
use crate::process::Process;
use crate::report::Column;
use crate::stage::{LIFETIME, LONG_LIFETIME, Stage};

/// Callers that ask at the same time.
const CROWD: usize = 1000;
/// Kills of one process in one storm: after that many, hardly a strict grant is left to lose.
const KILLS_EACH: u64 = 20;

pub async fn run(
    arguments: &Arguments,
    database: Database,
    kind: Issuer,
    kills: u64,
    postgres: Option<&Postgres>,
) -> Column {
    let began = Instant::now();
    let postgres = postgres.filter(|_| database == Database::Postgres);
    let mut dice = Dice::new(arguments.seed);
    let mut stage = Stage::set(arguments, database, kind, postgres).await;
    eprintln!("  {} connections after {} s", arguments.connections, began.elapsed().as_secs());
    let crowd = crowd(&stage).await;
    let mut findings = Findings::default();
    let (mut done, mut storms) = (0, 0_u64);
    let most = KILLS_EACH * u64::try_from(database.processes()).unwrap_or(1);
    while done < kills {
        let might = Might { kills: (kills - done).min(most), kills_only: arguments.kills_only };
        storm(&mut stage, kind, postgres, might, &mut dice).await;
        storms += 1;
        let dead = findings.judge(&stage, kind).await;
        stage.reconnect(&dead).await;
        stage.processes.iter_mut().for_each(Process::forget_log);
        let before = done;
        done = killed(&stage);
        eprintln!("  {done} of {kills} kills, {} lost, {} s", findings.lost(), began.elapsed().as_secs());
        if done == before {
            stage.history.broken("A storm killed nobody.".to_owned());
            break;
        }
    }
    Column::of(database, kind, &stage, &findings, storms, crowd, began.elapsed())
}

fn killed(stage: &Stage) -> u64 {
    let events = stage.history.events();
    let kills = events.iter().filter(|event| matches!(event, Event::Kill { .. })).count();
    u64::try_from(kills).unwrap_or_default()
}

/// A thousand callers find all connections expired: each costs one refresh. How many there were.
async fn crowd(stage: &Stage) -> usize {
    // Nothing was refreshed yet: what was a short while ago would not be refreshed again.
    sleep(Duration::from_secs(LIFETIME.unsigned_abs() + 1)).await;
    stage.issuer.settings().access_lifetime = LONG_LIFETIME;
    let (before, began) = (stage.issuer.shown(0).len(), Instant::now());
    let answers = stage.callers.at_once(CROWD).await;
    let took = began.elapsed();
    let shown = stage.issuer.shown(before);
    let refreshes = shown.len();
    let distinct: BTreeSet<_> = answers
        .iter()
        .filter_map(|(connection, outcome)| match outcome {
            Outcome::Token(token) => Some((connection, token)),
            _ => None,
        })
        .collect();
    let given = answers.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Token(_))).count();
    stage.issuer.settings().access_lifetime = LIFETIME;
    let life = Duration::from_secs(LONG_LIFETIME.unsigned_abs());
    let connections = stage.callers.connections.len();
    // On a machine so slow that what was refreshed first is due again, nothing can be said.
    let in_time = took < life / 2;
    if in_time && (given != CROWD || refreshes != connections || distinct.len() != connections) {
        let mut once = BTreeSet::new();
        let twice: Vec<_> = shown.iter().filter(|shown| !once.insert(&shown.subject)).collect();
        let what =
            format!("{CROWD} callers of {connections} connections cost {refreshes} refreshes in {took:?}");
        stage.history.broken(format!("{what}; {given} were given {} tokens; {twice:?}", distinct.len()));
    }
    eprintln!("  {CROWD} callers cost {refreshes} refreshes in {} ms", took.as_millis());
    sleep(life.saturating_sub(took)).await;
    refreshes
}
