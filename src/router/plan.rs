//! Which providers may answer for a model name, in which order. Pure.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use globset::{Glob, GlobMatcher};

use super::{Keeping, Route, RouterError};
use crate::provider::Provider;

/// One way to get an answer.
#[derive(Clone)]
pub struct Candidate {
    /// Who.
    pub provider: Arc<dyn Provider>,
    /// That provider's own name for the model.
    pub model: String,
}

/// The ways to answer one request, best first; never empty.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The candidates in order.
    pub candidates: Vec<Candidate>,
    /// What of the answers may be remembered.
    pub keeping: Keeping,
}

/// A model name that nobody claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The model `{0}` does not exist or you do not have access to it.")]
pub struct UnknownModel(pub String);

impl Plan {
    /// What a remembered answer belongs to: provider, base URL and upstream model of the
    /// first candidate.
    #[must_use]
    pub fn origin(&self) -> String {
        self.candidates.first().map_or_else(String::new, |first| {
            let (name, base) = (first.provider.name(), first.provider.base_url());
            format!("{name}|{base}|{}", first.model)
        })
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider.name(), self.model)
    }
}

/// Routes and providers, ready to be asked.
pub(super) struct Table {
    providers: Vec<(Arc<dyn Provider>, Vec<Pattern>)>,
    exact: HashMap<String, Target>,
    patterns: Vec<(Pattern, Target)>,
}

struct Target {
    candidates: Vec<(Arc<dyn Provider>, Option<String>)>,
    keeping: Keeping,
}

enum Pattern {
    /// `*`, by far the most common one.
    Any,
    Exact(String),
    Glob(GlobMatcher),
}

impl Pattern {
    fn new(text: &str) -> Result<Self, RouterError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if !text.contains(['*', '?', '[', '{', '\\']) {
            return Ok(Self::Exact(text.to_owned()));
        }
        let glob = Glob::new(text).map_err(|e| RouterError::Pattern {
            pattern: text.to_owned(),
            reason: e.kind().to_string(),
        })?;
        Ok(Self::Glob(glob.compile_matcher()))
    }

    fn claims(&self, model: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => name == model,
            Self::Glob(glob) => glob.is_match(model),
        }
    }
}

impl Table {
    /// The table and all faults in what it was made from.
    pub(super) fn new(
        providers: Vec<(Arc<dyn Provider>, Vec<String>)>,
        routes: Vec<Route>,
    ) -> (Self, Vec<RouterError>) {
        let mut faults = Vec::new();
        let mut table = Self {
            providers: Vec::new(),
            exact: HashMap::new(),
            patterns: Vec::new(),
        };
        if providers.is_empty() {
            faults.push(RouterError::NoProvider);
        }
        for (provider, patterns) in providers {
            if table.provider(provider.name()).is_some() {
                faults.push(RouterError::Duplicate(provider.name().to_owned()));
            }
            let patterns = patterns.iter().map(|p| Pattern::new(p));
            let patterns = patterns.filter_map(|p| p.map_err(|e| faults.push(e)).ok());
            let patterns = patterns.collect();
            table.providers.push((provider, patterns));
        }
        for route in routes {
            table.add(route).unwrap_or_else(|e| faults.extend(e));
        }
        (table, faults)
    }

    pub(super) fn plan(&self, model: &str) -> Result<Plan, UnknownModel> {
        if let Some(target) = self.target(model) {
            return Ok(target.plan(model));
        }
        let claiming = self.providers.iter().filter(|(_, p)| claimed(p, model));
        let candidates: Vec<_> = claiming.map(|(p, _)| candidate(p, model)).collect();
        if candidates.is_empty() {
            return Err(UnknownModel(model.to_owned()));
        }
        Ok(Plan {
            candidates,
            keeping: Keeping::default(),
        })
    }

    /// The providers in order.
    pub(super) fn providers(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.providers.iter().map(|(provider, _)| provider)
    }

    /// Names that routes answer to, besides those that providers list.
    pub(super) fn aliases(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(String::as_str)
    }

    fn target(&self, model: &str) -> Option<&Target> {
        let by_pattern = || {
            let mut patterns = self.patterns.iter();
            patterns.find(|(p, _)| p.claims(model)).map(|(_, t)| t)
        };
        self.exact.get(model).or_else(by_pattern)
    }

