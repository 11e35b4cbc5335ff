//! The file of the rescue journal: blocks on the disk that are allocated before they are needed and rewritten in place, so
//! that a full disk does not keep an entry out. Knows texts, and nothing of what they say.
//!
//! ```text
//! block 0      the file's name for itself
//! block 1 …    an entry: the SHA-256 of its text in hex, a blank, the text, a line's end; as many blocks as that needs
//! ```
//!
//! An entry counts when its digest does. A block that no entry covers is free, whatever a crash left in it: what is torn
//! hides nothing beside it.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

const BLOCK: usize = 4096;
const NAME: &[u8] = b"attache rescue journal, blocks of 4096 bytes\n";
/// Of a digest in hex.
const DIGEST: usize = 64;
/// No entry is longer: an answer is capped far below it.
const LONGEST: usize = 4 * 1024 * 1024;

pub struct Journal {
    file: File,
    /// Ours until it is dropped, among all processes that were given the same journal.
    _turn: File,
}

/// An entry, and the blocks that it covers.
struct Found {
    first: u64,
    blocks: u64,
    text: String,
}

impl Journal {
    /// Opens it, and makes it if need be. An older one, a line for each entry, is written anew as blocks.
    pub fn open(path: &Path) -> io::Result<Self> {
        let turn =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock(path))?;
        turn.lock()?;
        let mut name = [0; NAME.len()];
        let known = File::open(path).and_then(|file| file.read_exact_at(&mut name, 0));
        if known.is_err() || name != *NAME {
            make(path)?;
        }
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { file, _turn: turn })
    }

    /// Writes, syncs, reads and takes out again.
    pub fn try_out(&self) -> io::Result<()> {
        const TRIAL: &str = "{\"trial\":true}";
        self.add(TRIAL)?;
        let read = self.entries()?;
        self.retain(|text| text != TRIAL)?;
        if read.iter().any(|text| text == TRIAL) {
            return Ok(());
        }
        Err(io::Error::other("what was written to it cannot be read again"))
    }

    /// Tries the place of a journal that is not there yet, and leaves nothing in it.
    pub fn try_beside(path: &Path) -> io::Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push("-trial");
        let beside = PathBuf::from(beside);
        let tried = Self::open(&beside).and_then(|journal| journal.try_out());
        let _ = (fs::remove_file(&beside), fs::remove_file(lock(&beside)));
        tried
    }

    /// Sees to it that so many bytes are allocated beside what is in use. Returns once they are.
    pub fn make_room(&self, bytes: u64) -> io::Result<()> {
        let used: u64 = self.found()?.iter().map(|found| found.blocks).sum();
        self.grow(1 + used + bytes.div_ceil(BLOCK as u64))
    }

    /// Every entry.
    pub fn entries(&self) -> io::Result<Vec<String>> {
        Ok(self.found()?.into_iter().map(|found| found.text).collect())
    }

    /// Adds an entry. Returns once it would survive a power cut.
    pub fn add(&self, text: &str) -> io::Result<()> {
        let bytes = seal(text)?;
        let blocks = (bytes.len() / BLOCK) as u64;
        let mut first = 1;
        for found in self.found()? {
            if found.first - first >= blocks {
                break;
            }
            first = found.first + found.blocks;
        }
        self.grow(first + blocks)?;
        self.file.write_all_at(&bytes, first * BLOCK as u64)?;
        self.file.sync_data()
    }

    /// Takes out the entries that are not wanted any more.
    pub fn retain(&self, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
        for found in self.found()?.iter().filter(|found| !wanted(&found.text)) {
            let length = usize::try_from(found.blocks).unwrap_or(0) * BLOCK;
            self.file.write_all_at(&vec![0; length], found.first * BLOCK as u64)?;
        }
        self.file.sync_data()
    }

    /// In the order in which they lie in the file.
    fn found(&self) -> io::Result<Vec<Found>> {
        let blocks = self.file.metadata()?.len() / BLOCK as u64;
        let (mut all, mut first) = (Vec::new(), 1);
        while first < blocks {
            let found = self.read(first)?;
            first += found.as_ref().map_or(1, |found| found.blocks);
            all.extend(found);
        }
        Ok(all)
    }

    /// The entry that begins in this block.
    fn read(&self, first: u64) -> io::Result<Option<Found>> {
        let mut bytes = vec![0; BLOCK];
        self.file.read_exact_at(&mut bytes, first * BLOCK as u64)?;
        if !bytes[..DIGEST].iter().all(u8::is_ascii_hexdigit) || bytes[DIGEST] != b' ' {
            return Ok(None);
        }
        let mut end = bytes.iter().position(|byte| *byte == b'\n');
        while end.is_none() && bytes.len() < LONGEST {
            let (from, mut more) = (bytes.len(), [0; BLOCK]);
            if self.file.read_exact_at(&mut more, first * BLOCK as u64 + from as u64).is_err() {
                return Ok(None);
            }
            bytes.extend_from_slice(&more);
            end = more.iter().position(|byte| *byte == b'\n').map(|at| from + at);
        }
        let Some(end) = end else { return Ok(None) };
        let (said, text) = (&bytes[..DIGEST], &bytes[DIGEST + 1..end]);
        let Ok(text) = str::from_utf8(text) else { return Ok(None) };
        let whole = hex(text).as_bytes() == said;
        let blocks = (bytes.len() / BLOCK) as u64;
        Ok(whole.then(|| Found { first, blocks, text: text.to_owned() }))
    }

    /// So many blocks at least, all of them on the disk.
    fn grow(&self, blocks: u64) -> io::Result<()> {
        let (have, want) = (self.file.metadata()?.len(), blocks * BLOCK as u64);
        if have >= want {
            return Ok(());
        }
        allocate(&self.file, have, want - have)?;
        self.file.sync_all()
    }
}

