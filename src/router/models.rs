//! The list of models: all providers' lists merged, asked for at most once a minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::Router;
use crate::provider::{Failure, FailureKind};

/// How long a list is good for: models come and go over days.
const FRESH: Duration = Duration::from_secs(60);
/// How long one is good for that lacks a provider's answer.
const PARTIAL: Duration = Duration::from_secs(5);
/// How long a provider may take over its list; who asks waits for it.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct ModelList(Mutex<Option<Listed>>);

/// The models that are known.
#[derive(Debug, Clone, Default)]
pub struct Models {
    /// One of each id, in OpenAI's form.
    pub list: Vec<Value>,
    /// Providers whose models are not among them, and why: each was asked and never answered.
    pub missing: Vec<(String, Failure)>,
}

struct Listed {
    until: Instant,
    merged: Models,
    /// What each provider listed last, for when it does not answer.
    last: HashMap<String, Vec<Value>>,
}

impl Router {
    /// The models of all providers, in their order, and the names of routes; one of each id.
    /// A provider that does not answer keeps its last list. Cached for a minute, or for
    /// five seconds if one did not answer.
    pub async fn models(&self) -> Models {
        self.models_at(Instant::now()).await
    }

    async fn models_at(&self, now: Instant) -> Models {
        // Held while asking, so that a crowd asks once; bounded by `DEADLINE`.
        let mut cached = self.models.0.lock().await;
        if let Some(listed) = cached.as_ref().filter(|l| now < l.until) {
            return listed.merged.clone();
        }
        let mut last = cached.take().map(|l| l.last).unwrap_or_default();
        let (mut complete, mut missing) = (true, Vec::new());
        for (name, answered) in self.ask_all().await {
            match answered {
                Ok(list) => drop(last.insert(name, list)),
                Err(failure) => {
                    complete = false;
                    // A server that has no list says so, and is not waited for.
                    let unknown =
                        failure.kind != FailureKind::Rejected && !last.contains_key(&name);
                    missing.extend(unknown.then_some((name, failure)));
                }
            }
        }
        let list = self.merge(&last);
        let merged = Models { list, missing };
        *cached = Some(Listed {
            until: now + if complete { FRESH } else { PARTIAL },
            merged: merged.clone(),
            last,
        });
        merged
    }

    async fn ask_all(&self) -> Vec<(String, Result<Vec<Value>, Failure>)> {
        let asked = self.table.providers().map(|provider| async move {
            let answered = provider.models(DEADLINE).await;
            if let Err(failure) = &answered {
                let (provider, outcome) = (provider.name(), failure.kind.label());
                tracing::warn!(provider, outcome, "no list of models");
            }
            (provider.name().to_owned(), answered)
        });
        join_all(asked).await
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

    /// Whether a request for that model could be answered by that provider.
    #[must_use]
    pub fn leads_to(&self, model: &str, provider: &str) -> bool {
        let plan = self.plan(model);
        plan.is_ok_and(|p| p.candidates().any(|c| c.provider.name() == provider))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{ChatRequest, Dialect, InvalidRequest};
    use crate::dialect::Target;
    use crate::provider::{Call, Provider, Reply};
    use crate::router::{Claim, RouterConfig};
    use bytes::Bytes;
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    /// Lists one model named by how often it was asked, except every second time.
    #[derive(Default)]
    struct Fickle(AtomicU32);

    impl Provider for Fickle {
        fn name(&self) -> &'static str {
            "fickle"
        }
        fn base_url(&self) -> &'static str {
            "http://h"
        }
        fn dialect(&self) -> Dialect {
            Dialect::Chat
        }
        fn body(
            &self,
            _: Dialect,
            _: &ChatRequest,
            _: &Target<'_>,
        ) -> Result<Bytes, InvalidRequest> {
            unreachable!("nothing is asked")
        }
        fn chat(&self, _: Call) -> BoxFuture<'_, Result<Reply, Failure>> {
            unreachable!("only lists are asked for")
        }
        fn models(&self, _: Duration) -> BoxFuture<'_, Result<Vec<Value>, Failure>> {
            let asked = self.0.fetch_add(1, SeqCst);
            let list = if asked.is_multiple_of(2) {
                Ok(vec![json!({"id": format!("m{asked}")})])
            } else {
                Err(Failure::new(FailureKind::Connect))
            };
            async { list }.boxed()
        }
    }

    #[tokio::test]
    async fn a_list_is_kept_for_a_minute_and_outlives_a_failure_until_the_next_answer() {
        let wait = Duration::from_secs(1);
        let claim = Claim::new(Arc::new(Fickle::default()), vec!["*".into()]);
        let config = RouterConfig::plain(vec![claim], vec![], wait);
        let router = Router::new(config).unwrap();
        let start = Instant::now();
        for (after, id) in [(0, "m0"), (59, "m0"), (60, "m0"), (64, "m0"), (65, "m2")] {
            let models = router.models_at(start + Duration::from_secs(after)).await;
            assert_eq!(models.list, [json!({"id": id})], "after {after} s");
            assert_eq!(models.missing, [], "what was listed once is known");
        }
    }
}
