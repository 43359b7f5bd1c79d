//! Batches: files of requests that are answered over hours, each line once. A tenant finds its own alone.
//!
//! A line is answered when its row is written, in one step; a batch ends when the files made of those rows are there.
//! Whatever ends the process in between, the next start asks the lines without a row and no other.

mod asked;
mod input;
mod output;
mod queue;
mod row;
mod run;
mod running;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::ask::{Asker, Who, shown, unavailable};
use super::files::{Files, untold};
use super::page::{List, Page, fresh, is_id, key};
use crate::chat::unix_ms;
use crate::config;
use crate::gateway::error::{ApiError, Code};
use crate::gateway::head::Head;
use crate::identity::Caller;
use crate::store::{Table, WorkChange, WorkError, WorkStore};
pub use asked::NewBatch;
use row::{BatchRow, Counts, Status, Times};
use running::Running;

/// How a batch's id begins.
const PREFIX: &str = "batch_";
/// Rows of one page of the list.
const PAGE: usize = 100;
/// Bytes of a line's key behind that of its batch.
const LINE_KEY: usize = 9;

/// All batches. What reads or writes blocks.
pub struct Batches {
    store: Arc<WorkStore>,
    files: Arc<Files>,
    asker: Asker,
    settings: config::Batch,
    max_line_bytes: usize,
    /// Seconds for which what is written for a batch is kept.
    output_ttl_s: u64,
    /// Those that have not ended, in the order in which they are served next.
    live: Mutex<VecDeque<Arc<Running>>>,
    kept: AtomicUsize,
    /// Held while a batch is counted and added.
    adding: Mutex<()>,
    /// Something may be there to do.
    news: Notify,
}

impl Batches {
    /// Takes up the batches that had not ended, and forgets lines of those that had. Blocks.
    pub(super) fn open(
        (files, asker): (Arc<Files>, Asker),
        settings: config::Batch,
        max_line_bytes: usize,
        output_ttl_s: u64,
    ) -> Result<Self, WorkError> {
        let all = Self {
            store: files.store.clone(),
            files,
            asker,
            settings,
            max_line_bytes,
            output_ttl_s,
            live: Mutex::default(),
            kept: AtomicUsize::new(0),
            adding: Mutex::default(),
            news: Notify::new(),
        };
        all.resume()?;
        Ok(all)
    }

    fn resume(&self) -> Result<(), WorkError> {
        let (now, mut live) = (unix_ms(), HashSet::new());
        let keys = self.store.keys(Table::Batches, &[])?;
        self.kept.store(keys.len(), Ordering::Relaxed);
        for key in keys {
            let Some(row) = self.store.get(Table::Batches, &key, now)? else {
                continue;
            };
            match serde_json::from_slice::<BatchRow>(&row) {
                Ok(row) if row.status.is_over() => {}
                Ok(row) => {
                    let running = Running::new(row, &self.files);
                    self.live.lock().push_back(Arc::new(running));
                    live.insert(key);
                }
                Err(error) => tracing::error!(%error, "a batch cannot be read and is left"),
            }
        }
        let lines = self.store.keys(Table::Lines, &[])?;
        let of = |line: &[u8]| {
            line.len()
                .checked_sub(LINE_KEY)
                .map(|end| line[..end].to_vec())
        };
        let lost = lines
            .into_iter()
            .filter(|line| of(line).is_none_or(|b| !live.contains(&b)));
        self.forget(lost.collect())
    }

    /// Begins a batch: it is on disk when this returns.
    ///
    /// # Errors
    /// What is wrong with it, or too much waits already.
    pub fn create(&self, caller: &Caller, head: Head, asked: NewBatch) -> Result<Value, ApiError> {
        let tenant = caller.tenant.as_str();
        head.controls()?;
        head.end_user()?;
        head.conversation()?;
        self.asker.gateway.vet_route(caller, &head)?;
        let input = self.files.find(tenant, &asked.input_file_id);
        let input = input.map_err(|error| match error.code {
            Code::NotFound => asked::at("input_file_id", error.message),
            _ => error,
        })?;
        let _one_at_a_time = self.adding.lock();
        self.must_fit(tenant)?;
        let now = unix_ms();
        let row = BatchRow {
            id: fresh(PREFIX),
            who: Who::of(caller),
            head,
            endpoint: asked.endpoint,
            input_file_id: input.id,
            metadata: asked.metadata,
            output_s: asked.output_s,
            created: now / 1000,
            expires_ms: now.saturating_add(self.settings.completion_s * 1000),
            status: Status::Validating,
            end: None,
            times: Times::default(),
            errors: Vec::new(),
            output: None,
            error: None,
            counts: Counts::default(),
        };
        let shown = row.object(row.counts);
        let running = Running::new(row, &self.files);
        let kept = self.keep(&running, Vec::new(), |_| {});
        kept.map_err(|error| untold(&error))?;
        self.live.lock().push_back(Arc::new(running));
        self.kept.fetch_add(1, Ordering::Relaxed);
        self.news.notify_one();
        Ok(shown)
    }

    /// One of `tenant`'s.
    ///
    /// # Errors
    /// It is not there, or the store does not answer.
    pub fn find(&self, tenant: &str, id: &str) -> Result<Value, ApiError> {
        if let Some(running) = self.running(tenant, id) {
            return Ok(running.object());
        }
        if !is_id(id) {
            return Err(unknown(id));
        }
        let row = self.store.get(Table::Batches, &key(tenant, id), unix_ms());
        let row: Option<BatchRow> = row
            .map_err(|_| unavailable())?
            .and_then(|row| serde_json::from_slice(&row).ok());
        row.map(|row| row.object(row.counts))
            .ok_or_else(|| unknown(id))
    }

