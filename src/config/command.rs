//! A secret from the output of a program: for any key management service that has one. Run without a shell, for so long
//! and no longer; what it says on standard error is the operator's to see, what it says on standard output never. It gets
//! none of our own environment, which may hold secrets that are not its business.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpgid};

use crate::secret::Token;

/// How long a program may take.
const DEADLINE: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(5);
/// Bytes of standard output: a key has 44.
const LONGEST: u64 = 4096;
/// Bytes of standard error that are shown.
const SHOWN: u64 = 1024;

/// What every program is given of our environment, if it is there: how to find programs, its home, its language and clock,
/// and where it may put what it must.
const USUAL: [&str; 10] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"];

/// Whether a variable is Attaché's own, which no program is given.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    name.to_ascii_uppercase().starts_with("ATTACHE_")
}

/// What the program writes to its standard output, without the white space around it. `given` are the variables that it
/// is given beside the usual ones.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn output(command: &[String], given: &[String]) -> Result<Token, String> {
    output_within(command, given, DEADLINE)
}

fn environment(given: &[String]) -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        let usual = USUAL.contains(&&*name) || name.starts_with("LC_");
        (usual || given.iter().any(|given| *given == name)) && !is_ours(&name)
    })
}

fn output_within(command: &[String], given: &[String], deadline: Duration) -> Result<Token, String> {
    let [program, arguments @ ..] = command else {
        return Err("is empty; give a program and its arguments, such as [\"kms\", \"decrypt\"]".to_owned());
    };
    let spawned = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment(given))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Of its own, so that it ends with everything that it has started.
        .process_group(0)
        .spawn();
    let mut child =
        spawned.map_err(|error| format!("{program} cannot be run ({error}); name its whole path"))?;
    let stdout = read(child.stdout.take(), LONGEST + 1);
    let stderr = read(child.stderr.take(), SHOWN);
    let began = Instant::now();
    let status = wait(&mut child, began, deadline);
    let group = group(&child);
    let left = || deadline.saturating_sub(began.elapsed()).max(Duration::from_secs(1));
    let Some(status) = status else {
        end(&mut child);
        reap(group);
        let said = said(&stderr, Duration::from_secs(1));
        return Err(format!("{program} did not end within {} seconds{said}", deadline.as_secs()));
    };
    if !status.success() {
        let said = said(&stderr, left());
        reap(group);
        return Err(format!("{program} failed ({status}){said}"));
    }
    let Ok(bytes) = stdout.recv_timeout(left()) else {
        end(&mut child);
        reap(group);
        return Err(format!("{program} ended, but something that it started keeps its output open"));
    };
    reap(group);
    if bytes.len() as u64 > LONGEST {
        return Err(format!("{program} wrote more than {LONGEST} bytes, which is no key"));
    }
    let text = zeroize::Zeroizing::new(
        String::from_utf8(bytes).map_err(|_| format!("{program} wrote something that is no text"))?,
    );
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("{program} wrote nothing{}", said(&stderr, left())));
    }
    Ok(Token::new(text))
}

fn wait(child: &mut Child, began: Instant, deadline: Duration) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if began.elapsed() > deadline {
            return None;
        }
        std::thread::sleep(POLL_EVERY);
    }
}

fn group(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// What the program left behind is ended. Where this process is the first of its container, nobody else takes note of its
/// end: without that it would stay as a zombie.
fn reap(group: Option<Pid>) {
    let Some(group) = group else { return };
    let began = Instant::now();
    let _ = kill_process_group(group, Signal::KILL);
    // Until none of the group is a child of ours.
    while waitpgid(group, WaitOptions::NOHANG).is_ok() && began.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(POLL_EVERY);
    }
}

fn end(child: &mut Child) {
    if let Some(group) = group(child) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads up to `most` bytes on a thread of its own, and the rest to nowhere, so that nothing waits for us.
fn read(from: Option<impl Read + Send + 'static>, most: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let Some(mut from) = from else { return };
        let mut bytes = Vec::new();
        let _ = from.by_ref().take(most).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut from, &mut std::io::sink());
        let _ = sender.send(bytes);
    });
    receiver
}

/// Its standard error on one line, for the operator.
fn said(stderr: &Receiver<Vec<u8>>, patience: Duration) -> String {
    let bytes = stderr.recv_timeout(patience).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let line: Vec<&str> = text.split(|letter: char| letter.is_whitespace() || letter.is_control()).collect();
    let line = line.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if line.is_empty() { String::new() } else { format!(": {line}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn what_a_program_writes_is_the_secret_and_what_it_complains_of_is_shown() {
        let secret = output(&shell("echo noise >&2; echo '  a-key  '; "), &[])
            .map(|secret| secret.expose().to_owned());
        assert_eq!(secret.as_deref(), Ok("a-key"));
        let failed = output(&shell("echo s3cret; printf 'no\nway' >&2; exit 3"), &[]).expect_err("a refusal");
        assert!(failed.contains("no way") && failed.contains('3') && !failed.contains("s3cret"), "{failed}");
        assert!(output(&shell("true"), &[]).expect_err("a refusal").contains("wrote nothing"));
        let long = output(&shell("head -c 100000 /dev/zero | tr '\\0' x"), &[]).expect_err("a refusal");
        assert!(long.contains("more than 4096 bytes") && !long.contains("xx"), "{long}");
        assert!(output(&["/nowhere/kms".to_owned()], &[]).expect_err("a refusal").contains("cannot be run"));
        assert!(output(&[], &[]).expect_err("a refusal").contains("is empty"));
    }

    #[test]
    fn what_a_program_leaves_behind_is_ended_and_reaped() {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("as in a container");
        let left = output(&shell("sleep 600 >/dev/null 2>&1 & echo $!"), &[]).expect("a process id");
        assert!(
            !std::path::Path::new("/proc").join(left.expose()).exists(),
            "it is there still, if only as a zombie"
        );
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_what_it_started() {
        let began = Instant::now();
        let hung = output_within(&shell("sleep 600 & sleep 600"), &[], Duration::from_millis(50));
        assert!(hung.expect_err("a refusal").contains("did not end"));
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
