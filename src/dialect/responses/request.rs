//! A client's request in the canonical form.

use serde_json::{Map, Value, json};

use super::field::{
    Object, array, boolean, given, missing, object, only, text, unavailable, unavailable_value,
    wrong,
};
use super::{input, tools};
use crate::chat::InvalidRequest;

type Checked = Result<(), InvalidRequest>;

/// Members that chat completions has under the same name, with the same meaning. The last ones are not OpenAI's
/// here; other servers take them.
const SAME: [&str; 19] = [
    "model",
    "temperature",
    "top_p",
    "stream",
    "store",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "metadata",
    "service_tier",
    "top_k",
    "thinking",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
];

/// Members that are told under another name, or need more than a look.
const OWN: [&str; 12] = [
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "text",
    "reasoning",
    "max_output_tokens",
    "top_logprobs",
    "include",
    "stream_options",
    "previous_response_id",
];

/// Members of which only the value that says nothing is taken.
const ABSENT: [&str; 5] = [
    "background",
    "conversation",
    "prompt",
    "max_tool_calls",
    "truncation",
];

/// The canonical form of `body`. `earlier` is what was said up to `previous_response_id`, as
/// [`turns`](super::turns) gave it; instructions are not handed on from there.
///
/// # Errors
/// A member that is faulty, or asks for what only OpenAI's own servers do, by its path.
pub fn request(
    body: &Map<String, Value>,
    earlier: &[Value],
) -> Result<Map<String, Value>, InvalidRequest> {
    unavailable_members(body)?;
    text(body, "", "previous_response_id")?;
    let mut told = Map::new();
    for name in SAME {
        if let Some(value) = given(body, name) {
            told.insert(name.into(), value.clone());
        }
    }
    told.insert("messages".into(), messages(body, earlier)?.into());
    tool_members(body, &mut told)?;
    output_members(body, &mut told)?;
    sampled_members(body, &mut told)?;
    delivery_members(body, &mut told)?;
    let lists = [&SAME[..], &OWN, &ABSENT];
    let known = |name: &str| lists.iter().any(|list| list.contains(&name));
    let unknown = body.iter().filter(|(name, v)| !v.is_null() && !known(name));
    let unknown: Object = unknown.map(|(k, v)| (k.clone(), v.clone())).collect();
    if !unknown.is_empty() {
        told.insert("foreign".into(), json!({"responses": unknown}));
    }
    Ok(told)
}

/// Whether the first canonical message is the request's own instructions.
pub(super) fn instructed(body: &Object) -> bool {
    let instructions = body.get("instructions").and_then(Value::as_str);
    instructions.is_some_and(|text| !text.is_empty())
}

fn messages(body: &Object, earlier: &[Value]) -> Result<Vec<Value>, InvalidRequest> {
    let mut told = Vec::new();
    let instructions = text(body, "", "instructions")?;
    if let Some(text) = instructions.filter(|_| instructed(body)) {
        told.push(json!({"role": "system", "content": text}));
    }
    told.extend_from_slice(earlier);
    let (messages, _) = input::messages(body.get("input"), "input")?;
    if messages.is_empty() {
        return Err(missing("input"));
    }
    told.extend(messages);
    Ok(told)
}

fn unavailable_members(body: &Object) -> Checked {
    if boolean(body, "", "background")? == Some(true) {
        return Err(unavailable("background"));
    }
    let mut absent = ["conversation", "prompt", "max_tool_calls"].into_iter();
    if let Some(name) = absent.find(|name| given(body, name).is_some()) {
        return Err(unavailable(name));
    }
    match text(body, "", "truncation")? {
        None | Some("disabled") => Ok(()),
        Some(other) => Err(unavailable_value("truncation", other, "only disabled is")),
    }
}

fn tool_members(body: &Object, told: &mut Object) -> Checked {
    let tools = tools::tools(body)?;
    if let Some(choice) = tools::choice(body, tools.is_some())? {
        told.insert("tool_choice".into(), choice);
    }
    let parallel = boolean(body, "", "parallel_tool_calls")?;
    if let Some(tools) = tools {
        told.insert("tools".into(), tools);
        // Chat completions takes it only beside tools, where alone it means something.
        if let Some(parallel) = parallel {
            told.insert("parallel_tool_calls".into(), parallel.into());
        }
    }
    Ok(())
}

