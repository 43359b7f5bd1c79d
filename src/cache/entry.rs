//! One remembered answer, ready to be served.

use std::sync::{Arc, OnceLock};

use super::freshness::Dates;
use super::invalidation::Features;
use super::memory::Moment;
use super::scope::{AskerId, CacheKey};
use super::tags::Tags;
use crate::chat::{Answer, Replay};
use crate::embed::{Embedded, Question, Space, TokenDigest};
use crate::store::{Entry, Made};

/// Ids from here on live in memory only and never meet the store's.
const TRANSIENT: u64 = 1 << 63;

/// A remembered answer with everything that decides whether it may be served.
#[derive(Debug)]
pub struct Cached {
    /// Names it in headers, logs and the admin API.
    pub id: u64,
    /// Where it belongs.
    pub key: CacheKey,
    /// Label of its namespace.
    pub namespace: String,
    /// The tenant whose request it answered.
    pub tenant: String,
    /// The model name that was asked for.
    pub model: String,
    /// Provider, base URL and upstream model that a miss asks first.
    pub origin: String,
    /// What is kept of the question, if it has one that may be compared.
    pub question: Option<Question>,
    /// Digest of the question's token ids.
    pub tokens: Option<TokenDigest>,
    /// Unix milliseconds of the answer.
    pub created_ms: u64,
    /// Unix milliseconds from which on it is not served to anybody, as decided when it was remembered.
    pub expires_ms: u64,
    /// What it can be invalidated by, and until when it is fresh.
    pub made: Made,
    /// Who asked, by keyed hash, if the app said so.
    pub asker: Option<AskerId>,
    /// Marks of the questions before it in its conversation.
    pub earlier: Vec<u64>,
    /// The question's vector, only where no store holds it.
    pub vector: Option<Embedded>,
    /// The same as the model made it that came into use since.
    pub renewed: OnceLock<Embedded>,
    /// The answer.
    pub replay: Replay,
}

/// What is to be remembered of a fresh answer.
#[derive(Debug)]
pub struct Fresh {
    /// Where it belongs.
    pub key: CacheKey,
    /// Label of its namespace.
    pub namespace: String,
    /// The tenant whose request it answered.
    pub tenant: String,
    /// The model name that was asked for.
    pub model: String,
    /// Provider, base URL and upstream model that a miss asks first.
    pub origin: String,
    /// What is kept of the question and its vector, if it may be met by meaning.
    pub question: Option<(Question, Embedded)>,
    /// Who asked, by keyed hash, if the app said so.
    pub asker: Option<AskerId>,
    /// Marks of the questions before it in its conversation.
    pub earlier: Vec<u64>,
    /// When it was asked for.
    pub began: Moment,
    /// Milliseconds that it is fresh.
    pub ttl_ms: u64,
    /// Milliseconds after those for which it may be served stale.
    pub stale_ms: u64,
    /// What the request writes on it.
    pub tags: Tags,
    /// Whether it outlives the process.
    pub durable: bool,
    /// The answer.
    pub answer: Arc<Answer>,
}

impl Cached {
    /// Gives a fresh answer its id and dates.
    #[must_use]
    pub fn new(id: u64, now_ms: u64, fresh: Fresh) -> Self {
        let (question, embedded) = fresh.question.unzip();
        let end = now_ms.saturating_add(fresh.ttl_ms);
        let tokens = embedded.as_ref().map(|e| e.tokens);
        Self {
            id,
            key: fresh.key,
            namespace: fresh.namespace,
            tenant: fresh.tenant,
            model: fresh.model,
            origin: fresh.origin,
            question,
            tokens,
            created_ms: now_ms,
            expires_ms: end.saturating_add(fresh.stale_ms),
            made: Made {
                generation: fresh.began.generation(),
                fresh_ms: (fresh.stale_ms > 0).then_some(end),
                tags: fresh.tags.tags,
                prompt_version: fresh.tags.prompt_version,
            },
            asker: fresh.asker,
            earlier: fresh.earlier,
            vector: embedded,
            renewed: OnceLock::new(),
            replay: Replay::new(fresh.answer),
        }
    }

