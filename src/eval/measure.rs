//! From rows that were asked to figures: what was served, and what could have been at every
//! operating point of the score. Pure.

use serde::Serialize;

use crate::cache::bound;

/// One row after it was asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Whether serving it is right.
    pub label: bool,
    /// Whether it was served.
    pub served: bool,
    /// How likely the stored answer serves, by the policy's measure; 0 after a veto.
    pub score: f32,
    /// Milliseconds of the lookup.
    pub ms: f64,
}

/// The figures of one tag.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Rows.
    pub n: usize,
    /// Of these: served rightly if served.
    pub label1: usize,
    /// Of these: served wrongly if served.
    pub label0: usize,
    /// Rows of label 1 that were served.
    pub served1: usize,
    /// Rows of label 0 that were served.
    pub served0: usize,
    /// Chance that a row of label 1 scores above one of label 0; none without both.
    pub auc: Option<f64>,
    /// Greatest share of label 1 that can be served with at most 1 % of all serves wrong.
    pub coverage_1pct: Option<f64>,
    /// The same at 5 %.
    pub coverage_5pct: Option<f64>,
    /// The same at 10 %.
    pub coverage_10pct: Option<f64>,
    /// Median milliseconds of a lookup.
    pub p50_ms: f64,
}

/// One operating point: everything that scores at least `score` is served.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Least score of a hit.
    pub score: f32,
    /// Rows of label 1 that it serves.
    pub served1: usize,
    /// Rows of label 0 that it serves.
    pub served0: usize,
}

impl Point {
    /// Share of its serves that are wrong.
    #[must_use]
    pub fn wrong(&self) -> f64 {
        share(self.served0, self.served0 + self.served1).unwrap_or(0.0)
    }

    /// That share's two-sided 95 % interval.
    #[must_use]
    pub fn wrong_interval(&self) -> (f64, f64) {
        bound::interval(self.served0, self.served0 + self.served1, 0.05)
    }
}

impl Figures {
    /// The figures of `rows`.
    #[must_use]
    pub fn of(rows: &[Measured]) -> Self {
        let label1 = rows.iter().filter(|r| r.label).count();
        let served = |label| rows.iter().filter(|r| r.served && r.label == label).count();
        let curve = curve(rows);
        let coverage = |wrong: f64| {
            let within = curve.iter().filter(|p| p.wrong() <= wrong);
            share(within.map(|p| p.served1).max().unwrap_or(0), label1)
        };
        Self {
            n: rows.len(),
            label1,
            label0: rows.len() - label1,
            served1: served(true),
            served0: served(false),
            auc: auc(rows),
            coverage_1pct: coverage(0.01),
            coverage_5pct: coverage(0.05),
            coverage_10pct: coverage(0.10),
            p50_ms: median(rows.iter().map(|r| r.ms).collect()),
        }
    }

    /// Share of what was served that was wrong, with its two-sided 95 % interval; none if nothing was.
    #[must_use]
    pub fn wrong(&self) -> Option<(f64, (f64, f64))> {
        let serves = self.served0 + self.served1;
        let wrong = share(self.served0, serves)?;
        Some((wrong, bound::interval(self.served0, serves, 0.05)))
    }
}

/// Every operating point, strictest first. Rows of one score are served together or not at all, and
/// what scores nothing is served at none.
#[must_use]
pub fn curve(rows: &[Measured]) -> Vec<Point> {
    let mut ranked: Vec<_> = rows.iter().filter(|r| r.score > 0.0).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut points = Vec::new();
    let (mut served1, mut served0) = (0, 0);
    for block in ranked.chunk_by(|a, b| a.score.to_bits() == b.score.to_bits()) {
        let right = block.iter().filter(|r| r.label).count();
        served1 += right;
        served0 += block.len() - right;
        points.push(Point {
            score: block[0].score,
            served1,
            served0,
        });
    }
    points
}

/// Area under the ROC curve by ranks, ties counting half.
fn auc(rows: &[Measured]) -> Option<f64> {
    let mut ranked: Vec<_> = rows.iter().collect();
    ranked.sort_by(|a, b| a.score.total_cmp(&b.score));
    let (mut below0, mut wins, mut ones) = (0.0, 0.0, 0.0);
    for block in ranked.chunk_by(|a, b| a.score.to_bits() == b.score.to_bits()) {
        let right = count(block.iter().filter(|r| r.label).count());
        let wrong = count(block.len()) - right;
        wins += right * (below0 + wrong / 2.0);
        below0 += wrong;
        ones += right;
    }
    (ones > 0.0 && below0 > 0.0).then(|| wins / (ones * below0))
}

/// The middle of some numbers; 0 of none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| count(part) / count(whole))
}

#[allow(clippy::cast_precision_loss, reason = "counts of rows, far below 2^52")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(scores: &[(bool, f32)]) -> Vec<Measured> {
        let row = |&(label, score): &(bool, f32)| Measured {
            label,
            served: score >= 0.5,
            score,
            ms: 1.0,
        };
        scores.iter().map(row).collect()
    }

    #[test]
    fn what_is_served_and_what_could_be_are_told_apart() {
        let figures = Figures::of(&rows(&[
            (true, 0.9),
            (true, 0.8),
            (false, 0.7),
            (true, 0.4),
            (false, 0.0),
            (true, 0.0),
        ]));
        assert_eq!((figures.served1, figures.served0), (2, 1));
        assert_eq!(figures.coverage_1pct, Some(0.5));
        // Three of four right is more than 10 % wrong; a veto is served at no point.
        assert_eq!(figures.coverage_10pct, Some(0.5));
        assert_eq!(figures.auc, Some((2.0 + 2.0 + 1.0 + 0.5) / 8.0));
    }

    #[test]
    fn rows_of_one_score_are_one_block_whatever_their_order() {
        let mixed = [(true, 0.8), (false, 0.8), (true, 0.6)];
        for rows in [rows(&mixed), rows(&[mixed[1], mixed[0], mixed[2]])] {
            let points = curve(&rows);
            assert_eq!((points[0].served1, points[0].served0), (1, 1));
            assert_eq!(Figures::of(&rows).coverage_10pct, Some(0.0));
            assert_eq!(Figures::of(&rows).auc, Some(0.25));
        }
    }

    #[test]
    fn a_tag_of_one_label_has_no_auc_and_a_tag_without_label_1_no_coverage() {
        let zeros = Figures::of(&rows(&[(false, 0.9)]));
        assert_eq!((zeros.auc, zeros.coverage_10pct), (None, None));
        let ones = Figures::of(&rows(&[(true, 0.9), (true, 0.2)]));
        assert_eq!((ones.auc, ones.coverage_1pct), (None, Some(1.0)));
    }
}
