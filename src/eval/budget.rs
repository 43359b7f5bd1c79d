//! Whether a budget holds on traffic that it has not learned from: what is remembered of one run of the real path
//! is dealt out anew for each seed, one half to learn from by what the judge says, the other to serve. Right and
//! wrong is told by the groups, which the judge does not see.

use std::collections::HashMap;

use serde::Serialize;

use super::measure::{Measured, median};
use super::rows::{BudgetRow, PairRow, TraceRow};
use super::trial::Trial;
use crate::cache::verdict::Rule;
use crate::chat::number::short_option;
use crate::evidence::budget::{Ladder, Observation, served_from};
use crate::evidence::estimate::JudgeErrors;

/// One comparison by meaning.
#[derive(Debug, Clone, Copy)]
struct Case {
    /// What a label of it would tell, or what it scores where it has none.
    score: f32,
    label: Option<Observation>,
    /// Whether the groups differ.
    wrong: bool,
}

/// All comparisons of a file.
pub struct Cases(Vec<Case>);

/// What came of all seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BudgetFigures {
    /// Share of the hits that may be wrong.
    pub budget: f64,
    /// Comparisons that there are.
    pub cases: usize,
    /// Comparisons that each run serves from, after as many to learn from.
    pub traffic: usize,
    /// Of these: with a label.
    pub labelled: usize,
    /// Labels that say otherwise than the groups.
    pub mistaken: usize,
    /// Runs.
    pub runs: usize,
    /// Runs in which more of the fresh hits were wrong than the budget allows.
    pub failed: usize,
    /// Runs in which the labels supported no point at all.
    pub idle: usize,
    /// Median share of the hits that the best point chosen afterwards would have served.
    pub of_oracle: f64,
    /// Each run.
    pub each: Vec<Run>,
}

/// One run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Run {
    /// Decides which half is learned from, and in which order.
    pub seed: u64,
    /// Least probability after learning.
    #[serde(serialize_with = "short_option")]
    pub serving_from: Option<f32>,
    /// Hits on fresh traffic.
    pub hits: usize,
    /// Of these: wrong.
    pub wrong: usize,
    /// The loosest probability that would have kept the budget there.
    #[serde(serialize_with = "short_option")]
    pub oracle_from: Option<f32>,
    /// Its hits.
    pub oracle_hits: usize,
}

impl Run {
    fn failed(&self, budget: f64) -> bool {
        number(self.wrong) > budget * number(self.hits)
    }

    /// Share of the best point's hits; all where that had none.
    fn of_oracle(&self) -> f64 {
        match self.oracle_hits {
            0 => 1.0,
            hits => number(self.hits) / number(hits),
        }
    }
}

/// The answer that the stand-in for a provider gives to each question of a trace: one for each group.
#[must_use]
pub fn answers(rows: &[BudgetRow]) -> HashMap<String, String> {
    let of_trace = rows.iter().filter_map(|row| match row {
        BudgetRow::Trace(row) => Some((row.q.clone(), answer(&row.group))),
        BudgetRow::Pair(_) => None,
    });
    of_trace.collect()
}

/// Words of its own for each group, so that two answers are the same or have nothing in common.
fn answer(group: &str) -> String {
    let mut words = blake3::Hasher::new();
    words.update(group.as_bytes());
    let mut bytes = [0_u8; 24];
    words.finalize_xof().fill(&mut bytes);
    let word = |byte: &u8| WORDS[usize::from(*byte) % WORDS.len()];
    bytes.iter().map(word).collect::<Vec<_>>().join(" ")
}

const WORDS: [&str; 48] = [
    "river", "copper", "violin", "harvest", "engine", "window", "desert", "ledger", "orchid",
    "bridge", "candle", "falcon", "granite", "helmet", "island", "jacket", "kettle", "lantern",
    "meadow", "needle", "oven", "pepper", "quarry", "ribbon", "saddle", "temple", "umbrella",
    "valley", "walnut", "yogurt", "zipper", "anchor", "basket", "cinema", "dolphin", "emerald",
    "fabric", "garlic", "hammer", "insect", "jungle", "kitchen", "ladder", "magnet", "notebook",
    "oyster", "pencil", "rocket",
];

impl Cases {
    /// The comparisons of a replayed trace, with what the judge said of them. Blocks.
    #[must_use]
    pub fn of_trace(trial: &Trial, rows: &[TraceRow], rule: &Rule) -> Self {
        let groups: HashMap<_, _> = rows
            .iter()
            .map(|r| ((r.tenant.as_str(), r.q.as_str()), r.group.as_str()))
            .collect();
        let judge = JudgeErrors::default();
        let evidence = trial.gateway().evidence();
        let mut decisions = evidence.decisions(usize::MAX, |_| true);
        decisions.reverse();
        let case = |decision: &crate::evidence::decision::Decision| {
            let group = |text: &Option<String>| {
                let text = text.as_deref()?;
                groups.get(&(decision.tenant.as_str(), text)).copied()
            };
            let first = decision.candidates.first()?;
            let label = evidence.label_of(decision.request_id);
            Some(Case {
                score: served_from(&first.facts(), rule)?,
                label: label.and_then(|l| Observation::of(&l, rule, &judge)),
                wrong: group(&decision.question) != group(&decision.candidate),
            })
        };
        Self(decisions.iter().filter_map(|d| case(d)).collect())
    }

