//! Which questions need not be asked because another one asked before covers them.
//! Pure: vectors come from outside.

use std::collections::{HashSet, VecDeque};

use super::driver::Likeness;
use super::lines::{Item, Key};
use crate::cache::verdict::{Evidence, Verdict, judge};
use crate::embed::{Embedded, Question};

/// Questions looked back at by meaning. It need only cover those still on their way: a
/// near-duplicate of an older one is a hit, which costs nothing either.
const WINDOW: usize = 4096;

/// What was asked in this run.
#[derive(Debug)]
pub struct Fold {
    cosine: f32,
    asked: HashSet<Key>,
    recent: VecDeque<Recent>,
}

#[derive(Debug)]
struct Recent {
    scope: [u8; 32],
    question: Question,
    embedded: Embedded,
}

impl Fold {
    /// Folds by meaning from `cosine` on, and never below the gateway's own threshold.
    #[must_use]
    pub fn new(cosine: f32) -> Self {
        Self {
            cosine,
            asked: HashSet::new(),
            recent: VecDeque::new(),
        }
    }

    /// Whether an item is the first of its key; it counts as asked from now on.
    pub fn is_new(&mut self, key: Key) -> bool {
        self.asked.insert(key)
    }

    /// Whether no recent question of the same scope covers this one; it covers others from now on.
    pub fn is_apart(&mut self, item: &Item, likeness: Likeness) -> bool {
        let Ok(question) = item.request.question() else {
            return true;
        };
        let threshold = self.cosine.max(likeness.threshold);
        let covers = |recent: &Recent| {
            let evidence = Evidence {
                asked: question,
                asked_tokens: &likeness.embedded.tokens,
                stored: &recent.question,
                stored_tokens: &recent.embedded.tokens,
                similarity: dot(&recent.embedded.embedding, &likeness.embedded.embedding),
                threshold,
            };
            recent.scope == item.scope && judge(&evidence) == Verdict::Serve
        };
        if self.recent.iter().any(covers) {
            return false;
        }
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent {
            scope: item.scope,
            question: Question::keep(question, true),
            embedded: likeness.embedded,
        });
        true
    }
}

/// The cosine of two vectors of length one. In eight lanes, so that the compiler can use wide registers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ChatRequest;
    use crate::embed::{Embedding, TokenDigest};

    fn item(question: &str, scope: u8) -> Item {
        let body = serde_json::json!({"model": "m",
            "messages": [{"role": "user", "content": question}]});
        Item {
            request: ChatRequest::parse(body.to_string()).unwrap(),
            scope: [scope; 32],
            key: [0; 16],
        }
    }

    /// A vector at `angle` to the first axis.
    fn at(angle: f32, tokens: u8, threshold: f32) -> Likeness {
        let mut numbers = vec![0.0; 19];
        (numbers[0], numbers[18]) = (angle.cos(), angle.sin());
        Likeness {
            embedded: Embedded {
                embedding: Embedding::new(numbers).unwrap(),
                tokens: TokenDigest([tokens; 16]),
                token_count: 3,
            },
            threshold,
        }
    }

    #[test]
    fn a_question_is_folded_into_a_near_one_of_its_own_scope_only() {
        let mut fold = Fold::new(0.97);
        assert!(fold.is_apart(&item("a", 1), at(0.0, 1, 0.9)));
        assert!(!fold.is_apart(&item("b", 1), at(0.2, 2, 0.9)), "cos 0.980");
        assert!(fold.is_apart(&item("c", 1), at(0.3, 3, 0.9)), "cos 0.955");
        assert!(fold.is_apart(&item("b", 2), at(0.2, 2, 0.9)));
    }

    #[test]
    fn what_the_gateway_would_not_answer_by_the_other_is_not_folded() {
        let asked = |question: &str, likeness| {
            let mut fold = Fold::new(0.97);
            assert!(fold.is_apart(&item("Is US ok", 1), at(0.0, 1, 0.9)));
            fold.is_apart(&item(question, 1), likeness)
        };
        assert!(asked("x", at(0.2, 2, 0.99)), "a stricter policy");
        assert!(
            asked("Is us ok", at(0.0, 1, 0.9)),
            "other text, same tokens"
        );
    }

    #[test]
    fn it_looks_back_at_a_bounded_number_of_questions() {
        let mut fold = Fold::new(1.5);
        for _ in 0..WINDOW + 2 {
            assert!(fold.is_apart(&item("a", 1), at(0.0, 1, 0.9)));
        }
        assert_eq!(fold.recent.len(), WINDOW);
    }
}
