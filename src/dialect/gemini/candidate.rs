//! What one candidate says, in a whole answer or in one response of a stream.

use serde_json::{Map, Value, json};

use super::super::Fault;
use super::super::chunks::error;
use super::signature;

/// Members of a candidate that say nothing in the answer, or are read here.
const KNOWN: [&str; 8] = [
    "content",
    "finishReason",
    "finishMessage",
    "index",
    "logprobsResult",
    "avgLogprobs",
    "safetyRatings",
    "tokenCount",
];

/// Members of a part that are read here.
const KNOWN_OF_PART: [&str; 4] = ["text", "thought", "thoughtSignature", "functionCall"];

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    Stop,
    Length,
    Filtered,
}

impl Finish {
    /// The reason in OpenAI's words, of an answer that `calls` tools or does not.
    pub(super) fn reason(self, calls: bool) -> &'static str {
        match self {
            Self::Stop if calls => "tool_calls",
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Filtered => "content_filter",
        }
    }
}

/// What one candidate says, or adds to what it said before.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) thought: String,
    pub(super) text: Option<String>,
    /// Calls in OpenAI's form, without `index`.
    pub(super) calls: Vec<Map<String, Value>>,
    /// Signature of the words.
    pub(super) signature: Option<String>,
    pub(super) finish: Option<Finish>,
    pub(super) logprobs: Value,
    /// Names of what has no place in the canonical form.
    pub(super) lost: Vec<String>,
}

/// Reads a candidate, and of each part the arguments of its call as they are `written` where that tells more than their
/// parsed form. `calls_before` is how many calls it made in earlier responses of the stream, `response_id`
/// names the answer.
pub(super) fn read(
    (candidate, written): (&Value, &[Option<&str>]),
    index: u64,
    calls_before: usize,
    response_id: &str,
) -> Result<Said, Fault> {
    let mut said = Said::default();
    for (key, value) in candidate.as_object().into_iter().flatten() {
        let empty = value.as_object().is_some_and(Map::is_empty) || value.is_null();
        if !empty && !KNOWN.contains(&key.as_str()) {
            said.lose(key);
        }
    }
    let parts = candidate
        .pointer("/content/parts")
        .and_then(Value::as_array);
    for (i, part) in parts.into_iter().flatten().enumerate() {
        let written = written.get(i).copied().flatten();
        said.part((part, written), |said, name, args| {
            let place = calls_before + said.calls.len();
            made_id(&format!("{response_id}/{index}/{place}/{name}/{args}"))
        })?;
    }
    let reason = candidate.get("finishReason").and_then(Value::as_str);
    let reason = reason.filter(|r| !r.is_empty());
    said.finish = reason.map(|r| finish(r, candidate)).transpose()?;
    said.logprobs = candidate
        .get("logprobsResult")
        .map_or(Value::Null, logprobs);
    Ok(said)
}

impl Said {
    fn part(
        &mut self,
        (part, written): (&Value, Option<&str>),
        id: impl FnOnce(&Self, &str, &str) -> String,
    ) -> Result<(), Fault> {
        let Value::Object(part) = part else {
            return Err(Fault::Malformed("a part is no object".into()));
        };
        let strange = part
            .keys()
            .filter(|key| !KNOWN_OF_PART.contains(&key.as_str()));
        strange.for_each(|key| self.lose(key));
        let signature = part.get("thoughtSignature").and_then(Value::as_str);
        if let Some(call) = part.get("functionCall") {
            return self.call((call, written), signature, id);
        }
        let text = part.get("text").and_then(Value::as_str);
        if part.get("thought").and_then(Value::as_bool) == Some(true) {
            self.thought.push_str(text.unwrap_or_default());
        } else if let Some(text) = text {
            self.text.get_or_insert_default().push_str(text);
        }
        if let Some(signature) = signature {
            self.sign(signature);
        }
        Ok(())
    }