    /// A page of `tenant`'s, the newest first.
    ///
    /// # Errors
    /// A page that cannot be, or the store does not answer.
    pub fn list(&self, tenant: &str, page: &Page) -> Result<Value, ApiError> {
        let live: Vec<Arc<Running>> = {
            let live = self.live.lock();
            let own = live.iter().filter(|running| running.tenant() == tenant);
            own.cloned().collect()
        };
        let live: HashMap<_, _> = live.iter().map(|one| (&one.id, one)).collect();
        let shown = |row: &[u8]| {
            let row: BatchRow = serde_json::from_slice(row).ok()?;
            let live = live.get(&row.id).map(|running| running.object());
            Some((live.unwrap_or_else(|| row.object(row.counts)), row.id))
        };
        let page = Page {
            limit: Some(page.limit.unwrap_or(20)),
            ..page.clone()
        };
        let list = List {
            store: &self.store,
            table: Table::Batches,
            tenant,
            prefix: PREFIX,
        };
        let (rows, more) = page.read(list, PAGE, shown)?;
        let id = |row: Option<&(Value, String)>| row.map(|(_, id)| id.clone());
        let (first, last) = (id(rows.first()), id(rows.last()));
        let data: Vec<_> = rows.into_iter().map(|(shown, _)| shown).collect();
        Ok(
            json!({"object": "list", "data": data, "first_id": first, "last_id": last,
            "has_more": more}),
        )
    }

    /// Asks a batch to end: no other line of it is asked.
    ///
    /// # Errors
    /// It is not there, it ends already, or the store does not do it.
    pub fn cancel(&self, tenant: &str, id: &str) -> Result<Value, ApiError> {
        let ended = |status: &str| {
            let message = format!("A batch that is {status} cannot be cancelled.");
            ApiError::new(Code::Conflict, message)
        };
        let Some(running) = self.running(tenant, id) else {
            let found = self.find(tenant, id)?;
            let status = found.get("status").and_then(Value::as_str);
            return Err(ended(status.unwrap_or("over")));
        };
        let status = running.row.lock().status;
        match status {
            Status::Cancelling => return Ok(running.object()),
            Status::Validating | Status::InProgress => {}
            status => return Err(ended(status.as_str())),
        }
        let now = unix_ms() / 1000;
        let changed = self.keep(&running, Vec::new(), |row| {
            if matches!(row.status, Status::Validating | Status::InProgress) {
                row.come_to(Status::Cancelling, now);
            }
        });
        changed.map_err(|error| untold(&error))?;
        running.cancel();
        self.news.notify_one();
        Ok(running.object())
    }

    fn running(&self, tenant: &str, id: &str) -> Option<Arc<Running>> {
        let live = self.live.lock();
        let mut own = live.iter().filter(|running| running.tenant() == tenant);
        own.find(|running| running.id == id).cloned()
    }

    /// Writes a batch's row with what is to be written beside it, all or nothing; survives a power cut.
    fn keep(
        &self,
        running: &Running,
        mut beside: Vec<WorkChange>,
        change: impl FnOnce(&mut BatchRow),
    ) -> Result<(), WorkError> {
        let mut row = running.row.lock();
        let mut changed = row.clone();
        change(&mut changed);
        let over = changed.status.is_over();
        beside.push(WorkChange {
            table: Table::Batches,
            key: running.key.clone(),
            value: serde_json::to_vec(&changed).ok(),
            ends_ms: match over {
                true => unix_ms().saturating_add(self.settings.ttl_s * 1000),
                false => u64::MAX,
            },
        });
        self.store.apply(&beside)?;
        self.store.sync()?;
        *row = changed;
        Ok(())
    }

    fn forget(&self, lines: Vec<Vec<u8>>) -> Result<(), WorkError> {
        let gone = lines.into_iter().map(|key| WorkChange {
            table: Table::Lines,
            key,
            value: None,
            ends_ms: 0,
        });
        let gone: Vec<_> = gone.collect();
        for some in gone.chunks(64) {
            self.store.apply(some)?;
        }
        Ok(())
    }

    /// Counts again what is kept, after what has ended is gone.
    pub(super) fn recount(&self) -> Result<(), WorkError> {
        let kept = self.store.keys(Table::Batches, &[])?.len();
        self.kept.store(kept, Ordering::Relaxed);
        Ok(())
    }

    fn must_fit(&self, tenant: &str) -> Result<(), ApiError> {
        let full = |message: &str| Err(ApiError::new(Code::QueueFull, message));
        if !self.files.blobs.has_room(0) {
            return Err(ApiError::new(
                Code::StorageFailed,
                "There is no room on the disk for another batch.",
            ));
        }
        let (all, own) = {
            let live = self.live.lock();
            let own = live.iter().filter(|running| running.tenant() == tenant);
            (live.len(), own.count())
        };
        if own >= self.settings.per_tenant {
            return full("Too many batches of this tenant are unfinished: wait until one ends.");
        }
        if all >= self.settings.queue || self.kept.load(Ordering::Relaxed) >= self.settings.kept {
            return full("Too many batches are kept here: wait until one ends.");
        }
        Ok(())
    }

    fn waiting(&self) {
        let live = self.live.lock();
        let waiting = live.iter().map(|running| running.unanswered()).sum();
        let metrics = self.asker.gateway.metrics();
        metrics.work_waiting("batch_line", waiting);
    }
}

fn unknown(id: &str) -> ApiError {
    ApiError {
        param: Some("id".into()),
        ..ApiError::new(
            Code::NotFound,
            format!("No batch found with id '{}'.", shown(id)),
        )
    }
}
