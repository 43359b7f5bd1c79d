//! A batch that has not ended, in memory: what is known of its lines, and what is to be done for it next.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde_json::Value;

use super::super::files::{Files, Hold};
use super::super::page::key;
use super::input::Input;
use super::queue::{Queue, Step, Turn};
use super::row::{BatchRow, Counts, End, Endpoint, Status};
use crate::chat::unix_ms;
use crate::gateway::head::Head;
use crate::identity::{Caller, Keyring};

/// Milliseconds after which a line whose asking broke off is asked again.
const BROKEN_MS: u64 = 5_000;

/// A batch under way.
pub(super) struct Running {
    pub(super) id: String,
    pub(super) key: Vec<u8>,
    pub(super) caller: Caller,
    pub(super) head: Head,
    pub(super) endpoint: Endpoint,
    /// Whether its client wants memory alone to answer.
    pub(super) only: bool,
    pub(super) expires_ms: u64,
    /// As it is on disk. It is held while that is written.
    pub(super) row: Mutex<BatchRow>,
    pub(super) input: OnceLock<Input>,
    cancelled: AtomicBool,
    state: Mutex<State>,
    _input: Hold,
}

struct State {
    phase: Phase,
    queue: Queue,
    /// Until then nothing is done for it.
    pause_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Where its lines lie is not known yet.
    Unread,
    Reading,
    Asking,
    Ending,
}

/// What is to be done for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Read,
    Ask(Turn),
    End(End),
    /// Nothing before that time, in Unix milliseconds, unless something happens.
    Wait(u64),
}

/// A line that is being asked; it comes back to the queue unless it is settled.
pub(super) struct Ticket {
    pub(super) running: Arc<Running>,
    pub(super) turn: Turn,
    settled: bool,
}

impl Running {
    pub(super) fn new(row: BatchRow, files: &Arc<Files>) -> Self {
        let controls = row.head.controls();
        Self {
            id: row.id.clone(),
            key: key(row.who.tenant.as_str(), &row.id),
            caller: row.who.caller(),
            head: row.head.clone(),
            endpoint: row.endpoint,
            only: controls.is_ok_and(|controls| controls.only),
            expires_ms: row.expires_ms,
            cancelled: AtomicBool::new(row.status == Status::Cancelling),
            _input: files.hold(&row.input_file_id),
            row: Mutex::new(row),
            input: OnceLock::new(),
            state: Mutex::new(State {
                phase: Phase::Unread,
                queue: Queue::new(Vec::new(), 0, 0),
                pause_ms: 0,
            }),
        }
    }

    pub(super) fn tenant(&self) -> &str {
        self.caller.tenant.as_str()
    }

    pub(super) fn object(&self) -> Value {
        let counts = {
            let state = self.state.lock();
            let read = !matches!(state.phase, Phase::Unread | Phase::Reading);
            read.then(|| Counts::of(&state.queue))
        };
        let row = self.row.lock();
        row.object(counts.unwrap_or(row.counts))
    }

    pub(super) fn counts(&self) -> Counts {
        Counts::of(&self.state.lock().queue)
    }

    pub(super) fn unanswered(&self) -> usize {
        self.state.lock().queue.unanswered()
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    /// What is next; `open_ms` is when providers may be called.
    pub(super) fn next(&self, now_ms: u64, open_ms: u64, keyring: &Keyring) -> Next {
        let mut state = self.state.lock();
        let paused = state.pause_ms > now_ms;
        match state.phase {
            Phase::Unread if paused => Next::Wait(state.pause_ms),
            Phase::Unread => {
                state.phase = Phase::Reading;
                Next::Read
            }
            Phase::Reading | Phase::Ending => Next::Wait(u64::MAX),
            Phase::Asking => match self.end(&state.queue, now_ms, keyring) {
                // What was begun is paid for, and is waited for.
                Some(_) if state.queue.is_busy() => Next::Wait(u64::MAX),
                Some(_) if paused => Next::Wait(state.pause_ms),
                Some(end) => {
                    state.phase = Phase::Ending;
                    Next::End(end)
                }
                None if paused => Next::Wait(state.pause_ms.min(self.expires_ms)),
                None => match state.queue.step(now_ms, open_ms) {
                    Step::Ask(turn) => Next::Ask(turn),
                    Step::Wait(until) => Next::Wait(until.min(self.expires_ms)),
                    // The last answer came between the two looks at it.
                    Step::Over => Next::Wait(now_ms),
                },
            },
        }
    }

    fn end(&self, queue: &Queue, now_ms: u64, keyring: &Keyring) -> Option<End> {
        if self.cancelled.load(Ordering::Acquire) {
            return Some(End::Cancelled);
        }
        if queue.unanswered() == 0 {
            return Some(End::Completed);
        }
        if now_ms >= self.expires_ms {
            return Some(End::Expired);
        }
        (!keyring.admits(&self.caller)).then_some(End::Revoked)
    }

    /// Its lines are known.
    pub(super) fn read(&self, queue: Queue) {
        let mut state = self.state.lock();
        state.queue = queue;
        state.phase = Phase::Asking;
    }

    /// What was begun for it is to be done again, after a pause.
    pub(super) fn again(&self, pause_ms: u64) {
        let mut state = self.state.lock();
        state.pause_ms = unix_ms().saturating_add(pause_ms);
        state.phase = match state.phase {
            Phase::Reading => Phase::Unread,
            Phase::Ending => Phase::Asking,
            phase => phase,
        };
    }

    /// A provider wants to be left alone until then.
    pub(super) fn pause_until(&self, until_ms: u64) {
        let mut state = self.state.lock();
        state.pause_ms = state.pause_ms.max(until_ms);
    }
}

impl Ticket {
    pub(super) fn new(running: Arc<Running>, turn: Turn) -> Self {
        Self {
            running,
            turn,
            settled: false,
        }
    }

    /// Its row is written.
    pub(super) fn answered(mut self, well: bool) {
        self.settled = true;
        let mut state = self.running.state.lock();
        state.queue.answered(self.turn.line, well);
    }

    /// It is asked again at that time.
    pub(super) fn again(mut self, due_ms: u64) {
        self.settled = true;
        let mut state = self.running.state.lock();
        let Turn { line, tries, .. } = self.turn;
        state.queue.again(line, tries + 1, due_ms);
    }

    /// It waits for the hours in which providers are called.
    pub(super) fn wait(mut self) {
        self.settled = true;
        self.running.state.lock().queue.wait(self.turn.line);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            let due = unix_ms().saturating_add(BROKEN_MS);
            let Turn { line, tries, .. } = self.turn;
            self.running.state.lock().queue.again(line, tries, due);
        }
    }
}
