//! One `attache serve` at a fixed address, and all that can be done to it: killed, at once or at a step of a refresh;
//! stopped and resumed; told to fail; its clock moved; its disk full. What was done goes into the history.

use std::fs;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::history::{Event, History, now};

/// Longer than any sane machine takes to start a process.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long a step is waited for; some need luck to be passed at all.
const STEP_PATIENCE: Duration = Duration::from_secs(3);
/// How far a file of a process whose disk is full can be written: as far as the rescue journal is by those who can be
/// refreshing at one time, for that is allocated before; too little for a database.
const FULL_DISK: u64 = 128 * 1024;

pub struct Process {
    name: String,
    config: PathBuf,
    folder: PathBuf,
    address: String,
    machine_room: String,
    http: reqwest::Client,
    history: Arc<History>,
    incarnation: u32,
    /// Bytes of its log.
    forgotten: usize,
    running: Option<Running>,
}

struct Running {
    child: Child,
    pid: Pid,
    /// Its own name, and where it is told what to do.
    who: String,
    control: PathBuf,
}

impl Process {
    pub fn new(
        name: &str,
        config: &Path,
        address: &str,
        http: &reqwest::Client,
        history: &Arc<History>,
    ) -> Self {
        let folder = config.parent().expect("a folder").join(name);
        fs::create_dir(&folder).expect("a folder");
        Self {
            name: name.to_owned(),
            config: config.to_owned(),
            folder,
            address: format!("{address}:8080"),
            machine_room: format!("{address}:9090"),
            http: http.clone(),
            history: Arc::clone(history),
            incarnation: 0,
            forgotten: 0,
            running: None,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Begins to start it.
    pub fn spawn(&mut self) {
        self.incarnation += 1;
        let who = format!("{}.{}", self.name, self.incarnation);
        let control = self.folder.join(&who);
        fs::create_dir(&control).expect("a folder");
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("log")).expect("a log");
        let mut command = Command::new("sh");
        // A write to a full disk fails (EFBIG) instead of ending the process (SIGXFSZ is 25).
        command.arg("-c").arg("trap '' 25; exec \"$0\" serve --config \"$1\"");
        command.arg(env!("CARGO_BIN_EXE_attache")).arg(&self.config).current_dir(&self.folder);
        command.env("ATTACHE_TEST_TORTURE", &control).env("ATTACHE_LISTEN__ADDRESS", &self.address);
        command.env("ATTACHE_LISTEN__MACHINE_ROOM", &self.machine_room);
        command.env("ATTACHE_DATABASE__RESCUE_JOURNAL", self.folder.join("rescue"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let child = command.spawn().expect("a process");
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?)).expect("a process id");
        self.running = Some(Running { child, pid, who, control });
    }

    /// Starts it, if it does not run, and waits until it serves. While its database is away it is started again and
    /// again, as a supervisor would.
    pub async fn start(&mut self) {
        let began = Instant::now();
        loop {
            if self.running.is_none() {
                self.spawn();
            }
            let healthz = format!("http://{}/healthz", self.machine_room);
            let answer = self.http.get(healthz).timeout(Duration::from_secs(5)).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{} does not serve; see its log in {}",
                self.name,
                self.folder.display()
            );
            if self.running.as_mut().is_some_and(|running| !matches!(running.child.try_wait(), Ok(None))) {
                self.running = None;
                sleep(Duration::from_millis(100)).await;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGKILL, whatever it is doing.
    pub async fn kill(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let at = now();
        let ended = running.child.try_wait().ok().flatten();
        if let Some(status) = ended {
            self.history.broken(format!("{} ended by itself: {status}", running.who));
            return;
        }
        signal(running.pid, Signal::KILL);
        let _ = running.child.wait().await;
        self.history.did(Event::Kill { who: running.who, at, step: None });
    }

    /// SIGKILL of its own at a step of a refresh. False when no refresh came by, and it lives on.
    pub async fn kill_at(&mut self, step: &str) -> bool {
        self.order(step, "kill");
        let Some(mut running) = self.running.take() else { return false };
        let died = timeout(STEP_PATIENCE, running.child.wait()).await.is_ok();
        if !died && withdraw(&running.control, step) {
            self.running = Some(running);
            return false;
        }
        let status = running.child.wait().await;
        let at = now();
        let hit = hits(&running.control).into_iter().rfind(|hit| hit.act == "kill");
        match hit {
            Some(hit) => {
                let step = Some((hit.step, hit.connection));
                self.history.did(Event::Kill { who: running.who, at, step });
            }
            None => self.history.broken(format!("{} ended by itself: {status:?}", running.who)),
        }
        true
    }

    /// Stopped at a step of a refresh, or where it is, and resumed after a while.
    pub async fn pause(&mut self, step: Option<&str>, time: Duration, beyond: bool) {
        let Some(running) = &self.running else { return };
        let (pid, who, control) = (running.pid, running.who.clone(), running.control.clone());
        let mut from = now();
        match step {
            None => signal(pid, Signal::STOP),
            Some(step) => {
                self.order(step, "stop");
                let began = Instant::now();
                while !hits(&control).iter().any(|hit| hit.act == "stop") {
                    if began.elapsed() > STEP_PATIENCE && withdraw(&control, step) {
                        return;
                    }
                    from = now();
                    sleep(Duration::from_millis(10)).await;
                }
            }
        }
        sleep(time).await;
        signal(pid, Signal::CONT);
        self.history.did(Event::Pause { who, from, to: now(), beyond });
    }

    /// A step of every refresh fails for a while.
    pub async fn fail(&mut self, step: &str, time: Duration) {
        self.begin_to_fail(step);
        sleep(time).await;
        self.end_failing(step);
    }

    pub fn begin_to_fail(&self, step: &str) {
        self.order(step, "fail");
    }

    pub fn end_failing(&self, step: &str) {
        let Some(running) = &self.running else { return };
        withdraw(&running.control, step);
    }

    /// Writes fail in the middle of the database's files. Until the disk is emptied again.
    pub fn fill_disk(&self, full: bool) {
        let Some(running) = &self.running else { return };
        let limit = Rlimit { current: full.then_some(FULL_DISK), maximum: None };
        // A process that has just ended has no disk to fill.
        let limited = prlimit(Some(running.pid), Resource::Fsize, limit);
        if full && limited.is_ok() {
            self.history.did(Event::FullDisk);
        }
    }

    /// Its clock is wrong by so many seconds from now on, until it is killed.
    pub fn jump(&self, seconds: i64) {
        self.order("clock", &seconds.to_string());
        if seconds != 0 {
            self.history.did(Event::ClockJump);
        }
    }

    /// As if nothing had happened: serving, in time, with a disk that takes what it is given.
    pub async fn recover(&mut self) {
        self.start().await;
        self.fill_disk(false);
        self.jump(0);
    }

    fn order(&self, step: &str, act: &str) {
        let Some(running) = &self.running else { return };
        let beside = running.control.join("order");
        fs::write(&beside, act).expect("an order");
        fs::rename(&beside, running.control.join(step)).expect("an order");
    }

    /// Whether it wrote this of a connection since its log was last forgotten.
    pub fn logged(&self, connection: &str, what: &str) -> bool {
        let log = self.log();
        let log = String::from_utf8_lossy(log.get(self.forgotten..).unwrap_or_default());
        log.lines().any(|line| line.contains(connection) && line.contains(what))
    }

    pub fn forget_log(&mut self) {
        self.forgotten = self.log().len();
    }

    fn log(&self) -> Vec<u8> {
        fs::read(self.folder.join("log")).unwrap_or_default()
    }

    /// How often a step failed in all incarnations.
    pub fn failed(&self) -> usize {
        let folders =
            (1..=self.incarnation).map(|number| self.folder.join(format!("{}.{number}", self.name)));
        folders.flat_map(|folder| hits(&folder)).filter(|hit| hit.act == "fail").count()
    }
}

/// False when somebody has taken the order already.
fn withdraw(control: &Path, step: &str) -> bool {
    fs::remove_file(control.join(step)).is_ok()
}

fn signal(pid: Pid, signal: Signal) {
    // One that has just ended needs no signal.
    let _ = kill_process(pid, signal);
}

/// An order that was carried out.
struct Hit {
    step: String,
    act: String,
    connection: String,
}

fn hits(control: &Path) -> Vec<Hit> {
    let text = fs::read_to_string(control.join("hits")).unwrap_or_default();
    let hit = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        Some(Hit { step: words.next()?, act: words.next()?, connection: words.next()? })
    };
    text.lines().filter_map(hit).collect()
}
