//! The one thread that writes the cache, and how the folder is loaded. Knows the order of things on disk; knows no reader.
//!
//! Each round takes what waits, packs it into blocks, brings the directories of dirty blocks in line, and commits all
//! of it in one transaction. A fault makes the store degraded: puts are dropped and counted, reads go on, and the folder is
//! opened anew, with growing pauses, once the disk has room.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::block::{BLOCK_RECORDS, Block, decode_directory};
use super::entries::{CacheStoreConfig, OpenReport, Removal, Shared, Status, StoreError};
use super::folder::{create_private, free_bytes};
use super::memory::{Memory, Pending};
use super::open::{SledFault, SledSettings, sync};
use super::record::Encoder;
use super::trees::{Change, Sealed, Trees};

/// The layout of `cache/`; a folder with an older one is emptied.
pub(super) const SCHEMA: u32 = 1;
/// Ids reserved ahead: far more than are handed out between two commits.
const ID_BLOCK: u64 = 1 << 20;
/// sled's default of 512 KiB would move rows of this size into files of their own, which leak.
const SEGMENT_BYTES: usize = 8 << 20;
/// Puts of one commit.
const ROUND: usize = 512;
/// Entries removed and blocks tidied in one commit.
const STEP: usize = 256;
/// How often the writer looks for expired entries when nothing comes.
const TICK: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

/// What the writer is asked to do.
pub(super) enum Op {
    Put(Arc<Pending>),
    Flush(Sender<Result<(), StoreError>>),
    Wake,
    Stop,
}

/// An opened folder with all that memory needs to know of it.
pub(super) struct Loaded {
    pub(super) trees: Trees,
    pub(super) memory: Memory,
    pub(super) next_id: u64,
    pub(super) ids_bound: u64,
    pub(super) report: OpenReport,
}

/// Opens `folder` by the guarded sequence; what cannot be read is put aside.
pub(super) fn load(folder: &Path, config: &CacheStoreConfig) -> Result<Loaded, StoreError> {
    need_space(folder, config.min_free_bytes)?;
    let fault = match attempt(folder, config) {
        Ok(Attempt::Loaded(loaded)) => return Ok(*loaded),
        Ok(Attempt::Older) => {
            std::fs::remove_dir_all(folder)?;
            create_private(folder)?;
            return fresh(
                folder,
                config,
                OpenReport {
                    dropped_schema: true,
                    ..OpenReport::default()
                },
            );
        }
        Err(StoreError::Sled(fault)) if !fault.is_refusal() => fault,
        Err(other) => return Err(other),
    };
    // On a full disk sled fails in the same ways as on damaged data, and then the data must stay where it is.
    need_space(folder, 2 * SEGMENT_BYTES as u64)?;
    tracing::warn!(%fault, "the cache cannot be read and is put aside");
    let quarantined = Some(quarantine(folder)?);
    fresh(
        folder,
        config,
        OpenReport {
            quarantined,
            ..OpenReport::default()
        },
    )
}

/// Starts the writer.
pub(super) fn spawn(
    shared: Arc<Shared>,
    ops: Receiver<Op>,
    ids_bound: u64,
) -> io::Result<JoinHandle<()>> {
    let encoder = Encoder::new(shared.config.zstd_level, shared.config.compress_min_bytes)?;
    let writer = Writer {
        shared,
        ops,
        encoder,
        ids_bound,
        retry_at: Instant::now(),
        back_off: TICK,
    };
    thread::Builder::new()
        .name("store-writer".into())
        .spawn(move || writer.run())
}

fn need_space(folder: &Path, needed: u64) -> Result<(), StoreError> {
    let free = free_bytes(folder)?;
    if free < needed {
        return Err(StoreError::NoSpace {
            path: folder.to_owned(),
            free,
            needed,
        });
    }
    Ok(())
}

enum Attempt {
    Loaded(Box<Loaded>),
    Older,
}

fn fresh(
    folder: &Path,
    config: &CacheStoreConfig,
    report: OpenReport,
) -> Result<Loaded, StoreError> {
    match attempt(folder, config)? {
        Attempt::Loaded(loaded) => Ok(Loaded { report, ..*loaded }),
        Attempt::Older => Err(io::Error::other("an empty folder has an older schema").into()),
    }
}

