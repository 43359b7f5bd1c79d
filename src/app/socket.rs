//! The operator's socket in the data folder: readable by its owner only, from its
//! first moment on. Knows nothing of what is said through it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

const NAME: &str = "control.sock";

/// A bound socket.
pub struct Socket {
    path: PathBuf,
    listener: UnixListener,
}

impl Socket {
    /// Binds the socket of a data folder whose lock the caller holds.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn bind(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        // Bound under another name, closed to others, and only then moved to where it is looked for.
        let draft = folder.join(".control.draft");
        for stale in [&path, &draft] {
            match fs::remove_file(stale) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        let listener = UnixListener::bind(reach(&draft)?.path())?;
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o600))?;
        fs::rename(&draft, &path)?;
        Ok(Self { path, listener })
    }

    /// The socket to accept on.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }

    /// Takes the socket away: nobody listens any more.
    pub fn remove(&self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Where a running gateway listens in a data folder; none if none does.
#[must_use]
pub fn running(folder: &Path) -> Option<Reach> {
    let reach = reach(&folder.join(NAME)).ok()?;
    UnixStream::connect(reach.path()).ok()?;
    Some(reach)
}

/// A path to a socket that is short enough for the system, which takes 107 bytes.
pub struct Reach {
    path: PathBuf,
    folder: Option<fs::File>,
}

impl Reach {
    /// The path and what must stay open for it to lead anywhere.
    #[must_use]
    pub fn into_parts(self) -> (PathBuf, Option<fs::File>) {
        (self.path, self.folder)
    }

    /// The path, good for as long as this lives.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reaches a path that may be too long by way of its open folder.
fn reach(path: &Path) -> io::Result<Reach> {
    use std::os::fd::AsRawFd;
    if path.as_os_str().len() < 100 {
        return Ok(Reach {
            path: path.to_owned(),
            folder: None,
        });
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::other("a socket needs a folder and a name"));
    };
    let folder = fs::File::open(folder)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    Ok(Reach {
        path: short,
        folder: Some(folder),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_its_owners_alone_also_under_a_long_path() {
        let root = tempfile::tempdir().unwrap();
        for name in ["short".to_owned(), "long".repeat(40)] {
            let folder = root.path().join(name);
            fs::create_dir(&folder).unwrap();
            assert!(running(&folder).is_none());
            let socket = Socket::bind(&folder).unwrap();
            let mode = fs::metadata(folder.join(NAME))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(running(&folder).is_some());
            drop(Socket::bind(&folder).unwrap());
            socket.remove();
            assert!(running(&folder).is_none());
        }
    }
}
