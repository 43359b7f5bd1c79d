//! Single requests whose answer is fetched later. A tenant finds its own alone.
//!
//! A job is on disk before its client hears of it, and its answer before anybody is told. Whatever ends the process in
//! between, the next start asks what has no answer and tells whom nobody told.

mod row;
mod run;
mod waiting;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::{Notify, oneshot};

use super::Told;
use super::ask::{Asker, Who, shown, unavailable};
use super::files::untold;
use super::page::{fresh, is_id, key, parts};
use crate::chat::{Dialect, unix_ms};
use crate::config;
use crate::gateway::error::{ApiError, Code};
use crate::gateway::head::Head;
use crate::identity::Caller;
use crate::provider::Webhooks;
use crate::store::{Table, WorkChange, WorkError, WorkStore};
use row::{Endpoint, Hook, HookStatus, JobRow, Status};
use waiting::Waiting;

/// A request that was checked and is to be asked later.
pub struct NewJob {
    /// Who asks.
    pub caller: Caller,
    /// How it is written.
    pub dialect: Dialect,
    /// What its head says.
    pub head: Head,
    /// Its body.
    pub body: Bytes,
    /// Whom to tell.
    pub webhook: Option<String>,
}

/// What came of a wish to end a job.
pub enum Ended {
    /// It is cancelled; as its client sees it.
    Cancelled(String),
    /// It was over, and is forgotten.
    Forgotten,
}

/// All jobs. What reads or writes blocks.
pub struct Jobs {
    store: Arc<WorkStore>,
    asker: Asker,
    settings: config::Later,
    webhooks: Option<Webhooks>,
    told: Told,
    waiting: Mutex<Waiting>,
    /// Those that are being asked. Whoever takes the value out ends the job, and nobody else; dropping it gives it up.
    asking: Mutex<HashMap<Vec<u8>, Option<oneshot::Sender<()>>>>,
    /// Those whose answer is there, but whose client was not told.
    untold: Mutex<Vec<Vec<u8>>>,
    kept: AtomicUsize,
    news: Notify,
}

impl Jobs {
    /// Takes up what had not ended. Blocks.
    pub(super) fn open(
        (store, asker): (Arc<WorkStore>, Asker),
        settings: config::Later,
        (webhooks, told): (Option<Webhooks>, Told),
    ) -> Result<Self, WorkError> {
        let all = Self {
            store,
            asker,
            settings,
            webhooks,
            told,
            waiting: Mutex::default(),
            asking: Mutex::default(),
            untold: Mutex::default(),
            kept: AtomicUsize::new(0),
            news: Notify::new(),
        };
        let keys = all.store.keys(Table::Jobs, &[])?;
        all.kept.store(keys.len(), Ordering::Relaxed);
        for key in keys {
            let (Some((tenant, _)), Some(row)) = (parts(&key), all.row(&key)?) else {
                continue;
            };
            let tenant = &tenant.to_owned();
            let mut waiting = all.waiting.lock();
            if row.status == Status::Queued {
                waiting.count(tenant);
                waiting.push(tenant, key);
            } else if row.webhook.is_some_and(|h| h.status == HookStatus::Pending) {
                waiting.count(tenant);
                all.untold.lock().push(key);
            }
        }
        Ok(all)
    }

    /// Whether anybody can be told by `url`.
    ///
    /// # Errors
    /// Why not.
    pub fn check_webhook(&self, url: &str) -> Result<(), ApiError> {
        let refused = |message: String| ApiError {
            param: Some("x-reprise-webhook".into()),
            ..ApiError::new(Code::InvalidHeader, message)
        };
        let Some(webhooks) = &self.webhooks else {
            let message = "This gateway sends no webhooks: it has no secret to sign them with.";
            return Err(refused(message.into()));
        };
        let checked = webhooks.check(url);
        checked.map_err(|bad| refused(format!("`x-reprise-webhook` {bad}.")))
    }

    /// Bytes that a request's body may have.
    #[must_use]
    pub fn body_limit(&self) -> usize {
        self.settings.body_limit_bytes
    }

    /// Seconds that a client is told to wait.
    #[must_use]
    pub fn retry_after_s(&self) -> u64 {
        self.settings.retry_after_s
    }

