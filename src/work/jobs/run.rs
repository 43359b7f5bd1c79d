//! Serves jobs: asks them, so many at a time, writes their answers down and tells who wants to be told.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;

use super::Jobs;
use super::row::{Answer, HookStatus, JobRow, Status};
use crate::chat::{RequestId, unix_ms};
use crate::gateway::error::{ApiError, Code};
use crate::provider::Told;
use crate::store::WorkError;
use crate::work::ask::{Answered, Asked, Wish};
use crate::work::page::parts;
use crate::work::{pause_ms, wait_until};

/// Webhooks that are called at a time.
const HOOKS_AT_ONCE: usize = 16;
/// A pause between two calls of a webhook is no longer.
const LONGEST_MS: u64 = 3_600_000;
/// Pause after the store did not do something.
const TROUBLE_MS: u64 = 10_000;
/// For so long after it came a job waits for room.
const PATIENCE_MS: u64 = 86_400_000;

/// When a job is asked again that found no room: nobody waits for it who could do that himself.
fn due(row: &JobRow, error: &ApiError) -> Option<u64> {
    let full = matches!(
        error.code,
        Code::OverLimit
            | Code::OverLimitForLong
            | Code::Overloaded
            | Code::RateLimited
            | Code::UpstreamBusy
            | Code::UpstreamResting
    );
    let wait = u64::try_from(error.retry_after.filter(|_| full)?.as_millis()).ok()?;
    let again_ms = unix_ms().saturating_add(wait.max(1));
    (again_ms < row.created_ms.saturating_add(PATIENCE_MS)).then_some(again_ms)
}

