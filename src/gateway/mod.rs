//! The straight line: admit, look up, pass the limits, join or lead the flight, route,
//! remember, settle. Streaming and plain answers take the same path.

pub mod ask;
pub mod budgets;
mod embeddings;
pub mod endpoints;
pub mod error;
pub mod feedback;
mod fetch;
pub mod head;
pub mod judge;
mod limits;
pub mod listing;
mod near;
mod note;
mod regret;
mod serve;
mod stale;
pub mod trials;
pub mod via;
pub mod voice;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::cache::controls::Read;
use crate::cache::flight::{Boarding, Flights};
use crate::cache::policy::Policies;
use crate::cache::scope::{AskerId, Shared};
use crate::cache::{Cache, Found, Miss};
use crate::config::{self, Ineligible};
use crate::evidence::Evidence;
use crate::gateway::ask::{Ask, Plan};
use crate::gateway::budgets::Budgets;
use crate::gateway::error::ApiError;
use crate::gateway::fetch::AnswerFlight;
use crate::gateway::judge::{Judge, JudgeConfig};
use crate::gateway::limits::{told, turn_back};
use crate::gateway::regret::LastHits;
use crate::gateway::trials::Watch;
use crate::guard::{Admission, Limits, Overload};
use crate::identity::{Keyring, Role};
use crate::ledger::Prices;
use crate::router::{Router, TargetPhase};
use crate::telemetry::{Metrics, Stage};

pub use crate::telemetry::Outcome;
pub use ask::Served;
pub use serve::{Body, LiveAnswer, Piece};
pub use via::Via;
pub use voice::Voice;

/// Settings of the line itself.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// Whether the cache is used at all.
    pub cache: bool,
    /// What becomes of requests that meaning must not answer.
    pub ineligible: Ineligible,
    /// What the hashes of those who ask are keyed with.
    pub asker_key: [u8; 32],
    /// Namespaces shared between tenants.
    pub shared: Vec<Shared>,
    /// How long a follower waits for its leader's first word.
    pub flight_wait: Duration,
    /// Calls at a time that renew what is stale.
    pub renewals: usize,
    /// Requests for vectors that the model of this process answers at a time; 0: it is not offered.
    pub serve_at_once: usize,
    /// How what was decided is checked.
    pub judge: JudgeConfig,
    /// Whose requests may say where they go; none: nobody's.
    pub may_route: Option<Role>,
    /// How much may be asked.
    pub limits: Vec<config::Limit>,
    /// How many calls are made at a time.
    pub overload: config::Overload,
    /// Bytes of an answer above which it is not worth putting together from a stream.
    pub max_entry_bytes: usize,
}

/// Everything that a request passes.
pub struct Gateway {
    pub(crate) config: GatewayConfig,
    pub(crate) cache: Arc<Cache>,
    pub(crate) router: Arc<Router>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) evidence: Arc<Evidence>,
    pub(crate) prices: Arc<Prices>,
    pub(crate) metrics: Arc<Metrics>,
    limits: Limits,
    overload: Overload,
    judge: Judge,
    budgets: Budgets,
    watch: Watch,
    last_hits: LastHits,
    flights: Flights<AnswerFlight>,
    /// Calls that renew what is stale, which nobody waits for.
    renewals: Arc<Semaphore>,
    /// Requests for vectors that the model of this process answers.
    served_here: Semaphore,
}

impl Gateway {
    /// Puts the parts together.
    #[must_use]
    pub fn new(config: GatewayConfig, parts: Parts) -> Self {
        let (renewals, judge) = (config.renewals, Judge::new(config.judge.clone()));
        let limits = Limits::new(&config.limits);
        let overload = Overload::new(config.overload.max_misses, config.overload.wait());
        let served_here = Semaphore::new(config.serve_at_once);
        Self {
            config,
            cache: parts.cache,
            router: parts.router,
            keyring: parts.keyring,
            policies: parts.policies,
            evidence: parts.evidence,
            prices: parts.prices,
            metrics: parts.metrics,
            limits,
            overload,
            judge,
            budgets: Budgets::default(),
            watch: Watch::default(),
            last_hits: LastHits::default(),
            renewals: Arc::new(Semaphore::new(renewals)),
            served_here,
            flights: Flights::default(),
        }
    }

    /// Answers one request: from memory if a remembered answer serves, else from a provider.
    ///
    /// # Errors
    /// What the client did wrong, may not do, or what no provider could answer.
    pub async fn answer(self: &Arc<Self>, ask: Ask) -> Result<Served, ApiError> {
        let plan = Arc::new(self.admit(ask)?);
        let answered = match self.enter(&plan) {
            Ok(mut admission) => {
                let answered = self.answer_admitted(&plan, &mut admission).await;
                self.settled(answered, admission)
            }
            Err(refused) => Err(refused),
        };
        told(&plan.pass, answered)
    }

