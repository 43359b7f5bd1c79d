//! Token counts and the reasons why an answer ended, both ways.

use serde_json::{Map, Value, json};

/// What Anthropic counts and says of a call that chat completions do not; kept under its own name.
const KEPT: [&str; 5] = [
    "cache_creation",
    "server_tool_use",
    "service_tier",
    "inference_geo",
    "speed",
];

const READ: &str = "cache_read_input_tokens";
const WRITTEN: &str = "cache_creation_input_tokens";

/// Anthropic's counts as chat completions write them. There, a prompt is all that was read, from the cache or not.
pub(super) fn from_anthropic(usage: &Map<String, Value>) -> Value {
    let count = |name: &str| usage.get(name).and_then(Value::as_u64);
    let (input, output) = (count("input_tokens"), count("output_tokens"));
    let (read, written) = (count(READ), count(WRITTEN));
    let prompt = [input, read, written].into_iter().flatten();
    let prompt = prompt.fold(0, u64::saturating_add);
    let output = output.unwrap_or(0);
    let mut counted = Map::new();
    counted.insert("prompt_tokens".into(), prompt.into());
    counted.insert("completion_tokens".into(), output.into());
    counted.insert("total_tokens".into(), prompt.saturating_add(output).into());
    if let Some(read) = read {
        let details = json!({ "cached_tokens": read });
        counted.insert("prompt_tokens_details".into(), details);
    }
    if let Some(thought) = usage
        .get("output_tokens_details")
        .and_then(|d| d.get("thinking_tokens")?.as_u64())
    {
        let details = json!({ "reasoning_tokens": thought });
        counted.insert("completion_tokens_details".into(), details);
    }
    if let Some(written) = written {
        counted.insert(WRITTEN.into(), written.into());
    }
    keep(usage, &mut counted);
    Value::Object(counted)
}

/// The counts of a canonical answer as Anthropic writes them. Two of them are never missing there.
pub(super) fn to_anthropic(usage: Option<&Value>) -> Map<String, Value> {
    let count = |path: &str| usage.and_then(|usage| usage.pointer(path)?.as_u64());
    let read = count("/prompt_tokens_details/cached_tokens");
    let written = count("/cache_creation_input_tokens");
    let cached = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
    let prompt = count("/prompt_tokens").unwrap_or(0);
    let mut counted = Map::new();
    counted.insert("input_tokens".into(), prompt.saturating_sub(cached).into());
    for (name, tokens) in [(WRITTEN, written), (READ, read)] {
        if let Some(tokens) = tokens {
            counted.insert(name.into(), tokens.into());
        }
    }
    let output = count("/completion_tokens").unwrap_or(0);
    counted.insert("output_tokens".into(), output.into());
    if let Some(thought) = count("/completion_tokens_details/reasoning_tokens") {
        let details = json!({ "thinking_tokens": thought });
        counted.insert("output_tokens_details".into(), details);
    }
    if let Some(usage) = usage.and_then(Value::as_object) {
        keep(usage, &mut counted);
    }
    counted
}

fn keep(from: &Map<String, Value>, to: &mut Map<String, Value>) {
    for name in KEPT {
        if let Some(value) = from.get(name).filter(|value| !value.is_null()) {
            to.insert(name.into(), value.clone());
        }
    }
}

/// The canonical reason for Anthropic's; whatever chat completions do not know cut the answer short.
pub(super) fn finish_reason(stop_reason: &str) -> &'static str {
    match stop_reason {
        "end_turn" | "stop_sequence" => "stop",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        _ => "length",
    }
}

/// Whether [`finish_reason`] says less than Anthropic's reason did.
pub(super) fn is_foreign_reason(stop_reason: &str) -> bool {
    finish_reason(stop_reason) == "length" && stop_reason != "max_tokens"
}

/// What is known of how a canonical answer ended.
#[derive(Debug, Default, Clone)]
pub(super) struct Ending {
    pub(super) finish_reason: Option<String>,
    /// The stop sequence that ended it.
    pub(super) stop_sequence: Option<String>,
    pub(super) stop_details: Option<Value>,
    /// It calls tools.
    pub(super) calls: bool,
    /// The model says that it will not answer.
    pub(super) refuses: bool,
    /// Names of what an answer in this dialect held beyond the canonical form.
    pub(super) foreign: Vec<String>,
}

impl Ending {
    /// Adds what a choice says of it, of a whole answer or of a chunk.
    pub(super) fn hear(&mut self, choice: &Value) {
        let text = |name: &str| choice.get(name).and_then(Value::as_str).map(str::to_owned);
        self.finish_reason = text("finish_reason").or(self.finish_reason.take());
        self.stop_sequence = text("stop_reason").or(self.stop_sequence.take());
        let details = choice
            .get("stop_details")
            .filter(|details| !details.is_null());
        self.stop_details = details.cloned().or(self.stop_details.take());
    }

