//! The semantic tier: one partition of vectors per scope, searched for the
//! nearest remembered questions, which the verdict then judges by their stored
//! vectors and texts.

use std::sync::Arc;

use dashmap::DashMap;

use super::entry::Cached;
use super::freshness::Freshness;
use super::memory::Memory;
use super::verdict::{Evidence, Verdict, judge};
use crate::embed::Embedded;
use crate::index::{Code, IndexConfig, Partition, cosine};

type Scope = [u8; 32];

/// How far the cosine of two codes may be from that of their vectors: twice what was seen.
const CODE_ERROR: f32 = 0.02;

/// Partitions by scope.
pub struct Semantic {
    partitions: DashMap<Scope, Arc<Partition>>,
    config: IndexConfig,
}

/// What is asked of a scope.
pub struct Query<'a> {
    /// The scope; nothing outside it is looked at.
    pub scope: &'a Scope,
    /// The question's text.
    pub question: &'a str,
    /// Its vector and tokens.
    pub embedded: &'a Embedded,
    /// Least cosine of a hit.
    pub threshold: f32,
    /// How young an entry must be.
    pub freshness: Freshness,
    /// Candidates that are judged.
    pub candidates: usize,
    /// The time.
    pub now_ms: u64,
}

/// The best of a scope.
#[derive(Debug, Clone)]
pub struct Nearest {
    /// The entry.
    pub entry: Arc<Cached>,
    /// Exact cosine.
    pub similarity: f32,
    /// How likely it serves, by the policy's measure: 0 after a veto.
    pub score: f32,
    /// Whether it serves.
    pub verdict: Verdict,
}

impl Semantic {
    /// An empty tier.
    #[must_use]
    pub fn new(config: IndexConfig) -> Self {
        Self {
            partitions: DashMap::new(),
            config,
        }
    }

    /// Whether a scope holds anything at all; if not, its question need not be embedded.
    #[must_use]
    pub fn holds(&self, scope: &Scope) -> bool {
        self.partitions.contains_key(scope)
    }

    /// Makes an entry findable. In a large scope this takes about a millisecond.
    pub fn insert(&self, id: u64, scope: Scope, vector: &[f32], expires_ms: u64) -> bool {
        let Ok(code) = Code::of(vector) else {
            return false;
        };
        self.partition(scope).insert(id, &code, expires_ms).is_ok()
    }

    /// Takes over a whole partition, as read from a snapshot.
    pub fn adopt(&self, scope: Scope, partition: Partition) {
        self.partitions.insert(scope, Arc::new(partition));
    }

    /// Hides an entry of a scope at once.
    pub fn remove(&self, id: u64, scope: &Scope) {
        if let Some(partition) = self.partitions.get(scope) {
            partition.remove(id);
        }
    }

    /// Hides an entry whose scope is not known. Asks every partition: for the background.
    pub fn remove_anywhere(&self, id: u64) {
        for (_, partition) in self.all() {
            if partition.remove(id) {
                return;
            }
        }
    }

    /// All partitions, to look after them.
    #[must_use]
    pub fn all(&self) -> Vec<(Scope, Arc<Partition>)> {
        self.partitions
            .iter()
            .map(|p| (*p.key(), p.value().clone()))
            .collect()
    }

    /// Forgets a scope in which nothing is left.
    pub fn drop_empty(&self, now_ms: u64) {
        // Somebody who is about to insert holds the partition: then it stays.
        self.partitions
            .retain(|_, p| Arc::strong_count(p) > 1 || p.live(now_ms) > 0);
    }

    /// Entries that can be found, dead ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.partitions.iter().map(|p| p.len()).sum()
    }

    /// Whether nothing can be found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Judges the nearest entries of a scope, best first: the first that serves, else the
    /// best of those that do not. Blocks: reads the store.
    #[must_use]
    pub fn nearest(&self, query: &Query<'_>, memory: &Memory) -> Option<Nearest> {
        let partition = self.partitions.get(query.scope)?.clone();
        let code = Code::of(&query.embedded.embedding).ok()?;
        let mut ranked: Vec<_> = partition
            .search(&code, query.candidates, query.now_ms)
            .into_iter()
            .enumerate()
            // The nearest is read in any case, as evidence; the rest only if it may serve.
            .filter(|(rank, near)| *rank == 0 || near.approx >= query.threshold - CODE_ERROR)
            .filter_map(|(_, near)| {
                let vector = memory.vector(near.id, query.scope)?;
                Some((near.id, cosine(&query.embedded.embedding, &vector)))
            })
            .collect();
        // The index only proposes: the order that counts is that of the stored vectors.
        ranked.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
        let mut best = None;
        for (id, similarity) in ranked {
            // Below the threshold only the best is of interest, as evidence: the rest is not read.
            if similarity < query.threshold && best.is_some() {
                break;
            }
            let Some(nearest) = self.weigh(id, similarity, query, memory) else {
                continue;
            };
            if nearest.verdict == Verdict::Serve {
                return Some(nearest);
            }
            best.get_or_insert(nearest);
        }
        best
    }

    fn weigh(
        &self,
        id: u64,
        similarity: f32,
        query: &Query<'_>,
        memory: &Memory,
    ) -> Option<Nearest> {
        let Some(entry) = memory.load(id) else {
            // In the index but not in the store: hide it, so that it costs this only once.
            self.remove(id, query.scope);
            return None;
        };
        if query.freshness.end(entry.dates()) <= query.now_ms {
            // Dead by the policy for good: hidden, so that it takes no living one's place again.
            self.remove(id, query.scope);
            return None;
        }
        let fresh = query.freshness.admits(entry.dates(), query.now_ms);
        if entry.key.scope != *query.scope || !fresh {
            return None;
        }
        let verdict = judge(&Evidence {
            asked: query.question,
            asked_tokens: &query.embedded.tokens,
            stored: entry.question.as_ref()?,
            stored_tokens: entry.tokens.as_ref()?,
            similarity,
            threshold: query.threshold,
        });
        Some(Nearest {
            entry,
            similarity,
            score: similarity,
            verdict,
        })
    }

    fn partition(&self, scope: Scope) -> Arc<Partition> {
        self.partitions
            .entry(scope)
            .or_insert_with(|| Arc::new(Partition::new(&self.config)))
            .clone()
    }
}
