//! Single flight by meaning: a miss whose question surely asks what a call under way asks waits until that call's answer is
//! remembered, and looks again. Knows neither providers nor clients: who makes a call announces it here, and the
//! announcement ends with the call, however that ends.
//!
//! Nobody waits in a circle or in a chain: a call is announced when its request waits for nobody any more, and
//! who waits does so once, for a call that was announced before.

mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::watch;

use self::waiting::Waiting;
use super::controls::Read;
use super::freshness::Dates;
use super::reach::{Pair, Reach};
use super::verdict::guards::Reading;
use super::verdict::{Evidence, Known, Verdict, judge};
use super::{Cache, Found, Lookup, Miss};
use crate::chat::unix_ms;
use crate::embed::{Embedded, Question};
use crate::index::cosine;

type Scope = [u8; 32];

/// Calls of a scope that a question is compared with, the newest ones: a cosine each, and a reading of the few that are near.
const COMPARED: usize = 64;

/// Why a lookup made no vector though the question may well have one: there was nothing to compare it with.
const NOTHING_TO_COMPARE: [&str; 2] = ["empty_scope", "index_loading"];

/// Calls under way whose answers are to be remembered, by scope.
#[derive(Default)]
pub(super) struct NearFlights {
    scopes: DashMap<Scope, Vec<Arc<Call>>>,
    last: AtomicU64,
}

/// What a request tells of the call that it may make.
#[derive(Debug)]
pub struct Offer {
    /// Label of the namespace.
    pub namespace: String,
    /// What will be kept of its question.
    pub question: Question,
    /// Milliseconds for which its answer may be remembered.
    pub keep_ms: u64,
}

/// One call under way.
struct Call {
    /// Later calls have greater ones.
    number: u64,
    exact: [u8; 32],
    earlier: Vec<u64>,
    offer: Arc<Offer>,
    vector: watch::Receiver<Vector>,
}

/// What is known of the vector of a call's question.
#[derive(Debug)]
enum Vector {
    /// It is being made.
    Awaited,
    Made(Embedded),
    /// There is none: nobody can find the answer by meaning.
    None,
}

impl Vector {
    fn of(embedded: Option<&Embedded>) -> Self {
        embedded.map_or(Self::None, |embedded| Self::Made(embedded.clone()))
    }
}

/// An announced call, held by who makes it. Dropped, it ends the wait of all who wait for it.
pub struct Announced {
    flights: Arc<NearFlights>,
    scope: Scope,
    number: u64,
    vector: watch::Sender<Vector>,
}

impl std::fmt::Debug for Announced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Announced({})", self.number)
    }
}

impl Announced {
    /// Says under which vector the answer will be found; none: under none.
    pub fn found_by(&self, embedded: Option<&Embedded>) {
        self.vector.send_replace(Vector::of(embedded));
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if let Entry::Occupied(mut calls) = self.flights.scopes.entry(self.scope) {
            calls.get_mut().retain(|call| call.number != self.number);
            if calls.get().is_empty() {
                calls.remove();
            }
        }
    }
}

/// What a request that has compared its question with all calls known to it does next.
enum Step {
    /// Compares it with these, which were announced meanwhile.
    Compare(Vec<Arc<Call>>),
    /// Makes its call, announced if it offered that.
    Go(Option<Announced>),
}

impl NearFlights {
    /// Gives the calls with numbers above `seen`, or announces what is offered if there are none. Of two
    /// requests one always sees the other, since both are done under the scope's lock.
    fn step(
        self: &Arc<Self>,
        lookup: &Lookup,
        seen: u64,
        offer: Option<&Arc<Offer>>,
        vector: Option<&Embedded>,
    ) -> Step {
        let scope = lookup.key.scope;
        let Some(offer) = offer else {
            let calls = self.scopes.get(&scope);
            let newer = calls.map_or_else(Vec::new, |calls| newer(&calls, seen));
            return match newer.is_empty() {
                true => Step::Go(None),
                false => Step::Compare(newer),
            };
        };
        let mut calls = self.scopes.entry(scope).or_default();
        let newer = newer(&calls, seen);
        if !newer.is_empty() {
            return Step::Compare(newer);
        }
        let number = self.last.fetch_add(1, Ordering::AcqRel) + 1;
        let first = vector.map_or(Vector::Awaited, |v| Vector::of(Some(v)));
        let (tell, told) = watch::channel(first);
        calls.push(Arc::new(Call {
            number,
            exact: lookup.key.exact,
            earlier: lookup.earlier.clone(),
            offer: offer.clone(),
            vector: told,
        }));
        Step::Go(Some(Announced {
            flights: self.clone(),
            scope,
            number,
            vector: tell,
        }))
    }
}

