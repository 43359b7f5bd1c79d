//! The semantic tier: the encoder, and one partition of its vectors per scope, searched for the nearest remembered questions,
//! which the verdict then judges by their stored vectors and texts. A tier is of one model for good: a change of model is a
//! change of tiers.

use std::sync::Arc;

use dashmap::DashMap;

use super::entry::Cached;
use super::freshness::Freshness;
use super::memory::Memory;
use super::reach::{Pair, Reach};
use super::verdict::guards::Reading;
use super::verdict::{Evidence, Judgement, Known, Rule, Verdict, judge};
use crate::embed::{Embedded, Embedder, Question, Space, TokenDigest, Verifier};
use crate::index::snapshot::Origin;
use crate::index::{Code, Partition, cosine};

type Scope = [u8; 32];

/// How far the cosine of two codes may be from that of their vectors: twice what was seen.
const CODE_ERROR: f32 = 0.02;

/// Partitions by scope.
pub struct Semantic {
    partitions: DashMap<Scope, Arc<Partition>>,
    encoder: Option<Embedder>,
    origin: Origin,
    reach: Arc<Reach>,
}

/// What is asked of a scope.
pub struct Query<'a> {
    /// The scope; nothing outside it is looked at.
    pub scope: &'a Scope,
    /// The question's text.
    pub question: &'a str,
    /// Its vector and tokens.
    pub embedded: &'a Embedded,
    /// What a hit must fulfil.
    pub rule: Rule,
    /// How young an entry must be.
    pub freshness: Freshness,
    /// Marks of earlier questions of the same conversation.
    pub earlier: &'a [u64],
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
    /// By how much it is more alike than the best of the others; none without others.
    pub gap: Option<f32>,
    /// Whether it serves, and why.
    pub judgement: Judgement,
    /// The others that were judged.
    pub others: Vec<Nearest>,
}

impl Nearest {
    /// Whether it serves.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.judgement.verdict == Verdict::Serve
    }

    /// Whether it serves, is not to be read by the verifier, and no candidate of this similarity can be likelier.
    fn beats(&self, similarity: f32, rule: &Rule) -> bool {
        let settled = self.serves() && !self.judgement.asks(rule);
        settled && self.judgement.score >= rule.most(similarity)
    }

    /// The same after the verifier was asked.
    pub(super) fn heard(self, log_odds: Option<f32>, rule: &Rule) -> Self {
        Self {
            judgement: self.judgement.heard(log_odds, rule),
            ..self
        }
    }

    /// Of those that were judged, in the order of their likeness, the one most likely to serve, with the others behind it.
    pub(super) fn best(judged: Vec<Self>) -> Option<Self> {
        judged.into_iter().reduce(Self::better)
    }

    /// The better of two, with the other behind it: one that serves before one that does not, one that was looked at
    /// before one that was passed over, then the more likely one.
    fn better(mut self, mut other: Self) -> Self {
        let rank = |n: &Self| {
            let judged = &n.judgement;
            (n.serves(), !judged.passed_over(), judged.score)
        };
        // In the order of likeness, so that the first stays where they are equal.
        if rank(&other) > rank(&self) {
            std::mem::swap(&mut self, &mut other);
        }
        self.others.append(&mut other.others);
        self.others.push(other);
        self
    }
}

/// Whether one of the two questions was asked before the other in its own conversation: the answer
/// to a turn is none to the next.
fn follows(entry: &Cached, query: &Query<'_>) -> bool {
    // Most questions come first and have none before them.
    let holds = |earlier: &[u64], mark: &dyn Fn() -> Option<u64>| {
        !earlier.is_empty() && mark().is_some_and(|mark| earlier.contains(&mark))
    };
    let stored = || entry.question.as_ref().map(Question::mark);
    let asked = || Some(Question::keep(query.question, false).mark());
    holds(query.earlier, &stored) || holds(&entry.earlier, &asked)
}

/// A candidate of the index, scored exactly.
#[derive(Debug, Clone, Copy)]
struct Near {
    id: u64,
    similarity: f32,
    gap: Option<f32>,
    /// Digest of its tokens, where the model in use has read it since it was stored.
    tokens: Option<TokenDigest>,
}

impl Semantic {
    /// An empty tier of one model. Without an encoder nothing is compared.
    #[must_use]
    pub fn new(origin: Origin, encoder: Option<Embedder>, reach: Arc<Reach>) -> Self {
        Self {
            partitions: DashMap::new(),
            encoder,
            origin,
            reach,
        }
    }

    /// What was said of the answers in it.
    #[must_use]
    pub fn reach(&self) -> &Arc<Reach> {
        &self.reach
    }

    /// What reads both questions, if anything does.
    #[must_use]
    pub fn verifier(&self) -> Option<&Verifier> {
        self.encoder.as_ref().and_then(Embedder::verifier)
    }

