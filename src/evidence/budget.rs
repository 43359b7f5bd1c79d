//! The operating point of a budget: the loosest probability at which labels prove that no more than a given
//! share of the hits is wrong. Pure.
//!
//! Each hundredth of the probability is a hypothesis: "more than the budget is wrong among what serves from here
//! on". They are tested in a fixed sequence from the strictest outwards, up to the first that still stands. Each
//! test is a bet against its hypothesis that is settled label by label (Waudby-Smith and Ramdas, "Estimating means
//! of bounded random variables by betting", 2024): when the money has grown by 1/alpha the hypothesis falls,
//! whenever that is, so that looking again after each label costs nothing. A second bet goes the other way and
//! takes a point back when hits from there on go wrong more often than the budget allows.
//!
//! The strictest points see few labels, and a test that never ends would hold up all others. So the money of each
//! test is spread over its own point and every fifth looser one: where a point is beyond the budget the looser ones
//! are as well, since a model of any use is more often wrong where it is less sure.

use serde::Serialize;

use super::estimate::{JudgeErrors, labels_needed};
use super::label::{Label, Opinion, Source};
use crate::cache::policy::PROBABILITY_MIN;
use crate::cache::verdict::Rule;
use crate::cache::verdict::facts::{Call, Facts};
use crate::chat::number::{short, short_option};

/// What one label tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Probability that the candidate served, 0 to 1.
    pub score: f32,
    /// Whether it was wrong to serve it.
    pub wrong: bool,
    /// The chance with which it was chosen to be looked at, above 0 and up to 1.
    pub share: f32,
    /// Share of the wrong ones that whoever looked at it sees at least.
    pub seen: f64,
    /// It tells only of probabilities from this one on.
    pub from: f32,
}

/// The probabilities, from the strictest on: down to [`PROBABILITY_MIN`].
fn rungs() -> impl Iterator<Item = f32> {
    (50..=99_u8).rev().map(|h| f32::from(h) / 100.0)
}

/// Chance that a rung is taken though its hypothesis holds: the first time, and all later times together. What
/// remains of 5 % is spent on how often the judge errs.
const ALPHA_FIRST: f64 = 0.035;
const ALPHA_AGAIN: f64 = 0.005;

/// Money at which a rung is taken back. Under a share of wrong ones within the budget that takes at least so
/// many labels on average, and far more where it is well within.
const ALARM: f64 = 1000.0;

/// Parts of the largest stake that does not risk all: nobody knows in advance which of them grows fastest.
const STAKES: [f64; 4] = [0.25, 0.5, 0.75, 0.95];
/// Stakes that something is wrong: best where it is twice and four times as often as allowed.
const ALARM_STAKES: [f64; 2] = [1.0, 3.0];

/// Hundredths from one point that a test is spread over to the next.
const SPREAD: usize = 5;

/// Money is not counted beyond this: nothing is proven better by more.
const MOST: f64 = 1e100;

/// How many times the least number of labels are wanted of what serves, before hits are looked at more rarely.
const LEARN: usize = 8;

/// One probability and what is known of it.
#[derive(Debug, Clone)]
struct Rung {
    at: f32,
    labelled: usize,
    wrong: usize,
    /// Money of each stake that the hypothesis is false, from 1.
    bets: [f64; STAKES.len()],
    /// Money of each stake that it has become true.
    alarms: [f64; ALARM_STAKES.len()],
    taken: bool,
    /// How often it was taken back.
    returned: i32,
}

/// All points and what is known of them. Fed with labels in their order; the same labels in the same order give the
/// same answer.
#[derive(Debug, Clone)]
pub struct Ladder {
    budget: f64,
    rungs: Vec<Rung>,
    /// The rarest choice so far weighs 1.
    heaviest: f64,
}

/// Where a budget stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Standing {
    /// Share of the hits that may be wrong.
    pub budget: f64,
    /// Least probability that serves; none while the labels support none.
    #[serde(serialize_with = "short_option")]
    pub serving_from: Option<f32>,
    /// Labels that count, of any probability from 0.5 on.
    pub labelled: usize,
    /// Of these: wrong.
    pub wrong: usize,
    /// Labels of what serves that are needed at the very least, all of them right: no bound can do with fewer.
    pub labels_needed: usize,
    /// The next looser probability, which they do not support yet.
    pub next: Option<Next>,
    /// How often a probability was taken back because hits had become wrong.
    pub tightened: usize,
}