    /// Takes a request down: it is on disk when this returns. Gives its id, and what its client sees.
    ///
    /// # Errors
    /// Too much waits already, or it cannot be written down.
    pub fn accept(&self, new: NewJob) -> Result<(String, String), ApiError> {
        let tenant = new.caller.tenant.clone();
        let tenant = tenant.as_str();
        let body = serde_json::from_slice::<Box<RawValue>>(&new.body);
        let (Ok(body), Some(endpoint)) = (body, Endpoint::of(new.dialect)) else {
            let message = "This request cannot be answered later.";
            return Err(ApiError::new(Code::InvalidRequest, message));
        };
        let row = JobRow {
            id: fresh("job_"),
            who: Who::of(&new.caller),
            head: new.head,
            endpoint,
            body: Some(body),
            created_ms: unix_ms(),
            ended_ms: None,
            expires_ms: None,
            status: Status::Queued,
            answer: None,
            webhook: new.webhook.map(|url| Hook {
                url,
                status: HookStatus::Pending,
                attempts: 0,
            }),
        };
        let shown = row.object(false).map_err(|_| unavailable())?;
        // Counted before it is written, so that many at once do not exceed what may wait.
        self.enter(tenant)?;
        let key = key(tenant, &row.id);
        let written = self.write(&key, &row).and_then(|()| self.store.sync());
        if let Err(error) = written {
            self.waiting.lock().over(tenant);
            return Err(untold(&error));
        }
        self.kept.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().push(tenant, key);
        self.news.notify_one();
        Ok((row.id, shown))
    }

    fn enter(&self, tenant: &str) -> Result<(), ApiError> {
        let mut waiting = self.waiting.lock();
        let (own, all) = waiting.unfinished(tenant);
        let full = self.kept.load(Ordering::Relaxed) >= self.settings.kept;
        if own >= self.settings.per_tenant || all >= self.settings.queue || full {
            let message = "Too many requests wait to be answered later: send it again after some.";
            return Err(ApiError {
                retry_after: Some(std::time::Duration::from_secs(self.settings.retry_after_s)),
                ..ApiError::new(Code::QueueFull, message)
            });
        }
        waiting.count(tenant);
        Ok(())
    }

    /// One of `tenant`'s, as its client sees it.
    ///
    /// # Errors
    /// It is not there, or the store does not answer.
    pub fn find(&self, tenant: &str, id: &str) -> Result<String, ApiError> {
        let (key, row) = self.found(tenant, id)?;
        let asking = self.asking.lock().contains_key(&key);
        row.object(asking).map_err(|_| unavailable())
    }

    /// Cancels one of `tenant`'s that has not ended, and forgets one that has.
    ///
    /// # Errors
    /// It is not there, or the store does not do it.
    pub fn end(&self, tenant: &str, id: &str) -> Result<Ended, ApiError> {
        let (key, mut row) = self.found(tenant, id)?;
        let asked = {
            let mut asking = self.asking.lock();
            let open = matches!(asking.get(&key), Some(Some(_)));
            open && asking.remove(&key).is_some()
        };
        let waited = self.waiting.lock().take(tenant, &key);
        if asked || waited {
            self.waiting.lock().over(tenant);
            row.webhook = None;
            self.close(&mut row, Status::Cancelled);
            let written = self.write(&key, &row).and_then(|()| self.store.sync());
            written.map_err(|error| untold(&error))?;
            self.news.notify_one();
            let shown = row.object(false).map_err(|_| unavailable())?;
            return Ok(Ended::Cancelled(shown));
        }
        if row.status == Status::Queued {
            // Its answer is being written at this moment.
            let message = "This job is ending: ask for it again.";
            return Err(ApiError::new(Code::Conflict, message));
        }
        let gone = WorkChange {
            table: Table::Jobs,
            key,
            value: None,
            ends_ms: 0,
        };
        let removed = self.store.apply(&[gone]).and_then(|()| self.store.sync());
        removed.map_err(|error| untold(&error))?;
        Ok(Ended::Forgotten)
    }

    fn found(&self, tenant: &str, id: &str) -> Result<(Vec<u8>, JobRow), ApiError> {
        let unknown = || ApiError {
            param: Some("id".into()),
            ..ApiError::new(
                Code::NotFound,
                format!("No job found with id '{}'.", shown(id)),
            )
        };
        if !is_id(id) {
            return Err(unknown());
        }
        let key = key(tenant, id);
        let row = self.row(&key).map_err(|_| unavailable())?;
        row.map(|row| (key, row)).ok_or_else(unknown)
    }

    fn row(&self, key: &[u8]) -> Result<Option<JobRow>, WorkError> {
        let row = self.store.get(Table::Jobs, key, unix_ms())?;
        Ok(row.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    fn write(&self, key: &[u8], row: &JobRow) -> Result<(), WorkError> {
        self.store.apply(&[WorkChange {
            table: Table::Jobs,
            key: key.to_vec(),
            value: serde_json::to_vec(row).ok(),
            ends_ms: row.expires_ms.unwrap_or(u64::MAX),
        }])
    }

    /// Comes to an end. The request is not needed any more.
    fn close(&self, row: &mut JobRow, status: Status) {
        let now = unix_ms();
        row.status = status;
        row.body = None;
        row.ended_ms = Some(now);
        row.expires_ms = Some(now.saturating_add(self.settings.ttl_s * 1000));
        self.asker.gateway.metrics().job_ended(status.as_str());
    }

    /// Counts again what is kept, after what has ended is gone.
    pub(super) fn recount(&self) -> Result<(), WorkError> {
        let kept = self.store.keys(Table::Jobs, &[])?.len();
        self.kept.store(kept, Ordering::Relaxed);
        Ok(())
    }
}
