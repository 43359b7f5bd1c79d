//! What labels prove of the share of wrong hits. Hits that were served and those that a policy would have
//! served may have been labelled at different rates, so each kind is reckoned by itself. Pure.

use serde::Serialize;

use super::label::{Label, Opinion, Source};
use crate::cache::bound;

/// Chance that the true share lies beyond a bound.
const ALPHA: f64 = 0.05;

/// Hits of one kind, of which some were labelled by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stratum {
    /// Hits.
    pub hits: usize,
    /// Of these: labelled.
    pub labelled: usize,
    /// Of these: wrong.
    pub wrong: usize,
    /// Of the labelled: by the judge alone.
    pub judged: usize,
}

impl Stratum {
    /// Counts one more hit, and what counts of all that was said of it.
    pub fn add(&mut self, label: Option<&Label>) {
        self.hits += 1;
        let Some(label) = label.filter(|l| l.sampled) else {
            return;
        };
        self.labelled += 1;
        self.wrong += usize::from(label.verdict == Opinion::Wrong);
        self.judged += usize::from(label.source == Source::Judge);
    }
}

/// How often the judge erred, by what people said of the same requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct JudgeErrors {
    /// People said wrong.
    pub wrong: usize,
    /// Of these: the judge said right.
    pub missed: usize,
    /// People said right.
    pub right: usize,
    /// Of these: the judge said wrong.
    pub false_alarms: usize,
}

/// Share of the wrong ones that the judge is taken to miss until people have seen [`JUDGE_KNOWN`] of them.
const ASSUMED_MISSED: f64 = 0.1;
/// Wrong ones from which on the judge is known by what it did.
const JUDGE_KNOWN: usize = 30;
/// The part of [`ALPHA`] that is spent on the judge.
const ALPHA_JUDGE: f64 = 0.01;

impl JudgeErrors {
    /// Share of the wrong ones that the judge misses at most.
    #[must_use]
    pub fn missed_at_most(&self) -> f64 {
        if self.wrong < JUDGE_KNOWN {
            return ASSUMED_MISSED;
        }
        bound::upper(self.missed, self.wrong, ALPHA_JUDGE)
    }
}

/// What is known of the share of wrong hits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Hits.
    pub hits: usize,
    /// Of these: labelled by chance.
    pub labelled: usize,
    /// Of these: wrong.
    pub wrong: usize,
    /// Share of wrong ones; none where a kind of hit has no label.
    pub wrong_share: Option<f64>,
    /// The share is not above this with 95 % confidence.
    pub upper_95: f64,
    /// The share is between these with 95 % confidence.
    pub interval_95: [f64; 2],
}

/// Reckons the share of wrong hits over all kinds.
#[must_use]
pub fn estimate(strata: &[Stratum], judge: &JudgeErrors) -> Estimate {
    let sum = |of: fn(&Stratum) -> usize| strata.iter().map(of).sum();
    let hits: usize = sum(|s| s.hits);
    let there: Vec<_> = strata.iter().filter(|s| s.hits > 0).collect();
    // Each kind's bound may fail by its part of the chance, so that together they fail by no more.
    let judged = strata.iter().any(|s| s.judged > 0);
    let alpha = if judged { ALPHA - ALPHA_JUDGE } else { ALPHA };
    let alpha = alpha / number(there.len().max(1));
    // Of those that are wrong it saw only a part: there are more of them by as much.
    let seen = if judged {
        1.0 - judge.missed_at_most()
    } else {
        1.0
    };
    let more = |share: f64| match seen > 0.0 {
        true => (share / seen).min(1.0),
        false => 1.0,
    };
    let weighted = |of: &dyn Fn(&Stratum) -> f64| {
        let parts = there.iter().map(|s| number(s.hits) / number(hits) * of(s));
        parts.sum::<f64>().clamp(0.0, 1.0)
    };
    let known = !there.is_empty() && there.iter().all(|s| s.labelled > 0);
    let share = |s: &Stratum| number(s.wrong) / number(s.labelled);
    let none = there.is_empty();
    let lower = weighted(&|s| bound::lower(s.wrong, s.labelled, alpha / 2.0));
    let upper = weighted(&|s| bound::upper(s.wrong, s.labelled, alpha / 2.0));
    Estimate {
        hits,
        labelled: sum(|s| s.labelled),
        wrong: sum(|s| s.wrong),
        wrong_share: known.then(|| more(weighted(&share))),
        upper_95: match none {
            true => 1.0,
            false => more(weighted(&|s| bound::upper(s.wrong, s.labelled, alpha))),
        },
        interval_95: match none {
            true => [0.0, 1.0],
            false => [lower, more(upper)],
        },
    }
}

