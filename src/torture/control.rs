//! The control directory, named by the environment, one for each process: a file per step holds an order, `clock` holds
//! how wrong the clock is, and `hits` tells what was carried out. Nobody but the torture run writes one.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

static DIRECTORY: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os("ATTACHE_TEST_TORTURE").map(PathBuf::from));

/// Carries out the order for a step, if there is one. True when the step is to fail.
pub(super) fn wants_failure(step: &str, connection: &str) -> bool {
    let Some(directory) = DIRECTORY.as_deref() else { return false };
    let order = directory.join(step);
    let Ok(act) = fs::read_to_string(&order) else { return false };
    if act == "fail" {
        // Until the order is withdrawn.
        note(directory, step, &act, connection);
        return true;
    }
    // Whoever takes the order carries it out, and nobody else.
    if fs::remove_file(&order).is_ok() {
        note(directory, step, &act, connection);
        carry_out(&act);
    }
    false
}

fn carry_out(act: &str) {
    let signal = if act == "kill" { Signal::KILL } else { Signal::STOP };
    // Nothing can be done about a signal that cannot be sent: the run finds out.
    let _ = kill_process(getpid(), signal);
    if act == "kill" {
        // Not one statement further, however long the signal takes.
        std::thread::sleep(Duration::from_mins(1));
    }
}

fn note(directory: &Path, step: &str, act: &str, connection: &str) {
    let hits = OpenOptions::new().create(true).append(true).open(directory.join("hits"));
    // The run counts what it finds there.
    let _ = hits.and_then(|mut hits| hits.write_all(format!("{step} {act} {connection}\n").as_bytes()));
}

pub(super) fn clock_offset() -> i64 {
    let offset = DIRECTORY.as_deref().and_then(|directory| fs::read_to_string(directory.join("clock")).ok());
    offset.and_then(|text| text.parse().ok()).unwrap_or_default()
}

pub(super) fn name() -> Option<String> {
    Some(DIRECTORY.as_deref()?.file_name()?.to_string_lossy().into_owned())
}