fn output_members(body: &Object, told: &mut Object) -> Checked {
    if let Some(config) = given(body, "text") {
        let config = object(config, "text")?;
        only(config, "text", &["format", "verbosity"])?;
        if let Some(format) = tools::format(config)? {
            told.insert("response_format".into(), format);
        }
        if let Some(verbosity) = text(config, "text", "verbosity")? {
            told.insert("verbosity".into(), verbosity.into());
        }
    }
    let Some(reasoning) = given(body, "reasoning") else {
        return Ok(());
    };
    let (reasoning, at) = (object(reasoning, "reasoning")?, "reasoning");
    let own = ["effort", "summary", "generate_summary", "mode", "context"];
    only(reasoning, at, &own)?;
    // What was thought is shown whenever there is any.
    text(reasoning, at, "summary")?;
    text(reasoning, at, "generate_summary")?;
    for (name, usual) in [("mode", "standard"), ("context", "auto")] {
        if let Some(other) = text(reasoning, at, name)?.filter(|value| *value != usual) {
            let instead = format!("only {usual} is");
            return Err(unavailable_value(format!("{at}.{name}"), other, &instead));
        }
    }
    if let Some(effort) = text(reasoning, at, "effort")? {
        told.insert("reasoning_effort".into(), effort.into());
    }
    Ok(())
}

fn sampled_members(body: &Object, told: &mut Object) -> Checked {
    if let Some(most) = given(body, "max_output_tokens") {
        if most.as_u64().is_none_or(|most| most == 0) {
            return Err(wrong("max_output_tokens", "an integer of at least 1"));
        }
        told.insert("max_completion_tokens".into(), most.clone());
    }
    let mut logprobs = false;
    for (i, item) in array(body, "", "include")?
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let at = format!("include[{i}]");
        match item.as_str().ok_or_else(|| wrong(&at, "a string"))? {
            "message.output_text.logprobs" => logprobs = true,
            // Always given, if there is any.
            "reasoning.encrypted_content" => {}
            other => {
                let instead =
                    "only reasoning.encrypted_content and message.output_text.logprobs are";
                return Err(unavailable_value(at, other, instead));
            }
        }
    }
    let top = given(body, "top_logprobs");
    let top = top.filter(|top| logprobs || **top != 0);
    if logprobs || top.is_some() {
        told.insert("logprobs".into(), true.into());
    }
    if let Some(top) = top {
        told.insert("top_logprobs".into(), top.clone());
    }
    Ok(())
}

