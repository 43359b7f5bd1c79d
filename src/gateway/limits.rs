//! Limits on the line: whom a request counts for, what it will probably take, when it is turned away and what its
//! client is told. A hit is served before any limit is asked, but where hits count; a miss passes all limits at once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Gateway;
use super::ask::{Plan, Served};
use super::error::{ApiError, Code};
use super::fetch::{AnswerFlight, fetch};
use super::serve::Body;
use crate::cache::Miss;
use crate::cache::flight::Pilot;
use crate::chat::{Answer, ChatRequest, Chunk};
use crate::config::Per;
use crate::guard::{Admission, Estimate, Names, Pass, Refused, Reservation, Slot};
use crate::identity::Caller;
use crate::limit::{Kind, Room};

/// Bytes of text that make a token, more or less.
pub(super) const TOKEN_BYTES: u64 = 4;
/// Tokens of an answer whose length the client leaves open: a long paragraph. It is settled when the answer is there.
const ANSWER_TOKENS: u64 = 500;
/// Of a request that makes no call.
pub(super) const NOTHING: Estimate = Estimate {
    prompt: 0,
    answer: 0,
};
/// When to come back where nobody knows when there will be room.
const SOON: Duration = Duration::from_secs(1);
/// The longest wait of which a client's own retries may be the end; beyond it lie the windows of a day.
const RETRY_WITHIN: Duration = Duration::from_secs(60);

/// A request as limits see it.
#[derive(Clone, Copy)]
pub(super) struct Limited<'a> {
    pub(super) caller: &'a Caller,
    pub(super) model: &'a str,
    /// The address that was asked, without its version.
    pub(super) endpoint: &'static str,
    pub(super) pass: &'a Pass,
}

impl Plan {
    fn limited(&self) -> Limited<'_> {
        Limited {
            caller: &self.ask.caller,
            model: self.ask.request.model(),
            endpoint: self.ask.endpoint,
            pass: &self.pass,
        }
    }
}

impl Gateway {
    /// The limits that apply to a request for a model at an endpoint.
    pub(super) fn pass(&self, caller: &Caller, model: &str, endpoint: &str) -> Pass {
        self.limits.pass(&Names {
            key: caller.key_id.as_deref(),
            team: caller.tenant.as_str(),
            model,
            endpoint,
        })
    }

    /// Lets a request in to be looked up.
    pub(super) fn enter(&self, plan: &Plan) -> Result<Admission, ApiError> {
        let entered = plan.pass.admit();
        entered.map_err(|refused| self.turned_away(plan.limited(), NOTHING, &refused))
    }

    /// Lets a request through to make a call.
    pub(super) fn may_lead(
        &self,
        plan: &Plan,
        admission: &mut Admission,
    ) -> Result<Reservation, ApiError> {
        let reserved = self.reserve(plan.limited(), admission, estimate(&plan.ask.request))?;
        // Whoever is over a limit is told so, also while there are too many calls.
        match self.overload.has_room() {
            true => Ok(reserved),
            false => Err(shed()),
        }
    }

    /// Lets a request through to join a call.
    pub(super) fn may_follow(
        &self,
        plan: &Plan,
        admission: &mut Admission,
    ) -> Result<(), ApiError> {
        let joined = admission.follow();
        joined.map_err(|refused| self.turned_away(plan.limited(), NOTHING, &refused))
    }

    /// Lets a request that joined a call make one of its own.
    pub(super) fn may_call(&self, plan: &Plan) -> Result<Reservation, ApiError> {
        let estimate = estimate(&plan.ask.request);
        let reserved = plan.pass.reserve(estimate);
        reserved.map_err(|refused| self.turned_away(plan.limited(), estimate, &refused))
    }

    /// Lets a request beside conversations in. What makes a call of it asks for [`Self::reserve`] or
    /// [`Self::room_for`], and [`Self::let_out`] ends it.
    pub(super) fn let_in(&self, limited: Limited<'_>) -> Result<Admission, ApiError> {
        limited.pass.admit().map_err(|refused| {
            let standing = limited.pass.standing();
            ApiError {
                standing: (!standing.is_empty()).then(|| Box::new(standing)),
                ..self.turned_away(limited, NOTHING, &refused)
            }
        })
    }

    /// What became of it.
    pub(super) fn let_out(
        &self,
        limited: Limited<'_>,
        answered: Result<Served, ApiError>,
        admission: Admission,
    ) -> Result<Served, ApiError> {
        told(limited.pass, self.settled(answered, admission))
    }

