//! Where the requests for a model name go: the paths to a provider, from which an order is chosen when the call is
//! made. Pure.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::forced::Forced;
use super::pattern::Pattern;
use super::shares::Share;
use super::strategy::{Group, Member, Node, Strategy, TargetIndex};
use super::tree::{Target, Tree};
use super::{Claim, Keeping, Route, RouterError, Side};
use crate::provider::Provider;

/// One way to get an answer.
#[derive(Clone)]
pub struct Candidate {
    /// Who.
    pub provider: Arc<dyn Provider>,
    /// That provider's own name for the model.
    pub model: String,
    /// The family of its models in the catalogue.
    pub family: Option<Arc<str>>,
}

/// The ways to answer one request.
#[derive(Clone)]
pub struct Plan {
    pub(super) paths: Arc<Paths>,
    /// Takes a share of the requests in their place.
    pub(super) canary: Option<Arc<Aside>>,
    /// Is asked a share of the requests as well.
    pub(super) shadow: Option<Arc<Aside>>,
    /// The model name that was asked for.
    pub(super) model: String,
    /// Whether it is worth one try only, and no waiting.
    pub(super) once: bool,
    /// What conversation the request is part of, as the client names it.
    pub conversation: Option<String>,
    /// What of the answers may be remembered.
    pub keeping: Keeping,
}

/// A model name that nobody claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The model `{0}` does not exist or you do not have access to it.")]
pub struct UnknownModel(pub String);

/// How to choose, and among whom.
#[derive(Clone)]
pub(super) struct Paths {
    pub(super) node: Node,
    pub(super) stops: Vec<Stop>,
    /// How many of them, from the first on, give the route's own answers.
    pub(super) own: usize,
}

/// One model of one provider.
#[derive(Clone)]
pub(super) struct Stop {
    provider: Arc<dyn Provider>,
    /// None: as requested.
    model: Option<String>,
    family: Option<Arc<str>>,
}

/// A share of the requests and where it goes.
pub(super) struct Aside {
    pub(super) share: Share,
    pub(super) paths: Paths,
}

impl Plan {
    /// What a remembered answer belongs to: provider, base URL and upstream model of whoever answers first, or of all
    /// who may where that is chosen anew for each request.
    #[must_use]
    pub fn origin(&self) -> String {
        let own = self.paths.stops.iter().take(self.paths.own.max(1));
        let mut names: Vec<String> = own
            .map(|stop| {
                let (name, base) = (stop.provider.name(), stop.provider.base_url());
                format!("{name}|{base}|{}", stop.model(&self.model))
            })
            .collect();
        names.sort_unstable();
        names.join("&")
    }

    /// The candidate at a place of the table.
    pub(super) fn candidate(&self, paths: &Paths, at: TargetIndex) -> Option<Candidate> {
        let stop = paths.stops.get(at.0)?;
        Some(Candidate {
            provider: stop.provider.clone(),
            model: stop.model(&self.model).to_owned(),
            family: stop.family.clone(),
        })
    }

    /// Whether answers of that model are the route's own, whoever gives them.
    pub(super) fn is_own_model(&self, model: &str) -> bool {
        let own = self.paths.stops.iter().take(self.paths.own.max(1));
        own.into_iter().any(|stop| stop.model(&self.model) == model)
    }

    /// All who may answer, in the order in which they are written.
    pub(super) fn candidates(&self) -> impl Iterator<Item = Candidate> {
        let all = 0..self.paths.stops.len();
        all.filter_map(|at| self.candidate(&self.paths, TargetIndex(at)))
    }
}

impl Stop {
    pub(super) fn provider(&self) -> &Arc<dyn Provider> {
        &self.provider
    }

    pub(super) fn family(&self) -> Option<&str> {
        self.family.as_deref()
    }

    pub(super) fn model<'a>(&'a self, requested: &'a str) -> &'a str {
        self.model.as_deref().unwrap_or(requested)
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider.name(), self.model)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.candidates()).finish()
    }
}

