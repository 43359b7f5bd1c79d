//! What a run did, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// What ended a run before its input did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// A signal.
    Interrupted,
    /// The next request might have exceeded the limit of money.
    MaxUsd,
    /// Money is limited, and the next request's model has no price.
    NoPrice,
    /// The limit of requests.
    MaxRequests,
    /// Too many failures in a row that the requests were no cause of.
    GaveUp,
    /// The input could not be read to its end.
    Input,
}

/// The counts of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Lines read that are not blank.
    pub lines: u64,
    /// Of these: nothing to ask in them.
    pub bad: u64,
    /// Asked by another line as well, or answered from memory after one like it.
    pub folded: u64,
    /// Finished by an earlier run that was interrupted.
    pub already_done: u64,
    /// Answered from memory, free.
    pub hits: u64,
    /// Answered by a provider, paid.
    pub paid: u64,
    /// Not answered.
    pub failed: u64,
    /// Read but not asked, or given up on the way.
    pub left: u64,
    /// Failures by kind.
    pub errors: BTreeMap<String, u64>,
    /// Tokens of paid prompts.
    pub prompt_tokens: u64,
    /// Tokens of paid answers.
    pub completion_tokens: u64,
    /// Spent by list price, without what is unknown.
    pub usd: f64,
    /// Paid answers whose cost is unknown.
    pub unpriced: u64,
    /// Time taken.
    pub seconds: f64,
    /// Answers a second.
    pub rate: f64,
    /// What ended it early.
    pub stopped: Option<Stopped>,
}

impl Report {
    /// Whether nothing is left that another run could do.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed == 0 && self.left == 0 && self.stopped.is_none()
    }

    /// Whether a caller should look at it: something failed, no line was any good, or the next run
    /// would end where this one did.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        let broken = matches!(
            self.stopped,
            Some(Stopped::GaveUp | Stopped::Input | Stopped::NoPrice)
        );
        broken || self.failed > 0 || (self.lines > 0 && self.bad == self.lines)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, value: String| writeln!(f, "{name:<14}{value}");
        row("lines", self.lines.to_string())?;
        for (name, count) in [
            ("bad", self.bad),
            ("folded", self.folded),
            ("already done", self.already_done),
        ] {
            row(name, count.to_string())?;
        }
        row("hits", format!("{} (free)", self.hits))?;
        row("paid", self.paid.to_string())?;
        let kinds: Vec<_> = self
            .errors
            .iter()
            .map(|(k, n)| format!("{k} {n}"))
            .collect();
        let kinds = match kinds.as_slice() {
            [] => String::new(),
            kinds => format!(" ({})", kinds.join(", ")),
        };
        row("failed", format!("{}{kinds}", self.failed))?;
        if self.left > 0 {
            row("left", self.left.to_string())?;
        }
        let (prompt, completion) = (self.prompt_tokens, self.completion_tokens);
        row("tokens", format!("{prompt} in, {completion} out"))?;
        let unknown = match self.unpriced {
            0 => String::new(),
            n => format!(" and {n} answers of unknown cost"),
        };
        row("USD", format!("{:.4}{unknown}", self.usd))?;
        let (seconds, rate) = (self.seconds, self.rate);
        row(
            "time",
            format!("{seconds:.1} s, {rate:.1} answers a second"),
        )?;
        if let Some(stopped) = self.stopped {
            row("stopped", stopped.words().to_owned())?;
        }
        Ok(())
    }
}

impl Stopped {
    fn words(self) -> &'static str {
        match self {
            Self::Interrupted => "by a signal; run it again to go on from here",
            Self::MaxUsd => "the next request might have exceeded --max-usd",
            Self::NoPrice => {
                "--max-usd needs a price for each model, and one has none: see [[prices]]"
            }
            Self::MaxRequests => "by --max-requests",
            Self::GaveUp => "too many failures in a row; run it again to go on from here",
            Self::Input => "the input could not be read to its end",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_make_it_a_failure_and_bad_lines_alone_do_not() {
        let mut report = Report {
            lines: 3,
            bad: 2,
            paid: 1,
            ..Report::default()
        };
        assert!(report.is_complete() && !report.is_failure());
        report.failed = 1;
        assert!(!report.is_complete() && report.is_failure());
        let all_bad = Report {
            lines: 2,
            bad: 2,
            ..Report::default()
        };
        assert!(all_bad.is_failure());
        let stopped = |why| Report {
            stopped: Some(why),
            ..Report::default()
        };
        let limit = stopped(Stopped::MaxUsd);
        assert!(!limit.is_complete() && !limit.is_failure());
        let no_price = stopped(Stopped::NoPrice);
        assert!(!no_price.is_complete() && no_price.is_failure());
    }

    #[test]
    fn people_are_told_each_kind_of_failure_and_what_is_unknown() {
        let report = Report {
            failed: 3,
            errors: [("a".to_owned(), 1), ("b".to_owned(), 2)].into(),
            unpriced: 4,
            ..Report::default()
        };
        let text = report.to_string();
        assert!(text.contains("failed        3 (a 1, b 2)\n"), "{text}");
        assert!(
            text.contains("0.0000 and 4 answers of unknown cost"),
            "{text}"
        );
    }
}