/// The newest calls with numbers above `seen`, oldest first.
fn newer(calls: &[Arc<Call>], seen: u64) -> Vec<Arc<Call>> {
    let from = calls.partition_point(|call| call.number <= seen);
    let newer = &calls[from..];
    newer[newer.len().saturating_sub(COMPARED)..].to_vec()
}

/// A call whose question has a vector, and how alike the question asked is to it.
struct Near {
    call: Arc<Call>,
    embedded: Embedded,
    similarity: f32,
}

impl Call {
    /// The vector of its question, once it is known; none if there is none, or not by `deadline`.
    async fn embedded(&self, deadline: Instant) -> Option<Embedded> {
        let mut vector = self.vector.clone();
        let known = vector.wait_for(|vector| !matches!(vector, Vector::Awaited));
        match &*tokio::time::timeout_at(deadline.into(), known)
            .await
            .ok()?
            .ok()?
        {
            Vector::Made(embedded) => Some(embedded.clone()),
            Vector::Awaited | Vector::None => None,
        }
    }

    /// Whether an answer that comes now could serve, as far as its age matters.
    fn admits(&self, lookup: &Lookup) -> bool {
        let now = unix_ms();
        let end = now.saturating_add(self.offer.keep_ms);
        let dates = Dates {
            created_ms: now,
            fresh_ms: end,
            expires_ms: end,
        };
        lookup.freshness.admits(dates, now)
    }

    /// How likely its answer surely serves; none if that is not sure.
    fn score(&self, asked: &Asked<'_>, near: &Near, rival: Option<f32>) -> Option<f32> {
        let stored = &self.offer.question;
        let mark = stored.mark();
        let follows = asked.lookup.earlier.contains(&mark) || self.earlier.contains(&asked.mark);
        let blocked = asked.reach.blocks_any()
            && (asked.reach).is_blocked(Pair::of(&self.offer.namespace, asked.mark, mark));
        let evidence = Evidence {
            asked: asked.question,
            reading: &asked.reading,
            asked_tokens: &asked.embedded.tokens,
            stored,
            stored_tokens: &near.embedded.tokens,
            similarity: near.similarity,
            gap: rival.map(|rival| near.similarity - rival),
            known: Known {
                earlier_turn: follows,
                blocked,
                ..Known::default()
            },
        };
        let judgement = judge(&evidence, &asked.lookup.rule.surer().unverified());
        (judgement.verdict == Verdict::Serve).then_some(judgement.score)
    }
}

/// The question asked, as it is judged.
struct Asked<'a> {
    lookup: &'a Lookup,
    question: &'a str,
    embedded: &'a Embedded,
    reading: Reading,
    mark: u64,
    reach: &'a Reach,
}

impl Asked<'_> {
    /// Of the calls whose answers surely serve the one that most likely does, the earliest of equals. `remembered` is
    /// the cosine of the nearest question in memory.
    fn surest(&self, mut near: Vec<Near>, remembered: Option<f32>) -> Option<Arc<Call>> {
        near.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        let rule = self.lookup.rule.surer().unverified();
        let mut best: Option<(f32, &Near)> = None;
        for (rank, one) in near.iter().enumerate() {
            if !rule.may_serve(one.similarity) {
                break;
            }
            let other = near.get(usize::from(rank == 0)).map(|n| n.similarity);
            let rival = [other, remembered].into_iter().flatten().reduce(f32::max);
            let Some(score) = one.call.score(self, one, rival) else {
                continue;
            };
            if best.is_none_or(|(least, _)| score > least) {
                best = Some((score, one));
            }
        }
        best.map(|(_, near)| near.call.clone())
    }
}

