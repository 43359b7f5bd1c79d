//! Figures as tables for people: a block a file, a line a tag.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::budget::BudgetFigures;
use super::measure::Figures;
use super::trace::TraceFigures;

/// Figures of pairs or conversations. Wrong serves come with their two-sided 95 % interval.
#[must_use]
pub fn figures(file: &str, figures: &BTreeMap<String, Figures>) -> String {
    let mut text = format!("{file}\n");
    let head = [
        "tag",
        "n",
        "right served",
        "wrong served",
        "wrong of serves",
        "auc",
        "cov 1 %",
        "5 %",
        "10 %",
        "p50 ms",
    ];
    let rows = figures.iter().map(|(tag, f)| {
        let wrong = f.wrong().map_or_else(
            || "-".into(),
            |(share, (low, high))| {
                format!(
                    "{:.1} % ({:.1}-{:.1})",
                    share * 100.0,
                    low * 100.0,
                    high * 100.0
                )
            },
        );
        vec![
            tag.clone(),
            f.n.to_string(),
            of(f.served1, f.label1),
            of(f.served0, f.label0),
            wrong,
            f.auc.map_or_else(|| "-".into(), |auc| format!("{auc:.3}")),
            percent(f.coverage_1pct),
            percent(f.coverage_5pct),
            percent(f.coverage_10pct),
            format!("{:.2}", f.p50_ms),
        ]
    });
    lay_out(&mut text, &head, rows.collect());
    text
}

/// Figures of a budget.
#[must_use]
pub fn budget(file: &str, figures: &BudgetFigures) -> String {
    let mut text = format!(
        "{file}: at most {:.1} % wrong, {} fresh comparisons a run\n{} comparisons, {} with a label, {} of these mistaken\n",
        figures.budget * 100.0,
        figures.traffic,
        figures.cases,
        figures.labelled,
        figures.mistaken
    );
    let head = [
        "seed",
        "serves from",
        "hits",
        "wrong",
        "best from",
        "its hits",
    ];
    let point = |at: Option<f32>| at.map_or_else(|| "-".into(), |at| format!("{at:.2}"));
    let rows = figures.each.iter().map(|run| {
        vec![
            run.seed.to_string(),
            point(run.serving_from),
            run.hits.to_string(),
            of(run.wrong, run.hits),
            point(run.oracle_from),
            run.oracle_hits.to_string(),
        ]
    });
    lay_out(&mut text, &head, rows.collect());
    text += &format!(
        "{} of {} runs failed, {} served nothing; median of the best point's hits: {:.1} %\n",
        figures.failed,
        figures.runs,
        figures.idle,
        figures.of_oracle * 100.0
    );
    text
}

/// Figures of a trace.
#[must_use]
pub fn trace(file: &str, figures: &BTreeMap<String, TraceFigures>) -> String {
    let mut text = format!("{file}\n");
    let head = [
        "kind",
        "n",
        "exact",
        "by meaning",
        "wrong",
        "of requests",
        "of those possible",
        "p50 ms",
    ];
    let rows = figures.iter().map(|(kind, f)| {
        vec![
            kind.clone(),
            f.n.to_string(),
            f.exact_hits.to_string(),
            f.semantic_hits.to_string(),
            f.semantic_wrong.to_string(),
            of(f.semantic_wrong, f.n),
            of(f.semantic_found, f.semantic_possible),
            format!("{:.2}", f.p50_ms),
        ]
    });
    lay_out(&mut text, &head, rows.collect());
    text
}

/// `3/40 (7.5 %)`.
fn of(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "-".into();
    }
    #[allow(clippy::cast_precision_loss, reason = "counts of rows, far below 2^52")]
    let share = part as f64 / whole as f64;
    format!("{part}/{whole} ({:.1} %)", share * 100.0)
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |s| format!("{:.1} %", s * 100.0))
}

/// The first column to the left, all others to the right.
fn lay_out(text: &mut String, head: &[&str], rows: Vec<Vec<String>>) {
    let widths: Vec<usize> = (0..head.len())
        .map(|i| {
            let cells = rows.iter().filter_map(|row| row.get(i)).map(String::len);
            cells.max().unwrap_or(0).max(head[i].len())
        })
        .collect();
    let head = head.iter().map(ToString::to_string).collect();
    for row in std::iter::once(head).chain(rows) {
        for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if i == 0 {
                write!(text, "  {cell:<width$}")
            } else {
                write!(text, "  {cell:>width$}")
            };
        }
        text.push('\n');
    }
}
