//! A file of lines that are only appended, each with its checksum; written anew, without what is no longer needed, when
//! it has grown too long. Knows bytes, not what they mean. What was appended outlives the process once `append` returns,
//! and a power cut once `sync` does; a torn or damaged line is left out at the next start and counted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::folder::sync_folder;

/// Bytes of a line's checksum, in hexadecimal.
const SUM: usize = 16;

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    tail: Mutex<Tail>,
}

#[derive(Debug)]
struct Tail {
    file: File,
    length: u64,
    lines: usize,
}

/// What a journal held when it was opened.
#[derive(Debug, Default)]
pub struct Held {
    /// Its lines, oldest first.
    pub lines: Vec<Vec<u8>>,
    /// Lines whose checksum did not hold.
    pub bad: usize,
}

impl Journal {
    /// Opens or makes the journal at `path`, and reads it.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn open(path: &Path) -> io::Result<(Self, Held)> {
        let mut bytes = Vec::new();
        let mut file = open(path)?;
        file.read_to_end(&mut bytes)?;
        let held = read(&bytes);
        let whole = bytes.last().is_none_or(|last| *last == b'\n');
        if !whole {
            // What comes next must not be glued to half a line.
            file.write_all(b"\n")?;
        }
        if let Some(folder) = path.parent() {
            sync_folder(folder)?;
        }
        let tail = Tail {
            length: file.metadata()?.len(),
            lines: held.lines.len() + held.bad,
            file,
        };
        let journal = Self {
            path: path.to_owned(),
            tail: Mutex::new(tail),
        };
        Ok((journal, held))
    }

    /// Appends lines, all or none. They must not hold a line break.
    ///
    /// # Errors
    /// What the file system refuses; the journal is as it was.
    pub fn append(&self, lines: &[Vec<u8>]) -> io::Result<()> {
        let mut tail = self.tail.lock();
        let bytes = encode(lines);
        if let Err(cause) = tail.file.write_all(&bytes) {
            tail.file.set_len(tail.length)?;
            return Err(cause);
        }
        tail.length += bytes.len() as u64;
        tail.lines += lines.len();
        Ok(())
    }

    /// Makes what was appended outlive a power cut.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn sync(&self) -> io::Result<()> {
        self.tail.lock().file.sync_data()
    }

    /// Lines in the file, those that are no longer needed included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tail.lock().lines
    }

    /// Whether it holds no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts `lines` in the place of all there are. Nothing of the others is left on disk.
    ///
    /// # Errors
    /// What the file system refuses; the journal is as it was.
    pub fn rewrite(&self, lines: &[Vec<u8>]) -> io::Result<()> {
        let mut tail = self.tail.lock();
        super::folder::write_atomically(&self.path, &encode(lines))?;
        let file = open(&self.path)?;
        *tail = Tail {
            length: file.metadata()?.len(),
            lines: lines.len(),
            file,
        };
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        super::folder::create_private(folder)?;
    }
    // A draft of a rewriting that was cut off is worth nothing.
    drop(fs::remove_file(path.with_extension("tmp")));
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn encode(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(&sum(line));
        bytes.push(b' ');
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    bytes
}

fn read(bytes: &[u8]) -> Held {
    let mut held = Held::default();
    for line in bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let sound = line.split_at_checked(SUM + 1).filter(|(head, text)| {
            let (written, space) = head.split_at(SUM);
            written == sum(text) && space == b" "
        });
        match sound {
            Some((_, text)) => held.lines.push(text.to_vec()),
            None => held.bad += 1,
        }
    }
    held
}

fn sum(line: &[u8]) -> [u8; SUM] {
    let mut sum = [0; SUM];
    let hex = blake3::hash(line).to_hex();
    sum.copy_from_slice(&hex.as_bytes()[..SUM]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(of: &[&str]) -> Vec<Vec<u8>> {
        of.iter().map(|l| l.as_bytes().to_vec()).collect()
    }

    #[test]
    fn what_was_appended_is_there_after_a_restart_without_a_close() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e/x.log");
        let (journal, held) = Journal::open(&path).unwrap();
        assert!(held.lines.is_empty() && journal.is_empty());
        journal.append(&lines(&["one", "two"])).unwrap();
        std::mem::forget(journal);
        let (journal, held) = Journal::open(&path).unwrap();
        assert_eq!((held.lines, held.bad), (lines(&["one", "two"]), 0));
        assert_eq!(journal.len(), 2);
    }

    #[test]
    fn a_torn_or_changed_line_costs_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let (journal, _) = Journal::open(&path).unwrap();
        journal.append(&lines(&["one", "two", "three"])).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let two = bytes.windows(3).position(|w| w == b"two").unwrap();
        bytes[two] = b'x';
        bytes.truncate(bytes.len() - 2);
        fs::write(&path, bytes).unwrap();
        let (journal, held) = Journal::open(&path).unwrap();
        assert_eq!((held.lines, held.bad), (lines(&["one"]), 2));
        journal.append(&lines(&["four"])).unwrap();
        let (_, held) = Journal::open(&path).unwrap();
        assert_eq!(held.lines, lines(&["one", "four"]));
    }

    #[test]
    fn rewriting_leaves_nothing_of_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let (journal, _) = Journal::open(&path).unwrap();
        journal.append(&lines(&["secret", "two"])).unwrap();
        journal.rewrite(&lines(&["two"])).unwrap();
        journal.append(&lines(&["three"])).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(6).any(|w| w == b"secret"));
        let (journal, held) = Journal::open(&path).unwrap();
        assert_eq!((held.lines, journal.len()), (lines(&["two", "three"]), 2));
    }
}
