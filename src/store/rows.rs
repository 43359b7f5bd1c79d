//! Rows by key that are only ever appended, in a folder of segments whose sum is bounded: beyond it the oldest segment
//! goes, whatever is in it. For what is in memory anyway and only spares work after a start. Knows bytes, not what they
//! mean; one thread of its own first reads what there is, then writes what comes.
//!
//! ```text
//! a frame:  length of what follows the checksum u32 LE, checksum (16 bytes), key (32 bytes), value
//! ```
//! The last row of a key counts. What does not fit its checksum is left out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::bytes::Fields;
use super::folder::{create_private, free_bytes, write_atomically};

/// A row's key.
pub type RowKey = [u8; 32];

/// Segments that make up the whole: one of them is what goes at a time.
const SEGMENTS: u64 = 8;
/// Orders that may wait.
const QUEUE: usize = 1024;
/// Bytes of rows that may wait: what comes while the disk is slow is not kept on it.
const WAITING_BYTES: usize = 64 << 20;
/// Most bytes of a frame; a length above it is damage.
const MAX_FRAME: usize = 16 << 20;
const ENDING: &str = "rows";

/// Where rows lie, and how many.
#[derive(Debug, Clone)]
pub struct RowLogConfig {
    /// The folder.
    pub folder: PathBuf,
    /// Bytes of all segments together.
    pub bytes: u64,
    /// Bytes that stay free on the disk.
    pub min_free_bytes: u64,
}

/// Rows to be written.
type Rows = Vec<(RowKey, Vec<u8>)>;
type Keeps = Box<dyn Fn(&[u8]) -> bool + Send>;

enum Order {
    Write(Rows),
    Retain(Keeps),
    /// Answered when all before it is done.
    Settle(Sender<()>),
}

/// The front of the thread that owns the segments. It ends, with all written, when this is dropped.
pub struct RowLog {
    orders: Option<Sender<Order>>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl RowLog {
    /// Starts the thread. It calls `on_row` with each row there is, oldest first.
    ///
    /// # Errors
    /// No folder, or no thread.
    pub fn start(
        config: RowLogConfig,
        on_row: impl FnMut(RowKey, &[u8]) + Send + 'static,
    ) -> io::Result<Self> {
        create_private(&config.folder)?;
        let (orders, inbox) = bounded(QUEUE);
        let waiting = Arc::new(AtomicUsize::new(0));
        let done = waiting.clone();
        let thread = thread::Builder::new()
            .name("rows".to_owned())
            .spawn(move || run(config, on_row, &inbox, &done))?;
        Ok(Self {
            orders: Some(orders),
            waiting,
            thread: Some(thread),
        })
    }

    /// Has rows written; false if too many wait already, and none of these are.
    pub fn put(&self, rows: Rows) -> bool {
        let bytes = weight(&rows);
        let before = self.waiting.fetch_add(bytes, Ordering::AcqRel);
        let order = Order::Write(rows);
        let taken = before + bytes <= WAITING_BYTES
            && self
                .orders
                .as_ref()
                .is_some_and(|o| o.try_send(order).is_ok());
        if !taken {
            self.waiting.fetch_sub(bytes, Ordering::AcqRel);
        }
        taken
    }

    /// Drops the rows whose value does not pass; nothing of them is on disk when this returns.
    pub fn retain(&self, keeps: impl Fn(&[u8]) -> bool + Send + 'static) {
        self.order(Order::Retain(Box::new(keeps)));
        self.settle();
    }

    /// Waits until all is read, and all written that was put.
    pub fn settle(&self) {
        let (tell, told) = bounded(1);
        self.order(Order::Settle(tell));
        // An error means that the thread is gone, and so is whatever could be waited for.
        told.recv().unwrap_or(());
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            drop(orders.send(order));
        }
    }
}

impl Drop for RowLog {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run(
    config: RowLogConfig,
    mut on_row: impl FnMut(RowKey, &[u8]),
    inbox: &Receiver<Order>,
    waiting: &AtomicUsize,
) {
    let mut segments = Segments::new(config);
    if let Err(cause) = segments.load(&mut on_row) {
        tracing::warn!(%cause, "rows of an earlier run are not read");
    }
    let mut failing = false;
    while let Ok(order) = inbox.recv() {
        match order {
            Order::Settle(tell) => drop(tell.send(())),
            Order::Retain(keeps) => {
                if let Err(cause) = segments.retain(&keeps) {
                    tracing::error!(%cause, "rows that were deleted may still be on disk");
                }
            }
            Order::Write(rows) => {
                let written = segments.write(&rows);
                waiting.fetch_sub(weight(&rows), Ordering::AcqRel);
                if let (Err(cause), false) = (&written, failing) {
                    tracing::warn!(%cause, "rows are kept in memory only until the disk takes them again");
                }
                failing = written.is_err();
            }
        }
    }
}

struct Segments {
    config: RowLogConfig,
    /// Number and length of each, oldest first.
    all: Vec<(u64, u64)>,
    /// The newest of them, where it takes more.
    open: Option<File>,
}

impl Segments {
    fn new(config: RowLogConfig) -> Self {
        Self {
            config,
            all: Vec::new(),
            open: None,
        }
    }

