//! What of a system prompt is likely to differ from one request to the next: dates, times, ids, addresses. It is
//! only ever shown: what is left out of the comparison, people say. Pure.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

/// What a span holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// A universally unique id.
    Uuid,
    /// An e-mail address.
    Email,
    /// A date, with the time of day if it stands there, or a day of the week.
    Date,
    /// A time of day.
    Time,
    /// A longer word with digits.
    Id,
    /// Whatever differs between prompts that are otherwise alike.
    Other,
}

/// Written with a capital, so that nobody who may answer is taken for a month.
const MONTH: &str = "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)";
const DAY: &str = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day";
const CLOCK: &str =
    r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?(?: ?(?:UTC|GMT|Z)\b|[+-]\d{2}:?\d{2})?";

/// Earlier ones win where two begin at the same place.
static KINDS: LazyLock<Vec<(SpanKind, Regex)>> = LazyLock::new(|| {
    let date = format!(
        r"\b(?:{DAY},? )?(?:\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]{CLOCK})?|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}|{MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?|\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{MONTH}\.?(?:,? \d{{4}})?)\b|\b{DAY}\b"
    );
    let kinds = [
        (
            SpanKind::Uuid,
            r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b".to_owned(),
        ),
        (
            SpanKind::Email,
            r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b".to_owned(),
        ),
        (SpanKind::Date, date),
        (SpanKind::Time, format!(r"\b{CLOCK}")),
        (
            SpanKind::Id,
            r"\b(?:[A-Za-z_-]*\d[\w-]{5,}|[A-Za-z_-]{5,}\d[\w-]*)".to_owned(),
        ),
    ];
    // They are constants: one that did not compile would be missing, and a test says so. Word boundaries of
    // all scripts would take ten times as long where a text is not plain ASCII.
    let compile = |pattern: &str| RegexBuilder::new(pattern).unicode(false).build().ok();
    let compiled = kinds.into_iter();
    compiled
        .filter_map(|(kind, pattern)| Some((kind, compile(&pattern)?)))
        .collect()
});

impl SpanKind {
    /// The pattern that finds it.
    #[must_use]
    pub fn pattern(self) -> Option<&'static str> {
        let found = KINDS.iter().find(|(kind, _)| *kind == self);
        found.map(|(_, regex)| regex.as_str())
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Email => "email",
            Self::Date => "date",
            Self::Time => "time",
            Self::Id => "id",
            Self::Other => "other",
        }
    }
}

/// What is likely to differ in `text`, in order and without overlap.
#[must_use]
pub fn spans(text: &str) -> Vec<(SpanKind, Range<usize>)> {
    let mut found: Vec<(SpanKind, Range<usize>)> = Vec::new();
    for (kind, regex) in KINDS.iter() {
        let new = regex.find_iter(text).map(|m| (*kind, m.range()));
        let free = |(_, new): &(SpanKind, Range<usize>)| {
            let apart =
                |(_, old): &(SpanKind, Range<usize>)| new.end <= old.start || old.end <= new.start;
            found.iter().all(apart)
        };
        let new: Vec<_> = new.filter(free).collect();
        found.extend(new);
    }
    found.sort_unstable_by_key(|(_, range)| range.start);
    found
}

/// `text` with the name of its kind in the place of each span: `It is ⟨date⟩.`
#[must_use]
pub fn skeleton(text: &str) -> String {
    let (mut skeleton, mut from) = (String::with_capacity(text.len()), 0);
    for (kind, range) in spans(text) {
        skeleton.push_str(&text[from..range.start]);
        // Writing to a String cannot fail.
        let _ = write!(skeleton, "⟨{}⟩", kind.as_str());
        from = range.end;
    }
    skeleton.push_str(&text[from..]);
    skeleton
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_compiles_and_is_found() {
        assert_eq!(KINDS.len(), 5);
        for (text, expected) in [
            (
                "Heute – am 2026-11-28 – für Zoë",
                "Heute – am ⟨date⟩ – für Zoë",
            ),
            ("Today is 2026-11-28.", "Today is ⟨date⟩."),
            ("Now: 2026-11-28T09:15:00Z", "Now: ⟨date⟩"),
            (
                "It is Saturday, November 28, 2026, 9:15 am.",
                "It is ⟨date⟩, ⟨time⟩.",
            ),
            ("on 28 Nov 2026 or 28.11.2026", "on ⟨date⟩ or ⟨date⟩"),
            ("Every Monday", "Every ⟨date⟩"),
            (
                "id 3f2b8a10-1c2d-4e5f-8a9b-0c1d2e3f4a5b ends",
                "id ⟨uuid⟩ ends",
            ),
            ("Request req_9f8a7b6c:", "Request ⟨id⟩:"),
            ("Write to ann@example.com now", "Write to ⟨email⟩ now"),
            (
                "At most 50 words in 3 parts.",
                "At most 50 words in 3 parts.",
            ),
            ("GPT-4 may answer", "GPT-4 may answer"),
        ] {
            assert_eq!(skeleton(text), expected);
        }
    }
}