fn delivery_members(body: &Object, told: &mut Object) -> Checked {
    let mut options = Map::new();
    if let Some(given) = given(body, "stream_options") {
        let (given, at) = (object(given, "stream_options")?, "stream_options");
        only(given, at, &["include_obfuscation"])?;
        if let Some(padded) = boolean(given, at, "include_obfuscation")? {
            options.insert("include_obfuscation".into(), padded.into());
        }
    }
    if boolean(body, "", "stream")? == Some(true) {
        // A finished response says what it took, whether or not anyone asked.
        options.insert("include_usage".into(), true.into());
        told.insert("stream_options".into(), options.into());
    }
    // What is stored unless said otherwise may carry metadata; OpenAI's chat completions wants that said.
    let marked = told.get("metadata").and_then(Value::as_object);
    if marked.is_some_and(|m| !m.is_empty()) && boolean(body, "", "store")?.is_none() {
        told.insert("store".into(), true.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ChatRequest;

    fn base() -> Value {
        json!({"model": "m", "input": "hi"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut body = base();
        body[name] = value;
        body
    }

    fn told(body: &Value) -> Value {
        let told = request(body.as_object().unwrap(), &[]).unwrap();
        ChatRequest::parse(Value::Object(told.clone()).to_string()).unwrap();
        told.into()
    }

    fn fault(body: &Value) -> String {
        let fault = request(body.as_object().unwrap(), &[]).unwrap_err();
        fault.param.unwrap()
    }

    #[test]
    fn each_member_is_told_in_the_chat_form() {
        let hi = json!([{"role": "user", "content": "hi"}]);
        assert_eq!(told(&base()), json!({"model": "m", "messages": hi}));
        for (name, value, canonical, said) in [
            (
                "max_output_tokens",
                json!(64),
                "max_completion_tokens",
                json!(64),
            ),
            (
                "reasoning",
                json!({"effort": "low", "summary": "auto"}),
                "reasoning_effort",
                json!("low"),
            ),
            (
                "text",
                json!({"verbosity": "low"}),
                "verbosity",
                json!("low"),
            ),
            (
                "text",
                json!({"format": {"type": "json_object"}}),
                "response_format",
                json!({"type": "json_object"}),
            ),
            ("temperature", json!(0.5), "temperature", json!(0.5)),
            ("service_tier", json!("flex"), "service_tier", json!("flex")),
            ("store", json!(false), "store", json!(false)),
            (
                "include",
                json!(["message.output_text.logprobs"]),
                "logprobs",
                json!(true),
            ),
        ] {
            let told = told(&with(name, value));
            assert_eq!(
                told,
                json!({"model": "m", "messages": hi, canonical: said}),
                "{name}"
            );
        }
    }

    #[test]
    fn values_that_say_nothing_leave_nothing() {
        for (name, value) in [
            ("background", json!(false)),
            ("truncation", json!("disabled")),
            ("text", json!({"format": {"type": "text"}})),
            ("tools", json!([])),
            ("tool_choice", json!("auto")),
            ("parallel_tool_calls", json!(true)),
            ("include", json!(["reasoning.encrypted_content"])),
            ("top_logprobs", json!(0)),
            ("reasoning", json!({"effort": null, "summary": null})),
            ("instructions", json!("")),
            ("of_tomorrow", Value::Null),
        ] {
            assert_eq!(told(&with(name, value)), told(&base()), "{name}");
        }
    }

    #[test]
    fn tools_come_with_what_is_said_of_them() {
        let mut body = with("tools", json!([{"type": "function", "name": "f"}]));
        body["tool_choice"] = json!({"type": "function", "name": "f"});
        body["parallel_tool_calls"] = json!(false);
        let told = told(&body);
        assert_eq!(told["tools"][0]["function"]["name"], "f");
        assert_eq!(told["tool_choice"]["function"]["name"], "f");
        assert_eq!(told["parallel_tool_calls"], false);
    }

    #[test]
    fn instructions_stand_before_what_was_said_earlier() {
        let mut body = with("instructions", json!("Be brief."));
        body["previous_response_id"] = json!("resp_1");
        let earlier = [
            json!({"role": "user", "content": "a"}),
            json!({"role": "assistant", "content": "b"}),
        ];
        let told = request(body.as_object().unwrap(), &earlier).unwrap();
        let roles: Vec<_> = told["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| &m["role"])
            .collect();
        assert_eq!(roles, ["system", "user", "assistant", "user"]);
        assert_eq!(told["messages"][0]["content"], "Be brief.");
    }

    #[test]
    fn a_stream_always_counts_its_tokens() {
        let mut body = with("stream", json!(true));
        assert_eq!(
            told(&body)["stream_options"],
            json!({"include_usage": true})
        );
        body["stream_options"] = json!({"include_obfuscation": false});
        let options = json!({"include_obfuscation": false, "include_usage": true});
        assert_eq!(told(&body)["stream_options"], options);
    }

    #[test]
    fn metadata_is_of_what_is_stored() {
        let mut body = with("metadata", json!({"a": "b"}));
        assert_eq!(told(&body)["store"], true);
        body["store"] = json!(false);
        assert_eq!(told(&body)["store"], false);
    }

    #[test]
    fn what_is_not_known_is_kept_as_foreign() {
        let foreign = &told(&with("of_tomorrow", json!(1)))["foreign"];
        assert_eq!(*foreign, json!({"responses": {"of_tomorrow": 1}}));
    }

    #[test]
    fn each_faulty_or_unavailable_member_is_named() {
        for (name, value, at) in [
            ("background", json!(true), "background"),
            ("conversation", json!("conv_1"), "conversation"),
            ("prompt", json!({"id": "p"}), "prompt"),
            ("max_tool_calls", json!(2), "max_tool_calls"),
            ("truncation", json!("auto"), "truncation"),
            ("previous_response_id", json!(1), "previous_response_id"),
            ("input", json!([]), "input"),
            ("input", json!(1), "input"),
            ("instructions", json!([]), "instructions"),
            ("max_output_tokens", json!(0), "max_output_tokens"),
            ("max_output_tokens", json!("9"), "max_output_tokens"),
            ("include", json!(["web_search_call.results"]), "include[0]"),
            ("include", json!([1]), "include[0]"),
            ("reasoning", json!({"mode": "pro"}), "reasoning.mode"),
            (
                "reasoning",
                json!({"context": "all_turns"}),
                "reasoning.context",
            ),
            ("reasoning", json!({"effort": 1}), "reasoning.effort"),
            ("reasoning", json!({"x": 1}), "reasoning.x"),
            ("text", json!({"x": 1}), "text.x"),
            ("text", json!("json"), "text"),
            ("stream", json!("yes"), "stream"),
            (
                "stream_options",
                json!({"include_usage": true}),
                "stream_options.include_usage",
            ),
            ("parallel_tool_calls", json!(1), "parallel_tool_calls"),
        ] {
            assert_eq!(fault(&with(name, value.clone())), at, "{name}: {value}");
        }
    }
}
