//! What the disk allows: one thread that overwrites a block and waits until it is durable, again and again.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::numbers::per_second;

const BLOCK: [u8; 4096] = [7; 4096];

/// Overwrites and `fdatasync`s a second, on the filesystem that holds the folder.
pub fn overwrites(folder: &Path, window: Duration) -> Result<f64, Fault> {
    let path = folder.join("block");
    let file = File::create(&path)?;
    file.write_all_at(&BLOCK, 0)?;
    file.sync_all()?;
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < window {
        file.write_all_at(&BLOCK, 0)?;
        file.sync_data()?;
        count += 1;
    }
    let rate = per_second(count, began.elapsed());
    std::fs::remove_file(path)?;
    Ok(rate)
}
