//! What was said to hold no more. Saying it takes one durable mark, however many entries it is about: each entry knows
//! the newest mark that there was when its answer was asked for, and is hidden by any later one that it falls under.
//! Hidden entries are dropped in the background, and then marks that hide nothing any more.

mod seen;
pub(in crate::cache) mod sweep;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;

use seen::Seen;

use crate::store::{Entry, StateError, StateStore};

/// Where the state keeps marks.
const TABLE: &str = "invalidations";
/// Marks that are kept; each is looked at by nobody but those it may hide, but all are written with each change.
const MOST: usize = 2000;
/// Milliseconds after which no call is under way that was made before a mark: calls end within ten minutes.
const SETTLED_MS: u64 = 3_600_000;
/// Marks that one sweep takes back: each is a change of the state.
const TAKEN_BACK: usize = 16;

/// Whose entries a mark is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Realm {
    /// Everybody's.
    Everywhere,
    /// Those in one tenant's namespaces.
    Tenant(String),
    /// Those of one namespace, by its label.
    Namespace(String),
}

/// Which of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// All.
    All,
    /// Those with a tag.
    Tag(String),
    /// Those that answered requests for a model.
    Model(String),
    /// Those whose prompt's version begins so.
    PromptVersionPrefix(String),
    /// Those whose answer was given before this date, in Unix milliseconds.
    MadeBefore(u64),
}

/// One mark as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    realm: Realm,
    what: What,
    generation: u64,
}

/// What of an entry decides whether a mark hides it.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a> {
    /// Label of its namespace.
    pub namespace: &'a str,
    /// The model that was asked for.
    pub model: &'a str,
    /// Its tags.
    pub tags: &'a [String],
    /// The version of its prompt.
    pub prompt_version: Option<&'a str>,
    /// The newest mark when its answer was asked for.
    pub generation: u64,
    /// When it was given, in Unix milliseconds.
    pub created_ms: u64,
}

impl<'a> From<&'a Entry> for Features<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            namespace: &entry.namespace,
            model: &entry.model,
            tags: &entry.made.tags,
            prompt_version: entry.made.prompt_version.as_deref(),
            generation: entry.made.generation,
            created_ms: entry.created_ms,
        }
    }
}

/// Why nothing was invalidated.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// As many marks as are kept.
    #[error("{MOST} invalidations wait for their entries to be dropped")]
    Full,
    /// It could not be written down.
    #[error("the mark could not be stored")]
    Store(#[from] StateError),
}

/// All marks in force. Read without a lock.
#[derive(Default)]
pub struct Marks {
    state: Option<Arc<StateStore>>,
    seen: ArcSwap<Seen>,
    changing: Mutex<()>,
    /// Counts changes; what the last sweep had seen of them.
    changes: AtomicU64,
    swept: AtomicU64,
}

impl Marks {
    /// Reads what was marked in earlier runs.
    ///
    /// # Errors
    /// The name of a mark that cannot be read: what it hides would be served again.
    pub fn open(state: Arc<StateStore>) -> Result<Self, String> {
        let mut seen = Seen::default();
        for (name, row) in state.all(TABLE) {
            seen = seen.with(serde_json::from_value(row).map_err(|_| name)?);
        }
        Ok(Self {
            changes: AtomicU64::new(u64::from(!seen.is_empty())),
            seen: ArcSwap::from_pointee(seen),
            state: Some(state),
            ..Self::default()
        })
    }

    /// The newest mark; an answer that is asked for from now on is later than all marks so far.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.seen.load().newest()
    }

    /// Whether an entry is hidden.
    #[must_use]
    pub fn hide(&self, features: &Features<'_>) -> bool {
        self.seen.load().hide(features)
    }

    /// Hides what there is by now; on disk, power cut included, when it returns. Gives the mark's generation. Blocks.
    ///
    /// # Errors
    /// [`MarkError`]; nothing is hidden then.
    pub fn put(&self, realm: Realm, what: What, now_ms: u64) -> Result<u64, MarkError> {
        let _one_at_a_time = self.changing.lock();
        let seen = self.seen.load_full();
        // A date as long as the clock goes forward: where a state was restored, later than all that it does not know of.
        let generation = now_ms.max(seen.newest() + 1);
        let what = match what {
            // It takes the place of an earlier one, and must not bring back what that one hides.
            What::MadeBefore(date_ms) => What::MadeBefore(date_ms.max(seen.date_of(&realm))),
            other => other,
        };
        let mark = Mark {
            realm,
            what,
            generation,
        };
        let name = row(&mark);
        if seen.len() >= MOST && !seen.knows(&mark) {
            return Err(MarkError::Full);
        }
        if let Some(state) = &self.state {
            state.put(TABLE, &name, &json!(mark))?;
        }
        self.seen.store(Arc::new(Seen::clone(&seen).with(mark)));
        self.changes.fetch_add(1, Ordering::AcqRel);
        Ok(generation)
    }

    /// Whether something was marked since the last sweep, or another one would take marks back.
    #[must_use]
    pub fn wants_sweep(&self, now_ms: u64) -> bool {
        let unswept = self.changes() != self.swept.load(Ordering::Acquire);
        unswept || !self.settled(now_ms).is_empty()
    }

    /// Counts what was marked so far.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Marks that no call under way can be older than. The newest stays: it says what comes after all of them.
    fn settled(&self, now_ms: u64) -> Vec<Mark> {
        let seen = self.seen.load();
        let settled = now_ms.saturating_sub(SETTLED_MS).min(seen.newest());
        let mut marks = seen.marks();
        marks.retain(|mark| mark.generation < settled);
        marks
    }

    /// Says that what was hidden up to `changes` is gone from the disk. Marks that hide nothing any more go. Blocks.
    pub fn swept(&self, changes: u64, now_ms: u64) {
        let _one_at_a_time = self.changing.lock();
        self.swept.store(changes, Ordering::Release);
        let Some(state) = &self.state else {
            return;
        };
        for mark in self.settled(now_ms).into_iter().take(TAKEN_BACK) {
            if let Err(cause) = state.delete(TABLE, &row(&mark)) {
                tracing::warn!(%cause, "a mark that hides nothing any more is kept");
                return;
            }
            self.seen.rcu(|seen| Seen::clone(seen).without(&mark));
        }
    }
}

/// Names a mark's row; a later one of the same takes its place.
fn row(mark: &Mark) -> String {
    match &mark.what {
        What::MadeBefore(_) => json!([mark.realm, "made_before"]).to_string(),
        what => json!([mark.realm, what]).to_string(),
    }
}

#[cfg(test)]
mod tests;
