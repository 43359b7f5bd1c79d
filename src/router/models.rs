//! The list of models: all providers' lists merged, asked for at most once a minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::Router;

/// How long a list is good for: models come and go over days.
const FRESH: Duration = Duration::from_secs(60);
/// How long a provider may take over its list; who asks waits for it.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct ModelList(Mutex<Option<Listed>>);

struct Listed {
    at: Instant,
    merged: Vec<Value>,
    /// What each provider listed last, for when it does not answer.
    last: HashMap<String, Vec<Value>>,
}

impl Router {
    /// The models of all providers, in their order, and the names of routes; one of each id.
    /// A provider that does not answer keeps its last list. Cached for a minute.
    pub async fn models(&self) -> Vec<Value> {
        // Held while asking, so that a crowd asks once; bounded by `DEADLINE`.
        let mut cached = self.models.0.lock().await;
        if let Some(listed) = cached.as_ref().filter(|l| l.at.elapsed() < FRESH) {
            return listed.merged.clone();
        }
        let mut last = cached.take().map(|l| l.last).unwrap_or_default();
        for (name, list) in self.ask_all().await {
            last.insert(name, list);
        }
        let merged = self.merge(&last);
        *cached = Some(Listed {
            at: Instant::now(),
            merged: merged.clone(),
            last,
        });
        merged
    }

    async fn ask_all(&self) -> Vec<(String, Vec<Value>)> {
        let asked = self.table.providers().map(|provider| async move {
            match provider.models(DEADLINE).await {
                Ok(list) => Some((provider.name().to_owned(), list)),
                Err(failure) => {
                    let (provider, outcome) = (provider.name(), failure.kind.label());
                    tracing::warn!(provider, outcome, "no list of models");
                    None
                }
            }
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Only what a request for that name would lead to the provider that lists it.
    fn merge(&self, lists: &HashMap<String, Vec<Value>>) -> Vec<Value> {
        let mut merged: Vec<Value> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut aliases: Vec<_> = self.table.aliases().collect();
        aliases.sort_unstable();
        for alias in aliases {
            seen.insert(alias.to_owned());
            let owner = "reprise";
            merged.push(json!({"id": alias, "object": "model", "created": 0, "owned_by": owner}));
        }
        for provider in self.table.providers() {
            let name = provider.name();
            for model in lists.get(name).into_iter().flatten() {
                let Some(id) = model.get("id").and_then(Value::as_str) else {
                    continue;
                };
                if self.leads_to(id, name) && seen.insert(id.to_owned()) {
                    merged.push(model.clone());
                }
            }
        }
        merged
    }

    fn leads_to(&self, model: &str, provider: &str) -> bool {
        let plan = self.plan(model);
        plan.is_ok_and(|p| p.candidates.iter().any(|c| c.provider.name() == provider))
    }
}