    /// What a call of about so many tokens takes of the limits.
    pub(super) fn reserve(
        &self,
        limited: Limited<'_>,
        admission: &mut Admission,
        estimate: Estimate,
    ) -> Result<Reservation, ApiError> {
        let reserved = admission.lead(estimate);
        reserved.map_err(|refused| self.turned_away(limited, estimate, &refused))
    }

    /// The same, and room among all calls.
    pub(super) async fn room_for(
        &self,
        limited: Limited<'_>,
        admission: &mut Admission,
        estimate: Estimate,
    ) -> Result<(Reservation, Slot), ApiError> {
        let reserved = self.reserve(limited, admission, estimate)?;
        let slot = self.overload.enter().await.ok_or_else(shed)?;
        Ok((reserved, slot))
    }

    /// Calls to providers under way.
    #[must_use]
    pub fn misses(&self) -> usize {
        self.overload.under_way()
    }

    fn turned_away(&self, limited: Limited<'_>, estimate: Estimate, refused: &Refused) -> ApiError {
        let (per, kind) = (refused.per.as_str(), refused.kind.as_str());
        self.metrics.refused(per, kind);
        over_limit(limited, estimate, refused)
    }

    /// What becomes of a request that was let in: turned away for want of room it was none, and a stream holds its
    /// place until its end.
    pub(super) fn settled(
        &self,
        mut answered: Result<Served, ApiError>,
        mut admission: Admission,
    ) -> Result<Served, ApiError> {
        match &mut answered {
            Ok(Served {
                body: Body::Live(live),
                ..
            }) => live.hold(admission),
            Err(error) if error.code == Code::Overloaded => {
                self.metrics.refused("overload", "misses");
                admission.give_back();
                // No provider was asked, so there is no miss to tell of.
                error.via = None;
            }
            _ => {}
        }
        answered
    }
}

/// Where no provider was asked for want of room, only what hits are counted by counts for what memory serves instead.
pub(super) fn turn_back(admission: &mut Admission, error: &ApiError) {
    if error.code == Code::Overloaded {
        admission.turn_back();
    }
}

/// Tells how the limits stand. They are the client's; the provider's own are the gateway's business then.
pub(super) fn told(
    pass: &Pass,
    mut answered: Result<Served, ApiError>,
) -> Result<Served, ApiError> {
    let standing = pass.standing();
    if standing.is_empty() {
        return answered;
    }
    let via = match &mut answered {
        Ok(served) => Some(&mut served.via),
        Err(error) => error.via.as_deref_mut(),
    };
    if let Some(via) = via {
        via.headers
            .retain(|(name, _)| !name.starts_with("x-ratelimit-"));
    }
    match &mut answered {
        Ok(served) => served.via.standing = Some(standing),
        Err(error) => error.standing = Some(Box::new(standing)),
    }
    answered
}

/// Makes a call as soon as there is room for it among all calls.
pub(super) async fn fetch_in_turn(
    gateway: Arc<Gateway>,
    plan: Arc<Plan>,
    miss: Miss,
    pilot: Pilot<AnswerFlight>,
    reserved: Reservation,
) {
    let Some(slot) = gateway.overload.enter().await else {
        drop(reserved);
        return pilot.land(Err(shed()));
    };
    // In a box, since a task is moved before it first runs.
    Box::pin(fetch(gateway, plan, miss, pilot, reserved)).await;
    drop(slot);
}

/// Notes what a piece of a stream tells of its tokens. Most providers send a piece for each.
pub(super) fn hear(reserved: &Reservation, chunk: &Chunk) {
    if chunk.is_content() {
        reserved.heard(1);
    }
    if let Some(tokens) = chunk.usage().and_then(all_tokens) {
        reserved.counted(tokens);
    }
}

/// The same of a whole answer.
pub(super) fn hear_whole(reserved: &Reservation, answer: &Answer) {
    match answer.tokens() {
        Some((prompt, completion)) => reserved.counted(prompt.saturating_add(completion)),
        None => reserved.heard((answer.json().get().len() as u64) / TOKEN_BYTES),
    }
}

fn all_tokens(usage: &Value) -> Option<u64> {
    let prompt = usage.get("prompt_tokens")?.as_u64()?;
    Some(prompt.saturating_add(usage.get("completion_tokens")?.as_u64()?))
}

/// Tokens that a request will probably take: what it says by length, and for each answer what it allows.
fn estimate(request: &ChatRequest) -> Estimate {
    let longest = request.most_output().unwrap_or(ANSWER_TOKENS);
    Estimate {
        prompt: (request.text_bytes() as u64).div_ceil(TOKEN_BYTES),
        answer: longest.saturating_mul(request.answers()),
    }
}

