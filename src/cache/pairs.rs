//! Two questions that nobody asked, judged as if the one had been remembered and the other were asked.

use super::Cache;
use super::verdict::facts::Facts;
use super::verdict::guards::Reading;
use super::verdict::{Evidence, Judgement, Known, Rule, judge};
use crate::embed::{Embedded, Pair, Question};
use crate::index::cosine;

/// Where pairs are read that nobody asked: no scope of a request is of this length.
const PREVIEW: &[u8] = b"preview";

impl Cache {
    /// What a policy decides on for the question `asked` where `stored` is remembered; with what the verifier says of
    /// them, where one of `rules` would ask it.
    ///
    /// # Errors
    /// Why one of them has no vector.
    pub async fn facts_of(
        &self,
        stored: &str,
        asked: &str,
        rules: &[Rule],
    ) -> Result<Facts, &'static str> {
        let (one, other) = self.embed_both(stored, asked).await?;
        let judgement = Self::judged_between((stored, &one), (asked, &other));
        Ok(self
            .read_between(stored, asked, judgement, rules)
            .await
            .facts)
    }

    /// A pair's judgement without the verifier; under a rule that serves whatever no guard vetoes, since what is known of
    /// a pair does not depend on the rule.
    pub(super) fn judged_between(
        (stored, one): (&str, &Embedded),
        (asked, other): (&str, &Embedded),
    ) -> Judgement {
        let evidence = Evidence {
            asked,
            reading: &Reading::of(asked),
            asked_tokens: &other.tokens,
            stored: &Question::keep(stored, true),
            stored_tokens: &one.tokens,
            similarity: cosine(&one.embedding, &other.embedding),
            gap: None,
            known: Known::default(),
        };
        judge(&evidence, &Rule::by_cosine(0.0))
    }

    /// The same after the verifier was asked, where one of `rules` asks it.
    pub(super) async fn read_between(
        &self,
        stored: &str,
        asked: &str,
        judgement: Judgement,
        rules: &[Rule],
    ) -> Judgement {
        let semantic = self.semantic();
        let rule = rules.iter().find(|rule| judgement.asks(rule));
        let (Some(verifier), Some(rule)) = (semantic.verifier(), rule) else {
            return judgement;
        };
        let pair = Pair {
            stored: stored.into(),
            asked: asked.into(),
        };
        let said = self.verifying.said(verifier, PREVIEW, vec![pair]).await;
        judgement.heard(said.into_iter().next().flatten(), rule)
    }
}
