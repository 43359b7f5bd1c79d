//! Two questions that nobody asked, judged as if the one had been remembered and the other were asked.

use super::Cache;
use super::verdict::facts::Facts;
use super::verdict::guards::Reading;
use super::verdict::{Evidence, Known, Rule, judge};
use crate::embed::{Embedded, Question};
use crate::index::cosine;

impl Cache {
    /// What a policy decides on for the question `asked` where `stored` is remembered.
    ///
    /// # Errors
    /// Why one of them has no vector.
    pub async fn facts_of(&self, stored: &str, asked: &str) -> Result<Facts, &'static str> {
        let (one, other) = self.embed_both(stored, asked).await?;
        Ok(Self::facts_between((stored, &one), (asked, &other)))
    }

    /// The same for questions whose vectors are there.
    pub(super) fn facts_between(
        (stored, one): (&str, &Embedded),
        (asked, other): (&str, &Embedded),
    ) -> Facts {
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
        // What is known of a pair does not depend on the rule.
        judge(&evidence, &Rule::by_cosine(0.0)).facts
    }
}