/// Labels that a bound needs at least, all of them right, before it can say that no more than `share` of the
/// hits are wrong.
#[must_use]
pub fn labels_needed(share: f64) -> usize {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number of labels"
    )]
    let needed = (ALPHA.ln() / (1.0 - share).ln()).ceil() as usize;
    needed
}

#[allow(clippy::cast_precision_loss, reason = "counts of decisions")]
fn number(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(hits: usize, labelled: usize, wrong: usize) -> Stratum {
        Stratum {
            hits,
            labelled,
            wrong,
            judged: 0,
        }
    }

    fn estimate(strata: &[Stratum]) -> Estimate {
        super::estimate(strata, &JudgeErrors::default())
    }

    #[test]
    fn what_the_judge_may_have_missed_is_added() {
        let by = |judged, judge: &JudgeErrors| {
            let stratum = Stratum {
                judged,
                ..of(1000, 400, 4)
            };
            super::estimate(&[stratum], judge).upper_95
        };
        let (nobody, blind, sharp) = (
            JudgeErrors::default(),
            JudgeErrors {
                wrong: 100,
                missed: 50,
                ..JudgeErrors::default()
            },
            JudgeErrors {
                wrong: 1000,
                ..JudgeErrors::default()
            },
        );
        let people = by(0, &nobody);
        assert!(
            by(400, &nobody) > people / 0.9,
            "one in ten is taken to be missed"
        );
        assert!(by(400, &blind) > 2.0 * people);
        assert!(by(400, &sharp) > people && by(400, &sharp) < by(400, &nobody));
        assert!((by(0, &blind) - people).abs() < 1e-12, "people saw them");
    }

    #[test]
    fn without_labels_nothing_is_known() {
        for strata in [&[][..], &[of(9, 0, 0)][..]] {
            let told = estimate(strata);
            assert_eq!(told.wrong_share, None);
            assert!((told.upper_95 - 1.0).abs() < 1e-9);
            assert!(told.interval_95[0].abs() < 1e-9);
        }
    }

    #[test]
    fn one_percent_needs_299_labels_without_a_wrong_one() {
        assert_eq!((labels_needed(0.01), labels_needed(0.05)), (299, 59));
        assert!(estimate(&[of(1000, 299, 0)]).upper_95 <= 0.01);
        assert!(estimate(&[of(1000, 298, 0)]).upper_95 > 0.01);
    }

    #[test]
    fn a_kind_counts_by_its_hits_and_not_by_its_labels() {
        // Nine tenths of the hits are never wrong, and were hardly looked at.
        let told = estimate(&[of(900, 100, 0), of(100, 100, 50)]);
        assert!((told.wrong_share.unwrap() - 0.05).abs() < 1e-9);
        let [low, high] = told.interval_95;
        assert!(low < 0.05 && 0.05 < told.upper_95 && told.upper_95 <= high);
    }

    #[test]
    fn a_kind_of_hit_that_nobody_looked_at_may_be_wrong_throughout() {
        let told = estimate(&[of(50, 50, 0), of(50, 0, 0)]);
        assert_eq!(told.wrong_share, None);
        assert!(told.upper_95 > 0.5);
    }
}