    /// The comparisons of labelled pairs; the label is what a judge would say that never errs, though nobody knows.
    #[must_use]
    pub fn of_pairs(rows: &[Measured]) -> Self {
        let seen = 1.0 - JudgeErrors::default().missed_at_most();
        let case = |row: &Measured| Case {
            score: row.score,
            label: Some(Observation {
                score: row.score,
                wrong: !row.label,
                share: 1.0,
                seen,
                from: 0.0,
            }),
            wrong: !row.label,
        };
        Self(rows.iter().map(case).collect())
    }

    /// Runs `seeds` times on the comparisons as they are, dealt out in two halves; or on two times `traffic` of them
    /// that are drawn again and again, as if it went on for longer.
    #[must_use]
    pub fn run(&self, budget: f64, seeds: u64, traffic: Option<usize>) -> BudgetFigures {
        let one = |seed| match traffic {
            Some(n) => self.one(budget, seed, &self.drawn(seed, 2 * n)),
            None => self.one(budget, seed, &self.dealt(seed)),
        };
        let each: Vec<Run> = (0..seeds).map(one).collect();
        let labelled = self
            .0
            .iter()
            .filter_map(|c| Some((c.label?.wrong, c.wrong)));
        BudgetFigures {
            budget,
            cases: self.0.len(),
            traffic: traffic.unwrap_or(self.0.len() / 2),
            labelled: labelled.clone().count(),
            mistaken: labelled.filter(|(said, is)| said != is).count(),
            runs: each.len(),
            failed: each.iter().filter(|r| r.failed(budget)).count(),
            idle: each.iter().filter(|r| r.serving_from.is_none()).count(),
            of_oracle: median(each.iter().map(Run::of_oracle).collect()),
            each,
        }
    }

    /// Each once, in an order of chance.
    fn dealt(&self, seed: u64) -> Vec<&Case> {
        let mut dealt: Vec<_> = (0..).zip(&self.0).collect();
        dealt.sort_by_cached_key(|(place, _)| chance(seed, *place));
        dealt.into_iter().map(|(_, case)| case).collect()
    }

    /// `n` of them by chance, each time out of all.
    fn drawn(&self, seed: u64, n: usize) -> Vec<&Case> {
        let all = self.0.len().max(1) as u64;
        let draw = |i: usize| {
            let place = usize::try_from(chance(seed, i as u64) % all);
            self.0.get(place.unwrap_or(0))
        };
        (0..n).filter_map(draw).collect()
    }

    fn one(&self, budget: f64, seed: u64, traffic: &[&Case]) -> Run {
        let (learned, fresh) = traffic.split_at(traffic.len() / 2);
        let labels = learned.iter().filter_map(|case| case.label);
        let serving_from = Ladder::of(budget, labels).serving_from();
        let hits = |from: Option<f32>| {
            let served = fresh
                .iter()
                .filter(|c| from.is_some_and(|from| c.score >= from));
            let wrong = served.clone().filter(|c| c.wrong).count();
            (served.count(), wrong)
        };
        let (served, wrong) = hits(serving_from);
        let points = (50..100_u8).map(|h| f32::from(h) / 100.0);
        let (oracle_from, oracle_hits) = points
            .map(|at| (at, hits(Some(at))))
            .find(|(_, (served, wrong))| number(*wrong) <= budget * number(*served))
            .map_or((None, 0), |(at, (served, _))| (Some(at), served));
        Run {
            seed,
            serving_from,
            hits: served,
            wrong,
            oracle_from,
            oracle_hits,
        }
    }
}

/// The rows of a trace, if all are.
#[must_use]
pub fn as_trace(rows: &[BudgetRow]) -> Option<Vec<TraceRow>> {
    rows.iter()
        .map(|row| match row {
            BudgetRow::Trace(row) => Some(row.clone()),
            BudgetRow::Pair(_) => None,
        })
        .collect()
}

/// The rows of pairs.
#[must_use]
pub fn as_pairs(rows: &[BudgetRow]) -> Vec<PairRow> {
    let pairs = rows.iter().filter_map(|row| match row {
        BudgetRow::Pair(row) => Some(row.clone()),
        BudgetRow::Trace(_) => None,
    });
    pairs.collect()
}

/// A number that depends on nothing but seed and place.
fn chance(seed: u64, place: u64) -> u64 {
    let hash = blake3::hash(format!("{seed} {place}").as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

#[allow(clippy::cast_precision_loss, reason = "counts of hits")]
fn number(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(score: f32, label: bool) -> Measured {
        Measured {
            label,
            served: false,
            score,
            ms: 0.0,
        }
    }

    #[test]
    fn where_the_score_tells_right_from_wrong_the_budget_holds_and_most_is_served() {
        let rows = |i: u16| {
            let score = f32::from(i % 100) / 100.0;
            measured(score, score >= 0.7)
        };
        let rows: Vec<_> = (0..6000).map(rows).collect();
        let told = Cases::of_pairs(&rows).run(0.05, 5, None);
        assert_eq!((told.failed, told.idle, told.mistaken), (0, 0, 0));
        assert!(told.of_oracle > 0.8, "{told:?}");
    }

    #[test]
    fn where_nothing_can_be_proven_nothing_is_served() {
        let rows: Vec<_> = (0..500).map(|i| measured(0.9, i % 10 > 0)).collect();
        let told = Cases::of_pairs(&rows).run(0.05, 3, None);
        assert_eq!((told.failed, told.idle), (0, 3));
    }

    #[test]
    fn each_group_has_an_answer_of_its_own() {
        assert_eq!(answer("a"), answer("a"));
        assert_ne!(answer("a"), answer("b"));
    }
}
