//! Chooses for one request, when its call is about to be made: in which order the candidates are asked.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::Router;
use super::abilities::abilities;
use super::asking::{conversation, needs};
use super::backoff::chance;
use super::chance::mix;
use super::plan::{Candidate, Paths, Plan};
use super::strategy::{
    Ask, Need, Node, Order, Standing, TargetIndex, TargetState, View, lacking, order,
};
use crate::chat::ChatRequest;
use crate::ledger::Usage;
use crate::provider::{Failure, FailureKind, UpstreamError};

/// Bytes of text to a token, rather too many: what seems too large for a model is not sent to it.
const BYTES_A_TOKEN: u64 = 6;
/// Tokens that an answer is thought to have where nothing bounds it.
const USUAL_ANSWER: u64 = 512;

/// Who is asked, one after the other.
pub(super) struct Chosen {
    /// Best first.
    pub(super) turns: Vec<Turn>,
    /// How many of them, from the first on, may be asked now.
    pub(super) ready: usize,
    /// Tokens that the call is thought to take, in and out.
    pub(super) tokens: u64,
}

/// One candidate's turn.
pub(super) struct Turn {
    pub(super) candidate: Candidate,
    /// Whether its answers are the route's own.
    pub(super) own: bool,
}

impl Router {
    /// The order for a request. Waits a little for room if nobody has any.
    ///
    /// # Errors
    /// Nobody can do what it needs, or nobody may be asked now.
    pub(super) async fn choose(
        &self,
        plan: &Plan,
        request: &ChatRequest,
        stream: bool,
    ) -> Result<Chosen, Failure> {
        let ask = ask(plan, request, stream);
        let until = Instant::now() + self.retry.queue;
        loop {
            let freed = self.freed.notified();
            let now = Instant::now();
            let (chosen, wait) = self.choose_now(plan, &ask, now)?;
            if chosen.ready > 0 {
                return Ok(chosen);
            }
            let left = until.saturating_duration_since(now);
            let wait = wait.unwrap_or(Standing::Open(Duration::ZERO));
            match wait {
                Standing::Full(_) if !left.is_zero() => {
                    // Room comes by time or by the end of a call.
                    let pause = wait.wait().clamp(Duration::from_millis(1), left);
                    drop(timeout(pause, freed).await);
                }
                Standing::Open(rest) if rest <= left && !rest.is_zero() => {
                    tokio::time::sleep(rest).await;
                }
                _ => return Err(resting(wait)),
            }
        }
    }

    fn choose_now(
        &self,
        plan: &Plan,
        ask: &Ask,
        now: Instant,
    ) -> Result<(Chosen, Option<Standing>), Failure> {
        let draw = ask.sticky.unwrap_or(u64::from(ask.draw));
        let canary = plan.canary.as_ref().filter(|c| c.share.takes(draw));
        let mut all = Chosen {
            turns: Vec::new(),
            ready: 0,
            tokens: tokens(ask),
        };
        let (mut later, mut soonest) = (Vec::new(), None);
        let (mut unfit, mut seen) = (Vec::new(), HashSet::new());
        let ways = canary.map(|c| (&c.paths, false));
        for (paths, main) in ways.into_iter().chain([(&*plan.paths, true)]) {
            let view = self.view(plan, paths, ask, now);
            let order = self.order(paths, &view, ask);
            for (at, target) in order.targets.iter().enumerate() {
                let state = view.targets.get(target.0);
                if let (Some(state), true) = (state, at >= order.ready) {
                    let nearer = |s: &Standing| state.standing.wait() < s.wait();
                    if soonest.as_ref().is_none_or(nearer) {
                        soonest = Some(state.standing);
                    }
                }
                let Some(candidate) = plan.candidate(paths, *target) else {
                    continue;
                };
                let name = (
                    candidate.provider.name().to_owned(),
                    candidate.model.clone(),
                );
                if !seen.insert(name) {
                    continue;
                }
                let own = main && target.0 < paths.own;
                let turn = Turn { candidate, own };
                if at < order.ready {
                    all.turns.push(turn);
                } else {
                    later.push(turn);
                }
            }
            unfit.extend(order.unfit);
        }
        all.ready = all.turns.len();
        all.turns.append(&mut later);
        if all.turns.is_empty() {
            return Err(nobody_can(&unfit));
        }
        Ok((all, soonest))
    }