impl Cache {
    /// For a request that missed by meaning: waits for a call under way whose question surely asks the same, and tells
    /// what memory says when that call has ended. If nothing serves, or there is no such call, the request makes its own,
    /// of which `offer` lets others know. Never waits longer than its limits.
    pub async fn wait_for_similar(
        &self,
        lookup: &Lookup,
        mut miss: Miss,
        offer: Option<Offer>,
    ) -> Found {
        let takes_part = lookup.read == Read::Semantic && !self.limits.similar.is_zero();
        let Ok(question) = lookup.question.as_deref() else {
            return Found::Nothing(miss);
        };
        if !takes_part || self.semantic().encoder().is_none() {
            return Found::Nothing(miss);
        }
        let offer = offer.map(Arc::new);
        let mut seen = 0;
        loop {
            let step = self
                .near
                .step(lookup, seen, offer.as_ref(), miss.embedded.as_ref());
            let calls = match step {
                Step::Compare(calls) => calls,
                Step::Go(announced) => {
                    miss.announced = announced;
                    return Found::Nothing(miss);
                }
            };
            seen = calls.last().map_or(u64::MAX, |call| call.number);
            // The very same request is joined by its exact key.
            let same = calls.iter().any(|call| call.exact == lookup.key.exact);
            if same || !self.embed_now(question, &mut miss).await {
                seen = u64::MAX;
                continue;
            }
            let Some(call) = self.surest(lookup, question, &miss, calls).await else {
                continue;
            };
            match self.wait_for(&call, lookup, question, &miss).await {
                Some(Found::Nothing(again)) => miss = again,
                Some(found) => return found,
                None => {}
            }
            // Whoever has waited once waits no more: a provider that fails must not be asked by one after the other.
            seen = u64::MAX;
        }
    }

    /// Makes the vector of a question that had nothing to be compared with before; whether there is one.
    async fn embed_now(&self, question: &str, miss: &mut Miss) -> bool {
        if miss.embedded.is_none() && NOTHING_TO_COMPARE.contains(&miss.reason) {
            miss.embedded = self.embed(question).await.ok();
        }
        miss.embedded.is_some()
    }

    async fn surest(
        &self,
        lookup: &Lookup,
        question: &str,
        miss: &Miss,
        calls: Vec<Arc<Call>>,
    ) -> Option<Arc<Call>> {
        let embedded = miss.embedded.clone()?;
        // Theirs are made at the same time as this one was.
        let deadline = Instant::now() + self.limits.embed;
        let mut near = Vec::with_capacity(calls.len());
        for call in calls {
            if !call.admits(lookup) {
                continue;
            }
            // One that another model made says nothing.
            let theirs = call.embedded(deadline).await;
            if let Some(theirs) = theirs.filter(|theirs| theirs.space == embedded.space) {
                near.push(Near {
                    similarity: cosine(&embedded.embedding, &theirs.embedding),
                    embedded: theirs,
                    call,
                });
            }
        }
        let remembered = miss.nearest.as_ref().map(|nearest| nearest.similarity);
        let (lookup, question) = (lookup.clone(), question.to_owned());
        let reach = self.semantic().reach().clone();
        self.blocking(move || {
            let asked = Asked {
                lookup: &lookup,
                question: &question,
                embedded: &embedded,
                reading: Reading::of(&question),
                mark: Question::keep(&question, false).mark(),
                reach: &reach,
            };
            asked.surest(near, remembered)
        })
        .await
    }