/// The refusal of a miss for which there is no room among all calls.
fn shed() -> ApiError {
    ApiError {
        retry_after: Some(SOON),
        ..ApiError::new(
            Code::Overloaded,
            "Too many requests wait for providers; send the request again a little later.",
        )
    }
}

fn over_limit(limited: Limited<'_>, estimate: Estimate, refused: &Refused) -> ApiError {
    let caller = limited.caller;
    let whose = match refused.per {
        Per::Key if caller.is_anonymous() => "requests without a key".to_owned(),
        Per::Key => "this key".to_owned(),
        Per::Team => format!("the team `{}`", caller.tenant),
        Per::Model => format!("the model `{}`", limited.model),
        Per::Endpoint => format!("the endpoint `{}`", limited.endpoint),
        Per::Global => "this gateway".to_owned(),
    };
    let limit = format!("{} {}", refused.limit, refused.kind.words());
    let wait = match refused.room {
        Room::Never => None,
        Room::Now | Room::In(0) => Some(SOON),
        Room::In(ms) => Some(Duration::from_millis(ms)),
    };
    let (code, then) = match wait {
        None => {
            let Estimate { prompt, answer } = estimate;
            let told = format!(
                "This request may take {} by itself: ",
                prompt.saturating_add(answer)
            );
            (
                Code::OverLimitForLong,
                told + "shorten it or ask for a shorter answer.",
            )
        }
        Some(wait) if wait > RETRY_WITHIN => (Code::OverLimitForLong, again(wait)),
        Some(_) if refused.kind == Kind::Concurrency => (
            Code::OverLimit,
            "Try again when one of them is answered.".to_owned(),
        ),
        Some(wait) => (Code::OverLimit, again(wait)),
    };
    ApiError {
        retry_after: wait,
        ..ApiError::new(
            code,
            format!("Rate limit reached for {whose}: {limit}. {then}"),
        )
    }
}

fn again(wait: Duration) -> String {
    format!("Try again in {} s.", wait.as_millis().div_ceil(1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Dialect;
    use crate::gateway::voice::Voice;

    fn estimated(body: &str) -> (u64, u64) {
        let Estimate { prompt, answer } = estimate(&ChatRequest::parse(body.to_owned()).unwrap());
        (prompt, answer)
    }

    #[test]
    fn a_request_takes_a_quarter_of_its_bytes_and_the_longest_answer_that_it_allows() {
        let said = |more: &str| {
            let messages = r#"[{"role":"system","content":"12345678"},
                {"role":"user","content":[{"type":"text","text":"123456789"}]}]"#;
            estimated(&format!(r#"{{"model":"m","messages":{messages}{more}}}"#))
        };
        assert_eq!(said(""), (5, ANSWER_TOKENS));
        assert_eq!(said(r#","max_tokens":40,"n":3"#), (5, 120));
        assert_eq!(
            said(r#","max_tokens":40,"max_completion_tokens":30"#),
            (5, 30)
        );
    }

    #[test]
    fn a_completion_takes_all_of_its_prompts_and_an_answer_to_each() {
        let said = |prompt: &str, more: &str| {
            let raw = format!(r#"{{"model":"m","prompt":{prompt}{more}}}"#);
            let (request, _) = Voice::read(Dialect::Completions, raw.into()).unwrap();
            let Estimate { prompt, answer } = estimate(&request);
            (prompt, answer)
        };
        assert_eq!(said(r#""12345678""#, ""), (2, 16));
        assert_eq!(said(r#"["12345678","1234"]"#, ""), (3, 32));
        assert_eq!(said("[1,2,3]", ""), (3, 16));
        assert_eq!(said("[[1,2,3],[4]]", r#","n":2"#), (4, 64));
        assert_eq!(
            said(r#""1234""#, r#","best_of":5,"max_tokens":10"#),
            (1, 50)
        );
        assert_eq!(said(r#""1234""#, r#","suffix":"12345678""#), (3, 16));
        assert_eq!(said(r#""1234""#, r#","max_tokens":0,"echo":true"#), (1, 0));
    }

    #[test]
    fn a_pieces_tokens_are_counted_where_it_tells_them() {
        let usage = |text: &str| all_tokens(&serde_json::from_str(text).unwrap());
        assert_eq!(
            usage(r#"{"prompt_tokens":2,"completion_tokens":3}"#),
            Some(5)
        );
        assert_eq!(usage(r#"{"prompt_tokens":2}"#), None);
    }
}
