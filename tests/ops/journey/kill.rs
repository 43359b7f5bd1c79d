//! When a gateway is killed, and how it starts again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::helpers::{Ended, Gateway, Place, Random};

/// Between two looks at the folder: shorter than a write to disk takes.
const LOOK: Duration = Duration::from_micros(50);
/// A journey that comes to no kill has come to a stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// When to kill.
#[derive(Debug)]
pub(super) enum Moment {
    After(Duration),
    /// As soon as it has written so often to what must not be lost: before the write that follows.
    Written(u64),
}

impl Moment {
    pub(super) fn some(random: &mut Random) -> Self {
        match random.below(4) {
            0 => Self::After(Duration::from_micros(random.below(1_500_000))),
            _ => Self::Written(1 + random.below(60)),
        }
    }

    fn wait(&self, data: &Path) {
        match self {
            // The moment is what this test is about.
            Self::After(time) => std::thread::sleep(*time),
            Self::Written(times) => {
                let (mut seen, deadline) = (written(data), Instant::now() + PATIENCE);
                for _ in 0..*times {
                    while written(data) == seen {
                        assert!(Instant::now() < deadline, "nothing is written");
                        std::thread::sleep(LOOK);
                    }
                    seen = written(data);
                }
            }
        }
    }
}

/// A number that changes whenever one of the files does that outlive a crash.
fn written(data: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let folders = ["state", "state/exports", "audit", "evidence"];
    for file in folders
        .iter()
        .flat_map(|f| std::fs::read_dir(data.join(f)).into_iter().flatten())
    {
        // A file may be gone again.
        let Some(told) = file.ok().and_then(|f| f.metadata().ok()) else {
            continue;
        };
        (told.ino(), told.len(), told.mtime(), told.mtime_nsec()).hash(&mut hasher);
    }
    hasher.finish()
}

/// Kills the gateway at that moment of a journey, which ends with it; gives how it ended, and when.
pub(super) fn cut_short(
    gateway: Gateway,
    data: &Path,
    moment: &Moment,
    walk: impl FnOnce() -> io::Error,
) -> (Ended, Instant) {
    let dying = AtomicBool::new(false);
    let died = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            moment.wait(data);
            dying.store(true, Ordering::SeqCst);
            gateway.signal(Signal::KILL);
            Instant::now()
        });
        let error = walk();
        assert!(dying.load(Ordering::SeqCst), "{error}");
        killer.join().unwrap()
    });
    (gateway.ended(), died)
}

/// Starts it, now and then only after a start that was cut short, too. It has nothing to complain of.
pub(super) fn start(place: &Place, random: &mut Random) -> Gateway {
    if random.below(3) == 0 {
        let mut command = place.command(&["serve", "--bind", "127.0.0.1:0"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.below(600)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let gateway = place.start();
    let log = gateway.log();
    let warned = |l: &&str| l.contains(" ERROR ") || l.contains(" WARN ");
    // A change that its labels were about to roll back; half a snapshot of a start that was cut off.
    let usual = [
        "a change was rolled back",
        "the cache was repaired bad_blocks=0",
    ];
    for line in log.lines().filter(warned) {
        assert!(usual.iter().any(|u| line.contains(u)), "{log}");
    }
    gateway
}