/// An empty one, with the entries of an older one if there was one.
fn make(path: &Path) -> io::Result<()> {
    let lines = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other?,
    };
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let mut name = NAME.to_vec();
    name.resize(BLOCK, 0);
    file.write_all(&name)?;
    // A line that was cut short is none.
    for line in String::from_utf8_lossy(&lines).lines().filter(|line| line.starts_with('{')) {
        file.write_all(&seal(line)?)?;
    }
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// As it stands in the file, in whole blocks.
fn seal(text: &str) -> io::Result<Vec<u8>> {
    if text.contains('\n') || text.len() > LONGEST - BLOCK {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let mut bytes = format!("{} {text}\n", hex(text)).into_bytes();
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    Ok(bytes)
}

fn hex(text: &str) -> String {
    let mut hex = String::with_capacity(DIGEST);
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        // Nothing can fail in a text.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn lock(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-lock");
    beside.into()
}

/// All of it or nothing. And written once: what is only reserved may need room for the file's map when it is written.
fn allocate(file: &File, from: u64, length: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), from, length) {
        // A file system that can't; to write is all that is left.
        Ok(()) | Err(Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    let length = usize::try_from(length).map_err(io::Error::other)?;
    file.write_all_at(&vec![0; length], from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(folder: &tempfile::TempDir) -> Journal {
        Journal::open(&folder.path().join("rescue")).expect("a journal")
    }

    fn long(name: &str) -> String {
        format!("{{{name}{}}}", "x".repeat(3 * BLOCK))
    }

    #[test]
    fn what_was_allocated_is_enough_for_entries_that_come_and_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = journal(&folder);
        journal.make_room(64 * 1024).expect("room");
        let length = || journal.file.metadata().expect("a file").len();
        let before = length();
        for round in 0..20 {
            for number in 0..4 {
                journal.add(&long(&format!("{number}"))).expect("an entry");
            }
            assert_eq!(journal.entries().expect("entries").len(), 4);
            journal.retain(|text| text.starts_with("{1") && round == 0).expect("fewer");
            journal.retain(|_| false).expect("none");
        }
        assert_eq!(length(), before);
    }

    #[test]
    fn an_entry_that_was_torn_hides_none_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = journal(&folder);
        for name in ["a", "b", "c"] {
            journal.add(&long(name)).expect("an entry");
        }
        // Each entry has four blocks; of the second one, any block may be an old one.
        for block in 5..9 {
            let mut whole = vec![0; BLOCK];
            journal.file.read_exact_at(&mut whole, block * BLOCK as u64).expect("a block");
            for torn in [vec![0; BLOCK], vec![b'x'; BLOCK], vec![b'\n'; BLOCK]] {
                journal.file.write_all_at(&torn, block * BLOCK as u64).expect("a block");
                let entries = journal.entries().expect("entries");
                assert!(entries.contains(&long("a")) && entries.contains(&long("c")), "block {block}");
            }
            journal.file.write_all_at(&whole, block * BLOCK as u64).expect("a block");
        }
        assert_eq!(journal.entries().expect("entries").len(), 3);
    }

    #[test]
    fn a_journal_of_lines_is_taken_over() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("rescue"), "\n{\"a\":1}\n\n{\"b\":2}\n\n").expect("a file");
        assert_eq!(journal(&folder).entries().expect("entries"), ["{\"a\":1}", "{\"b\":2}"]);
    }
}