    fn load(&mut self, on_row: &mut impl FnMut(RowKey, &[u8])) -> io::Result<()> {
        let mut numbers = Vec::new();
        for file in fs::read_dir(&self.config.folder)? {
            let path = file?.path();
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            if path.extension().is_some_and(|e| e == ENDING) {
                numbers.extend::<Option<u64>>(number);
            }
        }
        numbers.sort_unstable();
        let mut whole = false;
        for number in numbers {
            let bytes = fs::read(self.path(number))?;
            whole = read(&bytes, on_row);
            self.all.push((number, bytes.len() as u64));
        }
        if let (true, Some((number, _))) = (whole, self.all.last()) {
            self.open = Some(open(&self.path(*number))?);
        }
        self.trim();
        Ok(())
    }

    fn write(&mut self, rows: &Rows) -> io::Result<()> {
        if free_bytes(&self.config.folder)? < self.config.min_free_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut frames = Vec::new();
        for (key, value) in rows {
            frame(key, value, &mut frames);
            if frames.len() as u64 >= self.longest() {
                self.append(&frames)?;
                frames.clear();
            }
        }
        self.append(&frames)
    }

    fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        if frames.is_empty() {
            return Ok(());
        }
        let longest = self.longest();
        let full = self.all.last().is_none_or(|(_, length)| *length >= longest);
        let mut file = match self.open.take().filter(|_| !full) {
            Some(file) => file,
            None => {
                let number = self.all.last().map_or(0, |(number, _)| number + 1);
                let file = open(&self.path(number))?;
                self.all.push((number, 0));
                file
            }
        };
        // After a fault the file stays closed: what follows half a frame would be lost.
        file.write_all(frames)?;
        self.open = Some(file);
        if let Some((_, length)) = self.all.last_mut() {
            *length += frames.len() as u64;
        }
        self.trim();
        Ok(())
    }

    fn retain(&mut self, keeps: &Keeps) -> io::Result<()> {
        // What comes next must not go into a file that is gone.
        self.open = None;
        for at in 0..self.all.len() {
            let path = self.path(self.all[at].0);
            let (bytes, mut kept) = (fs::read(&path)?, Vec::new());
            read(&bytes, &mut |key, value| {
                if keeps(value) {
                    frame(&key, value, &mut kept);
                }
            });
            if kept != bytes {
                write_atomically(&path, &kept)?;
                self.all[at].1 = kept.len() as u64;
            }
        }
        Ok(())
    }

    /// Drops the oldest until the rest fits.
    fn trim(&mut self) {
        let sum = |all: &[(u64, u64)]| all.iter().map(|(_, length)| length).sum::<u64>();
        while self.all.len() > 1 && sum(&self.all) > self.config.bytes {
            let (number, _) = self.all.remove(0);
            // What cannot be removed is tried again at the next start.
            drop(fs::remove_file(self.path(number)));
        }
    }

    fn longest(&self) -> u64 {
        (self.config.bytes / SEGMENTS).max(1)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.config.folder.join(format!("{number:016}.{ENDING}"))
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path)
}

fn weight(rows: &Rows) -> usize {
    rows.iter().map(|(_, value)| value.len()).sum()
}

fn frame(key: &RowKey, value: &[u8], out: &mut Vec<u8>) {
    let length = key.len() + value.len();
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    let sum_at = out.len();
    out.extend_from_slice(&[0; 16]);
    let start = out.len();
    out.extend_from_slice(key);
    out.extend_from_slice(value);
    let sum = checksum(&out[start..]);
    out[sum_at..start].copy_from_slice(&sum);
}

/// Reads frames; says whether there was nothing else.
fn read(bytes: &[u8], on_row: &mut impl FnMut(RowKey, &[u8])) -> bool {
    let mut fields = Fields::new(bytes);
    let mut sound = true;
    while !fields.is_empty() {
        let length = fields.u32().map(|length| length as usize);
        let Some(length) = length.filter(|length| *length <= MAX_FRAME) else {
            return false;
        };
        let (Some(sum), Some(payload)) = (fields.array::<16>(), fields.take(length)) else {
            return false;
        };
        let row = payload
            .split_first_chunk::<32>()
            .filter(|_| sum == checksum(payload));
        match row {
            Some((key, value)) => on_row(*key, value),
            None => sound = false,
        }
    }
    sound
}

