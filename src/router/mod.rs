//! Sends a request to the provider that is to answer it: which ones may, in which order by which strategy, how often
//! each is tried, and which are left alone for a while. It knows providers only by their trait.

pub mod abilities;
pub mod asking;
mod attempt;
mod backoff;
pub mod breaker;
pub mod budget;
pub mod chance;
mod choose;
pub mod ewma;
mod exchange;
mod failures;
pub mod forced;
mod form;
mod forms;
pub mod health;
pub mod healths;
mod hedge;
mod held;
mod models;
pub mod outbound;
mod pattern;
mod plan;
mod probe;
mod send;
mod shadow;
pub mod shares;
mod states;
pub mod strategy;
pub mod tree;
pub mod window;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use crate::config::TtlClass;
use crate::ledger::Prices;
use crate::provider::{Deadlines, Provider};

pub use exchange::{Brought, Errand, Reader, most_inputs};
pub use failures::Failures;
pub use models::Models;
pub use plan::{Candidate, Plan, UnknownModel};
pub use send::Answered;
pub use states::TargetPhase;

use breaker::Rules;
use budget::{Allowance, RetryBudget};
use forced::Forced;
use forms::Forms;
use healths::Healths;
use models::ModelList;
use outbound::Limits;
use plan::Table;
use strategy::Turns;
use tree::Tree;

/// Requests at a time that are sent to a shadow as well; what finds no room is not.
const SHADOWS: usize = 32;

/// Everything a router is made of.
pub struct RouterConfig {
    /// The providers in order, each with what it claims.
    pub claims: Vec<Claim>,
    /// Model names that lead elsewhere than by those patterns.
    pub routes: Vec<Route>,
    /// What a request may be sent to by name.
    pub groups: Vec<(String, Tree)>,
    /// How often and when a candidate is tried again.
    pub retry: Retry,
    /// For each request as a whole and for each attempt in it.
    pub deadlines: Deadlines,
    /// When a provider's model is left alone.
    pub breaker: Rules,
    /// How often one that is left alone is looked at without a request; zero: never.
    pub probe_every: Duration,
    /// How soon a slow answer is forgotten.
    pub latency_decay: Duration,
    /// What answers cost, and what models can do.
    pub prices: Arc<Prices>,
}

impl RouterConfig {
    /// One that tries each candidate once, waits `patience` for everything, leaves nobody alone and knows no prices.
    #[must_use]
    pub fn plain(claims: Vec<Claim>, routes: Vec<Route>, patience: Duration) -> Self {
        Self {
            claims,
            routes,
            groups: Vec::new(),
            retry: Retry::plain(1, patience, patience),
            deadlines: Deadlines {
                first_byte: patience,
                idle: patience,
                total: patience,
            },
            breaker: Rules {
                consecutive_failures: 0,
                error_rate: 2.0,
                min_requests: u32::MAX,
                window: patience,
                cool_down: patience,
                max_cool_down: patience,
                probe_timeout: patience,
            },
            probe_every: Duration::ZERO,
            latency_decay: Duration::from_secs(5),
            prices: Arc::new(Prices::new(&[])),
        }
    }
}

/// A provider and the models that it answers.
pub struct Claim {
    /// Who.
    pub provider: Arc<dyn Provider>,
    /// Patterns of model names.
    pub patterns: Vec<String>,
    /// The family of its models in the catalogue.
    pub family: Option<String>,
    /// What may be sent to it.
    pub limits: Limits,
}

impl Claim {
    /// One of which nothing more is known.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>, patterns: Vec<String>) -> Self {
        Self {
            provider,
            patterns,
            family: None,
            limits: Limits::default(),
        }
    }
}

/// Where the requests for some model names go.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// A model name, or a pattern of them: `gpt-4o`, `gpt-*`.
    pub model: String,
    /// Who may answer, and how to choose.
    pub tree: Tree,
    /// Takes a share of the requests in their place.
    pub canary: Option<Side>,
    /// Is asked a share of the requests as well; its answers are thrown away.
    pub shadow: Option<Side>,
    /// What of the answers may be remembered.
    pub keeping: Keeping,
}

/// A share of the requests, 0 to 1, and where it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// How large.
    pub share: f64,
    /// Where to.
    pub tree: Tree,
}

impl Route {
    /// A plain one.
    #[must_use]
    pub fn new(model: &str, tree: Tree) -> Self {
        Self {
            model: model.to_owned(),
            tree,
            canary: None,
            shadow: None,
            keeping: Keeping::default(),
        }
    }
}

/// What a route says of remembering its answers. The router itself does not look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// Whether an answer of another model than the first candidate's may be remembered.
    pub fallback: bool,
    /// Whether one that calls tools may.
    pub tool_calls: bool,
    /// Whether one that carries personal data may, or whose question does.
    pub personal: bool,
    /// How long they last, whatever is asked.
    pub ttl_class: Option<TtlClass>,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            fallback: false,
            tool_calls: false,
            personal: true,
            ttl_class: None,
        }
    }
}