fn attempt(folder: &Path, config: &CacheStoreConfig) -> Result<Attempt, StoreError> {
    let settings = SledSettings {
        cache_bytes: config.cache_capacity_bytes,
        flush_every_ms: config.flush_every_ms,
        segment_bytes: SEGMENT_BYTES,
    };
    let (trees, repaired) = Trees::open(folder, &settings)?;
    let mut report = OpenReport {
        repaired,
        ..OpenReport::default()
    };
    match schema(&trees)? {
        Some(found) if found > SCHEMA => {
            return Err(StoreError::NewerSchema {
                path: folder.to_owned(),
                found,
                known: SCHEMA,
            });
        }
        Some(SCHEMA) => {}
        _ => return Ok(Attempt::Older),
    }
    let fingerprint = blake3::hash(config.embedding_fingerprint.as_bytes());
    let known = trees.meta("fingerprint")?;
    let keeps_vectors =
        known == Sealed::Absent || known == Sealed::Value(fingerprint.as_bytes().to_vec());
    report.dropped_vectors = !keeps_vectors;
    if !keeps_vectors {
        drop_vectors(&trees)?;
    }
    let memory = read_directories(&trees, &mut report)?;
    let next_id = first_id(&trees, &memory)?;
    let ids_bound = next_id.saturating_add(ID_BLOCK);
    trees.apply(&[
        Trees::put_meta("schema", &SCHEMA.to_le_bytes()),
        Trees::put_meta("fingerprint", fingerprint.as_bytes()),
        Trees::put_meta("ids", &ids_bound.to_le_bytes()),
    ])?;
    // Ids may be handed out from now on, so their reservation has to be durable.
    sync(&trees.db, folder)?;
    Ok(Attempt::Loaded(Box::new(Loaded {
        trees,
        memory,
        next_id,
        ids_bound,
        report,
    })))
}

/// The schema of the folder; an empty one has ours, a damaged mark counts as older.
fn schema(trees: &Trees) -> Result<Option<u32>, SledFault> {
    Ok(match trees.meta("schema")? {
        Sealed::Value(bytes) => bytes.try_into().ok().map(u32::from_le_bytes),
        Sealed::Damaged => None,
        Sealed::Absent => trees.is_empty()?.then_some(SCHEMA),
    })
}

fn read_directories(trees: &Trees, report: &mut OpenReport) -> Result<Memory, SledFault> {
    let mut memory = Memory::default();
    trees.for_each_directory(|block, row| match decode_directory(block, row) {
        Some(lines) => lines.iter().for_each(|line| memory.load(block, line)),
        None => {
            report.bad_blocks += 1;
            memory.mark_dirty([block]);
        }
    })?;
    Ok(memory)
}

/// Directories go first: a crash in between leaves vectors that nothing points to, and the next open starts over.
fn drop_vectors(trees: &Trees) -> Result<(), SledFault> {
    let mut changes = Vec::new();
    trees.for_each_directory(|block, row| {
        let lines = decode_directory(block, row).unwrap_or_default();
        let lines = lines
            .into_iter()
            .map(|line| super::block::Line {
                vector: None,
                ..line
            })
            .collect();
        changes.push(Trees::put_directory(
            block,
            &Block {
                lines,
                ..Block::default()
            },
        ));
    })?;
    for some in changes.chunks(STEP) {
        trees.apply(some)?;
    }
    trees.clear_vectors()
}

/// The reserved bound of the last run. Without one, a jump that no run can have handed out.
fn first_id(trees: &Trees, memory: &Memory) -> Result<u64, SledFault> {
    let after_all = memory.max_id().saturating_add(1);
    Ok(match trees.meta("ids")? {
        Sealed::Value(bytes) => bytes
            .try_into()
            .map_or(0, u64::from_le_bytes)
            .max(after_all),
        Sealed::Absent if after_all == 1 => 1,
        _ => after_all.saturating_add(1 << 32),
    })
}

/// Puts the folder aside; of such folders only the newest is kept.
fn quarantine(folder: &Path) -> io::Result<PathBuf> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    for other in std::fs::read_dir(parent)? {
        let other = other?;
        if other
            .file_name()
            .to_string_lossy()
            .starts_with("cache.bad-")
        {
            std::fs::remove_dir_all(other.path())?;
        }
    }
    let aside = parent.join(format!("cache.bad-{}", now_ms() / 1000));
    std::fs::rename(folder, &aside)?;
    create_private(folder)?;
    Ok(aside)
}

struct Writer {
    shared: Arc<Shared>,
    ops: Receiver<Op>,
    encoder: Encoder,
    ids_bound: u64,
    retry_at: Instant,
    back_off: Duration,
}

/// What one round has to do.
#[derive(Default)]
struct Round {
    puts: Vec<Arc<Pending>>,
    flushes: Vec<Sender<Result<(), StoreError>>>,
    stop: bool,
}

impl Writer {
    fn run(mut self) {
        loop {
            let round = self.gather();
            let stop = round.stop;
            self.serve(round);
            self.tell();
            if stop {
                break;
            }
        }
        let trees = self.shared.trees.write().take();
        if let Some(trees) = trees
            && let Err(fault) = sync(&trees.db, &self.shared.folder)
        {
            tracing::warn!(%fault, "the cache was not flushed at the end");
        }
    }

