//! System prompts as they came by lately, a few of each shape, so that an analyst can be shown in what they
//! differ. In memory only and bounded: what is not seen again after a restart matters no more.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::wire::mark;
use crate::cache::skeleton::skeleton;

/// Shapes of one namespace's prompts that are kept; the one not seen for longest goes.
const SHAPES: usize = 300;
/// Prompts of one shape, the newest.
const SAMPLES: usize = 5;
/// Bytes of one prompt: longer ones are counted, but neither kept nor looked into.
const PROMPT_BYTES: usize = 64 << 10;
/// Bytes of all that is kept.
const ALL_BYTES: usize = 8 << 20;
/// Prompts whose shape is known without looking at them again.
const KNOWN: usize = 4096;

/// What a request's place depends on, by marks in hexadecimal, where its question may be compared by meaning and a
/// system prompt comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptParts {
    /// Its system prompts, word for word.
    #[serde(with = "mark")]
    pub system: u64,
    /// The same with dates, ids and the like left out.
    #[serde(with = "mark")]
    pub shape: u64,
    /// All else that must be equal, but for the question.
    #[serde(with = "mark")]
    pub rest: u64,
    /// The question, as equal questions are told.
    #[serde(with = "mark")]
    pub asked: u64,
}

/// A prompt: the text of each of its messages.
pub type Prompt = Vec<String>;

/// A shape and the newest prompts that have it.
pub type Shape = (u64, Vec<Prompt>);

/// What came by lately.
#[derive(Default)]
pub struct Prompts(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Shapes of prompts, by mark.
    known: HashMap<u64, u64>,
    kept: HashMap<(String, u64), Kept>,
    bytes: usize,
    clock: u64,
}

#[derive(Default)]
struct Kept {
    /// The newest last.
    samples: VecDeque<(u64, Prompt)>,
    seen: u64,
}

impl Prompts {
    /// Marks of a prompt and of its shape. Its text is kept where it may be.
    pub fn meet(&self, namespace: &str, prompt: Prompt, keep_text: bool) -> (u64, u64) {
        let system = marked(prompt.iter().map(String::as_str));
        let known = self.0.lock().known.get(&system).copied();
        // Looking for its shape takes a while: not while others wait.
        let bytes = size(&prompt);
        let shape = known.unwrap_or_else(|| {
            if bytes > PROMPT_BYTES {
                return system;
            }
            let shapes: Vec<String> = prompt.iter().map(|text| skeleton(text)).collect();
            marked(shapes.iter().map(String::as_str))
        });
        let mut inner = self.0.lock();
        if inner.known.len() >= KNOWN {
            inner.known.clear();
        }
        inner.known.insert(system, shape);
        if keep_text && bytes <= PROMPT_BYTES {
            inner.keep(namespace, (system, shape), prompt);
        }
        (system, shape)
    }

    /// The shapes of a namespace, the newest first.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Vec<Shape> {
        let inner = self.0.lock();
        let kept = inner.kept.iter().filter(|((n, _), _)| n == namespace);
        let mut found: Vec<_> = kept.collect();
        found.sort_unstable_by_key(|(_, kept)| std::cmp::Reverse(kept.seen));
        let texts = |kept: &Kept| kept.samples.iter().map(|(_, p)| p.clone()).collect();
        let shape = |((_, shape), kept): (&(String, u64), &Kept)| (*shape, texts(kept));
        found.into_iter().map(shape).collect()
    }

    /// Forgets all of them: they may hold anything, and come by again.
    pub fn forget(&self) {
        *self.0.lock() = Inner::default();
    }
}

impl Inner {
    fn keep(&mut self, namespace: &str, (system, shape): (u64, u64), prompt: Prompt) {
        self.clock += 1;
        let clock = self.clock;
        let place = (namespace.to_owned(), shape);
        let kept = self.kept.entry(place.clone()).or_default();
        kept.seen = clock;
        if kept.samples.iter().any(|(known, _)| *known == system) {
            return;
        }
        self.bytes += size(&prompt);
        kept.samples.push_back((system, prompt));
        if kept.samples.len() > SAMPLES
            && let Some((_, old)) = kept.samples.pop_front()
        {
            self.bytes -= size(&old);
        }
        let shapes = self.kept.keys().filter(|(n, _)| n == namespace).count();
        if shapes > SHAPES {
            self.drop_oldest(|(n, _)| n == namespace);
        }
        while self.bytes > ALL_BYTES && self.kept.len() > 1 {
            self.drop_oldest(|p| *p != place);
        }
    }

    fn drop_oldest(&mut self, of: impl Fn(&(String, u64)) -> bool) {
        let places = self.kept.iter().filter(|(place, _)| of(place));
        let oldest = places.min_by_key(|(_, kept)| kept.seen);
        let Some(place) = oldest.map(|(place, _)| place.clone()) else {
            return;
        };
        if let Some(kept) = self.kept.remove(&place) {
            self.bytes -= kept.samples.iter().map(|(_, p)| size(p)).sum::<usize>();
        }
    }
}

fn size(prompt: &Prompt) -> usize {
    prompt.iter().map(String::len).sum()
}

/// A mark of texts in their order; of others it is another one, but for one in 2^64.
#[must_use]
pub fn marked<'a>(texts: impl Iterator<Item = &'a str>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for text in texts {
        hasher.update(&text.len().to_le_bytes());
        hasher.update(text.as_bytes());
    }
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meet(prompts: &Prompts, namespace: &str, text: &str) -> (u64, u64) {
        prompts.meet(namespace, vec![text.to_owned()], true)
    }

    #[test]
    fn prompts_that_differ_in_a_date_have_one_shape_of_which_a_few_are_kept() {
        let prompts = Prompts::default();
        let met: Vec<_> = (1..=9)
            .map(|day| meet(&prompts, "a", &format!("Today is 2026-11-0{day}.")))
            .collect();
        assert!(met.iter().all(|(_, shape)| *shape == met[0].1));
        assert_ne!(met[0].0, met[1].0);
        assert_eq!(meet(&prompts, "a", "Today is 2026-11-09."), met[8]);
        let found = prompts.of("a");
        assert_eq!((found.len(), found[0].1.len()), (1, SAMPLES));
        assert_eq!(found[0].1[SAMPLES - 1], ["Today is 2026-11-09."]);
        assert!(prompts.of("b").is_empty());
        prompts.forget();
        assert!(prompts.of("a").is_empty());
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let prompts = Prompts::default();
        for n in 0..SHAPES + 7 {
            meet(&prompts, "a", &format!("You are number {}.", "x".repeat(n)));
        }
        assert_eq!(prompts.of("a").len(), SHAPES);
        let long = "y ".repeat(PROMPT_BYTES / 2 - 400);
        for n in 0..200 {
            meet(&prompts, "b", &format!("{}{long}", "z".repeat(n)));
        }
        assert!(prompts.0.lock().bytes <= ALL_BYTES);
        assert!(!prompts.of("b").is_empty() && prompts.of("a").is_empty());
        prompts.meet("c", vec!["kept to itself".into()], false);
        meet(&prompts, "c", &"w".repeat(PROMPT_BYTES + 1));
        assert!(prompts.of("c").is_empty());
    }
}
