//! Memory first: finds the remembered answer that serves a request, and remembers
//! fresh ones. A fault in here is a counted miss, never an error of the request.
//!
//! Read [`scope`] for what must be equal, [`history`] and [`conversation`] for what was said
//! before, [`memory`] and [`semantic`] for the two tiers, [`verdict`] for the decision, [`flight`] and [`near_flight`] for requests
//! that ask the same at the same time, [`room`] for how much a namespace
//! may hold, [`upkeep`] for what runs in the background.

pub mod bound;
pub mod controls;
pub mod conversation;
mod directives;
pub mod embeddings;
pub mod entry;
pub mod flight;
pub mod freshness;
pub mod history;
pub mod hygiene;
pub mod invalidation;
pub mod memory;
pub mod near_flight;
pub mod pairs;
pub mod policy;
pub mod reach;
pub mod reembed;
pub mod replay;
pub mod room;
pub mod scope;
pub mod semantic;
pub mod skeleton;
pub mod spans;
mod stale;
pub mod tags;
mod tiers;
pub mod upkeep;
pub mod verdict;
mod verifying;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::cache::controls::Read;
use crate::cache::embeddings::Embeddings;
use crate::cache::entry::{Cached, Fresh};
use crate::cache::freshness::Freshness;
use crate::cache::memory::Memory;
use crate::cache::near_flight::{Announced, NearFlights};
use crate::cache::room::Rooms;
use crate::cache::scope::CacheKey;
use crate::cache::semantic::{Nearest, Query, Semantic};
use crate::cache::verdict::Rule;
use crate::chat::unix_ms;
use crate::embed::{Embedded, Embedder, Verifier};
use crate::telemetry::{Metrics, Stage};

pub use self::verifying::VerifyLimits;
use self::verifying::{Asking, Verifying};

/// Limits of a lookup.
#[derive(Debug, Clone, Copy)]
pub struct CacheLimits {
    /// Time that one embedding may take.
    pub embed: Duration,
    /// Time that a search may take.
    pub search: Duration,
    /// Candidates that are judged.
    pub candidates: usize,
    /// Time that a miss may wait for a call under way whose question is much like its own; zero: it never does.
    pub similar: Duration,
    /// What the verifier may be asked.
    pub verify: VerifyLimits,
}

/// The cache: two tiers and the encoder between them.
pub struct Cache {
    memory: Arc<Memory>,
    /// Replaced where the model changes; who compares holds on to the one that it began with.
    semantic: ArcSwap<Semantic>,
    /// The tier that is being filled to take its place.
    next: ArcSwapOption<Semantic>,
    /// Whether an entry came without a vector of the model in use, because that changed meanwhile.
    strayed: AtomicBool,
    limits: CacheLimits,
    verifying: Verifying,
    metrics: Arc<Metrics>,
    indexed: AtomicBool,
    near: Arc<NearFlights>,
    rooms: Arc<Rooms>,
    embeddings: Option<Embeddings>,
}

/// What is looked up.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// Where to look.
    pub key: CacheKey,
    /// Tiers that may answer.
    pub read: Read,
    /// The question, or why it cannot be compared by meaning.
    pub question: Result<String, &'static str>,
    /// What a hit must fulfil.
    pub rule: Rule,
    /// The rule of a change that is tried beside it: whatever that would ask the verifier is asked as well.
    pub beside: Option<Rule>,
    /// How young an entry must be.
    pub freshness: Freshness,
    /// Marks of the user's earlier questions in this conversation: none of them answers this one.
    pub earlier: Vec<u64>,
}

/// What a lookup found.
#[derive(Debug)]
pub enum Found {
    /// The same request, word for word.
    Exact(Arc<Cached>),
    /// A question that asks the same.
    Similar(Box<Nearest>),
    /// Nothing that serves.
    Nothing(Miss),
}

/// Why nothing served, and what a later step can use of the search.
#[derive(Debug, Default)]
pub struct Miss {
    /// Why.
    pub reason: &'static str,
    /// The best that did not serve; in a box, since most misses have none and all are moved a lot.
    pub nearest: Option<Box<Nearest>>,
    /// The question's vector, if it was made: it is never made twice.
    pub embedded: Option<Embedded>,
    /// The call that is made for it, where others may wait for that.
    pub announced: Option<Announced>,
}

