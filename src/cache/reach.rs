//! What was said of remembered answers: how often each was right and wrong, and which questions one must
//! not answer for another. Derived from the labels; knows nothing of who said it or of how it is kept.

use dashmap::DashMap;

use super::verdict::facts::History;

/// Entries and pairs that were spoken of.
#[derive(Debug, Default)]
pub struct Reach {
    entries: DashMap<Served, History>,
    blocked: DashMap<Pair, u32>,
}

/// An entry by its id and the date of its answer: where a store was lost, ids begin again.
pub type Served = (u64, u64);

/// Two questions of one namespace, by their marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    namespace: u64,
    low: u64,
    high: u64,
}

impl Pair {
    /// Two questions in either order; none if they are one, which cannot be kept apart from itself.
    #[must_use]
    pub fn of(namespace: &str, a: u64, b: u64) -> Option<Self> {
        let mut mark = [0; 8];
        mark.copy_from_slice(&blake3::hash(namespace.as_bytes()).as_bytes()[..8]);
        (a != b).then(|| Self {
            namespace: u64::from_le_bytes(mark),
            low: a.min(b),
            high: a.max(b),
        })
    }
}

/// What was said of one served or nearly served answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// The entry whose answer it was.
    pub entry: Served,
    /// The questions, where they are two.
    pub pair: Option<Pair>,
    /// Whether it was right.
    pub right: bool,
    /// How far whoever said it is trusted, 0 to 1.
    pub trust: f32,
}

/// From this trust on one word is enough to keep two questions apart.
const BLOCKS: f32 = 0.5;

impl Reach {
    /// Takes in what was said.
    pub fn hear(&self, said: &Said) {
        self.weigh(said, said.trust);
        if let Some(pair) = said.blocks() {
            *self.blocked.entry(pair).or_default() += 1;
        }
    }

    /// Takes back what was said before.
    pub fn retract(&self, said: &Said) {
        self.weigh(said, -said.trust);
        if let Some(pair) = said.blocks() {
            if let Some(mut times) = self.blocked.get_mut(&pair) {
                *times = times.saturating_sub(1);
            }
            self.blocked.remove_if(&pair, |_, times| *times == 0);
        }
    }

    /// What was said of an entry's answers.
    #[must_use]
    pub fn history(&self, entry: Served) -> History {
        self.entries.get(&entry).map(|h| *h).unwrap_or_default()
    }

    /// Whether the one's answer was said to be wrong for the other.
    #[must_use]
    pub fn is_blocked(&self, pair: Option<Pair>) -> bool {
        pair.is_some_and(|pair| self.blocked.contains_key(&pair))
    }

    /// Whether any pair is blocked at all; spares a hash where none is.
    #[must_use]
    pub fn blocks_any(&self) -> bool {
        !self.blocked.is_empty()
    }

    fn weigh(&self, said: &Said, by: f32) {
        let mut history = self.entries.entry(said.entry).or_default();
        let side = match said.right {
            true => &mut history.right,
            false => &mut history.wrong,
        };
        *side = (*side + by).max(0.0);
        let silent = *history == History::default();
        drop(history);
        if silent {
            self.entries
                .remove_if(&said.entry, |_, h| *h == History::default());
        }
    }
}

impl Said {
    fn blocks(&self) -> Option<Pair> {
        self.pair.filter(|_| !self.right && self.trust >= BLOCKS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(right: bool, trust: f32) -> Said {
        Said {
            entry: (1, 0),
            pair: Pair::of("a", 5, 3),
            right,
            trust,
        }
    }

    #[test]
    fn a_wrong_answer_keeps_two_questions_apart_in_its_namespace_and_in_either_order() {
        let reach = Reach::default();
        assert!(!reach.blocks_any());
        reach.hear(&said(false, 1.0));
        assert!(reach.is_blocked(Pair::of("a", 3, 5)) && reach.blocks_any());
        assert!(!reach.is_blocked(Pair::of("b", 3, 5)));
        assert!(!reach.is_blocked(Pair::of("a", 3, 4)));
        assert_eq!(Pair::of("a", 3, 3), None);
    }

    #[test]
    fn what_is_said_weakly_counts_and_blocks_nothing() {
        let reach = Reach::default();
        reach.hear(&said(false, 0.2));
        assert!((reach.history((1, 0)).wrong - 0.2).abs() < 1e-6);
        assert!(!reach.blocks_any());
    }

    #[test]
    fn what_is_taken_back_was_never_said() {
        let reach = Reach::default();
        reach.hear(&said(false, 1.0));
        reach.hear(&said(false, 1.0));
        reach.retract(&said(false, 1.0));
        assert!(reach.is_blocked(Pair::of("a", 3, 5)), "said twice");
        reach.retract(&said(false, 1.0));
        assert_eq!(reach.history((1, 0)), History::default());
        assert!(!reach.blocks_any() && reach.entries.is_empty());
    }
}
