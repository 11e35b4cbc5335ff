//! What the kernel knows of a process: CPU time, memory, open files. Reads /proc, so Linux only.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Ticks of /proc a second: fixed on Linux, whatever the kernel's own.
const TICKS: u64 = 100;

/// The processes whose time is counted.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    pub server: u32,
    /// The head of PostgreSQL's family.
    pub database: Option<u32>,
}

/// CPU time used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    pub server: Duration,
    pub database: Duration,
    /// The bench itself.
    pub own: Duration,
}

impl Cpu {
    pub fn of(watched: Watched) -> Self {
        Self {
            server: family(watched.server),
            database: watched.database.map(family).unwrap_or_default(),
            own: family_alone(std::process::id()),
        }
    }

    pub fn since(self, earlier: Self) -> Self {
        Self {
            server: self.server.saturating_sub(earlier.server),
            database: self.database.saturating_sub(earlier.database),
            own: self.own.saturating_sub(earlier.own),
        }
    }
}

struct Stat {
    parent: u32,
    own: Duration,
    /// Of children that ended.
    gone: Duration,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let time = |first: usize| {
        let ticks = ticks(first)? + ticks(first + 1)?;
        Some(Duration::from_millis(ticks * 1000 / TICKS))
    };
    // utime is field 14 of proc(5), counted from 1; the state after the name is field 3.
    Some(Stat { parent: fields.get(1)?.parse().ok()?, own: time(11)?, gone: time(13)? })
}

fn family_alone(pid: u32) -> Duration {
    stat(pid).map(|stat| stat.own).unwrap_or_default()
}

/// A process, its children, and those of them that are gone.
fn family(head: u32) -> Duration {
    let Some(stat_of_head) = stat(head) else { return Duration::ZERO };
    let children = children(head).into_iter().map(family_alone).sum::<Duration>();
    stat_of_head.own + stat_of_head.gone + children
}

fn children(head: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == head)).collect()
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    pub resident: u64,
    /// The most there ever was.
    pub peak: u64,
}

pub fn memory(pid: u32) -> Memory {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let kibibytes = line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        kibibytes.unwrap_or_default() * 1024
    };
    Memory { resident: value("VmRSS:"), peak: value("VmHWM:") }
}

/// As many files as the system lets us have: thousands of connections are opened.
pub fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // What may not be raised is found out by whoever needs it.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// How many files may be open; None for as many as one likes.
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}
