//! What an interrupted run has finished, so that the next one goes on from there. A
//! run that finishes everything leaves none: answers expire, and warming is repeated.
//! A file of hashes; it knows no question.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::lines::Key;

/// Longest time for which finished items are only in memory.
const LINGER: Duration = Duration::from_secs(1);

/// The journal of one file and one target.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    done: HashSet<Key>,
    waiting: Vec<Key>,
    batch: usize,
    since: Instant,
}

impl Journal {
    /// Opens the journal `name` in `folder`, made when missing. What was finished so long ago
    /// that its answer may have expired counts no more; nothing counts if `fresh`.
    ///
    /// # Errors
    /// The folder takes no files.
    pub fn open(folder: &Path, name: &str, lives: Lives, fresh: bool) -> io::Result<Self> {
        let mut made = fs::DirBuilder::new();
        made.recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(format!("{name}.done"));
        let mut file = OpenOptions::new()
            .append(true)
            .read(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        if fresh {
            file.set_len(0)?;
        }
        let text = fs::read(&path)?;
        // A line cut off by a kill must not swallow the next one.
        if text.last().is_some_and(|last| *last != b'\n') {
            file.write_all(b"\n")?;
        }
        let text = String::from_utf8_lossy(&text);
        Ok(Self {
            done: text.lines().filter_map(|l| lives.read(l)).collect(),
            path,
            file,
            waiting: Vec::new(),
            batch: lives.batch,
            since: Instant::now(),
        })
    }

    /// Whether an earlier run finished it.
    #[must_use]
    pub fn has(&self, key: &Key) -> bool {
        self.done.contains(key)
    }

    /// Notes that it is finished.
    pub fn note(&mut self, key: Key) {
        if self.waiting.is_empty() {
            self.since = Instant::now();
        }
        self.waiting.push(key);
    }

    /// Whether enough waits to be written.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let waits = !self.waiting.is_empty();
        waits && (self.waiting.len() >= self.batch || self.since.elapsed() >= LINGER)
    }

    /// Writes what waits and has it on disk when it returns.
    ///
    /// # Errors
    /// The disk does not take it; it waits on.
    pub fn commit(&mut self, now_s: u64) -> io::Result<()> {
        let mut text = String::new();
        for key in &self.waiting {
            text += &format!("{:032x} {now_s}\n", u128::from_be_bytes(*key));
        }
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()?;
        self.waiting.clear();
        Ok(())
    }

    /// Ends the journal: nothing is left to do.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn finish(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }
}

/// How long finished items count, and how many wait to be written.
#[derive(Debug, Clone, Copy)]
pub struct Lives {
    /// Now, in seconds since 1970.
    pub now_s: u64,
    /// Seconds for which an answer is remembered.
    pub ttl_s: u64,
    /// Items that wait at most.
    pub batch: usize,
}

impl Lives {
    fn read(&self, line: &str) -> Option<Key> {
        let (key, at) = line.split_once(' ')?;
        let at: u64 = at.parse().ok()?;
        let fresh = at.saturating_add(self.ttl_s) > self.now_s;
        let key = (key.len() == 32).then(|| u128::from_str_radix(key, 16).ok())??;
        fresh.then(|| key.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lives(now_s: u64) -> Lives {
        Lives {
            now_s,
            ttl_s: 100,
            batch: 2,
        }
    }

    #[test]
    fn what_was_written_is_known_to_the_next_run_until_it_expires() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new/warm");
        let mut journal = Journal::open(&folder, "a", lives(1000), false).unwrap();
        journal.note([1; 16]);
        assert!(!journal.is_due());
        journal.note([0; 16]);
        assert!(journal.is_due());
        journal.commit(1000).unwrap();
        assert!(!journal.is_due());
        journal.note([3; 16]);
        drop(journal);
        let next = Journal::open(&folder, "a", lives(1099), false).unwrap();
        assert!(next.has(&[1; 16]) && next.has(&[0; 16]));
        assert!(!next.has(&[3; 16]), "was never written");
        let other = Journal::open(&folder, "b", lives(1099), false).unwrap();
        assert!(!other.has(&[1; 16]));
        let late = Journal::open(&folder, "a", lives(1100), false).unwrap();
        assert!(!late.has(&[1; 16]));
        let fresh = Journal::open(&folder, "a", lives(1000), true).unwrap();
        assert!(!fresh.has(&[1; 16]));
        fresh.finish().unwrap();
        assert!(!folder.join("a.done").exists());
    }

    #[test]
    fn a_line_cut_off_by_a_kill_is_not_read_and_spoils_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let whole = format!("{} 1000\n", "01".repeat(16));
        fs::write(dir.path().join("a.done"), format!("{whole}0202020")).unwrap();
        let mut journal = Journal::open(dir.path(), "a", lives(1000), false).unwrap();
        assert!(journal.has(&[1; 16]) && journal.done.len() == 1);
        journal.note([3; 16]);
        journal.commit(1000).unwrap();
        let next = Journal::open(dir.path(), "a", lives(1000), false).unwrap();
        assert!(next.has(&[3; 16]) && next.done.len() == 2);
    }
}
