//! Questions of the past, asked again as if what kept them apart did not count.

use std::hash::Hash;

use futures_util::{StreamExt, stream};

use super::Cache;
use super::verdict::Rule;
use super::verdict::facts::Call;
use crate::embed::Embedded;
use crate::index::cosine;

/// Texts that are embedded at a time.
const AT_ONCE: usize = 8;
/// Earlier questions that are judged for one, the most alike.
const JUDGED: usize = 3;
/// Cosine below which none is judged: no policy serves there.
const LEAST: f32 = 0.5;

/// A question of the past.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a, P> {
    /// What must be equal; questions of other places are not compared.
    pub place: P,
    /// What kept it apart: with those under the same it was compared when it was asked.
    pub under: u64,
    /// The question.
    pub text: &'a str,
    /// What would decide it.
    pub rule: Rule,
    /// Whether it missed: of others nothing is asked.
    pub missed: bool,
}

impl Cache {
    /// Which of `past`, requests of a namespace in the order of their time, an earlier one of the same place would have
    /// answered; by their positions. Those without a vector are not compared.
    pub async fn answered_by<P: Copy + Eq + Hash>(
        &self,
        namespace: &str,
        past: &[Past<'_, P>],
    ) -> Vec<(usize, usize)> {
        let vectors: Vec<Option<Embedded>> = stream::iter(past)
            .map(|asked| async { self.embed(asked.text).await.ok() })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut answered = Vec::new();
        for at in (0..past.len()).filter(|at| past[*at].missed) {
            if let Some(earlier) = self.earlier(namespace, past, &vectors, at).await {
                answered.push((at, earlier));
            }
        }
        answered
    }

    async fn earlier<P: Copy + Eq>(
        &self,
        namespace: &str,
        past: &[Past<'_, P>],
        vectors: &[Option<Embedded>],
        at: usize,
    ) -> Option<usize> {
        let (asked, vector) = (&past[at], vectors[at].as_ref()?);
        let others =
            (0..at).filter(|o| past[*o].place == asked.place && past[*o].under != asked.under);
        let alike = others.filter_map(|o| {
            let other = vectors[o].as_ref().filter(|v| v.space == vector.space)?;
            Some((o, cosine(&other.embedding, &vector.embedding)))
        });
        let mut alike: Vec<_> = alike.filter(|(_, c)| *c >= LEAST).collect();
        alike.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (other, _) in alike.into_iter().take(JUDGED) {
            let stored = past[other].text;
            let judged =
                Self::judged_between((stored, vectors[other].as_ref()?), (asked.text, vector));
            let (both, rules) = ((stored, asked.text), [asked.rule]);
            let read = self.read_between(namespace, both, judged, &rules).await;
            let Ok(read) = read else { continue };
            if asked.rule.call(&read.facts).0 == Call::Serve {
                return Some(other);
            }
        }
        None
    }
}