/// Routes and providers, ready to be asked.
pub(super) struct Table {
    claims: Vec<Claimed>,
    exact: HashMap<String, Leads>,
    patterns: Vec<(Pattern, Leads)>,
    groups: HashMap<String, Arc<Paths>>,
}

struct Claimed {
    provider: Arc<dyn Provider>,
    patterns: Vec<Pattern>,
    family: Option<Arc<str>>,
}

#[derive(Clone)]
struct Leads {
    paths: Arc<Paths>,
    canary: Option<Arc<Aside>>,
    shadow: Option<Arc<Aside>>,
    keeping: Keeping,
}

impl Table {
    /// The table and all faults in what it was made from.
    pub(super) fn new(
        claims: Vec<Claim>,
        routes: Vec<Route>,
        groups: Vec<(String, Tree)>,
    ) -> (Self, Vec<RouterError>) {
        let mut faults = Vec::new();
        let mut table = Self {
            claims: Vec::new(),
            exact: HashMap::new(),
            patterns: Vec::new(),
            groups: HashMap::new(),
        };
        if claims.is_empty() {
            faults.push(RouterError::NoProvider);
        }
        for claim in claims {
            let name = claim.provider.name();
            if table.claimed(name).is_some() {
                faults.push(RouterError::Duplicate(name.to_owned()));
            }
            let patterns = claim.patterns.iter().map(|p| Pattern::new(p));
            let patterns = patterns.filter_map(|p| p.map_err(|e| faults.push(e)).ok());
            table.claims.push(Claimed {
                patterns: patterns.collect(),
                family: claim.family.map(Into::into),
                provider: claim.provider,
            });
        }
        for (name, tree) in groups {
            match table.paths(&name, tree) {
                Ok(paths) => drop(table.groups.insert(name, Arc::new(paths))),
                Err(unknown) => faults.extend(unknown),
            }
        }
        for route in routes {
            table.add(route).unwrap_or_else(|e| faults.extend(e));
        }
        (table, faults)
    }

    pub(super) fn plan(&self, model: &str) -> Result<Plan, UnknownModel> {
        if let Some(leads) = self.leads(model) {
            return Ok(leads.plan(model));
        }
        let claiming = self.claims.iter().filter(|c| c.claims(model));
        let stops: Vec<_> = claiming.map(|c| c.stop(None)).collect();
        if stops.is_empty() {
            return Err(UnknownModel(model.to_owned()));
        }
        let paths = Paths {
            node: in_order(&stops),
            stops,
            own: 1,
        };
        Ok(Leads::of(paths, Keeping::default()).plan(model))
    }

    /// Where `forced` says that a request goes; none if that is nowhere.
    pub(super) fn forced(&self, model: &str, forced: &Forced) -> Option<Plan> {
        // What the model's own route says of remembering holds all the same.
        let keeping = self.leads(model).map_or(Keeping::default(), |l| l.keeping);
        let paths = match forced {
            Forced::Group(name) => self.groups.get(name)?.clone(),
            Forced::Target { provider, model } => {
                let stops = vec![self.claimed(provider)?.stop(model.clone())];
                Arc::new(Paths {
                    node: in_order(&stops),
                    stops,
                    own: 1,
                })
            }
        };
        let leads = Leads {
            paths,
            canary: None,
            shadow: None,
            keeping,
        };
        Some(leads.plan(model))
    }

    /// The providers in order.
    pub(super) fn providers(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.claims.iter().map(|claimed| &claimed.provider)
    }

    /// Names that routes answer to, besides those that providers list.
    pub(super) fn aliases(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(String::as_str)
    }