    /// Adds the names that a canonical answer, or a chunk, tells under `foreign`.
    pub(super) fn hear_foreign(&mut self, members: &Map<String, Value>) {
        let names = members
            .get("foreign")
            .and_then(|f| f.get(super::NAME)?.as_array());
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        self.foreign.extend(names.map(str::to_owned));
    }

    /// Anthropic's reason, and the stop sequence that goes with it. None where nobody says how it ended: perhaps it did
    /// not.
    pub(super) fn stop_reason(&self) -> Option<(&str, Option<&str>)> {
        let mut names = self.foreign.iter().map(String::as_str);
        Some(match self.finish_reason.as_deref() {
            Some("length") => {
                let told = names.find(|name| FOREIGN_REASONS.contains(name));
                (told.unwrap_or("max_tokens"), None)
            }
            Some("content_filter") => ("refusal", None),
            _ if self.refuses => ("refusal", None),
            Some("tool_calls" | "function_call") => ("tool_use", None),
            _ if self.calls => ("tool_use", None),
            finish => match self.stop_sequence.as_deref() {
                Some(sequence) => ("stop_sequence", Some(sequence)),
                None => (finish.map(|_| "end_turn")?, None),
            },
        })
    }
}

/// Anthropic's reasons that chat completions have no word for.
const FOREIGN_REASONS: [&str; 3] = ["pause_turn", "model_context_window_exceeded", "compaction"];

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(usage: &Value) -> Value {
        let canonical = from_anthropic(usage.as_object().unwrap());
        Value::Object(to_anthropic(Some(&canonical)))
    }

    #[test]
    fn a_prompt_is_all_that_was_read_cached_or_not() {
        let usage = json!({"input_tokens": 5, "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 2000, "output_tokens": 7});
        let canonical = from_anthropic(usage.as_object().unwrap());
        assert_eq!(canonical["prompt_tokens"], 2105);
        assert_eq!(canonical["total_tokens"], 2112);
        assert_eq!(canonical["prompt_tokens_details"]["cached_tokens"], 2000);
        assert_eq!(canonical["cache_creation_input_tokens"], 100);
        assert_eq!(there_and_back(&usage), usage);
    }

    #[test]
    fn what_only_one_side_counts_is_kept() {
        let usage = json!({"input_tokens": 5, "output_tokens": 7,
            "output_tokens_details": {"thinking_tokens": 3},
            "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
            "service_tier": "standard", "inference_geo": null});
        let canonical = from_anthropic(usage.as_object().unwrap());
        assert_eq!(
            canonical["completion_tokens_details"]["reasoning_tokens"],
            3
        );
        assert!(canonical.get("prompt_tokens_details").is_none());
        let mut back = usage;
        back.as_object_mut().unwrap().remove("inference_geo");
        assert_eq!(there_and_back(&back), back);
    }

    #[test]
    fn counts_that_nobody_made_are_nought() {
        let none = json!({"input_tokens": 0, "output_tokens": 0});
        assert_eq!(Value::Object(to_anthropic(None)), none);
        // More cached than asked: a provider's mistake is no panic.
        let odd = json!({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}});
        assert_eq!(to_anthropic(Some(&odd))["input_tokens"], 0);
    }

    #[test]
    fn each_reason_comes_back_as_it_went() {
        for reason in [
            "end_turn",
            "max_tokens",
            "tool_use",
            "refusal",
            "pause_turn",
            "model_context_window_exceeded",
        ] {
            let mut ending = Ending::default();
            ending.hear(&json!({"finish_reason": finish_reason(reason)}));
            if is_foreign_reason(reason) {
                let told = json!({"foreign": {"anthropic": [reason]}});
                ending.hear_foreign(told.as_object().unwrap());
            }
            assert_eq!(ending.stop_reason(), Some((reason, None)));
        }
        let mut ending = Ending::default();
        ending.hear(&json!({"finish_reason": "stop", "stop_reason": "\n\n"}));
        assert_eq!(ending.stop_reason(), Some(("stop_sequence", Some("\n\n"))));
        assert_eq!(finish_reason("stop_sequence"), "stop");
        assert!(is_foreign_reason("some_day") && !is_foreign_reason("max_tokens"));
    }

    #[test]
    fn calls_and_refusals_tell_even_where_the_reason_does_not() {
        let mut ending = Ending {
            calls: true,
            ..Ending::default()
        };
        ending.hear(&json!({"finish_reason": "stop", "stop_reason": 7}));
        assert_eq!(ending.stop_reason(), Some(("tool_use", None)));
        ending.finish_reason = None;
        assert_eq!(ending.stop_reason(), Some(("tool_use", None)));
        ending.refuses = true;
        assert_eq!(ending.stop_reason(), Some(("refusal", None)));
        let untold = Ending::default();
        assert_eq!(untold.stop_reason(), None, "nobody says that it has ended");
    }
}
