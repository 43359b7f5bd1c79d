//! Chooses for one request, when its call is about to be made: in which order the candidates are asked.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::Router;
use super::abilities::abilities;
use super::asking::{conversation, needs};
use super::backoff::chance;
use super::chance::mix;
use super::outbound::Block;
use super::plan::{Candidate, Paths, Plan};
use super::send::Answered;
use super::strategy::{
    Ask, Need, Needs, Node, Order, Standing, TargetIndex, TargetState, View, lacking, order,
};
use crate::chat::ChatRequest;
use crate::ledger::Usage;
use crate::provider::{Endpoint, Failure, FailureKind, UpstreamError};

/// Bytes of text to a token, rather too many: what seems too large for a model is not sent to it.
const MOST_BYTES_A_TOKEN: u64 = 6;
/// The same as it usually is.
const BYTES_A_TOKEN: u64 = 4;
/// Tokens that an answer is thought to have where nothing bounds it.
const USUAL_ANSWER: u64 = 512;
/// Shorter than this nobody waits, so that a crowd does not look all the time.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Who is asked, one after the other.
pub(super) struct Chosen {
    /// Best first.
    pub(super) turns: Vec<Turn>,
    /// How many of them, from the first on, may be asked now.
    pub(super) ready: usize,
    /// Whether the canary takes it.
    pub(super) canary: bool,
}

/// One candidate's turn.
pub(super) struct Turn {
    pub(super) candidate: Candidate,
    /// Whether its answers are the route's own.
    pub(super) own: bool,
    /// Whether it is the canary's.
    pub(super) canary: bool,
}

impl Chosen {
    /// Counts what became of a request that a canary was to take.
    pub(super) fn note_canary(&self, answered: Option<&Answered>) {
        if self.canary {
            let outcome = match answered {
                Some(answered) if answered.canary => "answered",
                Some(_) => "fell_back",
                None => "failed",
            };
            metrics::counter!("reprise_canary_total", "outcome" => outcome).increment(1);
        }
    }
}

/// One request, as far as it matters here.
pub(super) struct Asked {
    ask: Ask,
    likely: Usage,
    /// Where, if that is not where conversations are answered.
    endpoint: Option<Endpoint>,
}

/// What is remembered of a model at another endpoint goes by this name: how it fares there says nothing of its
/// conversations.
pub(super) fn name_at(model: &str, endpoint: Endpoint) -> String {
    format!("{model} ({})", endpoint.as_str())
}

impl Asked {
    pub(super) fn of(plan: &Plan, request: &ChatRequest, stream: bool) -> Self {
        let body = request.body();
        let bytes = request.text_bytes() as u64;
        // To read all of a request takes longer than the rest: where nothing is to be chosen nobody does.
        let canary = plan.canary.is_some();
        let needs = if canary || matches!(plan.paths.node, Node::Group(_)) {
            needs(body, bytes / MOST_BYTES_A_TOKEN)
        } else {
            Needs::default()
        };
        let sticky = if canary || plan.paths.node.is_sticky() {
            conversation(body, plan.conversation.as_deref())
        } else {
            None
        };
        let most = request.most_output();
        let answer = most.map_or(USUAL_ANSWER, |most| most.min(USUAL_ANSWER));
        Self {
            likely: Usage {
                prompt: bytes / BYTES_A_TOKEN,
                completion: answer.saturating_mul(request.answers()),
                ..Usage::default()
            },
            ask: Ask {
                needs: Needs {
                    // Whatever answers at all says something.
                    output_tokens: needs.output_tokens.max(1),
                    ..needs
                },
                stream,
                sticky,
                draw: chance(),
            },
            endpoint: None,
        }
    }

    /// A call of about so many tokens at another endpoint.
    pub(super) fn at(endpoint: Endpoint, tokens: u64) -> Self {
        Self {
            ask: Ask {
                draw: chance(),
                ..Ask::default()
            },
            likely: Usage {
                prompt: tokens,
                ..Usage::default()
            },
            endpoint: Some(endpoint),
        }
    }

    /// Tokens that the call is thought to take, in and out.
    pub(super) fn tokens(&self) -> u64 {
        let Usage {
            prompt, completion, ..
        } = &self.likely;
        prompt.saturating_add(*completion)
    }
}

impl Router {
    /// The order for a request. Waits for room until then if nobody has any.
    ///
    /// # Errors
    /// Nobody can do what it needs, or nobody may be asked now.
    pub(super) async fn choose(
        &self,
        plan: &Plan,
        asked: &Asked,
        until: Instant,
    ) -> Result<Chosen, Failure> {
        loop {
            let freed = self.freed.notified();
            let now = Instant::now();
            let (chosen, wait) = self.choose_now(plan, asked, now)?;
            if chosen.ready > 0 {
                return Ok(chosen);
            }
            let left = until.saturating_duration_since(now);
            let wait = wait.unwrap_or(Standing::Open(Duration::ZERO));
            // Of a call under way nobody knows when it ends.
            if left.is_zero() || wait.wait() > left.max(Block::Busy.about()) {
                return Err(resting(wait));
            }
            // Room comes by time or by the end of a call, and so does the end of a rest.
            let pause = wait.wait().max(SHORTEST_WAIT).min(left);
            drop(timeout(pause, freed).await);
        }
    }

    fn choose_now(
        &self,
        plan: &Plan,
        asked: &Asked,
        now: Instant,
    ) -> Result<(Chosen, Option<Standing>), Failure> {
        let ask = &asked.ask;
        let draw = ask.sticky.unwrap_or(u64::from(ask.draw));
        let canary = plan.canary.as_ref().filter(|c| c.share.takes(draw));
        let mut all = Chosen {
            turns: Vec::new(),
            ready: 0,
            canary: canary.is_some(),
        };
        let (mut later, mut soonest) = (Vec::new(), None);
        let (mut unfit, mut seen) = (Vec::new(), HashSet::new());
        let ways = canary.map(|c| (&c.paths, false));
        for (paths, main) in ways.into_iter().chain([(&*plan.paths, true)]) {
            let view = self.view(plan, paths, asked, now);
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
                let turn = Turn {
                    candidate,
                    own,
                    canary: !main,
                };
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

    fn view(&self, plan: &Plan, paths: &Paths, asked: &Asked, now: Instant) -> View {
        let tokens = asked.tokens();
        let single = matches!(paths.node, Node::Target(_));
        let state = |stop: &super::plan::Stop| {
            let (provider, model) = (stop.provider().name(), stop.model(&plan.model));
            let elsewhere = asked.endpoint.map(|endpoint| name_at(model, endpoint));
            let name = elsewhere.as_deref().unwrap_or(model);
            let health = self.healths.of(provider, name, now);
            let known = health.map_or_else(TargetState::default, |h| h.look(tokens, now));
            if single {
                return known;
            }
            let catalogue = self.prices.catalogue().map(|live| live.current());
            let entry = catalogue
                .as_ref()
                .and_then(|c| c.find(stop.family(), model));
            TargetState {
                cost: self.prices.cost_at(stop.family(), model, &asked.likely),
                abilities: abilities(entry),
                ..known
            }
        };
        View {
            targets: paths.stops.iter().map(state).collect(),
        }
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