    /// Whether a route or a group names that model of that provider.
    pub(super) fn names(&self, provider: &str, model: &str) -> bool {
        let leads = self.patterns.iter().map(|(_, leads)| (None, leads));
        let exact = self.exact.iter().map(|(name, l)| (Some(name.as_str()), l));
        let of_routes = exact.chain(leads).flat_map(|(name, leads)| {
            let sides = [&leads.canary, &leads.shadow].into_iter().flatten();
            let paths = sides.map(|side| &side.paths);
            paths.chain([&*leads.paths]).map(move |paths| (name, paths))
        });
        let of_groups = self.groups.values().map(|paths| (None, &**paths));
        let stops = of_routes.chain(of_groups).flat_map(|(name, paths)| {
            let stops = paths.stops.iter();
            stops.map(move |stop| (stop.provider.name(), stop.model.as_deref().or(name)))
        });
        stops
            .into_iter()
            .any(|stop| stop == (provider, Some(model)))
    }

    fn leads(&self, model: &str) -> Option<&Leads> {
        let by_pattern = || {
            let mut patterns = self.patterns.iter();
            patterns.find(|(p, _)| p.claims(model)).map(|(_, t)| t)
        };
        self.exact.get(model).or_else(by_pattern)
    }

    fn add(&mut self, route: Route) -> Result<(), Vec<RouterError>> {
        let mut faults = Vec::new();
        if route.tree.targets.is_empty() {
            faults.push(RouterError::EmptyRoute(route.model.clone()));
        }
        let mut note = |made: Result<Paths, Vec<RouterError>>| {
            made.map_err(|unknown| faults.extend(unknown)).ok()
        };
        let paths = note(self.paths(&route.model, route.tree));
        let mut aside = |side: Option<Side>, kind: &str| {
            let side = side?;
            let share = Share::new(&format!("{kind}:{}", route.model), side.share);
            let paths = note(self.paths(&route.model, side.tree))?;
            Some(Arc::new(Aside { share, paths }))
        };
        let (canary, shadow) = (aside(route.canary, "canary"), aside(route.shadow, "shadow"));
        let pattern = Pattern::new(&route.model).map_err(|fault| faults.push(fault));
        let (Some(paths), Ok(pattern), true) = (paths, pattern, faults.is_empty()) else {
            return Err(faults);
        };
        let leads = Leads {
            canary,
            shadow,
            ..Leads::of(paths, route.keeping)
        };
        match pattern {
            Pattern::Exact(name) => {
                self.exact.entry(name).or_insert(leads);
            }
            pattern => self.patterns.push((pattern, leads)),
        }
        Ok(())
    }

    fn paths(&self, of: &str, tree: Tree) -> Result<Paths, Vec<RouterError>> {
        let (mut stops, mut unknown) = (Vec::new(), Vec::new());
        for Target { provider, model } in tree.targets {
            match self.claimed(&provider) {
                Some(claimed) => stops.push(claimed.stop(model)),
                None => unknown.push(RouterError::UnknownProvider {
                    model: of.to_owned(),
                    provider,
                }),
            }
        }
        if !unknown.is_empty() {
            return Err(unknown);
        }
        Ok(Paths {
            node: match tree.node {
                // One way is no choice.
                _ if stops.len() == 1 => Node::Target(TargetIndex(0)),
                node => node,
            },
            own: tree.own,
            stops,
        })
    }

    fn claimed(&self, name: &str) -> Option<&Claimed> {
        self.claims.iter().find(|c| c.provider.name() == name)
    }
}

impl Claimed {
    fn claims(&self, model: &str) -> bool {
        self.patterns.iter().any(|p| p.claims(model))
    }

    fn stop(&self, model: Option<String>) -> Stop {
        Stop {
            provider: Arc::clone(&self.provider),
            model,
            family: self.family.clone(),
        }
    }
}

impl Leads {
    fn of(paths: Paths, keeping: Keeping) -> Self {
        Self {
            paths: Arc::new(paths),
            canary: None,
            shadow: None,
            keeping,
        }
    }

    fn plan(&self, model: &str) -> Plan {
        Plan {
            paths: self.paths.clone(),
            canary: self.canary.clone(),
            shadow: self.shadow.clone(),
            model: model.to_owned(),
            once: false,
            conversation: None,
            keeping: self.keeping,
        }
    }
}