impl Miss {
    fn because(reason: &'static str) -> Self {
        Self {
            reason,
            ..Self::default()
        }
    }
}

impl Cache {
    /// Puts the tiers together. Where the semantic one has no encoder only the exact tier answers.
    #[must_use]
    pub fn new(
        memory: Memory,
        semantic: Semantic,
        limits: CacheLimits,
        rooms: Arc<Rooms>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            memory: Arc::new(memory),
            semantic: ArcSwap::from_pointee(semantic),
            next: ArcSwapOption::empty(),
            strayed: AtomicBool::new(false),
            verifying: Verifying::new(limits.verify),
            limits,
            metrics,
            indexed: AtomicBool::new(false),
            near: Arc::default(),
            rooms,
            embeddings: None,
        }
    }

    /// The same with memory for vectors of texts.
    #[must_use]
    pub fn with_embeddings(self, embeddings: Option<Embeddings>) -> Self {
        Self { embeddings, ..self }
    }

    /// Remembered vectors of texts, where any are kept.
    #[must_use]
    pub fn embeddings(&self) -> Option<&Embeddings> {
        self.embeddings.as_ref()
    }

    /// Looks for an answer that serves. Never waits longer than its limits.
    pub async fn look_up(&self, lookup: &Lookup) -> Found {
        if lookup.read == Read::Nothing {
            return Found::Nothing(Miss::because("not_read"));
        }
        if let Some(entry) = self.exact(lookup).await {
            return Found::Exact(entry);
        }
        if lookup.read == Read::Exact {
            return Found::Nothing(Miss::because("exact_only"));
        }
        let question = match &lookup.question {
            Ok(question) => question,
            Err(why) => return Found::Nothing(Miss::because(why)),
        };
        // One tier for all that follows: its encoder's vectors are those that it holds.
        let semantic = self.semantic();
        let Some(embedder) = semantic.encoder() else {
            return Found::Nothing(Miss::because("semantic_off"));
        };
        if !semantic.holds(&lookup.key.scope) {
            let why = self.nothing_there(embedder, question).await;
            return Found::Nothing(Miss::because(why));
        }
        let embedded = match self.embed_with(embedder, question).await {
            Ok(embedded) => embedded,
            Err(why) => return Found::Nothing(Miss::because(why)),
        };
        self.similar(semantic, lookup, question, embedded).await
    }

    /// Remembers a fresh answer in both tiers; found from the moment this returns.
    /// Gives the entry's id, and why it was kept in memory only, if so.
    pub fn remember(&self, fresh: Fresh) -> (u64, Option<&'static str>) {
        let scope = fresh.key.scope;
        let vector = fresh
            .question
            .as_ref()
            .map(|(_, embedded)| embedded.clone());
        let remembered = self.memory.remember(fresh);
        if let Some(old) = remembered.superseded {
            self.hide(old, &scope);
            self.rooms.removed([old]);
        }
        let entry = &remembered.entry;
        if remembered.not_stored.is_none() {
            let store = self.memory.store();
            self.rooms.admit(store, entry);
        }
        // What the store refused may leave the hot tier any time: it must not be findable by meaning.
        if let (Some(vector), None) = (vector, remembered.not_stored) {
            let semantic = self.semantic();
            if vector.space == semantic.space() {
                semantic.insert(entry.id, scope, &vector.embedding, entry.expires_ms);
            } else {
                self.strayed.store(true, Ordering::Release);
            }
        }
        (entry.id, remembered.not_stored)
    }

    /// Forgets entries at once, in both tiers; returns how many there were. Blocks.
    pub fn forget(&self, ids: &[u64]) -> usize {
        for id in ids {
            if let Some(entry) = self.memory.load(*id) {
                self.hide(*id, &entry.key.scope);
            }
        }
        self.memory.forget(ids)
    }

    /// The exact tier and the store.
    #[must_use]
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// How much each namespace with a bound takes.
    #[must_use]
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// Whether all stored entries can be found by meaning.
    #[must_use]
    pub fn indexed(&self) -> bool {
        self.indexed.load(Ordering::Acquire)
    }

    /// Says that all stored entries can be found by meaning.
    pub fn now_indexed(&self) {
        self.indexed.store(true, Ordering::Release);
    }

    /// Why a scope that holds nothing comparable serves nothing. A text that could not be compared
    /// with anything anyway says so there as well: it is read for that, but not embedded.
    async fn nothing_there(&self, embedder: &Embedder, question: &str) -> &'static str {
        let deadline = Instant::now() + self.limits.embed;
        match embedder.refuses(question, deadline).await {
            Some(skip) => skip.as_str(),
            None if !self.memory.store().is_read() => "store_degraded",
            None if self.indexed() => "empty_scope",
            None => "index_loading",
        }
    }

    async fn exact(&self, lookup: &Lookup) -> Option<Arc<Cached>> {
        let exact = lookup.key.exact;
        let serves = |entry: &Arc<Cached>| {
            entry.key == lookup.key && lookup.freshness.admits(entry.dates(), unix_ms())
        };
        if let Some(entry) = self.memory.hot(&exact) {
            return Some(entry).filter(serves);
        }
        if !self.memory.may_hold(&exact) {
            return None;
        }
        let memory = self.memory.clone();
        self.blocking(move || memory.load_exact(&exact))
            .await
            .filter(serves)
    }

    async fn similar(
        &self,
        semantic: Arc<Semantic>,
        lookup: &Lookup,
        question: &str,
        embedded: Embedded,
    ) -> Found {
        let memory = self.memory.clone();
        let (scope, asked, vector) = (lookup.clone(), question.to_owned(), embedded.clone());
        let (candidates, tier) = (self.limits.candidates, semantic.clone());
        let rule = lookup.rule;
        let asking = Asking {
            question,
            rule: &rule,
            beside: lookup.beside.as_ref(),
        };
        let started = Instant::now();
        let judged = self
            .blocking(move || {
                let query = Query {
                    scope: &scope.key.scope,
                    question: &asked,
                    embedded: &vector,
                    rule,
                    freshness: scope.freshness,
                    earlier: &scope.earlier,
                    candidates,
                    now_ms: unix_ms(),
                };
                Some(tier.judged(&query, &memory))
            })
            .await;
        self.metrics.stage(Stage::Search, started.elapsed());
        let judged = match (judged, semantic.verifier()) {
            (Some(near), Some(verifier)) => Some(self.verified(verifier, &asking, near).await),
            (judged, _) => judged,
        };
        let nearest = judged.map(Nearest::best);
        match nearest {
            Some(Some(nearest)) if nearest.serves() => {
                self.memory.served(&nearest.entry);
                Found::Similar(Box::new(nearest))
            }
            Some(nearest) => Found::Nothing(Miss {
                reason: nearest
                    .as_ref()
                    .map_or("no_candidate", |n| n.judgement.verdict.as_str()),
                nearest: nearest.map(Box::new),
                embedded: Some(embedded),
                announced: None,
            }),
            None => Found::Nothing(Miss {
                reason: "search_deadline",
                embedded: Some(embedded),
                ..Miss::default()
            }),
        }
    }

    /// The same after the verifier has read what is open.
    async fn verified(
        &self,
        verifier: &Verifier,
        asking: &Asking<'_>,
        near: Vec<Nearest>,
    ) -> Vec<Nearest> {
        if !near.iter().any(|near| asking.of(near)) {
            return near;
        }
        let started = Instant::now();
        let heard = self.verifying.heard(verifier, asking, near).await;
        self.metrics.stage(Stage::Verify, started.elapsed());
        heard
    }

    /// Runs what may read the disk on a thread that may wait; none if it takes too long or panics.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let task = tokio::task::spawn_blocking(work);
        let fault = match tokio::time::timeout(self.limits.search, task).await {
            Ok(Ok(done)) => return done,
            Ok(Err(_)) => "search_failed",
            Err(_) => "search_deadline",
        };
        self.metrics.cache_fault(fault);
        None
    }
}
