//! System prompts that are alike but for a span, and the patterns that would leave that out. Pure.

use std::ops::Range;

use regex::Regex;
use serde::Serialize;

use super::prompts::{Prompt, Shape};
use crate::cache::skeleton::{SpanKind, skeleton, spans};

/// Values of one span that are shown.
const VALUES: usize = 5;
/// Words that two prompts may differ in.
const APART: usize = 8;
/// Words that they must share at least, beside two thirds of the longer one.
const SHARED: usize = 5;
/// Bytes of the text around a span that its pattern holds.
const AROUND: usize = 24;
/// What a span may be found by where its surroundings are known: the first that fits all its values.
const PLAIN: [&str; 8] = [
    r"\d{4}-\d{2}-\d{2}",
    r"\d{4}-\d{2}-\d{2}[Tt ][\d:.]+(?:[Zz]|[+-][\d:]+)?",
    r"\d{1,2}[./]\d{1,2}[./]\d{2,4}",
    r"[A-Za-z]+(?:, [A-Za-z]+)? \d{1,2}(?:, \d{4})?",
    r"\d{1,2}:\d{2}(?::\d{2})?",
    r"[A-Za-z]+day",
    r"[\w-]+",
    r"[\w.+-]+@[\w.-]+",
];
/// What differs for an unknown reason: anything short on one line.
const ANYTHING: &str = r"[^\n]{1,120}?";

/// Prompts that differ in spans alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Shapes of its prompts.
    #[serde(skip)]
    pub shapes: Vec<u64>,
    /// One of them, with the name of its kind in the place of each span.
    pub example: String,
    /// In what they differ.
    pub spans: Vec<Differing>,
    /// Patterns for a policy's `system_ignore`.
    pub system_ignore: Vec<String>,
}

/// A place where prompts differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Differing {
    /// What stands there.
    pub kind: SpanKind,
    /// Some of it.
    pub values: Vec<String>,
}

/// Puts prompts together that differ in spans alone.
#[must_use]
pub fn groups(shapes: &[Shape]) -> Vec<Group> {
    let mut alike: Vec<Alike<'_>> = Vec::new();
    for shape in shapes {
        let Some(newest) = shape.1.last() else {
            continue;
        };
        let words = words_of(&skeleton(&newest.join("\n")));
        match alike.iter_mut().find_map(|a| Some((a.fits(&words)?, a))) {
            Some((ends, found)) => found.join(shape, words, ends),
            None => alike.push(Alike::new(shape, words)),
        }
    }
    alike.iter().map(Alike::told).collect()
}

/// Shapes that share how they begin and how they end.
struct Alike<'a> {
    shapes: Vec<&'a Shape>,
    words: Vec<Vec<String>>,
    /// Words that all begin with, and end with.
    ends: (usize, usize),
}

impl<'a> Alike<'a> {
    fn new(shape: &'a Shape, words: Vec<String>) -> Self {
        Self {
            shapes: vec![shape],
            ends: (words.len(), words.len()),
            words: vec![words],
        }
    }

    fn join(&mut self, shape: &'a Shape, words: Vec<String>, ends: (usize, usize)) {
        self.shapes.push(shape);
        self.words.push(words);
        self.ends = ends;
    }

    /// How much all would share with one more, if that is enough.
    fn fits(&self, new: &[String]) -> Option<(usize, usize)> {
        let first = &self.words[0];
        let head = first.iter().zip(new).take_while(|(a, b)| a == b).count();
        let head = head.min(self.ends.0);
        let left = first.len().min(new.len()) - head;
        let backwards = first.iter().rev().zip(new.iter().rev()).take(left);
        let tail = backwards.take_while(|(a, b)| a == b).count();
        let tail = tail.min(self.ends.1);
        let lengths = || self.words.iter().map(Vec::len).chain([new.len()]);
        let (shortest, longest) = (lengths().min()?, lengths().max()?);
        let shared = head + tail;
        let near = longest - shared.min(longest) <= APART && 3 * shared >= 2 * longest;
        // Nothing against something is a sentence more, and no span.
        (near && shared >= SHARED && shortest > shared).then_some((head, tail))
    }

    fn told(&self) -> Group {
        let within = self.shapes.iter().flat_map(|(_, samples)| within(samples));
        let between = (self.shapes.len() > 1).then(|| self.between());
        let (mut spans, mut system_ignore) = (Vec::new(), Vec::new());
        for (span, pattern) in within.chain(between) {
            if !system_ignore.contains(&pattern) {
                system_ignore.push(pattern);
                spans.push(span);
            }
        }
        let newest = self.shapes[0].1.last();
        let example = newest.map(|prompt| skeleton(&prompt.join("\n")));
        Group {
            shapes: self.shapes.iter().map(|(shape, _)| *shape).collect(),
            example: example.unwrap_or_default(),
            spans,
            system_ignore,
        }
    }

    /// The gap between shapes.
    fn between(&self) -> (Differing, String) {
        let (head, tail) = self.ends;
        let mut values: Vec<String> = Vec::new();
        for words in &self.words {
            let value = words[head..words.len() - tail].concat().trim().to_owned();
            if values.len() < VALUES && !values.contains(&value) {
                values.push(value);
            }
        }
        let first = &self.words[0];
        let (before, after) = (first[..head].concat(), first[first.len() - tail..].concat());
        let kind = SpanKind::Other;
        (
            Differing { kind, values },
            anchored(&before, ANYTHING, &after),
        )
    }
}

