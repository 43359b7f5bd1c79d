//! Which questions wait for another one of the run, because its answer may serve them too.
//! Vectors come from outside, and whether it does serve them is the gateway's to say.

use std::collections::{HashSet, VecDeque};

use tokio::sync::watch;

use super::lines::{Item, Key};
use crate::cache::verdict::guards::Reading;
use crate::cache::verdict::{Evidence, Known, Rule, Verdict, WhenUnsure, judge};
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
    answered: watch::Receiver<bool>,
}

/// Where a question stands among those of its run.
#[derive(Debug)]
#[must_use]
pub enum Place {
    /// Before all that are like it: they wait for it from now on.
    Ahead(Ahead),
    /// Behind one that is like it.
    Behind(Behind),
}

/// Held by a question that others may wait for; dropped, it will not be answered.
#[derive(Debug)]
pub struct Ahead(watch::Sender<bool>);

impl Ahead {
    /// Says that it is answered, and what waits for it may be asked.
    pub fn answered(self) {
        self.0.send_replace(true);
    }
}

/// Held by a question that waits for another one.
#[derive(Debug)]
pub struct Behind(watch::Receiver<bool>);

impl Behind {
    /// Waits for the other one; false if it was not answered and never will be.
    pub async fn answered(mut self) -> bool {
        self.0.wait_for(|answered| *answered).await.is_ok()
    }
}

impl Fold {
    /// Takes questions to be alike from `cosine` on.
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

    /// Finds an item's place among the recent ones of its scope.
    pub fn place(&mut self, item: &Item, embedded: &Embedded) -> Place {
        let question = item.request.question().unwrap_or_default();
        self.recent.retain(Recent::may_serve);
        let reading = Reading::of(question);
        let asked = Asked {
            question,
            reading: &reading,
            embedded,
        };
        let like = |recent: &&Recent| recent.is_like(item.scope, asked, self.cosine);
        if let Some(recent) = self.recent.iter().find(like) {
            return Place::Behind(Behind(recent.answered.clone()));
        }
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        let (say, answered) = watch::channel(false);
        self.recent.push_back(Recent {
            scope: item.scope,
            question: Question::keep(question, true),
            embedded: embedded.clone(),
            answered,
        });
        Place::Ahead(Ahead(say))
    }
}

/// A question, read.
#[derive(Clone, Copy)]
struct Asked<'a> {
    question: &'a str,
    reading: &'a Reading,
    embedded: &'a Embedded,
}

impl Recent {
    /// Answered, or on its way.
    fn may_serve(&self) -> bool {
        *self.answered.borrow() || self.answered.has_changed().is_ok()
    }

    /// Whether the gateway may answer the one from the other; the last word is its own policy's.
    fn is_like(&self, scope: [u8; 32], asked: Asked<'_>, cosine: f32) -> bool {
        if self.scope != scope {
            return false;
        }
        let similarity = dot(&self.embedded.embedding, &asked.embedded.embedding);
        // Most are far away: their words need not be read.
        if similarity < cosine {
            return false;
        }
        let evidence = Evidence {
            asked: asked.question,
            reading: asked.reading,
            asked_tokens: &asked.embedded.tokens,
            stored: &self.question,
            stored_tokens: &self.embedded.tokens,
            similarity,
            gap: None,
            known: Known::default(),
        };
        let rule = Rule {
            when_unsure: WhenUnsure::Serve,
            ..Rule::by_cosine(cosine)
        };
        judge(&evidence, &rule).verdict == Verdict::Serve
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
    use crate::embed::{Embedding, Space, TokenDigest};

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
    fn at(angle: f32, tokens: u8) -> Embedded {
        let mut numbers = vec![0.0; 19];
        (numbers[0], numbers[18]) = (angle.cos(), angle.sin());
        Embedded {
            embedding: Embedding::new(numbers).unwrap(),
            tokens: TokenDigest([tokens; 16]),
            token_count: 3,
            space: Space::of("mine"),
        }
    }

    fn ahead(fold: &mut Fold, item: &Item, embedded: &Embedded) -> Option<Ahead> {
        match fold.place(item, embedded) {
            Place::Ahead(ahead) => Some(ahead),
            Place::Behind(_) => None,
        }
    }

    #[test]
    fn a_question_stands_behind_a_near_one_of_its_own_scope_only() {
        let mut fold = Fold::new(0.97);
        let _a = ahead(&mut fold, &item("a", 1), &at(0.0, 1)).unwrap();
        let mut is_ahead = |question, scope, angle, tokens| {
            let place = ahead(&mut fold, &item(question, scope), &at(angle, tokens));
            place.map(Ahead::answered).is_some()
        };
        assert!(!is_ahead("b", 1, 0.2, 2), "cos 0.980");
        assert!(is_ahead("c", 1, 0.3, 3), "cos 0.955");
        assert!(is_ahead("b", 2, 0.2, 2));
        assert!(is_ahead("Is US ok", 3, 0.0, 1));
        assert!(is_ahead("Is us ok", 3, 0.0, 1), "other text, same tokens");
    }

    #[tokio::test]
    async fn what_waits_hears_whether_the_one_before_was_answered() {
        let mut fold = Fold::new(0.97);
        let mut place = || fold.place(&item("a", 1), &at(0.0, 1));
        let (Place::Ahead(first), Place::Behind(second)) = (place(), place()) else {
            unreachable!("the first is ahead of the second");
        };
        drop(first);
        assert!(!second.answered().await);
        let (Place::Ahead(third), Place::Behind(fourth)) = (place(), place()) else {
            unreachable!("nobody waits for one that was not answered");
        };
        third.answered();
        assert!(fourth.answered().await);
        let Place::Behind(late) = place() else {
            unreachable!("what was answered stays");
        };
        assert!(late.answered().await);
    }

    #[test]
    fn it_looks_back_at_a_bounded_number_of_questions() {
        let mut fold = Fold::new(1.5);
        for _ in 0..WINDOW + 2 {
            let ahead = ahead(&mut fold, &item("a", 1), &at(0.0, 1));
            ahead.unwrap().answered();
        }
        assert_eq!(fold.recent.len(), WINDOW);
    }
}