    /// The encoder, if there is one.
    #[must_use]
    pub fn encoder(&self) -> Option<&Embedder> {
        self.encoder.as_ref()
    }

    /// What vectors are in it.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What those may be compared with.
    #[must_use]
    pub fn space(&self) -> Space {
        let own = self.encoder.as_ref().map(Embedder::space);
        own.unwrap_or_else(|| Space::of(&self.origin.embedding))
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

    /// Judges the nearest entries of a scope, without the verifier; in the order of their likeness. Where all are too far
    /// away to serve, the nearest as evidence. Blocks: reads the store.
    #[must_use]
    pub fn judged(&self, query: &Query<'_>, memory: &Memory) -> Vec<Nearest> {
        let ranked = self.ranked(query, memory).unwrap_or_default();
        let reading = Reading::of(query.question);
        let mut judged: Vec<Nearest> = Vec::new();
        for (rank, near) in ranked.iter().enumerate() {
            let beaten = || judged.iter().any(|n| n.beats(near.similarity, &query.rule));
            // Neither this one nor any behind it can serve, or be likelier than what does.
            if !judged.is_empty() && (!query.rule.may_serve(near.similarity) || beaten()) {
                break;
            }
            // Of the two best only one can be another's rival.
            let rival = ranked.get(usize::from(rank == 0));
            let near = Near {
                gap: rival.map(|rival| near.similarity - rival.similarity),
                ..*near
            };
            judged.extend(self.weigh(near, &reading, query, memory));
        }
        judged
    }

    /// The candidates with their exact cosines, best first.
    fn ranked(&self, query: &Query<'_>, memory: &Memory) -> Option<Vec<Near>> {
        // Numbers of two models say nothing of each other.
        if query.embedded.space != self.space() {
            return None;
        }
        let partition = self.partitions.get(query.scope)?.clone();
        let code = Code::of(&query.embedded.embedding).ok()?;
        let mut ranked: Vec<_> = partition
            .search(&code, query.candidates, query.now_ms)
            .into_iter()
            .enumerate()
            // The nearest is read in any case, as evidence; the rest only if it may serve.
            .filter(|(rank, near)| *rank == 0 || query.rule.may_serve(near.approx + CODE_ERROR))
            .filter_map(|(_, near)| {
                let vector = memory.vector(near.id, query.scope, self.space())?;
                Some(Near {
                    id: near.id,
                    similarity: cosine(&query.embedded.embedding, &vector.numbers),
                    gap: None,
                    tokens: vector.tokens.map(TokenDigest),
                })
            })
            .collect();
        // The index only proposes: the order that counts is that of the stored vectors.
        ranked.sort_unstable_by(|a, b| b.similarity.total_cmp(&a.similarity));
        Some(ranked)
    }

    fn weigh(
        &self,
        near: Near,
        reading: &Reading,
        query: &Query<'_>,
        memory: &Memory,
    ) -> Option<Nearest> {
        let Some(entry) = memory.load(near.id) else {
            // In the index but not in the store: hide it, so that it costs this only once.
            self.remove(near.id, query.scope);
            return None;
        };
        if query.freshness.is_gone(entry.dates(), query.now_ms) {
            // Dead by the policy for good: hidden, so that it takes no living one's place again.
            self.remove(near.id, query.scope);
            return None;
        }
        let fresh = query.freshness.admits(entry.dates(), query.now_ms);
        if entry.key.scope != *query.scope || !fresh {
            return None;
        }
        let evidence = Evidence {
            asked: query.question,
            reading,
            asked_tokens: &query.embedded.tokens,
            stored: entry.question.as_ref()?,
            stored_tokens: near.tokens.as_ref().or(entry.tokens.as_ref())?,
            similarity: near.similarity,
            gap: near.gap,
            known: Known {
                earlier_turn: follows(&entry, query),
                blocked: self.blocks(&entry, query),
                history: self.reach.history((near.id, entry.created_ms)),
            },
        };
        let judgement = judge(&evidence, &query.rule);
        Some(Nearest {
            similarity: near.similarity,
            gap: near.gap,
            judgement,
            entry,
            others: Vec::new(),
        })
    }

    fn blocks(&self, entry: &Cached, query: &Query<'_>) -> bool {
        let stored = entry.question.as_ref().filter(|_| self.reach.blocks_any());
        stored.is_some_and(|stored| {
            let asked = Question::keep(query.question, false).mark();
            self.reach
                .is_blocked(Pair::of(&entry.namespace, asked, stored.mark()))
        })
    }

    fn partition(&self, scope: Scope) -> Arc<Partition> {
        self.partitions
            .entry(scope)
            .or_insert_with(|| Arc::new(Partition::new(&self.origin.config)))
            .clone()
    }
}

#[cfg(test)]
mod tests;
