//! A file of lines that are only appended, each with its checksum; written anew, without what is no longer needed, when
//! it has grown too long. Knows bytes, not what they mean. What was appended outlives the process once `append` returns,
//! and a power cut once `append_synced` does; a torn or damaged line is left out at the next start and counted.

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
    /// Whether what lies beyond `length` could not be cut off.
    torn: bool,
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
            torn: false,
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
    /// What the file system refuses; the journal is as it was, and takes no more before that is so on disk, too.
    pub fn append(&self, lines: &[Vec<u8>]) -> io::Result<()> {
        self.tail.lock().add(lines, |_| Ok(()))
    }

    /// As [`Journal::append`]; they outlive a power cut when this returns.
    ///
    /// # Errors
    /// As [`Journal::append`]: what was refused is not there after a restart either.
    pub fn append_synced(&self, lines: &[Vec<u8>]) -> io::Result<()> {
        self.tail.lock().add(lines, File::sync_data)
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
    /// What the file system refuses; a power cut may leave what was there then.
    pub fn rewrite(&self, lines: &[Vec<u8>]) -> io::Result<()> {
        let mut tail = self.tail.lock();
        let draft = super::folder::write_draft(&self.path, &encode(lines))?;
        // Opened before it takes the place of the other: what comes must not go into a file that is gone.
        let file = open_file(&draft)?;
        let length = file.metadata()?.len();
        fs::rename(&draft, &self.path)?;
        *tail = Tail {
            length,
            lines: lines.len(),
            torn: false,
            file,
        };
        self.path.parent().map_or(Ok(()), sync_folder)
    }
}

impl Tail {
    fn add(
        &mut self,
        lines: &[Vec<u8>],
        settle: impl Fn(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.torn {
            self.cut()?;
        }
        let bytes = encode(lines);
        let written = self.file.write_all(&bytes);
        if let Err(cause) = written.and_then(|()| settle(&self.file)) {
            // Whoever sent them is told that they are not there. If they still are, the next call tries again.
            drop(self.cut());
            return Err(cause);
        }
        self.length += bytes.len() as u64;
        self.lines += lines.len();
        Ok(())
    }

    /// Cuts off what lies beyond what was appended, on disk as well: a power cut must not bring it back.
    fn cut(&mut self) -> io::Result<()> {
        self.torn = true;
        self.file.set_len(self.length)?;
        self.file.sync_data()?;
        self.torn = false;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        super::folder::create_private(folder)?;
    }
    // A draft of a rewriting that was cut off is worth nothing.
    drop(fs::remove_file(path.with_extension("tmp")));
    open_file(path)
}

fn open_file(path: &Path) -> io::Result<File> {
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

    #[test]
    fn lines_that_were_refused_and_could_not_be_cut_off_are_gone_before_the_next_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let (journal, _) = Journal::open(&path).unwrap();
        journal.append_synced(&lines(&["one"])).unwrap();
        // It takes what is written, and can neither be synced nor cut.
        let null = open_file(Path::new("/dev/null")).unwrap();
        let file = std::mem::replace(&mut journal.tail.lock().file, null);
        for _ in 0..2 {
            journal.append_synced(&lines(&["two"])).unwrap_err();
        }
        journal.append(&lines(&["two"])).unwrap_err();
        // As if it had lain in a file that is like that for a while.
        (&file).write_all(&encode(&lines(&["two"]))).unwrap();
        journal.tail.lock().file = file;
        journal.append(&lines(&["three"])).unwrap();
        let (_, held) = Journal::open(&path).unwrap();
        assert_eq!((held.lines, held.bad), (lines(&["one", "three"]), 0));
        assert_eq!(journal.len(), 2);
    }
}
