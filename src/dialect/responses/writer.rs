//! Writes the chunks of a canonical answer as the stream of events of a response.

use serde_json::{Map, Value, json};

use super::echo::{Echo, Standing};
use super::events::Events;
use super::field::{Object, given};
use super::output::Output;
use super::usage::usage;
use crate::chat::unix_seconds;

/// One response while it is written.
#[derive(Debug)]
pub struct Writer {
    echo: Echo,
    created_at: u64,
    events: Events,
    output: Output,
    begun: bool,
    finish: Option<String>,
    usage: Option<Value>,
    finished: Option<Value>,
}

impl Writer {
    /// A response to the request that `echo` repeats.
    #[must_use]
    pub fn new(echo: Echo) -> Self {
        Self {
            echo,
            created_at: unix_seconds(),
            events: Events::default(),
            output: Output::new(),
            begun: false,
            finish: None,
            usage: None,
            finished: None,
        }
    }

    /// One that is not streamed.
    pub(super) fn unheard(echo: Echo) -> Self {
        Self {
            events: Events::unheard(),
            ..Self::new(echo)
        }
    }

    /// The response's id.
    #[must_use]
    pub fn id(&self) -> String {
        self.output.id()
    }

    /// The events that a chunk makes.
    pub fn chunk(&mut self, chunk: &Map<String, Value>) -> String {
        self.take(chunk, "delta");
        self.events.take()
    }

    /// All events of an answer that is whole already. What was thought comes before what was said, in whatever
    /// order the answer holds them.
    pub fn whole(&mut self, members: &Map<String, Value>) -> String {
        self.take(members, "message");
        self.end()
    }

    /// Takes a chunk, or a whole answer where `said` is `message`.
    pub(super) fn take(&mut self, chunk: &Object, said: &str) {
        if self.finished.is_some() {
            return;
        }
        self.begin(chunk);
        if let Some(counted) = given(chunk, "usage") {
            self.usage = Some(counted.clone());
        }
        let choices = chunk.get("choices").and_then(Value::as_array);
        // Responses have one answer, and cannot be asked for more.
        let index = |choice: &Value| choice.get("index").and_then(Value::as_u64).unwrap_or(0);
        for choice in choices.into_iter().flatten().filter(|c| index(c) == 0) {
            let nothing = Map::new();
            let message = choice.get(said).and_then(Value::as_object);
            let logprobs = logprobs(choice);
            let output = &mut self.output;
            output.take(message.unwrap_or(&nothing), logprobs, &mut self.events);
            if let Some(finish) = choice.get("finish_reason").and_then(Value::as_str) {
                self.finish = Some(finish.to_owned());
            }
        }
    }

    fn begin(&mut self, head: &Object) {
        if self.begun {
            return;
        }
        self.begun = true;
        self.echo.served(head);
        for kind in ["response.created", "response.in_progress"] {
            let response = self.response(Standing {
                status: "in_progress",
                ..Standing::default()
            });
            self.events.tell(kind, &response);
        }
    }

    /// The last events, once the answer is whole.
    pub fn end(&mut self) -> String {
        if self.finished.is_some() {
            return String::new();
        }
        self.begin(&Map::new());
        let incomplete = match self.finish.as_deref() {
            Some("length") => Some("max_output_tokens"),
            Some("content_filter") => Some("content_filter"),
            _ => None,
        };
        // Where nobody says how it ended, perhaps it did not. Some servers never do where tools are called.
        let whole = (self.finish.is_some() || self.output.calls()) && incomplete.is_none();
        self.output.end(!whole, &mut self.events);
        let (kind, status) = match whole {
            false => ("response.incomplete", "incomplete"),
            true => ("response.completed", "completed"),
        };
        let response = self.response(Standing {
            status,
            completed_at: whole.then(unix_seconds),
            incomplete,
            ..Standing::default()
        });
        self.events.tell(kind, &response);
        self.finished = Some(response);
        self.events.take()
    }

