//! A request's `input` as canonical messages.

use serde_json::{Value, json};

use super::content::{content, foreign, parts};
use super::field::{
    Object, array, boolean, given, missing, object, only, required, text, unavailable_value, wrong,
};
use super::thought;
use super::turn::{Messages, Origin};
use crate::chat::InvalidRequest;

/// What an item says of itself and not to a model.
const LABELS: [&str; 3] = ["type", "id", "status"];

/// The messages of `input`, which stands at `at`, and the item that each came from.
pub(super) fn messages(
    input: Option<&Value>,
    at: &str,
) -> Result<(Vec<Value>, Vec<Origin>), InvalidRequest> {
    let mut told = Messages::default();
    match input {
        None | Some(Value::Null) => return Err(missing(at)),
        Some(Value::String(text)) => told.message(json!({"role": "user", "content": text}), 0),
        Some(Value::Array(items)) => {
            for (i, item) in items.iter().enumerate() {
                tell(&mut told, item, i, &format!("{at}[{i}]"))?;
            }
        }
        Some(_) => return Err(wrong(at, "a string or an array of items")),
    }
    Ok(told.end())
}

fn tell(told: &mut Messages, value: &Value, i: usize, at: &str) -> Result<(), InvalidRequest> {
    let item = object(value, at)?;
    let kind = text(item, at, "type")?;
    let bare = given(item, "role").is_none() && given(item, "id").is_some();
    match kind.or(bare.then_some("item_reference")) {
        None | Some("message") => message(told, item, i, at),
        Some("function_call") => {
            told.called(call(item, at)?, i);
            Ok(())
        }
        Some("function_call_output") => {
            told.message(result(item, at)?, i);
            Ok(())
        }
        Some("reasoning") => reasoning(told, value, i, at),
        Some("item_reference") => {
            let id = required(item, at, "id")?;
            let message = format!("No item with the id `{id}` is kept here; send the item itself.");
            Err(InvalidRequest::at(format!("{at}.id"), message))
        }
        Some(other) => {
            let instead = "send messages, function calls and their outputs";
            Err(unavailable_value(format!("{at}.type"), other, instead))
        }
    }
}

fn message(told: &mut Messages, item: &Object, i: usize, at: &str) -> Result<(), InvalidRequest> {
    only(
        item,
        at,
        &[&LABELS[..], &["role", "content", "phase"]].concat(),
    )?;
    let role = required(item, at, "role")?;
    let parts = parts(item.get("content"), &format!("{at}.content"))?;
    match role {
        "assistant" => {
            // That a message is the answer and not a remark on the way is what chat completions takes it for.
            if let Some(phase) = text(item, at, "phase")?.filter(|p| *p != "final_answer") {
                let instead = "only final_answer is";
                return Err(unavailable_value(format!("{at}.phase"), phase, instead));
            }
            told.said(parts, i);
        }
        "user" | "system" | "developer" => {
            told.message(json!({"role": role, "content": content(parts)}), i);
        }
        other => {
            let message =
                format!("`{other}` is not a role; use user, assistant, system or developer.");
            return Err(InvalidRequest::at(format!("{at}.role"), message));
        }
    }
    Ok(())
}

fn call(item: &Object, at: &str) -> Result<Value, InvalidRequest> {
    // What a provider signed comes back with the item that it was told with.
    let own = [
        "call_id",
        "name",
        "arguments",
        "caller",
        "async",
        "extra_content",
    ];
    only(item, at, &[&LABELS[..], &own].concat())?;
    direct(item, at)?;
    if boolean(item, at, "async")? == Some(true) {
        let instead = "leave it out";
        return Err(unavailable_value(format!("{at}.async"), "true", instead));
    }
    let mut call = json!({"id": required(item, at, "call_id")?, "type": "function", "function": {
        "name": required(item, at, "name")?, "arguments": required(item, at, "arguments")?}});
    if let Some(extra) = given(item, "extra_content") {
        call["extra_content"] = extra.clone();
    }
    Ok(call)
}

/// A tool's result. Which tool it was is known by the call.
fn result(item: &Object, at: &str) -> Result<Value, InvalidRequest> {
    let own = ["call_id", "output", "name", "caller"];
    only(item, at, &[&LABELS[..], &own].concat())?;
    direct(item, at)?;
    let output = parts(item.get("output"), &format!("{at}.output"))?;
    let id = required(item, at, "call_id")?;
    Ok(json!({"role": "tool", "tool_call_id": id, "content": content(output)}))
}

