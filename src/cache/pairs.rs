//! Two questions that nobody asked, judged as if the one had been remembered and the other were asked.

use super::Cache;
use super::verdict::facts::{Facts, Verified};
use super::verdict::features::Features;
use super::verdict::guards::{self, Reading};
use super::verdict::{Evidence, Judgement, Known, Rule, judge};
use crate::embed::{Embedded, Pair, Question};
use crate::index::cosine;

/// Where pairs are read that nobody asked, each namespace's apart: no scope of a request begins like this.
fn place_of(namespace: &str) -> Vec<u8> {
    format!("preview of namespace {namespace}").into_bytes()
}

/// A pair that was compared before, for a rule that asks the verifier where nobody did then.
#[derive(Debug, Clone)]
pub struct Unheard {
    /// The question remembered.
    pub stored: String,
    /// The one asked.
    pub asked: String,
    /// Their cosine.
    pub similarity: f32,
    /// By how much that was more than that of the best of the others.
    pub gap: Option<f32>,
}

impl Cache {
    /// What a policy of a namespace decides on for the question `asked` where `stored` is remembered; with what the verifier
    /// says of them, where one of `rules` would ask it.
    ///
    /// # Errors
    /// Why one of them has no vector, or why the verifier did not come to read them.
    pub async fn facts_of(
        &self,
        namespace: &str,
        (stored, asked): (&str, &str),
        rules: &[Rule],
    ) -> Result<Facts, &'static str> {
        let (one, other) = self.embed_both(stored, asked).await?;
        let judgement = Self::judged_between((stored, &one), (asked, &other));
        let read = self.read_between(namespace, (stored, asked), judgement, rules);
        Ok(read.await?.facts)
    }

    /// What the verifier says of pairs of a namespace, in order; none where no verifier runs. What it did not come to read
    /// stays unasked.
    pub async fn hear(&self, namespace: &str, pairs: &[Unheard]) -> Vec<Verified> {
        let semantic = self.semantic();
        let Some(verifier) = semantic.verifier() else {
            return Vec::new();
        };
        let (place, both) = (place_of(namespace), pairs.iter().map(Unheard::pair));
        let both: Vec<_> = both.collect();
        let said = self.verifying.said_in_time(verifier, &place, &both).await;
        let said = pairs.iter().zip(said);
        said.map(|(pair, said)| match said {
            Ok(log_odds) => pair.said(log_odds),
            Err(why) if why.is_of_the_moment() => Verified::Unasked,
            Err(_) => Verified::Silent,
        })
        .collect()
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
        namespace: &str,
        (stored, asked): (&str, &str),
        judgement: Judgement,
        rules: &[Rule],
    ) -> Result<Judgement, &'static str> {
        let semantic = self.semantic();
        let rule = rules.iter().find(|rule| judgement.asks(rule));
        let (Some(verifier), Some(rule)) = (semantic.verifier(), rule) else {
            return Ok(judgement);
        };
        let pair = Pair {
            stored: stored.into(),
            asked: asked.into(),
        };
        let place = place_of(namespace);
        let said = self.verifying.said_in_time(verifier, &place, &[pair]).await;
        match said.into_iter().next() {
            Some(Err(why)) if why.is_of_the_moment() => Err(why.as_str()),
            said => Ok(judgement.heard(said.and_then(Result::ok), rule)),
        }
    }
}

impl Unheard {
    fn pair(&self) -> Pair {
        Pair {
            stored: self.stored.as_str().into(),
            asked: self.asked.as_str().into(),
        }
    }

    fn said(&self, log_odds: f32) -> Verified {
        let (stored, asked) = (Reading::of(&self.stored), Reading::of(&self.asked));
        let pair = guards::Pair::of(&stored, &asked);
        let findings = guards::examine(&pair);
        let features = Features::between((self.similarity, self.gap), &pair, &findings);
        Verified::said(log_odds, &features)
    }
}