    /// The last events of an answer that failed on the way; `error` is as OpenAI writes one.
    pub fn error(&mut self, error: &Value) -> String {
        if self.finished.is_some() {
            return String::new();
        }
        self.begin(&Map::new());
        let member = |name: &str| error.get(name).and_then(Value::as_str);
        let message = member("message").unwrap_or("The answer failed on the way.");
        let said = json!({"code": member("code").or(member("type")), "message": message,
            "param": member("param")});
        self.events.say("error", said);
        self.output.abandon();
        let response = self.response(Standing {
            status: "failed",
            error: json!({"code": code(error), "message": message}),
            ..Standing::default()
        });
        self.events.tell("response.failed", &response);
        self.finished = Some(response);
        self.events.take()
    }

    /// The response object as it was last said, once it is completed, incomplete or failed.
    #[must_use]
    pub fn finished(&self) -> Option<&Value> {
        self.finished.as_ref()
    }

    pub(super) fn into_finished(self) -> Option<Value> {
        self.finished
    }

    fn response(&self, stands: Standing) -> Value {
        let stands = Standing {
            output: self.output.items(),
            usage: usage(self.usage.as_ref()),
            ..stands
        };
        let response = self.echo.response(&self.id(), self.created_at, stands);
        response.into()
    }
}

/// The words that a failed response has for what went wrong.
fn code(error: &Value) -> &'static str {
    let says = |word: &str| {
        let mut members = ["code", "type"].into_iter();
        members.any(|name| {
            let value = error.get(name).and_then(Value::as_str);
            value.is_some_and(|value| value.contains(word))
        })
    };
    if says("rate_limit") || says("insufficient_quota") {
        "rate_limit_exceeded"
    } else if says("invalid_request") || says("content_policy") {
        "invalid_prompt"
    } else {
        "server_error"
    }
}

/// A choice's token probabilities, each with the members that responses always have.
fn logprobs(choice: &Value) -> Vec<Value> {
    let tokens = choice
        .pointer("/logprobs/content")
        .and_then(Value::as_array);
    let mut tokens = tokens.cloned().unwrap_or_default();
    for token in &mut tokens {
        let Value::Object(token) = token else {
            continue;
        };
        let top = token.entry("top_logprobs").or_insert(Value::Null);
        if top.is_null() {
            *top = json!([]);
        }
        for other in top.as_array_mut().into_iter().flatten() {
            if let Value::Object(other) = other {
                with_bytes(other);
            }
        }
        with_bytes(token);
    }
    tokens
}

