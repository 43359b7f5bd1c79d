//! The semantic tier in use and the one that may come next: whose vectors a request is compared with. Whoever compares
//! holds on to one tier from the making of a vector to the search, so that no two models' vectors ever meet.

use std::sync::Arc;
use std::time::Instant;

use super::Cache;
use super::semantic::Semantic;
use super::verdict::Rule;
use crate::embed::{Embedded, Embedder, Outcome};
use crate::telemetry::Stage;

impl Cache {
    /// The semantic tier in use.
    #[must_use]
    pub fn semantic(&self) -> Arc<Semantic> {
        self.semantic.load_full()
    }

    /// A rule as it decides here: where no verifier runs, none is asked.
    #[must_use]
    pub fn ruled(&self, rule: Rule) -> Rule {
        match self.semantic().verifier() {
            Some(_) => rule,
            None => rule.unverified(),
        }
    }

    /// The encoder in use, if there is one.
    #[must_use]
    pub fn embedder(&self) -> Option<Embedder> {
        self.semantic().encoder().cloned()
    }

    /// Puts a tier in the place of the one in use, which is given back.
    pub(super) fn switch(&self, next: Arc<Semantic>) -> Arc<Semantic> {
        let before = self.semantic.swap(next);
        self.next.store(None);
        before
    }

    /// Hides an entry in the tier in use and in the one that is to take its place.
    pub(super) fn hide(&self, id: u64, scope: &[u8; 32]) {
        for semantic in self.tiers() {
            semantic.remove(id, scope);
        }
    }

    pub(super) fn tiers(&self) -> impl Iterator<Item = Arc<Semantic>> {
        [Some(self.semantic()), self.next.load_full()]
            .into_iter()
            .flatten()
    }

    /// Makes a question's vector, within the limits.
    ///
    /// # Errors
    /// Why there is none: a text that the encoder cannot tell apart, or no time.
    pub async fn embed(&self, question: &str) -> Result<Embedded, &'static str> {
        let semantic = self.semantic();
        let embedder = semantic.encoder().ok_or("semantic_off")?;
        self.embed_with(embedder, question).await
    }

    /// A vector that was made before, or made anew where the model has changed since.
    ///
    /// # Errors
    /// As [`Cache::embed`].
    pub async fn renewed(&self, made: Embedded, question: &str) -> Result<Embedded, &'static str> {
        self.renewed_for(&self.semantic(), made, question).await
    }

    pub(super) async fn renewed_for(
        &self,
        semantic: &Semantic,
        made: Embedded,
        question: &str,
    ) -> Result<Embedded, &'static str> {
        if made.space == semantic.space() {
            return Ok(made);
        }
        let embedder = semantic.encoder().ok_or("semantic_off")?;
        self.embed_with(embedder, question).await
    }

    /// The vectors of two texts, of one model.
    ///
    /// # Errors
    /// As [`Cache::embed`].
    pub async fn embed_both(
        &self,
        one: &str,
        other: &str,
    ) -> Result<(Embedded, Embedded), &'static str> {
        let semantic = self.semantic();
        let embedder = semantic.encoder().ok_or("semantic_off")?;
        let one = self.embed_with(embedder, one).await?;
        Ok((one, self.embed_with(embedder, other).await?))
    }

    pub(super) async fn embed_with(
        &self,
        embedder: &Embedder,
        question: &str,
    ) -> Result<Embedded, &'static str> {
        let deadline = Instant::now() + self.limits.embed;
        let started = Instant::now();
        let outcome = embedder.embed(question, deadline).await;
        self.metrics.stage(Stage::Embed, started.elapsed());
        match outcome {
            Outcome::Embedded(embedded) => Ok(embedded),
            Outcome::Skipped(skip) => Err(skip.as_str()),
            Outcome::Unavailable(why) => {
                self.metrics.cache_fault(why.as_str());
                Err(why.as_str())
            }
        }
    }
}