/// The rung that the sequence waits at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Next {
    /// Its probability.
    #[serde(serialize_with = "short")]
    pub at: f32,
    /// Labels from there on.
    pub labelled: usize,
    /// Of these: wrong.
    pub wrong: usize,
    /// How far its test has come: it is taken at 1.
    pub evidence: f64,
}

/// The strictest probability at which a candidate serves; none where it serves at none.
#[must_use]
pub fn served_from(facts: &Facts, rule: &Rule) -> Option<f32> {
    rungs().find(|at| {
        let rule = Rule {
            probability: Some(*at),
            ..*rule
        };
        rule.call(facts).0 == Call::Serve
    })
}

impl Observation {
    /// What a label tells under a rule that decides by probability; none where chance did not choose it, or where the
    /// verifier was not asked that this rule asks.
    #[must_use]
    pub fn of(label: &Label, rule: &Rule, judge: &JudgeErrors) -> Option<Self> {
        let by_chance = Some(label).filter(|l| l.sampled)?;
        let facts = by_chance.candidate.facts();
        if rule.unheard(&facts) {
            return None;
        }
        let seen = match label.source {
            Source::Judge | Source::Refresh => 1.0 - judge.missed_at_most(),
            Source::App | Source::Analyst => 1.0,
        };
        Some(Self {
            score: served_from(&facts, rule)?,
            wrong: label.verdict == Opinion::Wrong,
            share: label.share.unwrap_or(1.0),
            seen,
            // Which hits people look at depends on what was served then, and nobody knows how many they took.
            from: match label.share {
                None if label.served() => label.least?,
                _ => 0.0,
            },
        })
    }
}

impl Rung {
    fn new(at: f32) -> Self {
        Self {
            at,
            labelled: 0,
            wrong: 0,
            bets: [1.0; STAKES.len()],
            alarms: [1.0; ALARM_STAKES.len()],
            taken: false,
            returned: 0,
        }
    }

    /// Settles the bets on one label of weight `weight`, 0 to 1, where a share of `allowed` may be wrong.
    fn hear(&mut self, wrong: bool, weight: f64, allowed: f64) {
        self.labelled += 1;
        self.wrong += usize::from(wrong);
        let gain = weight * (allowed - f64::from(u8::from(wrong)));
        let largest = 1.0 / (1.0 - allowed);
        for (money, stake) in self.bets.iter_mut().zip(STAKES) {
            *money = (*money * (1.0 + stake * largest * gain)).min(MOST);
        }
        if !self.taken {
            return;
        }
        for (money, stake) in self.alarms.iter_mut().zip(ALARM_STAKES) {
            let stake = (stake * largest).min(0.9 / allowed);
            *money = money.max(1.0) * (1.0 - stake * gain);
        }
        if mean(&self.alarms) >= ALARM {
            self.take_back();
        }
    }

    /// What came before says nothing any more: it is proven anew, from nothing.
    fn take_back(&mut self) {
        *self = Self {
            returned: self.returned + 1,
            ..Self::new(self.at)
        };
    }

    fn money(&self) -> f64 {
        mean(&self.bets)
    }

    /// Money that its test needs.
    fn price(&self) -> f64 {
        match self.returned {
            0 => 1.0 / ALPHA_FIRST,
            again => 2.0_f64.powi(again) / ALPHA_AGAIN,
        }
    }
}

impl Ladder {
    /// One that nothing is known of. `budget`: share of the hits that may be wrong, between 0 and 1.
    #[must_use]
    pub fn new(budget: f64) -> Self {
        Self {
            budget,
            rungs: rungs().map(Rung::new).collect(),
            heaviest: 0.0,
        }
    }

    /// The one that these labels lead to.
    #[must_use]
    pub fn of(budget: f64, labels: impl IntoIterator<Item = Observation>) -> Self {
        let mut ladder = Self::new(budget);
        for label in labels {
            ladder.hear(&label);
        }
        ladder
    }