    fn add(&mut self, route: Route) -> Result<(), Vec<RouterError>> {
        let mut faults = Vec::new();
        let mut candidates = Vec::new();
        if route.candidates.is_empty() {
            faults.push(RouterError::EmptyRoute(route.model.clone()));
        }
        for (name, model) in route.candidates {
            match self.provider(&name) {
                Some(provider) => candidates.push((Arc::clone(provider), model)),
                None => faults.push(RouterError::UnknownProvider {
                    model: route.model.clone(),
                    provider: name,
                }),
            }
        }
        let target = Target {
            candidates,
            keeping: route.keeping,
        };
        match Pattern::new(&route.model) {
            Ok(Pattern::Exact(name)) => {
                self.exact.entry(name).or_insert(target);
            }
            Ok(pattern) => self.patterns.push((pattern, target)),
            Err(fault) => faults.push(fault),
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    fn provider(&self, name: &str) -> Option<&Arc<dyn Provider>> {
        self.providers().find(|p| p.name() == name)
    }
}

impl Target {
    fn plan(&self, model: &str) -> Plan {
        let own = |(provider, own): &(Arc<dyn Provider>, Option<String>)| {
            candidate(provider, own.as_deref().unwrap_or(model))
        };
        Plan {
            candidates: self.candidates.iter().map(own).collect(),
            keeping: self.keeping,
        }
    }
}

fn claimed(patterns: &[Pattern], model: &str) -> bool {
    patterns.iter().any(|p| p.claims(model))
}

fn candidate(provider: &Arc<dyn Provider>, model: &str) -> Candidate {
    Candidate {
        provider: Arc::clone(provider),
        model: model.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{ChatRequest, Dialect, InvalidRequest};
    use crate::dialect::Target;
    use crate::provider::{Call, Failure, Reply};
    use bytes::Bytes;
    use futures_util::future::{BoxFuture, FutureExt};
    use std::time::Duration;

    struct Named(&'static str);

    impl Provider for Named {
        fn name(&self) -> &str {
            self.0
        }
        fn base_url(&self) -> &'static str {
            "http://h/v1"
        }
        fn dialect(&self) -> Dialect {
            Dialect::Chat
        }
        fn body(&self, _: &ChatRequest, _: &Target<'_>) -> Result<Bytes, InvalidRequest> {
            unreachable!("nothing is asked")
        }
        fn chat(&self, _: Call) -> BoxFuture<'_, Result<Reply, Failure>> {
            unreachable!("a plan makes no calls")
        }
        fn models(&self, _: Duration) -> BoxFuture<'_, Result<Vec<serde_json::Value>, Failure>> {
            async { Ok(vec![]) }.boxed()
        }
    }

    fn providers(list: &[(&'static str, &[&str])]) -> Vec<(Arc<dyn Provider>, Vec<String>)> {
        list.iter()
            .map(|(name, patterns)| {
                let patterns = patterns.iter().map(|p| (*p).to_owned()).collect();
                (Arc::new(Named(name)) as Arc<dyn Provider>, patterns)
            })
            .collect()
    }

    fn route(model: &str, candidates: &[(&str, Option<&str>)]) -> Route {
        let own = |(p, m): &(&str, Option<&str>)| ((*p).to_owned(), m.map(str::to_owned));
        Route {
            model: model.to_owned(),
            candidates: candidates.iter().map(own).collect(),
            keeping: Keeping::default(),
        }
    }

    fn table(routes: Vec<Route>) -> Table {
        let all = providers(&[
            ("a", &["gpt-*"]),
            ("b", &["llama", "meta/*"]),
            ("c", &["*"]),
        ]);
        let (table, faults) = Table::new(all, routes);
        assert_eq!(faults, []);
        table
    }

    fn planned(table: &Table, model: &str) -> String {
        format!("{:?}", table.plan(model).unwrap().candidates)
    }

    #[test]
    fn providers_claim_models_by_pattern_in_their_order() {
        let table = table(vec![]);
        assert_eq!(planned(&table, "gpt-4o"), "[a/gpt-4o, c/gpt-4o]");
        assert_eq!(planned(&table, "meta/l/3"), "[b/meta/l/3, c/meta/l/3]");
        assert_eq!(planned(&table, "other"), "[c/other]");
    }

    #[test]
    fn an_exact_route_wins_over_patterns_and_the_first_pattern_over_later_ones() {
        let table = table(vec![
            route("gpt-*", &[("b", None)]),
            route("gpt-4*", &[("c", None)]),
            route("gpt-4o", &[("c", Some("big")), ("a", None)]),
        ]);
        assert_eq!(planned(&table, "gpt-4o"), "[c/big, a/gpt-4o]");
        assert_eq!(planned(&table, "gpt-4"), "[b/gpt-4]");
    }

    #[test]
    fn a_model_that_nobody_claims_is_unknown() {
        let (table, _) = Table::new(providers(&[("a", &["gpt-*"])]), vec![]);
        assert_eq!(table.plan("x").unwrap_err(), UnknownModel("x".into()));
    }

    #[test]
    fn the_origin_is_that_of_the_first_candidate() {
        let table = table(vec![route("m", &[("b", Some("up")), ("a", None)])]);
        assert_eq!(table.plan("m").unwrap().origin(), "b|http://h/v1|up");
    }

    #[test]
    fn all_faults_are_reported_together() {
        let all = providers(&[("a", &["[x"]), ("a", &[])]);
        let (_, faults) = Table::new(all, vec![route("m", &[("z", None)]), route("n", &[])]);
        assert!(matches!(faults[0], RouterError::Pattern { .. }));
        assert_eq!(faults[1], RouterError::Duplicate("a".into()));
        assert!(matches!(faults[2], RouterError::UnknownProvider { .. }));
        assert_eq!(faults[3], RouterError::EmptyRoute("n".into()));
        assert_eq!(Table::new(vec![], vec![]).1, [RouterError::NoProvider]);
    }
}
