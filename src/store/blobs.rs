//! Plain files under one folder, for what is too large for a row. Knows their names, not what is in them.
//!
//! A file is written as `NAME.tmp`, made to survive a power cut and only then renamed, so that a name stands for a
//! whole file or for none.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::folder::{DataFolder, create_private, free_bytes, sync_folder};

/// The folder. Everything here blocks.
#[derive(Debug)]
pub struct Blobs {
    folder: PathBuf,
    min_free_bytes: u64,
}

/// A file that is being written; gone when dropped before [`Draft::finish`].
#[derive(Debug)]
pub struct Draft {
    file: BufWriter<File>,
    folder: PathBuf,
    name: String,
    bytes: u64,
    kept: bool,
}

impl Blobs {
    /// Opens the folder, made when missing. Nothing is written where less than `min_free_bytes` would be left.
    ///
    /// # Errors
    /// What the system refused.
    pub fn open(folder: &DataFolder, min_free_bytes: u64) -> io::Result<Self> {
        let folder = folder.files();
        create_private(&folder)?;
        Ok(Self {
            folder,
            min_free_bytes,
        })
    }

    /// Whether there is room for so many bytes more.
    #[must_use]
    pub fn has_room(&self, bytes: u64) -> bool {
        let needed = self.min_free_bytes.saturating_add(bytes);
        free_bytes(&self.folder).is_ok_and(|free| free >= needed)
    }

    /// Begins a file of that name.
    ///
    /// # Errors
    /// There is no room, or the system refused.
    pub fn draft(&self, name: &str) -> io::Result<Draft> {
        if !self.has_room(0) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.folder.join(format!("{name}.tmp")))?;
        Ok(Draft {
            file: BufWriter::with_capacity(64 << 10, file),
            folder: self.folder.clone(),
            name: name.to_owned(),
            bytes: 0,
            kept: false,
        })
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// It is not there, or the system refused.
    pub fn file(&self, name: &str) -> io::Result<File> {
        File::open(self.folder.join(name))
    }

    /// Removes a file; none is just as good.
    ///
    /// # Errors
    /// The system refused.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes every file whose name is not among `known`, half-written ones included; for when nobody writes.
    ///
    /// # Errors
    /// The system refused.
    pub fn keep_only(&self, known: &HashSet<String>) -> io::Result<()> {
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            if !known.contains(&name) {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

impl Draft {
    /// Appends.
    ///
    /// # Errors
    /// What the system refused.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives the file its name, for good; says how long it is.
    ///
    /// # Errors
    /// What the system refused; there is no file then.
    pub fn finish(mut self) -> io::Result<u64> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(self.path(), self.folder.join(&self.name))?;
        self.kept = true;
        sync_folder(&self.folder)?;
        Ok(self.bytes)
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.tmp", self.name))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            // What stays behind is removed at the next start.
            drop(fs::remove_file(self.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_name_stands_for_a_whole_file_or_for_none() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temp.path()).unwrap();
        let blobs = Blobs::open(&folder, 0).unwrap();
        let mut draft = blobs.draft("a").unwrap();
        draft.write(b"half").unwrap();
        assert!(blobs.file("a").is_err());
        drop(draft);
        assert_eq!(fs::read_dir(folder.files()).unwrap().count(), 0);
        let mut draft = blobs.draft("a").unwrap();
        draft.write(b"whole").unwrap();
        assert_eq!(draft.finish().unwrap(), 5);
        let mut text = String::new();
        blobs.file("a").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "whole");
        fs::write(folder.files().join("b.tmp"), "left by a crash").unwrap();
        blobs.keep_only(&["a".to_owned()].into()).unwrap();
        assert_eq!(fs::read_dir(folder.files()).unwrap().count(), 1);
        blobs.remove("a").unwrap();
        blobs.remove("a").unwrap();
    }

    #[test]
    fn nothing_is_begun_where_too_little_room_would_be_left() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temp.path()).unwrap();
        let blobs = Blobs::open(&folder, u64::MAX).unwrap();
        assert!(blobs.draft("a").is_err() && !blobs.has_room(0));
    }
}