    /// Hears one more label.
    pub fn hear(&mut self, label: &Observation) {
        if label.score < PROBABILITY_MIN {
            return;
        }
        let weight = 1.0 / f64::from(label.share.clamp(f32::MIN_POSITIVE, 1.0));
        self.heaviest = self.heaviest.max(weight);
        let weight = weight / self.heaviest;
        let allowed = self.budget * label.seen;
        let told = |r: &&mut Rung| r.at <= label.score && r.at >= label.from;
        for rung in self.rungs.iter_mut().filter(told) {
            rung.hear(label.wrong, weight, allowed);
        }
        for place in 0..self.rungs.len() {
            if !self.rungs[place].taken {
                self.rungs[place].taken = self.evidence(place) >= 1.0;
            }
        }
    }

    /// How far a test has come, by the logarithm of its money: it is decided at 1.
    fn evidence(&self, place: usize) -> f64 {
        let rung = &self.rungs[place];
        let money = if rung.returned > 0 {
            // What was taken back is proven by itself alone.
            rung.money()
        } else {
            let spread = self.rungs[place..].iter().step_by(SPREAD);
            let (sum, n) = spread.fold((0.0, 0.0), |(sum, n), r| (sum + r.money(), n + 1.0));
            sum / n
        };
        (money.ln() / rung.price().ln()).max(0.0)
    }

    /// Least probability that serves; none while the labels support none.
    #[must_use]
    pub fn serving_from(&self) -> Option<f32> {
        Some(self.taken().last()?.at)
    }

    /// The points that are proven, up to the first that is not.
    fn taken(&self) -> impl Iterator<Item = &Rung> {
        self.rungs.iter().take_while(|r| r.taken)
    }

    /// Whether labels of hits are worth their price still: fewer are known than a bound needs several times.
    #[must_use]
    pub fn is_learning(&self) -> bool {
        let known = self.taken().last().map_or(0, |r| r.labelled);
        known < LEARN * labels_needed(self.budget)
    }

    /// Where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let place = self.taken().count();
        let next = self.rungs.get(place).map(|waiting| Next {
            at: waiting.at,
            labelled: waiting.labelled,
            wrong: waiting.wrong,
            evidence: self.evidence(place),
        });
        let all = self.rungs.last();
        Standing {
            budget: self.budget,
            serving_from: self.serving_from(),
            labelled: all.map_or(0, |r| r.labelled),
            wrong: all.map_or(0, |r| r.wrong),
            labels_needed: labels_needed(self.budget),
            next,
            tightened: self.rungs.iter().filter(|r| r.returned > 0).count(),
        }
    }
}