    async fn answer_admitted(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        admission: &mut Admission,
    ) -> Result<Served, ApiError> {
        let found = self.look_up(plan).await;
        let mut miss = match found {
            Found::Exact(entry) => {
                self.note_exact(plan, &entry);
                return self.serve_hit(plan, &entry, None);
            }
            Found::Similar(nearest) => {
                self.note_nearest(plan, &nearest);
                self.remember_hit(plan);
                self.check_hit(plan, &nearest);
                return self.serve_hit(plan, &nearest.entry, Some(nearest.similarity));
            }
            Found::Nothing(miss) => miss,
        };
        if let Some(served) = self.stale_meanwhile(plan, &miss).await {
            return served;
        }
        if !plan.only
            && let Some(served) = self.wait_for_similar(plan, &mut miss).await
        {
            return served;
        }
        match &miss.nearest {
            Some(nearest) => self.note_nearest(plan, nearest),
            None => self.note_miss(plan, &miss),
        }
        self.hear_refresh(plan);
        if plan.only {
            return Err(serve::withheld(plan, &miss));
        }
        let embedded = miss.embedded.clone();
        // In a box: a hit must not carry what only a miss needs.
        match Box::pin(self.call(plan, miss, admission)).await {
            Err(error) => {
                turn_back(admission, &error);
                self.stale_instead(plan, embedded, error).await
            }
            answered => answered,
        }
    }

    /// Asks a provider, or waits with others for who does.
    async fn call(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        miss: Miss,
        admission: &mut Admission,
    ) -> Result<Served, ApiError> {
        // Only what may be read from memory may be read from a neighbour's call.
        if plan.lookup.read == Read::Nothing {
            let reserved = self.may_lead(plan, admission)?;
            let flight = Flights::alone(plan.keep_ms);
            return self.lead(plan, miss, flight, reserved).await;
        }
        let flight = plan.flight_key(self.cache.memory().marks().generation());
        // Whoever may not make the call must not have others board it.
        let may_lead = || self.may_lead(plan, admission);
        match self.flights.board_if(flight, plan.keep_ms, may_lead)? {
            Boarding::Lead(pilot, rider, reserved) => {
                self.lead(plan, miss, (pilot, rider), reserved).await
            }
            Boarding::Follow(rider) => {
                self.may_follow(plan, admission)?;
                // Nobody may wait for who waits.
                let miss = Miss {
                    announced: None,
                    ..miss
                };
                Box::pin(self.follow(plan, miss, rider)).await
            }
        }
    }

    /// What memory would say to a request: nobody else is asked, and nothing is noted.
    ///
    /// # Errors
    /// What the client did wrong or may not do.
    pub async fn consult(&self, ask: Ask) -> Result<Found, ApiError> {
        let plan = self.admit(ask)?;
        Ok(self.look_up(&plan).await)
    }

    /// Refuses what would be refused before anybody is asked.
    ///
    /// # Errors
    /// What the client did wrong or may not do.
    pub fn vet(&self, ask: Ask) -> Result<(), ApiError> {
        self.admit(ask).map(drop)
    }

    async fn look_up(&self, plan: &Plan) -> Found {
        let started = Instant::now();
        let found = self.cache.look_up(&plan.lookup).await;
        self.metrics.stage(Stage::Lookup, started.elapsed());
        found
    }

    /// How entries name a person that a tenant's app asks for.
    #[must_use]
    pub fn asker_id(&self, tenant: &str, end_user: &str) -> AskerId {
        ask::asker_id(&self.config.asker_key, tenant, end_user)
    }

    /// Calls under way that others could join.
    #[must_use]
    pub fn flights(&self) -> usize {
        self.flights.len()
    }

    /// What is remembered.
    #[must_use]
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Who may.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Whether a shared namespace is called that.
    #[must_use]
    pub fn shares(&self, name: &str) -> bool {
        self.config.shared.iter().any(|s| s.name == name)
    }

    /// How alike is alike enough.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// The analyst's evidence.
    #[must_use]
    pub fn evidence(&self) -> &Arc<Evidence> {
        &self.evidence
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What answers cost, and what models can do.
    #[must_use]
    pub fn prices(&self) -> &Arc<Prices> {
        &self.prices
    }

    /// Looks at providers that are left alone for as long as the gateway lives, if it is to. Needs a tokio runtime.
    pub fn keep_probing(&self) {
        self.router.keep_probing();
    }

    /// How the providers stand.
    #[must_use]
    pub fn upstreams(&self) -> Vec<TargetPhase> {
        self.router.states()
    }
}

/// What a gateway is made of.
pub struct Parts {
    /// Memory.
    pub cache: Arc<Cache>,
    /// The way to providers.
    pub router: Arc<Router>,
    /// Who may.
    pub keyring: Arc<Keyring>,
    /// How alike is alike enough.
    pub policies: Arc<Policies>,
    /// The analyst's evidence.
    pub evidence: Arc<Evidence>,
    /// What tokens cost.
    pub prices: Arc<Prices>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}