    /// Reads a stored entry; none if its answer would not be stored today.
    #[must_use]
    pub fn from_stored(entry: Entry) -> Option<Arc<Self>> {
        let answer = Answer::parse(entry.answer.get().as_bytes()).ok()?;
        // What a route allowed once it allowed for as long as the entry lives.
        answer.storable_with(true).ok()?;
        Some(Arc::new(Self {
            id: entry.id,
            key: CacheKey {
                scope: entry.scope,
                exact: entry.exact,
            },
            namespace: entry.namespace,
            tenant: entry.tenant,
            model: entry.model,
            origin: entry.origin,
            question: entry.question,
            tokens: entry.tokens.map(TokenDigest),
            created_ms: entry.created_ms,
            expires_ms: entry.expires_ms,
            made: entry.made,
            asker: entry.asker,
            earlier: entry.earlier,
            vector: None,
            renewed: OnceLock::new(),
            replay: Replay::new(answer),
        }))
    }

    /// The form that the store keeps.
    #[must_use]
    pub fn to_stored(&self) -> Entry {
        Entry {
            id: self.id,
            scope: self.key.scope,
            exact: self.key.exact,
            tenant: self.tenant.clone(),
            namespace: self.namespace.clone(),
            model: self.model.clone(),
            origin: self.origin.clone(),
            question: self.question.clone(),
            tokens: self.tokens.map(|t| t.0),
            created_ms: self.created_ms,
            expires_ms: self.expires_ms,
            made: self.made.clone(),
            asker: self.asker,
            earlier: self.earlier.clone(),
            answer: self.replay.answer().json().clone(),
        }
    }

    /// What decides whether it is young enough.
    #[must_use]
    pub fn dates(&self) -> Dates {
        Dates {
            created_ms: self.created_ms,
            fresh_ms: self.made.fresh_ms.unwrap_or(self.expires_ms),
            expires_ms: self.expires_ms,
        }
    }

    /// What decides whether it is hidden by what was said to hold no more.
    #[must_use]
    pub fn features(&self) -> Features<'_> {
        Features {
            namespace: &self.namespace,
            model: &self.model,
            tags: &self.made.tags,
            prompt_version: self.made.prompt_version.as_deref(),
            generation: self.made.generation,
            created_ms: self.created_ms,
        }
    }

    /// The question's vector that the model of `space` made, where no store holds it.
    #[must_use]
    pub fn vector_in(&self, space: Space) -> Option<&Embedded> {
        let all = [self.vector.as_ref(), self.renewed.get()];
        all.into_iter().flatten().find(|own| own.space == space)
    }

    /// The question's text, if it was kept.
    #[must_use]
    pub fn question_text(&self) -> Option<&str> {
        self.question.as_ref().and_then(Question::text)
    }

    /// Bytes that it holds in memory, roughly.
    #[must_use]
    pub fn weight(&self) -> usize {
        let question = self.question.as_ref().map_or(0, Question::weight);
        let vector = self.vector.as_ref().map_or(0, |v| v.embedding.len() * 4);
        self.replay.weight()
            + question
            + vector
            + self.earlier.len() * 8
            + self.made.tags.len() * 64
            + 512
    }
}

/// An entry's id as headers and the admin API spell it: `42`, or `m42` in memory only.
#[must_use]
pub fn label(id: u64) -> String {
    if is_transient(id) {
        format!("m{}", id ^ TRANSIENT)
    } else {
        id.to_string()
    }
}

/// Reads an id as [`label`] spells it, and in no other spelling.
#[must_use]
pub fn parse_label(text: &str) -> Option<u64> {
    let id = match text.strip_prefix('m') {
        Some(count) => transient_id(count.parse().ok()?),
        None => text.parse().ok()?,
    };
    (label(id) == text).then_some(id)
}

/// The id of the `count`th answer that is kept in memory only.
#[must_use]
pub fn transient_id(count: u64) -> u64 {
    TRANSIENT | count
}

/// Whether an entry is kept in memory only.
#[must_use]
pub fn is_transient(id: u64) -> bool {
    id >= TRANSIENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        for id in [0, 7, TRANSIENT - 1, transient_id(0), transient_id(42)] {
            assert_eq!(parse_label(&label(id)), Some(id));
        }
        let foreign = format!("{TRANSIENT}");
        let beyond = format!("m{TRANSIENT}");
        for other in [
            "", "m", "+1", "01", " 1", "1 ", "-1", "m+1", "m01", "M1", "mm1", &foreign, &beyond,
        ] {
            assert_eq!(parse_label(other), None, "{other:?}");
        }
    }
}
