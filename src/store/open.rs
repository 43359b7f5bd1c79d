//! The guarded way into sled: a panic is an error, a stale snapshot is no obstacle. Knows no tree and no record.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// What came out of sled instead of an answer.
#[derive(Debug, thiserror::Error)]
pub enum SledFault {
    /// An error value.
    #[error("{0}")]
    Error(#[from] sled::Error),
    /// A panic, which a damaged page causes.
    #[error("damaged page: {0}")]
    Panic(String),
    /// The file system refused a file beside the database.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Whether the disk, or the user's share of it, is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), QuotaExceeded | StorageFull)
}

impl SledFault {
    /// Whether nothing but space is missing.
    pub(super) fn is_want_of_space(&self) -> bool {
        let (Self::Error(sled::Error::Io(error)) | Self::Io(error)) = self else {
            return false;
        };
        is_full(error)
    }

    /// Whether nothing but space or a right is missing; a damaged file never looks like that.
    pub(super) fn is_want_of_space_or_right(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        let (Self::Error(sled::Error::Io(error)) | Self::Io(error)) = self else {
            return false;
        };
        // sled wraps some errors anew; the number of the system's own is lost then, the kind is not.
        let right = matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem);
        right || self.is_want_of_space()
    }

    /// Whether the system refused something, which says nothing about the data.
    pub(super) fn is_refusal(&self) -> bool {
        let (Self::Error(sled::Error::Io(error)) | Self::Io(error)) = self else {
            return false;
        };
        error.raw_os_error().is_some() || self.is_locked()
    }

    /// Whether somebody has it open.
    fn is_locked(&self) -> bool {
        let (Self::Error(sled::Error::Io(error)) | Self::Io(error)) = self else {
            return false;
        };
        // sled words a held lock as an error of its own.
        error.to_string().contains("could not acquire lock")
    }
}

/// The numbers sled is opened with.
#[derive(Debug, Clone)]
pub(super) struct SledSettings {
    pub(super) cache_bytes: u64,
    pub(super) flush_every_ms: Option<u64>,
    pub(super) segment_bytes: usize,
}

/// Runs `work` against sled and turns a panic into an error.
///
/// Unwinding is safe to pass: sled keeps its own invariants behind its locks, and callers treat any fault as
/// "this handle is suspect".
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, SledFault> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Ok(done?),
        Err(panic) => Err(SledFault::Panic(panic_text(panic.as_ref()))),
    }
}

/// Opens `folder`; the flag tells whether its snapshots had to go first.
///
/// Snapshots only shorten recovery: without them sled reads its whole log. A crash can leave a half-made one that
/// refuses every later open.
pub(super) fn open_sled(
    folder: &Path,
    settings: &SledSettings,
) -> Result<(sled::Db, bool), SledFault> {
    let halves = remove_snapshots(folder, |name| name.ends_with(".generating"))?;
    let first = match attempt(folder, settings) {
        Ok(db) => return Ok((db, halves > 0)),
        Err(fault) => fault,
    };
    if remove_snapshots(folder, |_| true)? == 0 {
        return Err(first);
    }
    attempt(folder, settings).map(|db| (db, true))
}

/// Makes everything sled has written survive a power cut: its own flush stops at `sync_file_range`.
pub(super) fn sync(db: &sled::Db, folder: &Path) -> Result<(), SledFault> {
    guarded(|| db.flush())?;
    fs::File::open(folder.join("db"))?.sync_all()?;
    Ok(())
}

/// How long a lock is waited for that an earlier handle holds.
const LOCK_WAIT: Duration = Duration::from_secs(2);
const LOCK_STEP: Duration = Duration::from_millis(10);

/// Opens it, after an earlier handle of this process has let go: sled closes one on threads of its own, later than
/// its drop returns. No other process is in the folder, which has a lock of ours.
fn attempt(folder: &Path, settings: &SledSettings) -> Result<sled::Db, SledFault> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match attempt_once(folder, settings) {
            Err(fault) if fault.is_locked() && Instant::now() < deadline => {
                std::thread::sleep(LOCK_STEP);
            }
            opened => return opened,
        }
    }
}

fn attempt_once(folder: &Path, settings: &SledSettings) -> Result<sled::Db, SledFault> {
    guarded(|| {
        sled::Config::new()
            .path(folder)
            .cache_capacity(settings.cache_bytes)
            .flush_every_ms(settings.flush_every_ms)
            .segment_size(settings.segment_bytes)
            .open()
    })
}

fn remove_snapshots(folder: &Path, which: impl Fn(&str) -> bool) -> io::Result<usize> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    for file in listing {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") && which(&name) {
            fs::remove_file(file.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.and_then(|text| text.lines().next())
        .unwrap_or("no message")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> SledSettings {
        SledSettings {
            cache_bytes: 1 << 20,
            flush_every_ms: None,
            segment_bytes: 512 << 10,
        }
    }

    #[test]
    fn a_half_made_snapshot_does_not_stop_the_open() {
        let temp = tempfile::tempdir().unwrap();
        {
            let (db, _) = open_sled(temp.path(), &settings()).unwrap();
            db.insert("a", "1").unwrap();
        }
        fs::write(
            temp.path().join("snap.0000000000000001.generating"),
            b"half",
        )
        .unwrap();
        let (db, repaired) = open_sled(temp.path(), &settings()).unwrap();
        assert!(repaired);
        assert_eq!(db.get("a").unwrap().unwrap(), b"1");
    }

    #[test]
    fn a_panic_becomes_one_line() {
        let fault = guarded::<()>(|| panic!("first\nsecond")).unwrap_err();
        assert_eq!(fault.to_string(), "damaged page: first");
    }
}