fn checksum(payload: &[u8]) -> [u8; 16] {
    let mut sum = [0; 16];
    blake3::Hasher::new()
        .update(payload)
        .finalize_xof()
        .fill(&mut sum);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::collections::BTreeMap;

    fn config(folder: &Path, bytes: u64) -> RowLogConfig {
        RowLogConfig {
            folder: folder.to_owned(),
            bytes,
            min_free_bytes: 0,
        }
    }

    fn key(n: u8) -> RowKey {
        [n; 32]
    }

    /// What a log holds when it is opened.
    fn held(folder: &Path, bytes: u64) -> BTreeMap<u8, Vec<u8>> {
        let rows = Arc::new(Mutex::new(BTreeMap::new()));
        let seen = rows.clone();
        let log = RowLog::start(config(folder, bytes), move |key, value: &[u8]| {
            seen.lock().insert(key[0], value.to_vec());
        });
        log.unwrap().settle();
        std::mem::take(&mut rows.lock())
    }

    fn log(folder: &Path, bytes: u64) -> RowLog {
        RowLog::start(config(folder, bytes), |_, _| {}).unwrap()
    }

    #[test]
    fn rows_outlive_the_process_and_the_last_of_a_key_counts() {
        let temp = tempfile::tempdir().unwrap();
        for value in [1, 2] {
            let log = log(temp.path(), 1 << 20);
            assert!(log.put(vec![(key(1), vec![value]), (key(value + 1), vec![7])]));
        }
        let expected = [(1, vec![2]), (2, vec![7]), (3, vec![7])].into();
        assert_eq!(held(temp.path(), 1 << 20), expected);
    }

    #[test]
    fn what_does_not_pass_is_gone_from_every_segment_and_what_comes_after_is_kept() {
        let temp = tempfile::tempdir().unwrap();
        let log = log(temp.path(), 4000);
        for n in 0..20 {
            assert!(log.put(vec![(key(n), vec![n; 100])]));
        }
        log.retain(|value| value[0] % 2 == 0);
        let files = fs::read_dir(temp.path()).unwrap();
        let all: Vec<u8> = files
            .flat_map(|f| fs::read(f.unwrap().path()).unwrap())
            .collect();
        assert!(!all.windows(9).any(|w| w == [7; 9]) && all.windows(9).any(|w| w == [8; 9]));
        assert!(log.put(vec![(key(99), vec![99])]));
        drop(log);
        let expected: Vec<u8> = (0..20).step_by(2).chain([99]).collect();
        assert_eq!(
            held(temp.path(), 4000).into_keys().collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn the_oldest_rows_go_where_the_sum_is_bounded() {
        let temp = tempfile::tempdir().unwrap();
        let bound = 8000;
        let log = log(temp.path(), bound);
        for n in 0..100 {
            assert!(log.put(vec![(key(n), vec![n; 200])]));
        }
        drop(log);
        let files = fs::read_dir(temp.path()).unwrap();
        let bytes: u64 = files.map(|f| f.unwrap().metadata().unwrap().len()).sum();
        assert!((bound / 2..=bound).contains(&bytes), "{bytes}");
        let held = held(temp.path(), bound);
        assert!(held.contains_key(&99) && !held.contains_key(&0));
        let newest: Vec<u8> = held.keys().copied().collect();
        assert_eq!(newest, (100 - newest.len() as u8..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_damaged_row_is_left_out_and_a_torn_end_takes_nothing_with_it() {
        let temp = tempfile::tempdir().unwrap();
        let first = log(temp.path(), 1 << 20);
        assert!(first.put((1..=3).map(|n| (key(n), vec![n; 10])).collect()));
        drop(first);
        let path = temp.path().join("0000000000000000.rows");
        let mut bytes = fs::read(&path).unwrap();
        let frame = bytes.len() / 3;
        bytes[frame + 30] ^= 1;
        bytes.truncate(3 * frame - 5);
        fs::write(&path, &bytes).unwrap();
        let second = log(temp.path(), 1 << 20);
        assert!(second.put(vec![(key(4), vec![4])]));
        drop(second);
        let held = held(temp.path(), 1 << 20);
        assert_eq!(held.keys().copied().collect::<Vec<_>>(), [1, 4]);
    }

    #[test]
    fn a_full_disk_keeps_nothing_and_stops_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let config = RowLogConfig {
            min_free_bytes: u64::MAX,
            ..config(temp.path(), 1 << 20)
        };
        let log = RowLog::start(config, |_, _| {}).unwrap();
        assert!(log.put(vec![(key(1), vec![1])]));
        log.settle();
        assert!(held(temp.path(), 1 << 20).is_empty());
        let huge = vec![0; WAITING_BYTES + 1];
        assert!(!log.put(vec![(key(1), huge)]), "more than may wait");
    }
}