fn with_bytes(token: &mut Object) {
    if given(token, "bytes").is_none() {
        token.insert("bytes".into(), json!([]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::responses::answer;

    fn echo() -> Echo {
        let body = json!({"model": "alias", "input": "hi", "instructions": "Be brief."});
        Echo::new(body.as_object().unwrap())
    }

    fn chunk(delta: &Value, finish: &Value) -> Value {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    }

    fn said(delta: &Value) -> Value {
        chunk(delta, &Value::Null)
    }

    fn counted() -> Value {
        json!({"model": "m", "choices": [],
            "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}})
    }

    /// The events of a text, each of which must be named as its data says.
    fn events(text: &str) -> Vec<Value> {
        let mut events = Vec::new();
        for event in text.split_terminator("\n\n") {
            let (name, data) = event.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name.strip_prefix("event: ").unwrap(), data["type"]);
            events.push(data);
        }
        events
    }

    fn written(chunks: &[Value]) -> (Vec<Value>, Value) {
        let mut writer = Writer::new(echo());
        let mut text = String::new();
        for chunk in chunks {
            text.push_str(&writer.chunk(chunk.as_object().unwrap()));
        }
        text.push_str(&writer.end());
        (events(&text), writer.finished().unwrap().clone())
    }

    fn kinds(events: &[Value]) -> Vec<&str> {
        events.iter().map(|e| e["type"].as_str().unwrap()).collect()
    }

    #[test]
    fn a_text_is_told_from_its_first_event_to_its_last() {
        let (events, finished) = written(&[
            said(&json!({"role": "assistant", "content": ""})),
            said(&json!({"content": "Grü"})),
            said(&json!({"content": "ße 🍎"})),
            chunk(&json!({}), &json!("stop")),
            counted(),
        ]);
        assert_eq!(
            kinds(&events),
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.completed",
            ]
        );
        for (i, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], i);
        }
        let created = &events[0]["response"];
        assert_eq!(created["status"], "in_progress");
        assert_eq!(
            (&created["output"], &created["usage"]),
            (&json!([]), &Value::Null)
        );
        assert_eq!(
            (&created["model"], &created["instructions"]),
            (&json!("m"), &json!("Be brief."))
        );
        assert_eq!(events[5]["delta"], "ße 🍎");
        assert_eq!(events[6]["text"], "Grüße 🍎");
        assert_eq!(events[4]["item_id"], events[2]["item"]["id"]);
        assert_eq!(events[9]["response"], finished);
        assert_eq!(finished["output"][0], events[8]["item"]);
        assert_eq!(finished["usage"]["total_tokens"], 3);
        assert!(finished["completed_at"].is_u64());
    }

    #[test]
    fn thinking_is_told_as_a_summary_and_closed_before_the_text() {
        let block = json!({"type": "thinking", "thinking": "Hmm", "signature": "s"});
        let (events, finished) = written(&[
            said(&json!({"reasoning_content": "H"})),
            said(&json!({"reasoning_content": "mm"})),
            said(&json!({"thinking_blocks": [block]})),
            said(&json!({"content": "a"})),
            chunk(&json!({}), &json!("stop")),
        ]);
        assert_eq!(
            kinds(&events)[2..10],
            [
                "response.output_item.added",
                "response.reasoning_summary_part.added",
                "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.done",
                "response.reasoning_summary_part.done",
                "response.output_item.done",
                "response.output_item.added",
            ]
        );
        let item = &finished["output"][0];
        assert_eq!(
            item["summary"],
            json!([{"type": "summary_text", "text": "Hmm"}])
        );
        assert!(item["encrypted_content"].is_string());
        assert_eq!(finished["output"][1]["type"], "message");
    }

    #[test]
    fn a_refusal_is_a_part_of_its_own() {
        let (events, finished) = written(&[
            said(&json!({"refusal": "I can"})),
            said(&json!({"refusal": "not."})),
            chunk(&json!({}), &json!("stop")),
        ]);
        let refusal = json!({"type": "refusal", "refusal": "I cannot."});
        assert_eq!(finished["output"][0]["content"], json!([refusal]));
        assert_eq!(
            kinds(&events)[3..7],
            [
                "response.content_part.added",
                "response.refusal.delta",
                "response.refusal.delta",
                "response.refusal.done"
            ]
        );
    }

    #[test]
    fn a_refusal_may_follow_a_text_and_a_second_answer_is_not_told() {
        let mut second = said(&json!({"content": "second"}));
        second["choices"][0]["index"] = json!(1);
        let refused = said(&json!({"refusal": "No."}));
        let (events, finished) = written(&[said(&json!({"content": "a"})), second, refused]);
        let parts = &finished["output"][0]["content"];
        assert_eq!(
            (&parts[0]["text"], &parts[1]["refusal"]),
            (&json!("a"), &json!("No."))
        );
        assert_eq!(events[8]["type"], "response.refusal.delta");
        assert_eq!(events[8]["content_index"], 1);
    }

    #[test]
    fn an_answer_cut_short_says_why() {
        for (finish, reason) in [
            ("length", "max_output_tokens"),
            ("content_filter", "content_filter"),
        ] {
            let (events, finished) = written(&[
                said(&json!({"content": "a"})),
                chunk(&json!({}), &json!(finish)),
            ]);
            assert_eq!(kinds(&events).last(), Some(&"response.incomplete"));
            assert_eq!(finished["status"], "incomplete");
            assert_eq!(finished["incomplete_details"], json!({"reason": reason}));
            assert_eq!(finished["output"][0]["status"], "incomplete");
            assert_eq!(finished["completed_at"], Value::Null);
        }
    }

    #[test]
    fn an_answer_that_nobody_says_has_ended_is_whole_only_where_it_calls_tools() {
        let (_, text) = written(&[said(&json!({"content": "Half"}))]);
        assert_eq!(
            (&text["status"], &text["completed_at"]),
            (&json!("incomplete"), &Value::Null)
        );
        let call = json!({"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let (_, called) = written(&[said(&json!({ "tool_calls": [call] }))]);
        assert_eq!(called["status"], "completed");
        assert_eq!(called["output"][0]["status"], "completed");
    }

    #[test]
    fn an_answer_that_fails_on_the_way_says_so_and_ends() {
        let mut writer = Writer::new(echo());
        writer.chunk(said(&json!({"content": "a"})).as_object().unwrap());
        let error = json!({"message": "Slow down.", "type": "rate_limit_error", "code": null, "param": null});
        let told = events(&writer.error(&error));
        assert_eq!(kinds(&told), ["error", "response.failed"]);
        assert_eq!(
            (&told[0]["message"], &told[0]["code"]),
            (&json!("Slow down."), &json!("rate_limit_error"))
        );
        let failed = &told[1]["response"];
        assert_eq!(
            failed["error"],
            json!({"code": "rate_limit_exceeded", "message": "Slow down."})
        );
        assert_eq!(
            (&failed["status"], &failed["output"][0]["status"]),
            (&json!("failed"), &json!("incomplete"))
        );
        assert_eq!(writer.finished(), Some(failed));
        assert_eq!(writer.end(), "");
    }

    #[test]
    fn probabilities_come_with_their_text() {
        let other = json!({"token": "b", "logprob": -1.5, "bytes": null});
        let token = json!({"token": "a", "logprob": -0.5, "bytes": null, "top_logprobs": [other]});
        let mut chunk = said(&json!({"content": "a"}));
        chunk["choices"][0]["logprobs"] = json!({"content": [token], "refusal": null});
        let (events, finished) = written(&[chunk]);
        let other = json!({"token": "b", "logprob": -1.5, "bytes": []});
        let told = json!([{"token": "a", "logprob": -0.5, "bytes": [], "top_logprobs": [other]}]);
        assert_eq!(events[4]["logprobs"], told);
        assert_eq!(finished["output"][0]["content"][0]["logprobs"], told);
    }

    #[test]
    fn whole_and_in_pieces_an_answer_is_the_same() {
        let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}});
        let message = json!({"role": "assistant", "content": "Grüße", "refusal": null,
            "reasoning_content": "Hmm", "tool_calls": [call]});
        let whole = json!({"model": "m", "usage": counted()["usage"], "choices": [
            {"index": 0, "message": message, "logprobs": null, "finish_reason": "tool_calls"}]});
        let (_, streamed) = written(&[
            said(&json!({"reasoning_content": "Hmm"})),
            said(&json!({"content": "Grü"})),
            said(&json!({"content": "ße"})),
            said(
                &json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function",
                "function": {"name": "f", "arguments": "{\"x\""}}]}),
            ),
            said(&json!({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]})),
            chunk(&json!({}), &json!("tool_calls")),
            counted(),
        ]);
        let same = |response: &Value| {
            let stem = response["id"]
                .as_str()
                .unwrap()
                .strip_prefix("resp_")
                .unwrap()
                .to_owned();
            let mut same: Value =
                serde_json::from_str(&response.to_string().replace(&stem, "x")).unwrap();
            for name in ["created_at", "completed_at"] {
                assert!(same[name].take().is_u64());
            }
            same
        };
        let plain = answer(whole.as_object().unwrap(), &echo()).into();
        assert_eq!(same(&plain), same(&streamed));
        let mut writer = Writer::new(echo());
        let events = events(&writer.whole(whole.as_object().unwrap()));
        assert_eq!(same(&events.last().unwrap()["response"]), same(&plain));
        let kinds = kinds(&events);
        let first = |kind| kinds.iter().position(|k| *k == kind).unwrap();
        let thought = first("response.reasoning_summary_text.delta");
        assert!(thought < first("response.output_text.delta"));
    }
}
