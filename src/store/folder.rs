//! The data folder: its layout, its lock and its free space. Knows nothing of what the files in it mean.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Why a data folder cannot be used; each variant prints as one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process holds the lock.
    #[error("data folder {} is in use by another process{}", path.display(), holder(*pid))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that wrote itself into the lock file, when readable.
        pid: Option<u32>,
    },
    /// The folder or its file system does not take writes.
    #[error("data folder {} is not writable: {source}", path.display())]
    ReadOnly {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not even a lock file fits.
    #[error("data folder {} has no space left", path.display())]
    NoSpace {
        /// The folder.
        path: PathBuf,
    },
    /// Anything else the system refused.
    #[error("data folder {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A data folder that this process alone holds; the lock ends with the value, also when the process is killed.
#[derive(Debug)]
pub struct DataFolder {
    root: PathBuf,
    lock: File,
}

impl DataFolder {
    /// Creates the folder where missing (0700), checks that it takes writes, and locks it.
    ///
    /// # Errors
    /// One [`FolderError`] per cause; a lock held elsewhere never waits.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let fail = |source| classify(path, source);
        create_private(path).map_err(fail)?;
        let root = path.canonicalize().map_err(fail)?;
        let lock = lock_file(&root).map_err(fail)?;
        let mut folder = Self { root, lock };
        folder.claim()?;
        for sub in [folder.state(), folder.cache(), folder.audit()] {
            create_private(&sub).map_err(|source| classify(path, source))?;
        }
        Ok(folder)
    }

    /// The folder itself, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keys and policies.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// Entries and vectors.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The append-only trail.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.root.join("audit")
    }

    /// What was decided and what was said of it; made by whoever writes there first.
    #[must_use]
    pub fn evidence(&self) -> PathBuf {
        self.root.join("evidence")
    }

    /// Work that must outlive the process; made by whoever writes there first.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Files of clients, beside their descriptions.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.work().join("files")
    }

    /// Bytes this user may still write here.
    ///
    /// # Errors
    /// What `statvfs` says.
    pub fn free_bytes(&self) -> io::Result<u64> {
        free_bytes(&self.root)
    }

    fn claim(&mut self) -> Result<(), FolderError> {
        match self.lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = self
                    .lock
                    .read_to_string(&mut text)
                    .ok()
                    .and_then(|_| text.trim().parse().ok());
                return Err(FolderError::InUse {
                    path: self.root.clone(),
                    pid,
                });
            }
            Err(TryLockError::Error(source)) => return Err(classify(&self.root, source)),
        }
        // The process id only helps a person; a full disk must not stop a gateway that can still pass requests on.
        let written = self
            .lock
            .set_len(0)
            .and_then(|()| self.lock.rewind())
            .and_then(|()| writeln!(self.lock, "{}", std::process::id()));
        match written {
            Err(source) if Errno::from_io_error(&source) == Some(Errno::ROFS) => {
                Err(classify(&self.root, source))
            }
            _ => Ok(()),
        }
    }
}

/// Bytes this user may still write on the file system of `path`.
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Makes a folder and its parents, closed to other users.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a rename or creation inside `path` survive a power cut.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Writes a file so that a crash leaves either the old one or the whole new one.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::rename(write_draft(path, bytes)?, path)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Writes beside `path` what is to take its place; on disk when this gives where it is.
pub(super) fn write_draft(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let draft = path.with_extension("tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        drop(fs::remove_file(&draft));
        return Err(error);
    }
    Ok(draft)
}

fn lock_file(root: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(root.join("lock"))
}

fn classify(path: &Path, source: io::Error) -> FolderError {
    let path = path.to_owned();
    match Errno::from_io_error(&source) {
        Some(Errno::ROFS | Errno::ACCESS | Errno::PERM) => FolderError::ReadOnly { path, source },
        Some(Errno::NOSPC | Errno::DQUOT) => FolderError::NoSpace { path },
        _ => FolderError::Io { path, source },
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_missing_folder_is_made_for_its_owner_alone() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(&temp.path().join("a/b")).unwrap();
        let mode = fs::metadata(folder.root()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(folder.state().is_dir() && folder.cache().is_dir() && folder.audit().is_dir());
    }

    #[test]
    fn a_second_holder_is_told_who_has_the_folder() {
        let temp = tempfile::tempdir().unwrap();
        let held = DataFolder::open(temp.path()).unwrap();
        let error = DataFolder::open(temp.path()).unwrap_err();
        assert!(
            matches!(error, FolderError::InUse { pid: Some(pid), .. } if pid == std::process::id())
        );
        assert_eq!(error.to_string().lines().count(), 1);
        drop(held);
        DataFolder::open(temp.path()).unwrap();
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_an_error_and_not_a_panic() {
        let temp = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(
            DataFolder::open(temp.path()),
            Err(FolderError::Io { .. })
        ));
    }

    #[test]
    fn a_read_only_file_system_is_named_as_such() {
        let path = Path::new("/data");
        let error = classify(path, io::Error::from(Errno::ROFS));
        assert!(
            error
                .to_string()
                .starts_with("data folder /data is not writable")
        );
        assert!(matches!(
            classify(path, io::Error::from(Errno::NOSPC)),
            FolderError::NoSpace { .. }
        ));
    }
}
