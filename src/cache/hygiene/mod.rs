//! Whether a complete answer may be written down by what it says: a refusal is no answer to
//! anybody else, and personal data stays out where the route says so. Pure.

mod numbers;
mod personal;
mod refusal;

use crate::chat::Answer;

/// Bytes of an answer that may be nothing but a refusal.
const READ: usize = 16 * 1024;

/// Why what was asked and answered is not remembered, as metrics spell it. Personal data is no
/// reason unless the route says so; the question is looked at too, since it is kept beside the answer.
#[must_use]
pub fn objection(question: &str, answer: &Answer, personal_may: bool) -> Option<&'static str> {
    // What is that long holds more than a short text, and reading it would cost more than it spares.
    let refuses = || {
        answer
            .each_text()
            .iter()
            .any(|text| refusal::is_refusal(text))
    };
    if answer.json().get().len() <= READ && refuses() {
        return Some("refusal");
    }
    let carries =
        || personal::carries(question) || answer.texts().iter().any(|t| personal::carries(t));
    (!personal_may && carries()).then_some("personal_data")
}

/// Whether a text holds personal data.
#[must_use]
pub fn is_personal(text: &str) -> bool {
    personal::carries(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(message: serde_json::Value) -> Answer {
        let body = json!({"choices": [{"message": message, "finish_reason": "stop"}]});
        Answer::parse(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn personal_data_counts_wherever_it_stands_and_only_where_the_route_says_so() {
        let clean = answer(json!({"content": "Write to your bank."}));
        let named = answer(json!({"content": "Write to ann@people.example."}));
        let call =
            json!({"function": {"name": "mail", "arguments": "{\"to\":\"ann@people.example\"}"}});
        let called = answer(json!({"content": null, "tool_calls": [call]}));
        assert_eq!(objection("How?", &clean, false), None);
        let asked = "Is ann@people.example valid?";
        for (question, answer) in [(asked, &clean), ("How?", &named), ("How?", &called)] {
            assert_eq!(objection(question, answer, false), Some("personal_data"));
            assert_eq!(objection(question, answer, true), None);
        }
    }

    #[test]
    fn a_refusal_is_told_as_such_before_all_else() {
        let refused = answer(json!({"content": "I'm sorry, but I can't help ann@people.example."}));
        assert_eq!(objection("How?", &refused, false), Some("refusal"));
        assert_eq!(objection("How?", &refused, true), Some("refusal"));
    }
}
