//! A second look at memory for a request that nothing fresh serves: what is stale may, for as long as the policy says.

use super::controls::Read;
use super::freshness::Freshness;
use super::{Cache, Found, Lookup};
use crate::embed::Embedded;

impl Cache {
    /// Looks for an answer that went stale less than `window_ms` milliseconds ago; `embedded` is the question's vector
    /// from the lookup before, without which only the same request is met. What was deleted or said to hold no more
    /// is not stale but gone.
    pub async fn look_up_stale(
        &self,
        lookup: &Lookup,
        window_ms: u64,
        embedded: Option<&Embedded>,
    ) -> Option<Found> {
        if lookup.read == Read::Nothing || window_ms == 0 {
            return None;
        }
        let lookup = Lookup {
            freshness: Freshness {
                stale_ms: window_ms,
                ..lookup.freshness
            },
            ..lookup.clone()
        };
        if let Some(entry) = self.exact(&lookup).await {
            return Some(Found::Exact(entry));
        }
        let question = lookup.question.as_ref().ok()?;
        let embedded = embedded.filter(|_| lookup.read == Read::Semantic)?;
        let semantic = self.semantic();
        let made = embedded.clone();
        let embedded = self.renewed_for(&semantic, made, question).await.ok()?;
        match self.similar(semantic, &lookup, question, embedded).await {
            Found::Nothing(_) => None,
            found => Some(found),
        }
    }
}