    /// Waits for work, then for company until the linger is over; a flush or a stop ends the wait.
    fn gather(&self) -> Round {
        let mut round = Round::default();
        let mut deadline = Instant::now() + TICK;
        let mut first = true;
        while round.puts.len() < ROUND {
            match self.ops.recv_deadline(deadline) {
                Ok(Op::Put(pending)) => round.puts.push(pending),
                Ok(Op::Wake) => {}
                Ok(Op::Flush(done)) => {
                    round.flushes.push(done);
                    break;
                }
                Ok(Op::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    round.stop = true;
                    break;
                }
                Err(RecvTimeoutError::Timeout) => break,
            }
            if first {
                deadline = Instant::now() + Duration::from_millis(self.shared.config.linger_ms);
                first = false;
            }
        }
        round
    }

    fn serve(&mut self, round: Round) {
        self.recover();
        if self.shared.degraded.load(Ordering::Relaxed) {
            self.forget(&round.puts);
        } else if let Err(fault) = self.commit(&round).and_then(|()| self.sync(&round)) {
            self.give_up(&round.puts, &fault.to_string());
        }
        for done in round.flushes {
            let degraded = match &*self.shared.status.read() {
                Status::Healthy => Ok(()),
                Status::Degraded(why) => Err(StoreError::Degraded(why.clone())),
            };
            drop(done.send(degraded));
        }
    }

    fn sync(&self, round: &Round) -> Result<(), SledFault> {
        match self.shared.trees() {
            Some(trees) if !round.flushes.is_empty() => sync(&trees.db, &self.shared.folder),
            _ => Ok(()),
        }
    }

    fn commit(&mut self, round: &Round) -> Result<(), SledFault> {
        let Some(trees) = self.shared.trees() else {
            return Ok(());
        };
        self.check_space()?;
        let blocks = self.pack(&round.puts);
        self.write(&trees, &blocks)?;
        // Removals do not wait for the next put, and a flush covers all of those before it.
        loop {
            let more = self.shared.memory.write().make_room(
                now_ms(),
                self.shared.config.capacity_bytes,
                STEP,
            );
            if !more && !self.shared.memory.read().has_dirty() {
                return Ok(());
            }
            self.write(&trees, &[])?;
            if round.flushes.is_empty() && !self.ops.is_empty() {
                return Ok(());
            }
        }
    }

    fn check_space(&self) -> Result<(), SledFault> {
        let free = free_bytes(&self.shared.folder)?;
        if free < self.shared.config.min_free_bytes {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        Ok(())
    }

    /// Packs what still waits; a put that was superseded or deleted meanwhile is skipped.
    fn pack(&mut self, puts: &[Arc<Pending>]) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut block = Block::default();
        for pending in puts {
            if !self.shared.memory.read().is_pending(pending.entry.id) {
                continue;
            }
            block.push(&mut self.encoder, &pending.entry, pending.vector.as_deref());
            if block.is_full() {
                blocks.push(std::mem::take(&mut block));
            }
        }
        if !block.lines.is_empty() {
            blocks.push(block);
        }
        blocks
    }

    /// One transaction, and memory in line with it before anybody else can look.
    fn write(&mut self, trees: &Trees, blocks: &[Block]) -> Result<(), SledFault> {
        let dirty = self.shared.memory.write().take_dirty(STEP);
        let mut changes = Vec::new();
        let mut moved = Vec::new();
        for key in &dirty {
            self.tidy(trees, *key, &mut changes, &mut moved)?;
        }
        for block in blocks {
            changes.extend(
                block
                    .key()
                    .map(|key| Trees::new_block(key, block))
                    .into_iter()
                    .flatten(),
            );
        }
        let next = self.shared.next_id.load(Ordering::Relaxed);
        if next.saturating_add(ID_BLOCK / 2) > self.ids_bound {
            self.ids_bound = next.saturating_add(ID_BLOCK);
            changes.push(Trees::put_meta("ids", &self.ids_bound.to_le_bytes()));
        }
        if changes.is_empty() {
            return Ok(());
        }
        let _moving = self.shared.commit.lock();
        if let Err(fault) = trees.apply(&changes) {
            self.shared.memory.write().mark_dirty(dirty);
            return Err(fault);
        }
        let mut memory = self.shared.memory.write();
        moved
            .iter()
            .flat_map(|block: &Block| &block.lines)
            .for_each(|line| memory.relocate(line));
        for block in blocks {
            let Some(key) = block.key() else { continue };
            block.lines.iter().for_each(|line| memory.settle(key, line));
        }
        Ok(())
    }

