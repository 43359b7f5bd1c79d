//! Serves batches: reads their files, asks their lines, so many at a time, and ends them. Each batch has its turn.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::Batches;
use super::input::{Input, Rules};
use super::output::{Written, assemble, is_answer, line_key, line_row};
use super::queue::Queue;
use super::row::{BatchRow, End, Fault, Status};
use super::running::{Next, Running, Ticket};
use crate::chat::{RequestId, unix_ms};
use crate::gateway::error::{ApiError, Code};
use crate::store::{Table, WorkError};
use crate::work::ask::Asked;
use crate::work::files::{PREFIX, untold};
use crate::work::page::{fresh, key};
use crate::work::{pause_ms, wait_until};

/// Pause after the disk or the store did not do something.
const TROUBLE_MS: u64 = 10_000;
/// Bytes that must be free beyond what must never be used, before another line is asked.
const ROOM: u64 = 16 << 20;
/// A day: no provider is waited for longer.
const LONGEST_MS: u64 = 86_400_000;

/// What a free worker does.
enum Job {
    Read(Arc<Running>),
    Ask(Ticket),
    End(Arc<Running>, End),
}

impl Batches {
    /// Serves until told to stop; what is being asked then has `grace` to end, and is asked again at the next start.
    pub(in crate::work) async fn run(
        self: Arc<Self>,
        mut stop: watch::Receiver<bool>,
        grace: Duration,
    ) {
        let workers = Arc::new(Semaphore::new(self.settings.workers));
        let mut tasks = JoinSet::new();
        loop {
            let worker = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                worker = workers.clone().acquire_owned() => worker,
            };
            let Ok(worker) = worker else { break };
            match self.next_job() {
                Ok(job) => drop(tasks.spawn(self.clone().work(job, worker))),
                Err(until_ms) => {
                    drop(worker);
                    tokio::select! {
                        biased;
                        _ = stop.wait_for(|stop| *stop) => break,
                        () = self.news.notified() => {}
                        () = wait_until(until_ms) => {}
                    }
                }
            }
            while tasks.try_join_next().is_some() {}
        }
        let ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            tasks.shutdown().await;
        }
    }

    /// What is to be done now, or until when there is nothing.
    fn next_job(&self) -> Result<Job, u64> {
        let now = unix_ms();
        let mut live = self.live.lock();
        if live.is_empty() {
            return Err(u64::MAX);
        }
        if !self.files.blobs.has_room(ROOM) {
            return Err(now + TROUBLE_MS);
        }
        let open_ms = self.settings.hours().opens_ms(now);
        let keyring = self.asker.gateway.keyring();
        let mut until = u64::MAX;
        for _ in 0..live.len() {
            // Whoever is looked at now is looked at last the next time.
            live.rotate_left(1);
            let Some(running) = live.back().cloned() else {
                break;
            };
            match running.next(now, open_ms, keyring) {
                Next::Read => return Ok(Job::Read(running)),
                Next::Ask(turn) => return Ok(Job::Ask(Ticket::new(running, turn))),
                Next::End(end) => return Ok(Job::End(running, end)),
                Next::Wait(ms) => until = until.min(ms),
            }
        }
        Err(until)
    }

    async fn work(self: Arc<Self>, job: Job, worker: OwnedSemaphorePermit) {
        match job {
            Job::Ask(ticket) => self.ask(ticket).await,
            Job::Read(running) => {
                self.blocking(running, |all, running| all.read(running))
                    .await;
            }
            Job::End(running, end) => {
                self.blocking(running, move |all, running| all.end(running, end))
                    .await;
            }
        }
        self.waiting();
        drop(worker);
        self.news.notify_one();
    }

    /// Does something for a batch that is done again later if it cannot be done now.
    async fn blocking(
        self: &Arc<Self>,
        running: Arc<Running>,
        work: impl FnOnce(&Self, &Running) -> Result<(), WorkError> + Send + 'static,
    ) {
        let (all, batch) = (self.clone(), running.clone());
        let done = tokio::task::spawn_blocking(move || work(&all, &batch)).await;
        if let Ok(Err(error)) = &done {
            tracing::warn!(batch = running.id, %error, "a batch cannot go on now");
        }
        if !matches!(done, Ok(Ok(()))) {
            running.again(TROUBLE_MS);
        }
    }

    /// Finds the lines of a batch, and what is wrong with them where nobody looked yet. Blocks.
    fn read(&self, running: &Running) -> Result<(), WorkError> {
        let row = running.row.lock().clone();
        let Ok(file) = self.files.blobs.file(&row.input_file_id) else {
            let message = "The input file cannot be read.";
            return self.fail(running, vec![fault("invalid_file", message)]);
        };
        let first = row.times.in_progress.is_none();
        let input = match first {
            false => Input::open(file).map(Ok),
            true => Input::validated(file, self.rules(&row)),
        };
        let input = match input {
            Ok(Ok(input)) => input,
            Ok(Err(faults)) => return self.fail(running, faults),
            Err(error) => return Err(WorkError::Fault(error.into())),
        };
        let queue = self.queue(running, input.lines())?;
        if first {
            if self.lines_of(running.tenant()) + input.lines() > self.settings.per_tenant_lines {
                let message = "Too many lines of this tenant are unanswered.";
                return self.fail(running, vec![fault("line_quota_exceeded", message)]);
            }
            let now = unix_ms() / 1000;
            self.keep(running, Vec::new(), |row| {
                match row.status {
                    Status::Validating => row.come_to(Status::InProgress, now),
                    // It was cancelled meanwhile; that its lines are sound is known all the same.
                    _ => row.times.in_progress = Some(now),
                }
                row.counts = super::row::Counts::of(&queue);
            })?;
        }
        // It is set once: nothing else is done for a batch that is being read.
        drop(running.input.set(input));
        running.read(queue);
        Ok(())
    }

    fn rules(&self, row: &BatchRow) -> Rules {
        Rules {
            endpoint: row.endpoint,
            max_lines: self.settings.max_lines,
            max_line_bytes: self.max_line_bytes,
        }
    }

    /// The lines of a batch with what is known of each.
    fn queue(&self, running: &Running, lines: usize) -> Result<Queue, WorkError> {
        let mut answered = vec![false; lines];
        let (mut completed, mut failed) = (0, 0);
        for (line, answered) in answered.iter_mut().enumerate() {
            let row = self
                .store
                .get(Table::Lines, &line_key(&running.key, line), 0)?;
            match row.as_deref().and_then(is_answer) {
                Some(true) => completed += 1,
                Some(false) => failed += 1,
                None => continue,
            }
            *answered = true;
        }
        Ok(Queue::new(answered, completed, failed))
    }

    fn lines_of(&self, tenant: &str) -> usize {
        let live = self.live.lock();
        let own = live.iter().filter(|running| running.tenant() == tenant);
        own.map(|running| running.unanswered()).sum()
    }

    /// Ends a batch of which no line is asked. Blocks.
    fn fail(&self, running: &Running, faults: Vec<Fault>) -> Result<(), WorkError> {
        let now = unix_ms() / 1000;
        self.keep(running, Vec::new(), |row| {
            row.errors = faults;
            row.come_to(Status::Failed, now);
        })?;
        self.over(running, Status::Failed);
        Ok(())
    }

    /// Ends a batch: its files are written, then it is over. Blocks.
    fn end(&self, running: &Running, end: End) -> Result<(), WorkError> {
        let now = unix_ms() / 1000;
        self.keep(running, Vec::new(), |row| {
            let end = match row.status {
                Status::Cancelling => End::Cancelled,
                _ => end,
            };
            row.end = Some(end);
            if end != End::Cancelled {
                row.come_to(Status::Finalizing, now);
            }
            row.output.get_or_insert_with(|| fresh(PREFIX));
            row.error.get_or_insert_with(|| fresh(PREFIX));
        })?;
        let row = running.row.lock().clone();
        let end = row.end.unwrap_or(end);
        let files = assemble(
            (&self.files, &self.store),
            &running.key,
            &row,
            (running.input.get(), end),
            self.output_ttl_s,
        );
        let files = files.map_err(|error| WorkError::Fault(error.into()))?;
        let written = |id: &String| {
            let key = key(running.tenant(), id);
            files.iter().any(|file| file.key == key)
        };
        let (output, error) = (row.output.filter(written), row.error.filter(written));
        let (now, counts) = (unix_ms() / 1000, running.counts());
        self.keep(running, files, |row| {
            if end == End::Revoked {
                let message = "The key that made this batch is not valid any more.";
                row.errors = vec![fault("invalid_api_key", message)];
            }
            row.counts = counts;
            (row.output, row.error) = (output, error);
            row.come_to(end.status(), now);
        })?;
        self.over(running, end.status());
        let lines = self
            .store
            .keys(Table::Lines, &[&running.key[..], b"/"].concat());
        if let Err(error) = lines.and_then(|lines| self.forget(lines)) {
            tracing::warn!(batch = running.id, %error, "lines of a batch are still on the disk");
        }
        Ok(())
    }

    fn over(&self, running: &Running, status: Status) {
        self.live.lock().retain(|other| other.key != running.key);
        self.asker.gateway.metrics().batch_ended(status.as_str());
        tracing::info!(
            batch = running.id,
            status = status.as_str(),
            "a batch is over"
        );
    }

    async fn ask(self: &Arc<Self>, ticket: Ticket) {
        let (running, number) = (ticket.running.clone(), ticket.turn.line);
        let line = tokio::task::spawn_blocking(move || running.input.get()?.line(number).ok());
        let Ok(Some(line)) = line.await else {
            // The file is held, so it is the disk.
            tracing::warn!(
                batch = ticket.running.id,
                line = number,
                "a line cannot be read now"
            );
            return ticket.again(unix_ms() + TROUBLE_MS);
        };
        let (id, running) = (RequestId::fresh(), ticket.running.clone());
        let (endpoint, only) = (running.endpoint, ticket.turn.only);
        let asked = Asked {
            wish: endpoint.wish(),
            caller: running.caller.clone(),
            head: running.head.clone(),
            body: line.body,
            only,
        };
        let metrics = self.asker.gateway.metrics();
        let written = match self.asker.ask(id, asked).await {
            Ok(answered) => Written::answer(&line.custom_id, id, &answered.body),
            Err(error) if error.code == Code::CacheMiss && only && !running.only => {
                metrics.batch_line("waiting");
                return ticket.wait();
            }
            Err(error) if self.may_try(&error, ticket.turn.tries) => {
                metrics.batch_line("retried");
                let due = unix_ms() + self.pause(&error, ticket.turn.tries, id);
                if error.status() == 429 && error.retry_after.is_some() {
                    running.pause_until(due);
                }
                return ticket.again(due);
            }
            // Its batch ends with it, and says why.
            Err(error) if error.code == Code::InvalidApiKey => return ticket.again(unix_ms()),
            Err(error) => {
                let dialect = endpoint.dialect();
                Some(Written::error(&line.custom_id, id, &error, dialect))
            }
        };
        let written = written.unwrap_or_else(|| {
            let message = "The provider's answer is not a JSON object.";
            Written::unanswered(&line.custom_id, "upstream_malformed", message)
        });
        self.write(ticket, line.custom_id, written).await;
    }

    /// Writes a line's row; only then it counts.
    async fn write(self: &Arc<Self>, ticket: Ticket, custom_id: String, written: Written) {
        let (all, key, number) = (self.clone(), ticket.running.key.clone(), ticket.turn.line);
        let done = tokio::task::spawn_blocking(move || {
            match all.store.apply(&[line_row(&key, number, &written)]) {
                Err(WorkError::TooLarge(_)) => {
                    let message = "The answer is too large to be written down.";
                    let written = Written::unanswered(&custom_id, "answer_too_large", message);
                    all.store.apply(&[line_row(&key, number, &written)])?;
                    Ok(false)
                }
                done => done.map(|()| written.well),
            }
        });
        match done.await {
            Ok(Ok(well)) => {
                let outcome = if well { "answered" } else { "failed" };
                self.asker.gateway.metrics().batch_line(outcome);
                ticket.answered(well);
            }
            Ok(Err(error)) => {
                untold(&error);
                ticket.again(unix_ms() + TROUBLE_MS);
            }
            Err(_) => ticket.again(unix_ms() + TROUBLE_MS),
        }
    }

    /// Whether a line may be asked again after that.
    fn may_try(&self, error: &ApiError, tries: u32) -> bool {
        let passing = error.status() == 429 || error.status() >= 500;
        // Nothing of a request mends a credential.
        let ours = matches!(
            error.code,
            Code::CacheMiss | Code::Internal | Code::UpstreamAuth
        );
        let most = self.settings.max_tries;
        passing && !ours && (most == 0 || tries + 1 < most)
    }

    fn pause(&self, error: &ApiError, tries: u32, id: RequestId) -> u64 {
        let settings = &self.settings;
        let pause = pause_ms(settings.retry_base_ms, settings.retry_max_ms, tries, id);
        let wanted = error.retry_after.map_or(0, |after| {
            u64::try_from(after.as_millis()).unwrap_or(u64::MAX)
        });
        pause.max(wanted.min(LONGEST_MS))
    }
}

fn fault(code: &str, message: &str) -> Fault {
    Fault {
        code: code.to_owned(),
        message: message.to_owned(),
        param: None,
        line: None,
    }
}
