//! A small file system for the tests, where this user may mount one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Unmounted when dropped.
pub(super) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// 64 MiB; none, with a line that says so, where no file system may be mounted.
    pub(super) fn mount() -> Option<Self> {
        let temp = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        let done = mount
            .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"])
            .arg(temp.path())
            .output();
        let mounted = done.is_ok_and(|output| output.status.success());
        if !mounted {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or_default();
            println!("SKIPPED {test}: no file system may be mounted here, nothing was checked");
        }
        mounted.then_some(Self(temp))
    }

    /// Where the data folder goes.
    pub(super) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Leaves so many bytes; the file to remove is given.
    pub(super) fn fill_but(&self, left: u64) -> PathBuf {
        let ballast = self.path().join("ballast");
        let free = super::folder::free_bytes(self.path()).unwrap() - left;
        let bytes = vec![1; usize::try_from(free).unwrap()];
        std::fs::write(&ballast, bytes).unwrap();
        ballast
    }

    /// Leaves nothing; the file to remove is given.
    pub(super) fn fill(&self) -> PathBuf {
        let ballast = self.path().join("ballast");
        let mut file = std::fs::File::create(&ballast).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            let block = vec![1; size];
            while file.write_all(&block).is_ok() {}
        }
        ballast
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.path()).output());
    }
}
