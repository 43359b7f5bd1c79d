//! Sends a request to the first provider that answers it: which ones may, in
//! which order, and how often each is tried. It knows providers only by their
//! trait, and remembers nothing about them between requests but their model lists.

pub mod abilities;
pub mod asking;
mod attempt;
mod backoff;
pub mod breaker;
pub mod budget;
pub mod chance;
pub mod ewma;
pub mod forced;
pub mod health;
pub mod healths;
mod models;
pub mod outbound;
mod plan;
pub mod shares;
pub mod strategy;
pub mod tree;
pub mod window;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::config::TtlClass;
use crate::provider::{Deadlines, Provider};

pub use attempt::Answered;
pub use models::Models;
pub use plan::{Candidate, Plan, UnknownModel};

use models::ModelList;
use plan::Table;

/// Everything a router is made of.
pub struct RouterConfig {
    /// The providers in order, each with the patterns of the model names that it claims.
    pub providers: Vec<(Arc<dyn Provider>, Vec<String>)>,
    /// Model names that lead elsewhere than by those patterns.
    pub routes: Vec<Route>,
    /// How often and when a candidate is tried again.
    pub retry: Retry,
    /// For each request as a whole and for each attempt in it.
    pub deadlines: Deadlines,
}

/// Where the requests for some model names go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// A model name, or a pattern of them: `gpt-4o`, `gpt-*`.
    pub model: String,
    /// Providers in order of preference, each with its own name for the model; none means
    /// the name that was asked for.
    pub candidates: Vec<(String, Option<String>)>,
    /// What of the answers may be remembered.
    pub keeping: Keeping,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries of one candidate, the first included; at least 1.
    pub max_attempts: u32,
    /// The upper bound of the first pause; it doubles with each further one.
    pub base: Duration,
    /// The longest pause, also where a provider asks for a longer one: then the next
    /// candidate is better.
    pub max: Duration,
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
}

impl Router {
    /// Builds a router.
    ///
    /// # Errors
    /// All faults of the configuration together.
    pub fn new(config: RouterConfig) -> Result<Self, Vec<RouterError>> {
        let (table, mut faults) = Table::new(config.providers, config.routes);
        if config.retry.max_attempts == 0 {
            faults.push(RouterError::NoAttempts);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            table,
            models: ModelList::default(),
            retry: config.retry,
            deadlines: config.deadlines,
        })
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
        self.table.plan(model)
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("retry", &self.retry)
            .field("deadlines", &self.deadlines)
            .finish_non_exhaustive()
    }
}
