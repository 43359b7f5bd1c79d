//! Whether an answer serves in place of another one to the same question: by the encoder and the guards on
//! this machine, or by a model that is asked.

use std::collections::BTreeMap;

use serde_json::json;

use super::Gateway;
use crate::cache::verdict::GuardSet;
use crate::cache::verdict::facts::different;
use crate::cache::verdict::guards::{Pair, Reading, examine};
use crate::chat::{Answer, ChatRequest, unix_ms};
use crate::evidence::label::Opinion;
use crate::index::cosine;
use crate::provider::Reply;

/// Answers less alike than this say different things.
const ALIKE: f32 = 0.75;
/// Characters of an answer that are compared: what it says comes first, and the encoder reads no more.
const COMPARED: usize = 600;
/// Characters up to which the guards are asked: two long texts differ in a number somewhere.
const SHORT: usize = 200;
/// Guards that read answers as well as questions.
const GUARDS: [&str; 5] = ["numbers", "units", "dates", "negation", "versions"];

/// What the model that judges is told.
const TASK: &str = "You compare two answers to one question. Say RIGHT if somebody who asked the question \
    would be served as well by the stored answer as by the fresh one, and WRONG if the stored answer is about \
    something else, contradicts the fresh one or lacks what was asked for. Differences of wording, order and \
    length do not matter. Reply with that one word.";

impl Gateway {
    /// What is thought of a stored answer, beside a fresh one; or why nothing is.
    pub(super) async fn compare(
        &self,
        question: &str,
        stored: &Answer,
        fresh: &Answer,
    ) -> Result<Opinion, &'static str> {
        let (stored, fresh) = (stored.text(), fresh.text());
        if plain(&stored) == plain(&fresh) {
            return Ok(Opinion::Right);
        }
        match self.judge.config.model.clone() {
            Some(model) => self.ask_judge(&model, question, (&stored, &fresh)).await,
            None => self.look(&stored, &fresh).await,
        }
    }

    async fn look(&self, stored: &str, fresh: &str) -> Result<Opinion, &'static str> {
        let short = stored.len().max(fresh.len()) <= SHORT;
        if short && guards_object(stored, fresh) {
            return Ok(Opinion::Wrong);
        }
        let vectors = self.cache.embed_both(&begin(stored), &begin(fresh)).await;
        let (stored, fresh) = vectors.map_err(|_| "not_comparable")?;
        let alike = cosine(&stored.embedding, &fresh.embedding) >= ALIKE;
        Ok(if alike {
            Opinion::Right
        } else {
            Opinion::Wrong
        })
    }

    async fn ask_judge(
        &self,
        model: &str,
        question: &str,
        (stored, fresh): (&str, &str),
    ) -> Result<Opinion, &'static str> {
        let asked = json!({"question": question, "stored": stored, "fresh": fresh});
        let body = json!({
            "model": model,
            "temperature": 0,
            "max_completion_tokens": 16,
            "messages": [
                {"role": "system", "content": TASK},
                {"role": "user", "content": asked.to_string()},
            ],
        });
        let request = ChatRequest::parse(body.to_string()).map_err(|_| "not_comparable")?;
        let route = self.router.plan(model).map_err(|_| "judge_unknown")?;
        // Four bytes are a token, about; it is counted afterwards.
        let tokens = request.text_bytes() as u64 / 4 + 16;
        let price = self.prices.cost(model, tokens, 16).ok_or("unpriced")?;
        let spend = &self.judge.spend;
        let held = spend.hold(price, unix_ms()).ok_or("over_budget")?;
        let answered = self
            .router
            .send(&route, &request, false, std::sync::Arc::default());
        let Ok(Reply::Whole { answer, .. }) = answered.await.map(|a| a.reply) else {
            held.settle(None);
            return Err("judge_failed");
        };
        let cost = answer
            .tokens()
            .and_then(|(prompt, said)| self.prices.cost(model, prompt, said));
        held.settle(cost);
        read(&answer.text()).ok_or("judge_unclear")
    }
}

/// The one word of a judge, whatever it is dressed in.
fn read(text: &str) -> Option<Opinion> {
    let text = text.to_ascii_uppercase();
    match (text.contains("RIGHT"), text.contains("WRONG")) {
        (true, false) => Some(Opinion::Right),
        (false, true) => Some(Opinion::Wrong),
        _ => None,
    }
}

fn guards_object(stored: &str, fresh: &str) -> bool {
    let mut chosen: BTreeMap<String, bool> = GUARDS.map(|name| (name.to_owned(), true)).into();
    chosen.insert("*".to_owned(), false);
    let (a, b) = (Reading::of(stored), Reading::of(fresh));
    let found = different(&examine(&Pair::of(&a, &b)));
    GuardSet::chosen(&chosen).first_of(found).is_some()
}

/// A text without what is no difference: case, spaces, signs.
fn plain(text: &str) -> String {
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// The beginning of a text, up to a space, without signs and pictures that the encoder may not know.
fn begin(text: &str) -> String {
    let known = |c: char| {
        if c.is_ascii() || c.is_alphanumeric() {
            c
        } else {
            ' '
        }
    };
    let begin = match text.char_indices().nth(COMPARED) {
        None => text,
        Some((end, _)) => {
            let begin = &text[..end];
            begin.rfind(' ').map_or(begin, |space| &begin[..space])
        }
    };
    begin.chars().map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_says_one_word_and_anything_else_is_unclear() {
        assert_eq!(read("RIGHT"), Some(Opinion::Right));
        assert_eq!(read("**Wrong.**"), Some(Opinion::Wrong));
        for unclear in ["", "RIGHT or WRONG?", "I cannot tell."] {
            assert_eq!(read(unclear), None, "{unclear}");
        }
    }

    #[test]
    fn a_number_or_a_not_makes_another_answer_of_a_short_one() {
        assert!(guards_object("It takes 5 days.", "It takes 14 days."));
        assert!(guards_object("It is safe.", "It is not safe."));
        assert!(!guards_object("It takes 5 days.", "It takes five days."));
    }

    #[test]
    fn only_words_make_a_difference() {
        assert_eq!(plain("Paris, France!"), plain("paris  france"));
        assert_ne!(plain("Paris"), plain("Rome"));
    }

    #[test]
    fn a_long_answer_is_cut_between_words_and_pictures_are_left_out() {
        let long = "word ".repeat(500);
        assert!(begin(&long).ends_with("word") && begin(&long).len() <= COMPARED);
        let solid = "é".repeat(900);
        assert_eq!(begin(&solid).chars().count(), COMPARED);
        assert_eq!(begin("short ✅"), "short  ");
    }
}
