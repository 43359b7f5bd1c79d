//! What the model sees of two questions: likeness of their vectors, of their words and of their
//! letters, and what each guard found. Pure; knows nothing of how the numbers are weighed.

use super::Evidence;
use super::guards::{COUNT, Finding, GUARDS, Pair, Reading, Token};

/// Features that are not a guard's, by name.
pub const BASE: [&str; 14] = [
    "cosine",
    "gap",
    "overlap",
    "containment",
    "only_stored",
    "only_asked",
    "one_swapped",
    "order",
    "bigrams",
    "letters",
    "words",
    "words_ratio",
    "same_start",
    VERIFIER,
];

/// Log-odds that one answer serves both, by the model that read both; not a number where none did.
pub const VERIFIER: &str = "verifier";

/// Where that stands.
const VERIFIER_AT: usize = 13;

/// Log-odds beyond which the verifier is not believed to be surer.
const SUREST: f32 = 8.0;

/// A guard's finding as a feature has this before its name: 1 equal, 0 unsure, -1 different.
const GUARD: &str = "guard:";

/// One number each; not a number where it is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Features(pub [f32; BASE.len() + COUNT]);

impl Features {
    /// What is seen of a stored question and the one asked.
    #[must_use]
    pub fn of(evidence: &Evidence<'_>, pair: &Pair<'_>, findings: &[Finding; COUNT]) -> Self {
        Self::between((evidence.similarity, evidence.gap), pair, findings)
    }

    /// The same of two questions of a cosine, and of a gap to the best of the others.
    #[must_use]
    pub fn between(
        alike: (f32, Option<f32>),
        pair: &Pair<'_>,
        findings: &[Finding; COUNT],
    ) -> Self {
        let mut all = [f32::NAN; BASE.len() + COUNT];
        let base = base(alike, pair);
        all[..BASE.len()].copy_from_slice(&base);
        for (slot, finding) in all[BASE.len()..].iter_mut().zip(findings) {
            *slot = match finding {
                Finding::Equal => 1.0,
                Finding::Unsure(_) => 0.0,
                Finding::Different(_) => -1.0,
            };
        }
        Self(all)
    }

    /// The best that can be seen of two questions of this cosine: no guard finds anything. The model never
    /// thinks less of a pair for a guard that says "equal", which a test holds it to.
    #[must_use]
    pub fn at_best(cosine: f32) -> Self {
        let mut all = [f32::NAN; BASE.len() + COUNT];
        all[0] = cosine;
        all[BASE.len()..].fill(1.0);
        Self(all)
    }

    /// The same where the verifier finds the two the same.
    #[must_use]
    pub fn verified_at_best(cosine: f32) -> Self {
        Self::at_best(cosine).verified(SUREST)
    }

    /// The same with what the verifier said, in log-odds.
    #[must_use]
    pub fn verified(mut self, log_odds: f32) -> Self {
        self.0[VERIFIER_AT] = log_odds.clamp(-SUREST, SUREST);
        self
    }

    /// Where a feature stands.
    #[must_use]
    pub fn index_of(name: &str) -> Option<usize> {
        match name.strip_prefix(GUARD) {
            Some(guard) => GUARDS
                .iter()
                .position(|g| g.name == guard)
                .map(|i| BASE.len() + i),
            None => BASE.iter().position(|n| *n == name),
        }
    }

    /// The names of all features, in order.
    #[must_use]
    pub fn names() -> Vec<String> {
        let guards = GUARDS.iter().map(|g| format!("{GUARD}{}", g.name));
        BASE.iter().map(ToString::to_string).chain(guards).collect()
    }
}

fn base((similarity, gap): (f32, Option<f32>), pair: &Pair<'_>) -> [f32; BASE.len()] {
    let (stored, asked) = (pair.a, pair.b);
    let ((only_stored, only_asked), common) = (pair.strays(), pair.common());
    let (a, b): (Vec<u64>, Vec<u64>) = (spellings(stored), spellings(asked));
    let (fewer, more) = (a.len().min(b.len()), a.len().max(b.len()));
    [
        similarity,
        gap.unwrap_or(f32::NAN),
        share(common, common + only_stored + only_asked),
        share(common, common + only_stored.min(only_asked)),
        number(only_stored),
        number(only_asked),
        f32::from(u8::from(only_stored == 1 && only_asked == 1)),
        share(longest_common(&a, &b), more),
        jaccard(&pairs_of(&a), &pairs_of(&b)),
        jaccard(&letters(stored), &letters(asked)),
        number(fewer),
        share(fewer, more),
        f32::from(u8::from(a.first() == b.first())),
        f32::NAN,
    ]
}

/// Longer texts say no more by their order: beyond this many words it is not looked at.
const ORDERED: usize = 64;

/// Its words in their order, each as a number: they are compared in all places.
fn spellings(reading: &Reading) -> Vec<u64> {
    let tokens = reading.tokens().iter().take(ORDERED);
    tokens.map(Token::spelling).collect()
}

/// Length of the longest common subsequence.
fn longest_common(a: &[u64], b: &[u64]) -> usize {
    // What both begin and end with belongs to it: of two questions that are near only the middle is left.
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[head..], &b[head..]);
    let ends = a.iter().rev().zip(b.iter().rev());
    let tail = ends.take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    let mut row = vec![0usize; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == y {
                diagonal + 1
            } else {
                above.max(row[j])
            };
            diagonal = above;
        }
    }
    head + row.last().copied().unwrap_or(0) + tail
}

fn pairs_of(words: &[u64]) -> Vec<(u64, u64)> {
    set(words.windows(2).map(|w| (w[0], w[1])).collect())
}

/// Three letters each, within words: what a typo or an ending leaves alike.
fn letters(reading: &Reading) -> Vec<u64> {
    let mut found = Vec::new();
    for token in reading.tokens().iter().take(ORDERED) {
        // No letter has more than 21 bits: three fill a number.
        let mut three = u64::from(' ');
        for (read, letter) in token.lower.chars().chain([' ']).enumerate() {
            three = ((three << 21) | u64::from(letter)) & ((1 << 63) - 1);
            if read > 0 {
                found.push(three);
            }
        }
    }
    set(found)
}

/// Each once and in order: two small sets are compared faster so than by hashes.
fn set<T: Ord>(mut found: Vec<T>) -> Vec<T> {
    found.sort_unstable();
    found.dedup();
    found
}

fn jaccard<T: Ord>(a: &[T], b: &[T]) -> f32 {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let order = x.cmp(y);
        i += usize::from(order.is_le());
        j += usize::from(order.is_ge());
        common += usize::from(order.is_eq());
    }
    share(common, a.len() + b.len() - common)
}

fn share(part: usize, whole: usize) -> f32 {
    if whole == 0 {
        return f32::NAN;
    }
    number(part) / number(whole)
}

#[allow(clippy::cast_precision_loss, reason = "counts of words")]
fn number(n: usize) -> f32 {
    n as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_verifier_says_stands_where_its_name_does() {
        let place = Features::index_of(VERIFIER).unwrap();
        assert_eq!(
            (place, Features::at_best(0.9).verified(-2.5).0[place]),
            (VERIFIER_AT, -2.5)
        );
        assert!(Features::at_best(0.9).0[place].is_nan());
    }
}