fn mean<const N: usize>(of: &[f64; N]) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    let n = N as f64;
    of.iter().sum::<f64>() / n
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::verdict::Verify;
    use crate::evidence::candidate::Candidate;
    use crate::evidence::decision::sample;
    use crate::evidence::label::Opined;

    fn label(score: f32, wrong: bool) -> Observation {
        Observation {
            score,
            wrong,
            share: 1.0,
            seen: 1.0,
            from: 0.0,
        }
    }

    #[test]
    fn a_label_of_what_the_verifier_was_not_asked_of_proves_nothing_where_it_is() {
        let mut decision = sample("who?");
        decision.candidates = vec![Candidate {
            standing: "compared".into(),
            model_probability: Some(0.8),
            ..Candidate::same_request(7, 1)
        }];
        let opined = Opined {
            time_ms: 1,
            verdict: Opinion::Wrong,
            source: Source::Analyst,
            by: None,
            note: None,
            sampled: true,
            share: None,
        };
        let label = Label::of(&decision, opined).unwrap();
        let asking = Rule {
            probability: Some(0.7),
            verify: Verify::Grey,
            ..Rule::by_cosine(0.0)
        };
        let told = |rule: &Rule| Observation::of(&label, rule, &JudgeErrors::default());
        assert_eq!(told(&asking), None);
        assert!(told(&asking.unverified()).is_some());
    }

    /// A number from 0 to 1 that depends on nothing but its place.
    fn chance(seed: u64, i: u64) -> f64 {
        let hash = blake3::hash(format!("{seed} {i}").as_bytes());
        let bits = u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap());
        #[allow(clippy::cast_precision_loss, reason = "any number will do")]
        let number = bits as f64 / u64::MAX as f64;
        number
    }

    /// Labels whose share of wrong ones is `risk` of their score.
    fn traffic(seed: u64, n: u64, risk: impl Fn(f64) -> f64) -> Vec<Observation> {
        let one = |i| {
            let score = 0.5 + 0.49 * chance(seed, 2 * i);
            #[allow(clippy::cast_possible_truncation, reason = "a score")]
            label(score as f32, chance(seed, 2 * i + 1) < risk(score))
        };
        (0..n).map(one).collect()
    }

    #[test]
    fn without_labels_enough_nothing_serves() {
        let right = |n| Ladder::of(0.05, (0..n).map(|_| label(0.9, false)));
        let few = right(59).standing();
        assert_eq!((few.serving_from, few.labels_needed), (None, 59));
        let waiting = few.next.unwrap();
        assert!((0.99, 0) == (waiting.at, waiting.labelled) && waiting.evidence > 0.3);
        let told = right(160).standing();
        assert_eq!(told.serving_from, Some(0.5), "none of them was wrong");
        assert_eq!((told.labelled, told.wrong, told.next), (160, 0, None));
    }

    #[test]
    fn it_goes_as_far_as_the_labels_bear_and_no_further() {
        // Below 0.8 every second one is wrong.
        let risk = |score| if score < 0.8 { 0.5 } else { 0.005 };
        let ladder = Ladder::of(0.05, traffic(1, 4000, risk));
        let at = ladder.serving_from().unwrap();
        assert!((0.75..=0.85).contains(&at), "{at}");
        let next = ladder.standing().next.unwrap();
        assert!(next.at < at && next.evidence < 1.0);
    }

    #[test]
    fn a_budget_that_the_traffic_breaks_everywhere_is_kept_in_nearly_all_runs() {
        let taken = (0..200).filter(|seed| {
            let mut ladder = Ladder::new(0.05);
            let all = traffic(*seed, 1500, |_| 0.06);
            all.iter().any(|l| {
                ladder.hear(l);
                ladder.serving_from().is_some()
            })
        });
        let taken = taken.count();
        assert!(
            taken <= 10,
            "{taken} of 200 runs served, looked at after each label"
        );
    }

    #[test]
    fn it_tightens_by_itself_when_hits_go_wrong_and_comes_back_on_new_labels() {
        let mut ladder = Ladder::of(0.05, traffic(3, 2000, |_| 0.002));
        assert_eq!(ladder.serving_from(), Some(0.5));
        let poisoned = (0..12).map(|_| label(0.6, true));
        for wrong in poisoned {
            ladder.hear(&wrong);
        }
        let at = ladder.serving_from().unwrap();
        assert!(at > 0.6, "{at}");
        assert!(ladder.standing().tightened > 0);
        for again in traffic(4, 4000, |_| 0.002) {
            ladder.hear(&again);
        }
        assert_eq!(ladder.serving_from(), Some(0.5));
    }

    #[test]
    fn what_was_looked_at_rarely_counts_for_more() {
        // Of the surer half one in ten is looked at, and none of it is wrong; of the other half all, and a tenth is.
        let all = |share: f32| {
            let surer = (0..400).map(move |_| Observation {
                share,
                ..label(0.9, false)
            });
            let rest = (0..4000).map(|i| label(0.6, i % 10 == 0));
            // As they come: ten of the others between two of the surer ones.
            let mut rest = rest.collect::<Vec<_>>().into_iter();
            surer
                .flat_map(|s| {
                    std::iter::once(s)
                        .chain(rest.by_ref().take(10))
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        };
        let at = |share| Ladder::of(0.085, all(share)).serving_from();
        assert_eq!(at(0.1), Some(0.5), "5 % of all are wrong");
        assert_eq!(at(1.0), Some(0.61), "9 % are, if these are all");
    }

    #[test]
    fn a_judge_that_misses_some_allows_for_less() {
        let at = |seen| {
            let risk = traffic(5, 3000, |_| 0.03);
            let labels = risk.into_iter().map(|l| Observation { seen, ..l });
            Ladder::of(0.05, labels).serving_from()
        };
        assert!(at(1.0).is_some());
        assert_eq!(at(0.5), None, "5 % may be 2.5 % seen");
    }

    #[test]
    fn hits_that_people_chose_tell_nothing_of_looser_points() {
        let labels = (0..500).map(|_| Observation {
            from: 0.8,
            ..label(0.9, false)
        });
        assert_eq!(Ladder::of(0.05, labels).serving_from(), Some(0.8));
    }
}
