//! Walks over what is remembered and gives each question whose text is kept a vector of the next model. Knows nothing of
//! when the models change places.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Ended, Job, LOOK, STRAGGLERS};
use crate::cache::entry::Cached;
use crate::cache::semantic::Semantic;
use crate::embed::{Embedded, Outcome};
use crate::store::{EntryFilter, Vector};

/// Vectors that are written together; as many may be lost by a crash, beside what the store has not flushed.
const BATCH: usize = 16;
/// How often live questions are given way before one of the old ones: they must not put it off for ever.
const WAYS: u32 = 25;
/// Walks before the switch at most: one does the work, the others what came during the one before, or was lost by a disk
/// that was full for a while.
const WALKS: u32 = 5;
/// One in so many questions on which the model may fail; one that fails on more is not fit.
const MOST_FAILED: u64 = 10;

/// What one walk after the other knows.
pub(super) struct Pass<'a> {
    job: &'a Job,
    next: &'a Arc<Semantic>,
    batch: Vec<(u64, Vector)>,
    /// Entries that get none, so that they are counted and read once.
    left: HashSet<u64>,
    made: u64,
    failed: u64,
}

impl<'a> Pass<'a> {
    pub(super) fn new(job: &'a Job, next: &'a Arc<Semantic>) -> Self {
        Self {
            job,
            next,
            batch: Vec::with_capacity(BATCH),
            left: HashSet::new(),
            made: 0,
            failed: 0,
        }
    }

    /// Walks until next to nothing comes to be done any more.
    pub(super) fn fill(&mut self) -> Result<(), Ended> {
        let entries = self.job.cache.memory().store().stats().entries;
        tracing::info!(
            entries,
            "what is remembered is embedded anew for the next model"
        );
        for _ in 0..WALKS {
            let before = self.made;
            self.walk(0)?;
            if self.failed * MOST_FAILED > self.made + self.failed {
                tracing::error!(
                    failed = self.failed,
                    made = self.made,
                    "the next embedding model fails on too many questions: the model in use stays"
                );
                self.job.progress.fault("model");
                return Err(Ended);
            }
            if self.made - before <= STRAGGLERS {
                break;
            }
        }
        Ok(())
    }

    /// Takes care of entries after `since` that came while the models changed places.
    pub(super) fn after(&mut self, since: u64) -> Result<(), Ended> {
        self.walk(since)
    }

    fn walk(&mut self, after: u64) -> Result<(), Ended> {
        let memory = self.job.cache.memory().clone();
        let mut remaining = memory.store().count_after(after) as u64;
        let mut outcome = Ok(());
        memory.store().for_each_id(after, |id| {
            self.job.progress.remaining(remaining);
            remaining = remaining.saturating_sub(1);
            outcome = self.stored(id);
            outcome.is_ok()
        });
        outcome?;
        for entry in memory.transients(&EntryFilter::default()) {
            self.transient(&entry)?;
        }
        self.write()?;
        self.job.progress.remaining(0);
        Ok(())
    }

    fn stored(&mut self, id: u64) -> Result<(), Ended> {
        let store = self.job.cache.memory().store();
        if self.left.contains(&id) {
            return Ok(());
        }
        let Some(expires_ms) = store.expires_ms(id) else {
            return Ok(());
        };
        if let Some(vector) = store.vector(id, self.next.space()) {
            self.next
                .insert(id, vector.scope, &vector.numbers, expires_ms);
            return Ok(());
        }
        let Some(entry) = store.get(id) else {
            return Ok(());
        };
        let Some(question) = &entry.question else {
            return Ok(());
        };
        let Some(embedded) = self.embed(id, question.text())? else {
            return Ok(());
        };
        self.next
            .insert(id, entry.scope, &embedded.embedding, expires_ms);
        let vector = Vector {
            scope: entry.scope,
            tokens: Some(embedded.tokens.0),
            numbers: embedded.embedding.to_vec(),
        };
        self.batch.push((id, vector));
        if self.batch.len() >= BATCH {
            self.write()?;
        }
        Ok(())
    }

    fn transient(&mut self, entry: &Cached) -> Result<(), Ended> {
        let known = entry.vector_in(self.next.space()).is_some();
        let Some(question) = entry.question.as_ref().filter(|_| !known) else {
            return Ok(());
        };
        if self.left.contains(&entry.id) {
            return Ok(());
        }
        if let Some(embedded) = self.embed(entry.id, question.text())? {
            let numbers = embedded.embedding.clone();
            // A second change of models takes a second start, and with it all that is in memory only.
            drop(entry.renewed.set(embedded));
            self.next
                .insert(entry.id, entry.key.scope, &numbers, entry.expires_ms);
        }
        Ok(())
    }

    /// The question's vector; none, and counted, if it gets none.
    fn embed(&mut self, id: u64, text: Option<&str>) -> Result<Option<Embedded>, Ended> {
        let Some((text, encoder)) = text.zip(self.next.encoder()) else {
            self.leave(id, "no_text");
            return Ok(None);
        };
        self.make_way()?;
        let started = Instant::now();
        let outcome = encoder.embed_here(text);
        self.job
            .pause(rest(started.elapsed(), self.job.config.share))?;
        match outcome {
            Outcome::Embedded(embedded) => {
                self.made += 1;
                self.job.progress.made();
                return Ok(Some(embedded));
            }
            Outcome::Skipped(skip) => self.leave(id, skip.as_str()),
            Outcome::Unavailable(why) => {
                self.failed += 1;
                self.leave(id, why.as_str());
            }
        }
        Ok(None)
    }

    fn leave(&mut self, id: u64, reason: &'static str) {
        self.left.insert(id);
        self.job.progress.left_out(reason);
    }

    /// Questions that clients wait for come first.
    fn make_way(&self) -> Result<(), Ended> {
        let live = self.job.cache.embedder();
        let waits = || live.as_ref().is_some_and(|live| live.queue_depth() > 0);
        for _ in 0..WAYS {
            if !waits() {
                break;
            }
            self.job.pause(LOOK)?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Ended> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let store = self.job.cache.memory().store();
        while !store.try_put_vectors(self.next.space(), self.batch.clone()) {
            self.job.pause(LOOK)?;
        }
        self.batch.clear();
        Ok(())
    }
}

/// How long to rest after `work` so that it takes no more than `share` of the time.
fn rest(work: Duration, share: f64) -> Duration {
    work.mul_f64((1.0 / share - 1.0).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_leaves_the_work_its_share_of_the_time() {
        let work = Duration::from_millis(10);
        assert_eq!(rest(work, 1.0), Duration::ZERO);
        assert_eq!(rest(work, 0.5), work);
        assert_eq!(rest(work, 0.1), 9 * work);
    }
}