/// Words with the white space behind them, so that together they are the text again.
fn words_of(text: &str) -> Vec<String> {
    let words = text.split_inclusive(char::is_whitespace);
    words.map(str::to_owned).collect()
}

/// Where the prompts of one shape differ.
fn within(samples: &[Prompt]) -> Vec<(Differing, String)> {
    let texts: Vec<String> = samples.iter().map(|p| p.join("\n")).collect();
    let found: Vec<_> = texts.iter().map(|text| spans(text)).collect();
    let first: &[(SpanKind, Range<usize>)] = found.first().map_or(&[], Vec::as_slice);
    let mut told = Vec::new();
    let mut end = 0;
    for (place, (kind, range)) in first.iter().enumerate() {
        let mut values: Vec<String> = Vec::new();
        for (text, spans) in texts.iter().zip(&found) {
            let value = spans.get(place).map(|(_, r)| text[r.clone()].to_owned());
            values.extend(value.filter(|v| !values.contains(v)));
        }
        let before = &texts[0][end..range.start];
        end = range.end;
        if values.len() > 1 {
            let pattern = anchored(before, finds(*kind, &values), "");
            told.push((
                Differing {
                    kind: *kind,
                    values,
                },
                pattern,
            ));
        }
    }
    told
}

/// The plainest pattern that takes each of `values` whole.
fn finds(kind: SpanKind, values: &[String]) -> &'static str {
    let takes = |pattern: &&&str| {
        let whole = Regex::new(&format!("^(?:{pattern})$"));
        whole.is_ok_and(|whole| values.iter().all(|v| whole.is_match(v)))
    };
    let plain = PLAIN.iter().find(takes).copied();
    plain.or(kind.pattern()).unwrap_or(ANYTHING)
}

/// A pattern that takes `inner` only where `before` and `after` stand around it.
fn anchored(before: &str, inner: &str, after: &str) -> String {
    let before = before.rsplit(['\n', '⟩']).next().unwrap_or_default();
    let after = after.split(['\n', '⟨']).next().unwrap_or_default();
    let from = before.len().saturating_sub(AROUND);
    let from = (from..=before.len()).find(|at| before.is_char_boundary(*at));
    let to = after.len().min(AROUND);
    let to = (0..=to).rfind(|at| after.is_char_boundary(*at));
    let before = regex::escape(&before[from.unwrap_or(0)..]);
    let after = match &after[..to.unwrap_or(0)] {
        // What may be anything ends somewhere.
        "" if inner == ANYTHING => r"(?:\n|$)".to_owned(),
        after => regex::escape(after),
    };
    format!("{before}({inner}){after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::spans::Spans;
    use crate::evidence::prompts::Prompts;

    fn grouped(texts: &[&str]) -> Vec<Group> {
        let prompts = Prompts::default();
        for text in texts {
            prompts.meet("a", vec![(*text).to_owned()], true);
        }
        groups(&prompts.of("a"))
    }

    /// Whether a group's own patterns make one of its prompts.
    fn unites(group: &Group, texts: &[&str]) -> bool {
        let spans = Spans::parse(&group.system_ignore).unwrap();
        texts
            .iter()
            .all(|text| spans.kept(text) == spans.kept(texts[0]))
    }

    #[test]
    fn prompts_that_differ_in_dates_times_and_ids_are_one_group_whose_patterns_unite_them() {
        for texts in [
            [
                "You are a helpful assistant. Today is 2026-11-27.",
                "You are a helpful assistant. Today is 2026-11-28.",
            ],
            [
                "It is Friday, November 27, 2026, 10:05. Be brief.",
                "It is Saturday, November 28, 2026, 9:15. Be brief.",
            ],
            [
                "Help the caller.\nRequest 1f0c7a2e-1111-4222-8333-9b0c1d2e3f4a\nBe kind.",
                "Help the caller.\nRequest 2a0c7a2e-1111-4222-8333-9b0c1d2e3f4b\nBe kind.",
            ],
        ] {
            let found = grouped(&texts);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(unites(&found[0], &texts), "{found:?}");
        }
    }

    #[test]
    fn prompts_that_differ_in_a_name_are_one_group_too() {
        let texts = [
            "You are the support agent of Acme. The customer is Ann Smith. Answer briefly.",
            "You are the support agent of Acme. The customer is Bob. Answer briefly.",
            "You are the support agent of Acme. The customer is Carla de la Cruz. Answer briefly.",
        ];
        let found = grouped(&texts);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].spans[0].kind, SpanKind::Other);
        assert!(found[0].spans[0].values.contains(&"Bob.".to_owned()));
        assert!(unites(&found[0], &texts), "{found:?}");
        let ends = [
            "Answer in one sentence and kindly, for Ann Smith",
            "Answer in one sentence and kindly, for Bob",
        ];
        let found = grouped(&ends);
        assert!(found.len() == 1 && unites(&found[0], &ends), "{found:?}");
    }

    #[test]
    fn prompts_that_say_something_else_stay_apart() {
        let found = grouped(&[
            "You are a pirate.",
            "You are a doctor.",
            "You are a support agent who answers in one sentence.",
            "You are a support agent who answers in one sentence. Never speak of prices.",
        ]);
        assert_eq!(found.len(), 4, "{found:?}");
    }
}