/// A call is the model's own, not that of a program which the model wrote.
fn direct(item: &Object, at: &str) -> Result<(), InvalidRequest> {
    let Some(caller) = given(item, "caller") else {
        return Ok(());
    };
    let at = format!("{at}.caller");
    match required(object(caller, &at)?, &at, "type")? {
        "direct" => Ok(()),
        other => Err(unavailable_value(
            format!("{at}.type"),
            other,
            "only direct is",
        )),
    }
}

fn reasoning(told: &mut Messages, value: &Value, i: usize, at: &str) -> Result<(), InvalidRequest> {
    let item = object(value, at)?;
    let own = ["summary", "content", "encrypted_content"];
    only(item, at, &[&LABELS[..], &own].concat())?;
    let thought = match texts(item, at, "content")? {
        text if text.is_empty() => texts(item, at, "summary")?,
        text => text,
    };
    match text(item, at, "encrypted_content")? {
        None | Some("") => told.thought(thought, Vec::new(), i),
        Some(carried) => match thought::opened(carried) {
            Some(blocks) => told.thought(thought, blocks, i),
            None => told.sealed(foreign(value), i),
        },
    }
    Ok(())
}

fn texts(item: &Object, at: &str, name: &str) -> Result<String, InvalidRequest> {
    let mut all = Vec::new();
    for (i, part) in array(item, at, name)?
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let at = format!("{at}.{name}[{i}]");
        all.push(required(object(part, &at)?, &at, "text")?);
    }
    Ok(all.join("\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(items: &Value) -> Value {
        messages(Some(items), "input").unwrap().0.into()
    }

    fn fault(item: &Value) -> String {
        let items = json!([{"role": "user", "content": "hi"}, item]);
        messages(Some(&items), "input").unwrap_err().param.unwrap()
    }

    fn call(id: &str) -> Value {
        json!({"type": "function_call", "id": "fc_1", "call_id": id, "name": "f",
            "arguments": "{\"x\":1}", "status": "completed"})
    }

    fn output(id: &str) -> Value {
        json!({"type": "function_call_output", "call_id": id, "output": "3"})
    }

    fn canonical_call(id: &str) -> Value {
        json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}})
    }

    fn said(text: &str) -> Value {
        json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]})
    }

    #[test]
    fn a_string_is_the_users_message() {
        let user = json!([{"role": "user", "content": "Grüße"}]);
        assert_eq!(told(&json!("Grüße")), user);
    }

    #[test]
    fn each_role_is_kept() {
        let items = json!([{"role": "developer", "content": "a"}, {"role": "system", "content": "b"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "c"}]},
            {"role": "assistant", "content": "d", "phase": "final_answer"}]);
        let canonical = json!([{"role": "developer", "content": "a"},
            {"role": "system", "content": "b"}, {"role": "user", "content": "c"},
            {"role": "assistant", "content": "d"}]);
        assert_eq!(told(&items), canonical);
    }

    #[test]
    fn what_the_model_said_in_one_turn_is_one_message() {
        let thought = json!({"type": "reasoning", "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hmm"}]});
        let items = json!([
            thought,
            said("Let me see."),
            call("c1"),
            call("c2"),
            output("c2"),
            output("c1"),
            said("Done.")
        ]);
        let canonical = json!([
            {"role": "assistant", "content": "Let me see.", "reasoning_content": "Hmm",
                "tool_calls": [canonical_call("c1"), canonical_call("c2")]},
            {"role": "tool", "tool_call_id": "c2", "content": "3"},
            {"role": "tool", "tool_call_id": "c1", "content": "3"},
            {"role": "assistant", "content": "Done."}]);
        assert_eq!(told(&items), canonical);
    }

    #[test]
    fn calls_stay_before_their_results_whatever_is_said_between() {
        let items = json!([
            call("c1"),
            said("And"),
            call("c2"),
            output("c1"),
            output("c2")
        ]);
        let messages = told(&items);
        let calls = json!([canonical_call("c1"), canonical_call("c2")]);
        assert_eq!(
            messages[0],
            json!({"role": "assistant", "content": "And", "tool_calls": calls})
        );
        assert_eq!(messages[2]["tool_call_id"], "c2");
        let again = told(&json!([said("a"), call("c1"), said("b"), output("c1")]));
        let both = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
        assert_eq!(
            (&again[0]["content"], &again[1]["role"]),
            (&both, &json!("tool"))
        );
        let alone = told(&json!([call("c1"), output("c1")]));
        assert_eq!(alone[0]["content"], Value::Null);
    }

    #[test]
    fn two_texts_are_two_messages() {
        let messages = told(&json!([said("a"), said("b")]));
        assert_eq!(
            messages,
            json!([{"role": "assistant", "content": "a"},
            {"role": "assistant", "content": "b"}])
        );
    }

    #[test]
    fn our_own_thinking_comes_back_signed_and_that_of_others_is_foreign() {
        let blocks = [json!({"type": "thinking", "thinking": "Hmm", "signature": "s"})];
        let mut item = json!({"type": "reasoning", "id": "rs_1", "status": "completed",
            "summary": [{"type": "summary_text", "text": "Hmm"}],
            "encrypted_content": thought::sealed(&blocks)});
        assert_eq!(
            told(&json!([item, said("a")])),
            json!([{"role": "assistant", "content": "a",
            "reasoning_content": "Hmm", "thinking_blocks": blocks}])
        );
        item["encrypted_content"] = json!("gAAAAAB");
        let foreign = json!({"type": "foreign", "dialect": "responses", "block": item});
        assert_eq!(
            told(&json!([item, said("a")])),
            json!([{"role": "assistant",
            "content": [foreign, {"type": "text", "text": "a"}]}])
        );
    }

    #[test]
    fn thoughts_between_calls_are_of_one_turn_and_empty_ones_of_none() {
        let thought = |text: &str| {
            let summary = json!([{"type": "summary_text", "text": text}]);
            json!({"type": "reasoning", "id": "rs_1", "summary": summary})
        };
        let items = json!([
            thought("a"),
            call("c1"),
            thought("b"),
            call("c2"),
            output("c1"),
            output("c2")
        ]);
        let messages = told(&items);
        assert_eq!(messages[0]["reasoning_content"], "a\n\nb");
        assert_eq!(messages[0]["tool_calls"].as_array().unwrap().len(), 2);
        let next = told(&json!([said("x"), thought("a"), said("y")]));
        let second = json!({"role": "assistant", "content": "y", "reasoning_content": "a"});
        assert_eq!(next[1], second);
        let empty = json!({"type": "reasoning", "id": "rs_1", "summary": []});
        let hi = json!({"role": "user", "content": "hi"});
        assert_eq!(told(&json!([empty, hi])), json!([hi]));
    }

    #[test]
    fn a_tool_may_answer_with_an_image() {
        let mut item = output("c1");
        item["output"] = json!([{"type": "input_image", "image_url": "data:,x"}]);
        let image = json!([{"type": "image_url", "image_url": {"url": "data:,x"}}]);
        assert_eq!(told(&json!([item]))[0]["content"], image);
    }

    #[test]
    fn each_faulty_or_unknown_item_is_named() {
        for (item, at) in [
            (json!("hi"), "input[1]"),
            (json!({"content": "a"}), "input[1].role"),
            (json!({"role": "tool", "content": "a"}), "input[1].role"),
            (json!({"role": "user"}), "input[1].content"),
            (
                json!({"role": "user", "content": "a", "x": 1}),
                "input[1].x",
            ),
            (
                json!({"role": "assistant", "content": "a", "phase": "commentary"}),
                "input[1].phase",
            ),
            (json!({"type": "web_search_call"}), "input[1].type"),
            (
                json!({"type": "item_reference", "id": "msg_1"}),
                "input[1].id",
            ),
            (json!({"id": "msg_1"}), "input[1].id"),
            (
                json!({"type": "function_call", "call_id": "c", "name": "f"}),
                "input[1].arguments",
            ),
            (
                json!({"type": "function_call", "namespace": "n"}),
                "input[1].namespace",
            ),
            (
                json!({"type": "function_call", "caller": {"type": "program"}}),
                "input[1].caller.type",
            ),
            (
                json!({"type": "function_call_output", "output": "a"}),
                "input[1].call_id",
            ),
            (
                json!({"type": "function_call_output", "call_id": "c"}),
                "input[1].output",
            ),
            (
                json!({"type": "reasoning", "summary": ["a"]}),
                "input[1].summary[0]",
            ),
        ] {
            assert_eq!(fault(&item), at, "{item}");
        }
        assert_eq!(messages(None, "input").unwrap_err().param.unwrap(), "input");
    }
}
