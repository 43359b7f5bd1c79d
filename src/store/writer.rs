//! The one thread that writes the cache. Knows the order of things on disk; knows no reader.
//!
//! Each round takes what waits, packs it into blocks, brings the directories of dirty blocks in line, and commits all
//! of it in one transaction. A fault makes the store degraded: puts are dropped and counted, reads go on, and the folder is
//! opened anew, with growing pauses, once the disk has room.

mod vectors;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::Receiver;

use super::block::{BLOCK_RECORDS, Block, Line, decode_directory};
use super::entries::Shared;
use super::folder::free_bytes;
use super::generations::Generations;
use super::load::load;
use super::memory::{Memory, Pending};
use super::open::{SledFault, sync};
use super::record::Encoder;
use super::round::{Op, Round};
use super::terms::{Removal, Status, StoreError};
use super::trees::{Change, Trees};

/// Ids reserved ahead: far more than are handed out between two commits.
pub(super) const ID_BLOCK: u64 = 1 << 20;
/// Entries removed and blocks tidied in one commit.
pub(super) const STEP: usize = 256;
/// How often the writer looks for expired entries when nothing comes.
const TICK: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

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
        swept: None,
    };
    thread::Builder::new()
        .name("store-writer".into())
        .spawn(move || writer.run())
}

struct Writer {
    shared: Arc<Shared>,
    ops: Receiver<Op>,
    encoder: Encoder,
    ids_bound: u64,
    retry_at: Instant,
    back_off: Duration,
    /// The generations beside which nothing is left.
    swept: Option<Generations>,
}

impl Writer {
    fn run(mut self) {
        loop {
            let round = Round::gather(&self.ops, TICK, self.linger());
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

    fn linger(&self) -> Duration {
        Duration::from_millis(self.shared.config.linger_ms)
    }

    fn serve(&mut self, round: Round) {
        self.recover();
        if self.shared.degraded.load(Ordering::Relaxed) {
            self.forget(&round.puts);
        } else if let Err(fault) = self.work(&round) {
            self.give_up(&round.puts, &fault.to_string());
        }
        if let Some((to, done)) = round.switch {
            drop(done.send(self.has_switched(to)));
        }
        for done in round.flushes {
            let degraded = match &*self.shared.status.read() {
                Status::Healthy => Ok(()),
                Status::Degraded(why) => Err(StoreError::Degraded(why.clone())),
            };
            drop(done.send(degraded));
        }
    }

    fn work(&mut self, round: &Round) -> Result<(), SledFault> {
        self.commit(round)?;
        for (space, vectors) in &round.vectors {
            self.write_vectors(*space, vectors)?;
        }
        if let Some((to, _)) = &round.switch {
            self.switch(*to)?;
        }
        self.sync(round)?;
        self.sweep()
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
            self.push(&mut block, pending);
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
        let home = self.shared.generations.read().home;
        let dirty = self.shared.memory.write().take_dirty(STEP);
        let mut changes = Vec::new();
        let mut moved = Vec::new();
        for key in &dirty {
            self.tidy(trees, *key, &mut changes, &mut moved)?;
        }
        for block in blocks {
            let Some(key) = block.key() else { continue };
            changes.extend(Trees::new_block(key, block));
            let own = block.own.iter();
            changes
                .extend(own.filter_map(|(id, own)| Trees::own(home.place, *id, Some(own.clone()))));
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
        let lines = row
            .and_then(|row| decode_directory(key, &row))
            .unwrap_or_default();
        let memory = self.shared.memory.read();
        let lives = |line: &Line| memory.lives_in(line.id, key);
        let (lines, dead): (Vec<Line>, Vec<Line>) = lines.into_iter().partition(lives);
        drop(memory);
        let generations = *self.shared.generations.read();
        for place in generations.used() {
            changes.extend(dead.iter().filter_map(|d| Trees::own(place, d.id, None)));
        }
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
            needs_free_bytes = self.shared.config.min_free_bytes,
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
        if free_bytes(&shared.folder).is_ok_and(|free| free < shared.config.min_free_bytes) {
            return;
        }
        let _moving = shared.commit.lock();
        close(shared.trees.write().take());
        match load(&shared.folder, &shared.config) {
            Ok(loaded) => {
                let known = shared.read.load(Ordering::Acquire);
                if !known {
                    // Before memory lets puts in, which happens below.
                    shared.first_id.store(loaded.next_id, Ordering::Release);
                }
                let lost = match known {
                    true => adopt(shared, loaded.memory),
                    false => {
                        *shared.memory.write() = loaded.memory;
                        0
                    }
                };
                *shared.trees.write() = Some(Arc::new(loaded.trees));
                *shared.generations.write() = loaded.generations;
                shared.next_id.fetch_max(loaded.next_id, Ordering::Relaxed);
                self.ids_bound = loaded.ids_bound;
                *shared.status.write() = Status::Healthy;
                shared.read.store(true, Ordering::Release);
                shared.degraded.store(false, Ordering::Relaxed);
                tracing::info!(lost, report = ?loaded.report, "the cache is written again");
                if let (false, Some(heard)) = (known, &shared.config.on_read) {
                    heard();
                }
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

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
