//! Whether a change that is served goes wrong more often than it may, and how it fares beside the policy that it
//! would replace. Pure.
//!
//! Two bets that it does, each won with a chance of 2.5 % at most where it does not, however often one looks: one on
//! the hits that chance chose to be labelled, one on all hits, of which those count as wrong that somebody said are.

use serde::Serialize;

use super::decision::DecisionOutcome;
use super::estimate::{Estimate, JudgeErrors, Stratum, estimate};
use super::label::{Opinion, Source};
use super::whatif::Case;

/// Money at which a bet is won.
const WON: f64 = 40.0;
/// Stakes: best where it is wrong twice and four times as often as it may.
const STAKES: [f64; 2] = [1.0, 3.0];

/// A change beside the policy that it would replace.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Seen {
    /// Decisions by meaning since it left the draft.
    pub decisions: usize,
    /// Of these: decided by it.
    pub in_force: usize,
    /// Hits that only the change would have served.
    pub gained: usize,
    /// Hits that only the change would not have served.
    pub lost: usize,
    /// What is known of its own hits.
    pub on_trial: Estimate,
    /// Of its own hits: those that apps or analysts called wrong.
    pub reported_wrong: usize,
    /// What is known of the other hits of the same time.
    pub others: Estimate,
    /// Share of its hits that may be wrong.
    pub bound: f64,
    /// How far the proof has come that more are: it is rolled back at 1.
    pub evidence: f64,
}

/// How a change fares by the decisions of its namespace, newest first.
#[must_use]
pub fn seen(cases: &[Case], id: &str, bound: f64, judge: &JudgeErrors) -> Seen {
    let of_change = |c: &&Case| c.decision.change.as_ref().is_some_and(|t| t.id == id);
    let mut cases: Vec<&Case> = cases.iter().filter(of_change).collect();
    cases.reverse();
    let in_force = |c: &Case| c.decision.change.as_ref().is_some_and(|t| t.in_force);
    let would = |c: &Case| c.decision.change.as_ref().is_some_and(|t| t.serves);
    let (own, others): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|c| in_force(c));
    let count = |test: &dyn Fn(&Case) -> bool| cases.iter().filter(|c| test(c)).count();
    Seen {
        decisions: cases.len(),
        in_force: own.len(),
        gained: count(&|c| !in_force(c) && !c.decision.is_hit() && would(c)),
        lost: count(&|c| !in_force(c) && c.decision.is_hit() && !would(c)),
        on_trial: known(&own, judge),
        reported_wrong: own.iter().filter(|c| is_reported_wrong(c)).count(),
        others: known(&others, judge),
        bound,
        evidence: evidence(&own, bound),
    }
}

/// How far the proof has come that more than `bound` of these hits are wrong, the oldest first.
fn evidence(cases: &[&Case], bound: f64) -> f64 {
    let hits = || {
        cases
            .iter()
            .filter(|c| c.decision.outcome == DecisionOutcome::Hit)
    };
    let by_chance = hits()
        .filter_map(|c| c.label.as_deref())
        .filter(|l| l.sampled)
        .map(|l| l.verdict == Opinion::Wrong);
    // Whom nobody contradicted counts as right: there are no fewer wrong ones than were reported.
    let reported = hits().map(|c| is_reported_wrong(c));
    let money = bet(by_chance, bound).max(bet(reported, bound));
    (money.ln() / WON.ln()).clamp(0.0, 1.0)
}

fn is_reported_wrong(case: &Case) -> bool {
    let label = case.label.as_deref().filter(|l| l.source >= Source::App);
    case.decision.is_hit() && label.is_some_and(|l| l.verdict == Opinion::Wrong)
}

/// Money from a bet that more than `bound` are wrong.
fn bet(wrong: impl Iterator<Item = bool>, bound: f64) -> f64 {
    let start = [1.0; STAKES.len()];
    let end = wrong.fold(start, |mut money, wrong| {
        let gain = f64::from(u8::from(wrong)) - bound;
        for (money, stake) in money.iter_mut().zip(STAKES) {
            *money *= 1.0 + (stake / (1.0 - bound)).min(0.9 / bound) * gain;
        }
        money
    });
    f64::midpoint(end[0], end[1])
}

fn known(cases: &[&Case], judge: &JudgeErrors) -> Estimate {
    let hits = cases.iter().filter(|c| c.decision.is_hit());
    let stratum = hits.fold(Stratum::default(), |mut sum, case| {
        let label = case.label.as_deref().filter(|l| l.sampled);
        sum.hits += 1;
        sum.labelled += usize::from(label.is_some());
        sum.wrong += usize::from(label.is_some_and(|l| l.verdict == Opinion::Wrong));
        sum.judged += usize::from(label.is_some_and(|l| l.source == Source::Judge));
        sum
    });
    estimate(&[stratum], judge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_wrong_ones_in_a_row_are_proof_and_a_few_among_many_are_not() {
        let wrong = |n: usize| bet(std::iter::repeat_n(true, n), 0.05);
        assert!(wrong(3) < WON && wrong(4) >= WON);
        let rare = (0..2000).map(|i| i % 25 == 0);
        assert!(bet(rare, 0.05) < WON, "4 % of 5 %");
        let often = (0..400).map(|i| i % 7 == 0);
        assert!(bet(often, 0.05) >= WON, "14 %");
    }
}