impl Jobs {
    /// Serves until told to stop; what is being asked then has `grace` to end, and is asked again at the next start.
    pub(in crate::work) async fn run(
        self: Arc<Self>,
        mut stop: watch::Receiver<bool>,
        grace: Duration,
    ) {
        let workers = Arc::new(Semaphore::new(self.settings.workers));
        let callers = Arc::new(Semaphore::new(HOOKS_AT_ONCE));
        let (mut tasks, mut hooks) = (JoinSet::new(), JoinSet::new());
        loop {
            let worker = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                worker = workers.clone().acquire_owned() => worker,
            };
            let Ok(worker) = worker else { break };
            for key in std::mem::take(&mut *self.untold.lock()) {
                hooks.spawn(self.clone().tell(key, callers.clone()));
            }
            match self.take() {
                Some((key, given_up)) => {
                    let stop = stop.clone();
                    drop(tasks.spawn(self.clone().work(key, given_up, (worker, stop))))
                }
                None => {
                    drop(worker);
                    tokio::select! {
                        biased;
                        _ = stop.wait_for(|stop| *stop) => break,
                        () = self.news.notified() => {}
                    }
                }
            }
            while tasks.try_join_next().is_some() {}
            while hooks.try_join_next().is_some() {}
        }
        let ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            tasks.shutdown().await;
        }
        // Whom nobody told yet is told after the next start.
        hooks.shutdown().await;
    }

    /// The next job, which counts as being asked from now on.
    fn take(&self) -> Option<(Vec<u8>, oneshot::Receiver<()>)> {
        let mut waiting = self.waiting.lock();
        let metrics = self.asker.gateway.metrics();
        metrics.work_waiting("job", waiting.len());
        let key = waiting.pop()?;
        let (asking, given_up) = oneshot::channel();
        self.asking.lock().insert(key.clone(), Some(asking));
        Some((key, given_up))
    }

    async fn work(
        self: Arc<Self>,
        key: Vec<u8>,
        mut given_up: oneshot::Receiver<()>,
        (worker, mut stop): (OwnedSemaphorePermit, watch::Receiver<bool>),
    ) {
        let again_ms = tokio::select! {
            biased;
            // Its client does not want it any more, or nobody can wait for it.
            _ = &mut given_up => None,
            again_ms = self.serve(&key) => again_ms,
        };
        drop(worker);
        self.news.notify_one();
        let Some(again_ms) = again_ms else {
            return;
        };
        let due = async {
            while unix_ms() < again_ms {
                wait_until(again_ms).await;
            }
        };
        tokio::select! {
            biased;
            _ = given_up => {}
            // It is asked after the next start.
            _ = stop.wait_for(|stop| *stop) => {}
            () = due => self.again(key),
        }
    }

    /// Has a job wait for its turn once more.
    fn again(&self, key: Vec<u8>) {
        // In this order everywhere; whoever ends a job meanwhile finds it in one of the two.
        let (mut waiting, mut asking) = (self.waiting.lock(), self.asking.lock());
        let open = matches!(asking.get(&key), Some(Some(_)));
        if let Some((tenant, _)) = parts(&key).filter(|_| open) {
            waiting.push(tenant, key.clone());
            asking.remove(&key);
        }
        drop((waiting, asking));
        self.news.notify_one();
    }

    /// Asks a job and ends it; or says when it is to be asked again.
    async fn serve(self: &Arc<Self>, key: &[u8]) -> Option<u64> {
        let row = self.load(key).await?;
        let id = RequestId::fresh();
        let dialect = row.endpoint.dialect();
        let body = row.body.as_ref().map(|body| body.get().to_owned());
        let asked = Asked {
            wish: Wish::Said(dialect),
            caller: row.who.caller(),
            head: row.head.clone(),
            body: body.unwrap_or_default().into(),
            only: false,
        };
        let answered = self.asker.ask(id, asked).await;
        if let Some(again_ms) = answered.as_ref().err().and_then(|error| due(&row, error)) {
            return Some(again_ms);
        }
        let answer = self.answer(id, &row, answered);
        let (all, key) = (self.clone(), key.to_vec());
        // Not to be given up any more: whoever took it out of the list of those being asked ends it.
        let ended = tokio::task::spawn_blocking(move || all.conclude(&key, row, answer));
        if let Ok(Err(error)) = ended.await {
            tracing::warn!(%error, "the answer to a job could not be written down");
        }
        None
    }

    /// A job's row, tried for until the store answers.
    async fn load(self: &Arc<Self>, key: &[u8]) -> Option<JobRow> {
        loop {
            let (all, key) = (self.clone(), key.to_vec());
            let loaded = tokio::task::spawn_blocking(move || all.row(&key)).await;
            match loaded {
                Ok(Ok(row)) => return row,
                _ => wait_until(unix_ms() + TROUBLE_MS).await,
            }
        }
    }

    fn answer(
        &self,
        id: RequestId,
        row: &JobRow,
        answered: Result<Answered, ApiError>,
    ) -> (Status, Answer) {
        let dialect = row.endpoint.dialect();
        let failed = |error: &ApiError| Answer {
            status_code: error.status_in(dialect),
            headers: self.headers(id, error.via.as_deref()),
            body: to_raw_value(&error.body(dialect, id)).unwrap_or_default(),
        };
        match answered {
            Err(error) => (Status::Failed, failed(&error)),
            Ok(Answered { body, via }) => match serde_json::from_slice::<Box<RawValue>>(&body) {
                Ok(body) => {
                    let headers = self.headers(id, Some(&via));
                    let answer = Answer {
                        status_code: 200,
                        headers,
                        body,
                    };
                    (Status::Completed, answer)
                }
                Err(_) => {
                    let message = "The provider's answer is not a JSON object.";
                    let error = ApiError::new(Code::UpstreamMalformed, message);
                    (Status::Failed, failed(&error))
                }
            },
        }
    }

    fn headers(&self, id: RequestId, via: Option<&crate::gateway::Via>) -> Map<String, Value> {
        let told = (self.told)(id, via).into_iter();
        told.map(|(name, value)| (name, value.into())).collect()
    }

    /// Writes an answer down, unless the job was cancelled. Blocks.
    fn conclude(
        &self,
        key: &[u8],
        row: JobRow,
        (status, answer): (Status, Answer),
    ) -> Result<(), WorkError> {
        // Whoever takes this ends the job; its key stays, for those who look meanwhile.
        let taken = self.asking.lock().get_mut(key).and_then(Option::take);
        if taken.is_none() {
            return Ok(());
        }
        let ended = self.ended(key, row, status, answer);
        self.asking.lock().remove(key);
        self.news.notify_one();
        drop(taken);
        ended
    }

    fn ended(
        &self,
        key: &[u8],
        mut row: JobRow,
        status: Status,
        answer: Answer,
    ) -> Result<(), WorkError> {
        let Some((tenant, _)) = parts(key) else {
            return Ok(());
        };
        row.answer = Some(answer);
        self.close(&mut row, status);
        let mut written = self.write(key, &row);
        if let Err(WorkError::TooLarge(_)) = written {
            let message = "The answer is too large to be kept.";
            let error = ApiError::new(Code::UpstreamMalformed, message);
            let (status, answer) = self.answer(RequestId::fresh(), &row, Err(error));
            (row.status, row.answer) = (status, Some(answer));
            written = self.write(key, &row);
        }
        // What cannot be written is asked again after the next start; until then it counts as unfinished.
        written.and_then(|()| self.store.sync())?;
        if row.webhook.is_some() && self.webhooks.is_some() {
            self.untold.lock().push(key.to_vec());
        } else {
            self.waiting.lock().over(tenant);
        }
        Ok(())
    }

    /// Tells that a job has ended, until somebody hears it or it was tried often enough.
    async fn tell(self: Arc<Self>, key: Vec<u8>, callers: Arc<Semaphore>) {
        while let Some(tries) = self.tell_once(&key, &callers).await {
            let most = LONGEST_MS;
            let pause = pause_ms(
                self.settings.webhook_base_ms,
                most,
                tries.saturating_sub(1),
                RequestId::fresh(),
            );
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        if let Some((tenant, _)) = parts(&key) {
            self.waiting.lock().over(tenant);
        }
    }

    /// Calls once; gives how often that was done, if it is to be done again.
    async fn tell_once(self: &Arc<Self>, key: &[u8], callers: &Semaphore) -> Option<u32> {
        let webhooks = self.webhooks.as_ref()?;
        let Ok(_caller) = callers.acquire().await else {
            return None;
        };
        let mut row = self.load(key).await?;
        let message = row.message().ok()?;
        let mut hook = row.webhook.clone()?;
        let id = format!("msg_{}", row.id.trim_start_matches("job_"));
        let now = unix_ms() / 1000;
        let told = webhooks.send(&hook.url, &id, now, message.into()).await;
        hook.attempts += 1;
        let spent = hook.attempts >= self.settings.webhook_tries;
        let (status, outcome) = match told {
            Told::Delivered => (HookStatus::Delivered, "delivered"),
            Told::Gone => (HookStatus::Failed, "refused"),
            Told::Failed if spent => (HookStatus::Failed, "given_up"),
            Told::Failed => (HookStatus::Pending, "failed"),
        };
        self.asker.gateway.metrics().webhook(outcome);
        (hook.status, row.webhook) = (status, None);
        let again = (status == HookStatus::Pending).then_some(hook.attempts);
        row.webhook = Some(hook);
        let (all, key) = (self.clone(), key.to_vec());
        let written = tokio::task::spawn_blocking(move || match all.row(&key)? {
            // It was deleted meanwhile.
            None => Ok(false),
            Some(_) => all.write(&key, &row).map(|()| true),
        });
        match written.await {
            Ok(Ok(false)) => None,
            _ => again,
        }
    }
}