/// When a candidate is tried again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Tries of one candidate, the first included; at least 1.
    pub max_attempts: u32,
    /// The upper bound of the first pause; it doubles with each further one.
    pub base: Duration,
    /// The longest pause, also where a provider asks for a longer one: then the next
    /// candidate is better.
    pub max: Duration,
    /// How many tries there may be beyond the first ones of all requests together.
    pub allowance: Allowance,
    /// How long a request may wait for room at a provider.
    pub queue: Duration,
    /// After how long without a word the next candidate is asked as well; zero: never.
    pub hedge_after: Duration,
}

impl Retry {
    /// So many tries with these pauses, as many as there may be, and no waiting or hedging.
    #[must_use]
    pub fn plain(max_attempts: u32, base: Duration, max: Duration) -> Self {
        Self {
            max_attempts,
            base,
            max,
            allowance: Allowance {
                share: 1.0,
                per_second: 1e9,
            },
            queue: Duration::ZERO,
            hedge_after: Duration::ZERO,
        }
    }
}

/// A fault in a [`RouterConfig`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouterError {
    /// Nobody to ask.
    #[error("no provider is configured")]
    NoProvider,
    /// Two providers of one name.
    #[error("two providers are named `{0}`")]
    Duplicate(String),
    /// A pattern that is none.
    #[error("`{pattern}` is not a model pattern: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A route to a provider that is not there.
    #[error("the route for `{model}` names an unknown provider `{provider}`")]
    UnknownProvider {
        /// The route.
        model: String,
        /// The name it uses.
        provider: String,
    },
    /// A route to nobody.
    #[error("the route for `{0}` has no candidates")]
    EmptyRoute(String),
    /// Zero tries.
    #[error("`max_attempts` must be at least 1")]
    NoAttempts,
}

/// Plans requests and sends them.
pub struct Router {
    table: Table,
    models: ModelList,
    retry: Retry,
    deadlines: Deadlines,
    healths: Healths,
    forms: Forms,
    probe_every: Duration,
    turns: Turns,
    budget: Mutex<RetryBudget>,
    /// Somebody ended a call: there may be room for another.
    freed: Arc<Notify>,
    shadows: Arc<Semaphore>,
    prices: Arc<Prices>,
}

impl Router {
    /// Builds a router.
    ///
    /// # Errors
    /// All faults of the configuration together.
    pub fn new(config: RouterConfig) -> Result<Self, Vec<RouterError>> {
        let now = Instant::now();
        let limits = config.claims.iter();
        let limits = limits.map(|c| (c.provider.name().to_owned(), c.limits));
        let healths = Healths::new(config.breaker, config.latency_decay, limits, now);
        let (table, mut faults) = Table::new(config.claims, config.routes, config.groups);
        if config.retry.max_attempts == 0 {
            faults.push(RouterError::NoAttempts);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            table,
            models: ModelList::default(),
            budget: Mutex::new(RetryBudget::new(config.retry.allowance, now)),
            retry: config.retry,
            deadlines: config.deadlines,
            healths,
            forms: Forms::default(),
            probe_every: config.probe_every,
            turns: Turns::default(),
            freed: Arc::default(),
            shadows: Arc::new(Semaphore::new(SHADOWS)),
            prices: config.prices,
        })
    }

    /// What answers cost, and what models can do.
    #[must_use]
    pub fn prices(&self) -> &Arc<Prices> {
        &self.prices
    }

    /// The providers, in their order.
    pub fn provider_names(&self) -> impl Iterator<Item = &str> {
        self.table.providers().map(|provider| provider.name())
    }

    /// Who may answer a request for `model`.
    ///
    /// # Errors
    /// [`UnknownModel`] if no route and no provider claims that name.
    pub fn plan(&self, model: &str) -> Result<Plan, UnknownModel> {
        if strays(model) {
            return Err(UnknownModel(model.to_owned()));
        }
        self.table.plan(model)
    }

    /// The same where a request says itself where it goes; none if that is nowhere.
    #[must_use]
    pub fn plan_forced(&self, model: &str, forced: &Forced) -> Option<Plan> {
        let own = match forced {
            Forced::Target { model, .. } => model.as_deref(),
            Forced::Group(_) => None,
        };
        if strays(own.unwrap_or(model)) {
            return None;
        }
        self.table.forced(model, forced)
    }
}

/// Whether a model's name, which becomes part of an address at some providers, would lead to another one.
fn strays(model: &str) -> bool {
    let mut segments = model.split('/');
    segments.any(|segment| matches!(segment, "." | ".."))
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("retry", &self.retry)
            .field("deadlines", &self.deadlines)
            .finish_non_exhaustive()
    }
}
