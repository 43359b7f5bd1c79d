//! Texts that somebody wants the vectors of for a use of their own. Any is taken that is neither empty nor too long, and
//! they take up a small share of the queue at a time: a cache lookup never waits behind more than that.

use std::time::Instant;

use tokio::sync::Semaphore;

use super::pool::Words;
use super::{Embedder, Outcome, Skip, Unavailable, at_a_glance};

/// Most texts of theirs that wait or run at a time for each thread: as many as one run takes of a usual length, and of
/// the longest some 0.1 s of work.
const SHARE: usize = 8;

/// Who is let in.
#[derive(Debug)]
pub(super) struct Guests {
    places: Semaphore,
}

/// A text that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read(Vec<u32>);

impl Read {
    /// Its tokens, with the two that frame a text.
    pub fn tokens(&self) -> usize {
        self.0.len()
    }
}

impl Guests {
    pub(super) fn new(queue: usize, threads: usize) -> Self {
        let share = (SHARE * threads.max(1)).min(queue.div_ceil(2));
        Self {
            places: Semaphore::new(share),
        }
    }
}

impl Embedder {
    /// Reads any text. Costs its reading, on this thread.
    ///
    /// # Errors
    /// It is empty, too long, or nothing that the tokenizer can read.
    pub fn read(&self, text: &str) -> Result<Read, Skip> {
        match at_a_glance(text) {
            Some(skip) => Err(skip),
            None => self.reader.read_any(text).map(Read),
        }
    }

    /// The vector of a text that was read. Waits for a place among the guests, then for its turn in the queue, until
    /// `deadline` at most.
    pub async fn embed_read(&self, read: Read, deadline: Instant) -> Outcome {
        let place = tokio::time::timeout_at(deadline.into(), self.guests.places.acquire()).await;
        // The places are never closed.
        let Ok(Ok(_place)) = place else {
            return Outcome::Unavailable(Unavailable::Deadline);
        };
        self.pool.embed(Words::Tokens(read.0), deadline).await
    }
}
