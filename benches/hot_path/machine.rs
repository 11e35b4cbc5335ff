//! Describes the machine, so that a number is never read without it.

use std::path::Path;
use std::process::Command;

use attache::clock::Clock;

use crate::fault::Fault;

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A Markdown list.
pub fn describe(postgres: Option<&str>, folder: &Path) -> Result<String, Fault> {
    let cpu_info = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu_info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let memory_info = std::fs::read_to_string("/proc/meminfo")?;
    let kibibytes = memory_info.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let lines = [
        format!(
            "{} x {}, {} GB of memory",
            cores(),
            model.trim_start_matches([' ', '\t', ':']),
            kibibytes.unwrap_or_default() / 1_000_000
        ),
        format!("Linux {}, {}", kernel.trim(), filesystem(folder)),
        said_by("rustc", &["--version"]),
        postgres.map_or_else(|| "no PostgreSQL".to_owned(), str::to_owned),
        format!("Attaché {}, {}", said_by("git", &["rev-parse", "--short", "HEAD"]), Clock::System.now()),
    ];
    Ok(lines.map(|line| format!("* {line}\n")).concat())
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.ok().filter(|said| !said.is_empty()).unwrap_or_else(|| format!("{program}: unknown"))
}

/// The kind of the filesystem that holds a folder: its mount point is the longest that the path begins with.
fn filesystem(folder: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        folder.starts_with(point).then(|| (point.len(), format!("{kind} on {device}")))
    });
    mounted.max().map_or_else(|| "an unknown filesystem".to_owned(), |(_, found)| found)
}