    /// Waits until the call has ended, well or not, and looks again; none if it takes too long.
    async fn wait_for(
        &self,
        call: &Call,
        lookup: &Lookup,
        question: &str,
        miss: &Miss,
    ) -> Option<Found> {
        let waiting = Waiting::begin(&self.metrics);
        let mut told = call.vector.clone();
        let ended = async { while told.changed().await.is_ok() {} };
        let ended = tokio::time::timeout(self.limits.similar, ended).await;
        drop(waiting);
        if ended.is_err() {
            self.metrics.waited_for_similar("deadline");
            return None;
        }
        let semantic = self.semantic();
        let made = miss.embedded.clone()?;
        let embedded = self.renewed_for(&semantic, made, question).await.ok()?;
        let found = self.similar(semantic, lookup, question, embedded).await;
        let outcome = match found {
            Found::Nothing(_) => "not_served",
            _ => "served",
        };
        self.metrics.waited_for_similar(outcome);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::freshness::Freshness;
    use crate::cache::scope::CacheKey;
    use crate::cache::verdict::Rule;

    fn lookup(scope: u8) -> Lookup {
        Lookup {
            key: CacheKey {
                scope: [scope; 32],
                exact: [7; 32],
            },
            read: Read::Semantic,
            question: Ok("q".into()),
            rule: Rule::by_cosine(0.9),
            beside: None,
            freshness: Freshness {
                ttl_ms: 1000,
                born_ms: 0,
                max_age_ms: u64::MAX,
                min_fresh_ms: 0,
                stale_ms: 0,
                gone_ms: 1000,
                gone_before_ms: 0,
            },
            earlier: Vec::new(),
        }
    }

    fn offer() -> Arc<Offer> {
        Arc::new(Offer {
            namespace: "n".into(),
            question: Question::keep("q", true),
            keep_ms: 500,
        })
    }

    fn announce(flights: &Arc<NearFlights>, scope: u8, seen: u64) -> Option<Announced> {
        match flights.step(&lookup(scope), seen, Some(&offer()), None) {
            Step::Go(announced) => announced,
            Step::Compare(_) => None,
        }
    }

    fn seen(flights: &Arc<NearFlights>, scope: u8) -> Vec<u64> {
        match flights.step(&lookup(scope), 0, None, None) {
            Step::Compare(calls) => calls.iter().map(|call| call.number).collect(),
            Step::Go(announced) => {
                assert!(announced.is_none(), "nothing was offered");
                Vec::new()
            }
        }
    }

    #[test]
    fn of_two_requests_of_a_scope_the_later_sees_the_earlier_before_it_is_announced() {
        let flights = Arc::default();
        let first = announce(&flights, 1, 0).unwrap();
        assert!(announce(&flights, 1, 0).is_none(), "it must compare first");
        let second = announce(&flights, 1, first.number).unwrap();
        assert!(announce(&flights, 1, first.number).is_none());
        assert_eq!(seen(&flights, 1), [first.number, second.number]);
        let elsewhere = announce(&flights, 2, 0).unwrap();
        assert_eq!(seen(&flights, 2), [elsewhere.number]);
    }

    #[test]
    fn no_more_are_compared_than_a_bound_and_those_are_the_newest() {
        let flights = Arc::default();
        let all: Vec<_> = (0..100)
            .map(|_| announce(&flights, 1, u64::MAX).unwrap())
            .collect();
        let newest: Vec<_> = all[36..].iter().map(|call| call.number).collect();
        assert_eq!(seen(&flights, 1), newest);
    }

    #[tokio::test]
    async fn a_call_that_ends_leaves_nothing_behind_and_wakes_who_waits() {
        let flights = Arc::default();
        let announced = announce(&flights, 1, 0).unwrap();
        let Step::Compare(calls) = flights.step(&lookup(1), 0, None, None) else {
            panic!("it is under way");
        };
        let mut told = calls[0].vector.clone();
        announced.found_by(None);
        let soon = Instant::now() + std::time::Duration::from_secs(60);
        assert!(calls[0].embedded(soon).await.is_none(), "it has no vector");
        told.changed().await.unwrap();
        drop(announced);
        assert!(told.changed().await.is_err());
        assert!(flights.scopes.is_empty());
    }

    #[test]
    fn an_answer_that_will_not_live_long_enough_is_not_waited_for() {
        let flights = Arc::default();
        let _announced = announce(&flights, 1, 0).unwrap();
        let Step::Compare(calls) = flights.step(&lookup(1), 0, None, None) else {
            panic!("it is under way");
        };
        let wants = |min_fresh_ms| {
            let mut lookup = lookup(1);
            lookup.freshness.min_fresh_ms = min_fresh_ms;
            calls[0].admits(&lookup)
        };
        assert!(wants(0) && wants(500) && !wants(501));
    }
}