/// One after the other.
fn in_order(stops: &[Stop]) -> Node {
    if stops.len() == 1 {
        return Node::Target(TargetIndex(0));
    }
    let members = stops.iter().enumerate().map(|(at, stop)| {
        let node = Node::Target(TargetIndex(at));
        Member::new(node, 1, stop.provider.name())
    });
    Node::Group(Group::new("", Strategy::Fallback, false, members.collect()))
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
        fn body(
            &self,
            _: Dialect,
            _: &ChatRequest,
            _: &Target<'_>,
        ) -> Result<Bytes, InvalidRequest> {
            unreachable!("nothing is asked")
        }
        fn chat(&self, _: Call) -> BoxFuture<'_, Result<Reply, Failure>> {
            unreachable!("a plan makes no calls")
        }
        fn models(&self, _: Duration) -> BoxFuture<'_, Result<Vec<serde_json::Value>, Failure>> {
            async { Ok(vec![]) }.boxed()
        }
    }

    fn providers(list: &[(&'static str, &[&str])]) -> Vec<Claim> {
        list.iter()
            .map(|(name, patterns)| {
                let patterns = patterns.iter().map(|p| (*p).to_owned()).collect();
                Claim::new(Arc::new(Named(name)), patterns)
            })
            .collect()
    }

    fn route(model: &str, candidates: &[(&str, Option<&str>)]) -> Route {
        Route::new(model, Tree::chain(candidates))
    }

    fn table(routes: Vec<Route>) -> Table {
        let all = providers(&[
            ("a", &["gpt-*"]),
            ("b", &["llama", "meta/*"]),
            ("c", &["*"]),
        ]);
        let (table, faults) = Table::new(all, routes, vec![]);
        assert_eq!(faults, []);
        table
    }

    fn planned(table: &Table, model: &str) -> String {
        format!("{:?}", table.plan(model).unwrap())
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
        let (table, _) = Table::new(providers(&[("a", &["gpt-*"])]), vec![], vec![]);
        assert_eq!(table.plan("x").err(), Some(UnknownModel("x".into())));
    }

    #[test]
    fn the_origin_is_that_of_the_first_candidate() {
        let table = table(vec![route("m", &[("b", Some("up")), ("a", None)])]);
        assert_eq!(table.plan("m").unwrap().origin(), "b|http://h/v1|up");
    }

    #[test]
    fn what_routes_and_groups_name_is_told_from_what_clients_make_up() {
        let mut alias = route("alias", &[("b", Some("up")), ("a", None)]);
        alias.canary = Some(Side {
            share: 0.1,
            tree: Tree::chain(&[("c", Some("new"))]),
        });
        let table = table(vec![alias, route("gpt-*", &[("a", None)])]);
        for (provider, model) in [("b", "up"), ("a", "alias"), ("c", "new")] {
            assert!(table.names(provider, model), "{provider}/{model}");
        }
        for (provider, model) in [("a", "up"), ("a", "gpt-4o"), ("b", "alias")] {
            assert!(!table.names(provider, model), "{provider}/{model}");
        }
    }

    #[test]
    fn answers_of_the_first_places_models_are_the_routes_own_whoever_gives_them() {
        let table = table(vec![route("m", &[("b", Some("up")), ("a", None)])]);
        let plan = table.plan("m").unwrap();
        assert!(plan.is_own_model("up") && !plan.is_own_model("m"));
    }

    #[test]
    fn all_faults_are_reported_together() {
        let all = providers(&[("a", &["[x"]), ("a", &[])]);
        let (_, faults) = Table::new(
            all,
            vec![route("m", &[("z", None)]), route("n", &[])],
            vec![],
        );
        assert!(matches!(faults[0], RouterError::Pattern { .. }));
        assert_eq!(faults[1], RouterError::Duplicate("a".into()));
        assert!(matches!(faults[2], RouterError::UnknownProvider { .. }));
        assert_eq!(faults[3], RouterError::EmptyRoute("n".into()));
        assert_eq!(
            Table::new(vec![], vec![], vec![]).1,
            [RouterError::NoProvider]
        );
    }
}