    /// A message has room for one signature.
    fn sign(&mut self, signature: &str) {
        let before = self.signature.replace(signature.to_owned());
        if before.is_some_and(|before| before != signature) {
            self.lose("thoughtSignature");
        }
    }

    fn call(
        &mut self,
        (call, written): (&Value, Option<&str>),
        signature: Option<&str>,
        id: impl FnOnce(&Self, &str, &str) -> String,
    ) -> Result<(), Fault> {
        let malformed = |what: &str| Fault::Malformed(format!("a function call {what}"));
        let name = call.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| malformed("has no name"))?;
        if call.get("partialArgs").is_some() || call.get("willContinue").is_some() {
            return Err(malformed("is not whole"));
        }
        let args = match call.get("args") {
            None | Some(Value::Null) => "{}".to_owned(),
            Some(args @ Value::Object(_)) => {
                written.map_or_else(|| args.to_string(), str::to_owned)
            }
            Some(_) => return Err(malformed("has arguments that are no object")),
        };
        let given = call.get("id").and_then(Value::as_str);
        let id = match given.filter(|id| !id.is_empty()) {
            Some(given) => given.to_owned(),
            None => id(self, name, &args),
        };
        let mut call = Map::new();
        call.insert("id".into(), id.into());
        call.insert("type".into(), "function".into());
        call.insert("function".into(), json!({"name": name, "arguments": args}));
        if let Some(signature) = signature {
            call.insert("extra_content".into(), signature::extra(signature));
        }
        self.calls.push(call);
        Ok(())
    }

    fn lose(&mut self, name: &str) {
        if !self.lost.iter().any(|lost| lost == name) {
            self.lost.push(name.to_owned());
        }
    }
}

/// An id for a call that came without one: the same for the same place in the same answer.
fn made_id(place: &str) -> String {
    let hash = blake3::hash(place.as_bytes()).to_hex();
    format!("call_{}", hash.get(..24).unwrap_or_default())
}

fn finish(reason: &str, candidate: &Value) -> Result<Finish, Fault> {
    match reason {
        "STOP" => Ok(Finish::Stop),
        // The second is a limit of the API's own, after which one may ask for more.
        "MAX_TOKENS" | "CONTINUATION" => Ok(Finish::Length),
        "MALFORMED_FUNCTION_CALL"
        | "MALFORMED_RESPONSE"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS" => Err(failed(reason, candidate, None)),
        "MISSING_THOUGHT_SIGNATURE" => Err(failed(reason, candidate, Some(400))),
        _ => Ok(Finish::Filtered),
    }
}

/// The model's answer is none.
fn failed(reason: &str, candidate: &Value, status: Option<u64>) -> Fault {
    let message = candidate.get("finishMessage").and_then(Value::as_str);
    let message = message.map_or_else(
        || format!("The model's answer ended with {reason}."),
        str::to_owned,
    );
    Fault::Said(error(&message, status, reason.into()))
}

fn logprobs(result: &Value) -> Value {
    let list = |key: &str| result.get(key).and_then(Value::as_array);
    let Some(chosen) = list("chosenCandidates") else {
        return Value::Null;
    };
    let token = |of: &Value| {
        json!({"token": of.get("token").unwrap_or(&"".into()),
            "logprob": of.get("logProbability").unwrap_or(&0.into()), "bytes": null})
    };
    let tops = list("topCandidates").map_or(&[][..], Vec::as_slice);
    let content = chosen.iter().enumerate().map(|(i, chosen)| {
        let top = tops.get(i).and_then(|t| t.get("candidates")?.as_array());
        let top: Vec<_> = top.into_iter().flatten().map(token).collect();
        let mut one = token(chosen);
        if let Value::Object(one) = &mut one {
            one.insert("top_logprobs".into(), top.into());
        }
        one
    });
    json!({"content": content.collect::<Vec<_>>(), "refusal": null})
}