    fn order(&self, paths: &Paths, view: &View, ask: &Ask) -> Order {
        if let Node::Target(only) = &paths.node {
            // What it can do it knows best itself.
            let state = view.targets.get(only.0);
            let ready =
                state.is_none_or(|s| matches!(s.standing, Standing::Ready | Standing::Probe));
            return Order {
                targets: vec![*only],
                ready: usize::from(ready),
                unfit: Vec::new(),
            };
        }
        order(&paths.node, view, ask, &|key| self.turns.take(key))
    }

    fn view(&self, plan: &Plan, paths: &Paths, ask: &Ask, now: Instant) -> View {
        let single = matches!(paths.node, Node::Target(_));
        let state = |stop: &super::plan::Stop| {
            let (provider, model) = (stop.provider().name(), stop.model(&plan.model));
            let health = self.healths.of(provider, model, now);
            let known = health.map_or_else(TargetState::default, |h| h.look(tokens(ask), now));
            if single {
                return known;
            }
            let usage = Usage {
                prompt: ask.needs.context_tokens,
                completion: ask.needs.output_tokens.min(USUAL_ANSWER),
                ..Usage::default()
            };
            let catalogue = self.prices.catalogue().map(|live| live.current());
            let entry = catalogue
                .as_ref()
                .and_then(|c| c.find(stop.family(), model));
            TargetState {
                cost: self.prices.cost_at(stop.family(), model, &usage),
                abilities: abilities(entry),
                ..known
            }
        };
        View {
            targets: paths.stops.iter().map(state).collect(),
        }
    }
}

/// Tokens that a call is thought to take, in and out.
fn tokens(ask: &Ask) -> u64 {
    ask.needs.context_tokens + ask.needs.output_tokens.min(USUAL_ANSWER)
}

fn ask(plan: &Plan, request: &ChatRequest, stream: bool) -> Ask {
    let body = request.body();
    let tokens = request.text_bytes() as u64 / BYTES_A_TOKEN;
    let mut needs = needs(body, tokens);
    if needs.output_tokens == 0 {
        needs.output_tokens = 1;
    }
    Ask {
        needs,
        stream,
        sticky: conversation(body, plan.conversation.as_deref()),
        draw: chance(),
    }
}

/// The number by which a request falls to a share.
pub(super) fn draw_of(plan: &Plan, request: &ChatRequest) -> u64 {
    let named = plan.conversation.as_deref();
    let fresh = || mix(u64::from(chance()), 0);
    conversation(request.body(), named).unwrap_or_else(fresh)
}

fn nobody_can(unfit: &[(TargetIndex, Vec<Need>)]) -> Failure {
    let lacks = lacking(unfit.iter().map(|(_, needs)| needs.as_slice()));
    let lacks: Vec<String> = lacks.iter().map(ToString::to_string).collect();
    let message = if lacks.is_empty() {
        "No model behind this name can do all that the request needs.".to_owned()
    } else {
        let lacks = lacks.join(" and ");
        format!("No model behind this name {lacks}, which the request needs.")
    };
    Failure {
        upstream: Some(Box::new(UpstreamError {
            status: 400,
            message,
            kind: None,
            code: None,
            param: Some("model".into()),
        })),
        ..Failure::new(FailureKind::Inexpressible)
    }
}

/// Nobody may be asked now.
fn resting(standing: Standing) -> Failure {
    let kind = match standing {
        Standing::Full(_) => FailureKind::Busy,
        _ => FailureKind::Resting,
    };
    Failure {
        retry_after: Some(standing.wait()).filter(|wait| !wait.is_zero()),
        ..Failure::new(kind)
    }
}