    /// Brings a block in line with what lives: nothing left, it goes; half of it dead, it is packed anew; otherwise
    /// only its directory is written.
    fn tidy(
        &self,
        trees: &Trees,
        key: u64,
        changes: &mut Vec<Change>,
        moved: &mut Vec<Block>,
    ) -> Result<(), SledFault> {
        let row = trees.directory(key)?;
        let mut lines = row
            .and_then(|row| decode_directory(key, &row))
            .unwrap_or_default();
        let memory = self.shared.memory.read();
        lines.retain(|line| memory.lives_in(line.id, key));
        drop(memory);
        if lines.is_empty() {
            changes.extend(trees.remove_block(key)?);
            return Ok(());
        }
        let live: usize = lines.iter().map(|line| line.entry.len as usize).sum();
        let held = if lines.len() <= BLOCK_RECORDS / 2 {
            trees.entries(key)?
        } else {
            None
        };
        let Some(entries) = held.filter(|entries| live * 2 < entries.len()) else {
            changes.push(Trees::put_directory(
                key,
                &Block {
                    lines,
                    ..Block::default()
                },
            ));
            return Ok(());
        };
        let vectors = trees.vectors(key)?.unwrap_or_default();
        let mut block = Block::default();
        lines
            .iter()
            .for_each(|line| block.copy(line, &entries, &vectors));
        changes.extend(trees.put_block(key, &block)?);
        moved.push(block);
        Ok(())
    }

    fn give_up(&mut self, puts: &[Arc<Pending>], why: &str) {
        tracing::warn!(
            why,
            "the cache is not written any more until the disk takes writes again"
        );
        *self.shared.status.write() = Status::Degraded(why.to_owned());
        self.shared.degraded.store(true, Ordering::Relaxed);
        self.forget(puts);
        self.back_off = TICK;
        self.retry_at = Instant::now() + self.back_off;
    }

    fn forget(&self, puts: &[Arc<Pending>]) {
        let mut memory = self.shared.memory.write();
        for pending in puts {
            if memory.is_pending(pending.entry.id) && memory.remove(pending.entry.id, Removal::Lost)
            {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// sled never recovers from a failed write, so the folder is opened anew; entries it lost are reported.
    fn recover(&mut self) {
        let shared = &self.shared;
        if !shared.degraded.load(Ordering::Relaxed) || Instant::now() < self.retry_at {
            return;
        }
        self.back_off = (self.back_off * 2).min(BACK_OFF_MAX);
        self.retry_at = Instant::now() + self.back_off;
        // A closed database cannot be opened on a full disk: reads go on with the old one until there is room.
        if free_bytes(&shared.folder).is_ok_and(|free| free < shared.config.min_free_bytes * 2) {
            return;
        }
        let _moving = shared.commit.lock();
        close(shared.trees.write().take());
        match load(&shared.folder, &shared.config) {
            Ok(loaded) => {
                let lost = adopt(shared, loaded.memory);
                *shared.trees.write() = Some(Arc::new(loaded.trees));
                shared.next_id.fetch_max(loaded.next_id, Ordering::Relaxed);
                self.ids_bound = loaded.ids_bound;
                *shared.status.write() = Status::Healthy;
                shared.degraded.store(false, Ordering::Relaxed);
                tracing::info!(lost, report = ?loaded.report, "the cache is written again");
            }
            Err(error) => *shared.status.write() = Status::Degraded(error.to_string()),
        }
    }

    fn tell(&self) {
        let removed = self.shared.memory.write().take_removed();
        if let (false, Some(listener)) = (removed.is_empty(), &self.shared.config.on_removed) {
            listener(&removed);
        }
    }
}

/// Replaces memory by what the disk holds; returns how many entries were lost on the way. What was removed while nothing
/// could be written is still on disk and must not come back.
fn adopt(shared: &Shared, mut fresh: Memory) -> usize {
    let mut memory = shared.memory.write();
    for id in fresh.ids_after(0, usize::MAX) {
        if memory.find(id).is_none() {
            fresh.remove(id, Removal::Deleted);
        }
    }
    fresh.take_removed();
    let lost: Vec<u64> = memory
        .ids_after(0, usize::MAX)
        .into_iter()
        .filter(|id| fresh.find(*id).is_none())
        .collect();
    for id in &lost {
        memory.remove(*id, Removal::Lost);
    }
    let removed = memory.take_removed();
    *memory = fresh;
    memory.note_removed(removed);
    lost.len()
}

/// Waits for the last reader to let go of the handle, then closes it; sled may panic when it flushes a failed log.
fn close(trees: Option<Arc<Trees>>) {
    let Some(mut trees) = trees else { return };
    let deadline = Instant::now() + TICK;
    loop {
        match Arc::try_unwrap(trees) {
            Ok(last) => {
                drop(super::open::guarded(move || {
                    drop(last);
                    Ok(())
                }));
                return;
            }
            Err(shared) if Instant::now() > deadline => return drop(shared),
            Err(shared) => trees = shared,
        }
        thread::yield_now();
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
