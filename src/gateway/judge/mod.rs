//! Checks what memory decided, in the background and by chance: a share of the hits is asked again at the
//! provider, and where a near miss had a fresh answer anyway that is compared with the stored one. What it
//! finds becomes a label. It never holds anybody up: where there is no room or no money nothing is checked.

mod compare;
mod spend;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::spend::Spend;
use super::Gateway;
use super::ask::Plan;
use crate::cache::entry::is_transient;
use crate::cache::policy::{Policy, PolicyKind};
use crate::cache::semantic::Nearest;
use crate::cache::verdict::facts::Standing;
use crate::chat::{Answer, unix_ms};
use crate::evidence::label::{Opined, Opinion, Source};
use crate::provider::Reply;

/// How much is checked, and by whom.
#[derive(Debug, Clone)]
pub struct JudgeConfig {
    /// Share of the hits by meaning that are asked again.
    pub hits: f32,
    /// Share of the near misses whose fresh answer is compared.
    pub near_misses: f32,
    /// The model that compares two answers; none: the encoder and the guards do.
    pub model: Option<String>,
    /// US dollars that checking may cost in a day, by list price.
    pub max_usd_per_day: f64,
    /// Checks at a time.
    pub at_once: usize,
}

/// What checks.
pub(super) struct Judge {
    config: JudgeConfig,
    room: Arc<Semaphore>,
    spend: Spend,
}

/// A near miss below both of these serves under no policy that anybody would set.
const NEAR_PROBABILITY: f32 = 0.3;
const NEAR_COSINE: f32 = 0.7;

impl Judge {
    pub(super) fn new(config: JudgeConfig) -> Self {
        Self {
            room: Arc::new(Semaphore::new(config.at_once)),
            spend: Spend::new(config.max_usd_per_day),
            config,
        }
    }

    /// Share of the hits that are asked again. Until a budget knows where it stands each of them is worth its
    /// price, unless somebody switched that off.
    fn share_of_hits(&self, policy: &Policy) -> f32 {
        let learning = policy.kind == PolicyKind::Budget && policy.point.learning;
        match self.config.hits {
            share if share > 0.0 && learning => 1.0,
            share => share,
        }
    }

    /// Share of the near misses that are compared: all where a budget learns from them, for they cost no call.
    fn share_of_near_misses(&self, policy: &Policy) -> f32 {
        match self.config.near_misses {
            share if share > 0.0 && policy.kind == PolicyKind::Budget => 1.0,
            share => share,
        }
    }
}

impl Gateway {
    /// Has a hit checked, if chance chooses it.
    pub(super) fn check_hit(self: &Arc<Self>, plan: &Arc<Plan>, nearest: &Nearest) {
        let share = self.judge.share_of_hits(&plan.policy);
        // The demo has an answer of its own to every wording.
        if plan.ask.id.draw() >= share || is_transient(nearest.entry.id) {
            return;
        }
        let price = self.price(plan, nearest.entry.replay.answer());
        let (Some(permit), Some(held)) = (self.judge_room(), self.judge_money(price)) else {
            return;
        };
        let (gateway, plan, entry) = (self.clone(), plan.clone(), nearest.entry.clone());
        tokio::spawn(async move {
            let fresh = gateway.ask_again(&plan).await;
            let cost = fresh.as_ref().and_then(|fresh| gateway.price(&plan, fresh));
            // What failed may have cost something as well; nobody knows what.
            held.settle(cost);
            match fresh {
                Some(fresh) => {
                    let answers = (entry.replay.answer(), &fresh);
                    gateway.rule((&plan, share), answers, permit).await;
                }
                None => gateway.metrics.judged("not_answered"),
            }
        });
    }

    /// Has the candidate of a near miss checked against the fresh answer, if chance chooses it.
    pub(super) fn check_near_miss(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        nearest: Box<Nearest>,
        fresh: Arc<Answer>,
    ) {
        let share = self.judge.share_of_near_misses(&plan.policy);
        let chosen = plan.ask.id.draw() < share;
        if !chosen || is_transient(nearest.entry.id) || !is_near(&nearest) {
            return;
        }
        let Some(permit) = self.judge_room() else {
            return;
        };
        let (gateway, plan) = (self.clone(), plan.clone());
        tokio::spawn(async move {
            let answers = (nearest.entry.replay.answer(), &*fresh);
            gateway.rule((&plan, share), answers, permit).await;
        });
    }

    /// Compares two answers and takes down what comes of it.
    async fn rule(
        self: &Arc<Self>,
        (plan, share): (&Arc<Plan>, f32),
        (stored, fresh): (&Answer, &Answer),
        permit: OwnedSemaphorePermit,
    ) {
        let question = plan.lookup.question.as_deref().unwrap_or_default();
        let opinion = match fresh.storable() {
            // What would not be remembered is no measure of what was.
            Err(_) => Err("not_comparable"),
            Ok(()) => self.compare(question, stored, fresh).await,
        };
        match opinion {
            Ok(opinion) => {
                self.metrics.judged(opinion.as_str());
                self.take_down(plan, share, opinion).await;
            }
            Err(why) => self.metrics.judged(why),
        }
        drop(permit);
    }

    async fn take_down(self: &Arc<Self>, plan: &Arc<Plan>, share: f32, verdict: Opinion) {
        let (gateway, id) = (self.clone(), plan.ask.id);
        let written = tokio::task::spawn_blocking(move || {
            let decision = gateway.evidence.find(id)?;
            let opined = Opined {
                time_ms: unix_ms(),
                verdict,
                source: Source::Judge,
                by: None,
                note: None,
                sampled: true,
                share: Some(share),
            };
            // That it could not be written has been told.
            gateway.opine(&decision, opined).ok()
        });
        if !matches!(written.await, Ok(Some(_))) {
            self.metrics.judged("not_written");
        }
    }

    /// A fresh answer to a request that was answered from memory.
    async fn ask_again(&self, plan: &Plan) -> Option<Answer> {
        let request = &plan.ask.request;
        let headers = plan.ask.headers.clone();
        let asked = self.router.send(&plan.route, request, false, headers).await;
        match asked.ok()?.reply {
            Reply::Whole { answer, .. } => Some(answer),
            Reply::Stream { .. } => None,
        }
    }

    /// Waits until every check under way is done.
    pub async fn judged(&self) {
        let all = u32::try_from(self.judge.config.at_once).unwrap_or(u32::MAX);
        drop(self.judge.room.acquire_many(all).await);
    }

    fn judge_room(&self) -> Option<OwnedSemaphorePermit> {
        let room = self.judge.room.clone().try_acquire_owned().ok();
        if room.is_none() {
            self.metrics.judged("busy");
        }
        room
    }

    fn judge_money(&self, usd: Option<f64>) -> Option<spend::Held> {
        let Some(usd) = usd else {
            self.metrics.judged("unpriced");
            return None;
        };
        let held = self.judge.spend.hold(usd, unix_ms());
        if held.is_none() {
            self.metrics.judged("over_budget");
        }
        held
    }
}

/// Whether what is found of it could matter to a policy.
fn is_near(nearest: &Nearest) -> bool {
    match nearest.judgement.facts.standing {
        Standing::Compared { probability, .. } => {
            probability >= NEAR_PROBABILITY || nearest.similarity >= NEAR_COSINE
        }
        // Turns of one conversation, blocked pairs and tokens that hide a difference are known already.
        Standing::EarlierTurn | Standing::Blocked | Standing::SameTokens => false,
        Standing::SameQuestion | Standing::NoText => true,
    }
}
