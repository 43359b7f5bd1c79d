use super::*;

fn of(request: &Value) -> Result<Value, String> {
    let target = Target {
        model: "gemini-3-pro",
        stream: false,
        max_tokens: 4096,
    };
    let body = body(request.as_object().unwrap(), &target);
    body.map(Value::Object).map_err(|e| e.param.unwrap())
}

fn with(key: &str, value: Value) -> Value {
    let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    request[key] = value;
    request
}

#[test]
fn a_request_has_everything_in_its_place() {
    let request = json!({"model": "m", "stream": true, "temperature": 1, "max_tokens": 5,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required",
        "service_tier": "default", "store": false, "metadata": {"a": "b"}, "user": "u"});
    let body = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {"temperature": 1, "maxOutputTokens": 5},
        "serviceTier": "standard", "store": false});
    assert_eq!(of(&request).unwrap(), body);
}

#[test]
fn a_bare_request_gains_nothing() {
    let bare = json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]});
    assert_eq!(of(&with("service_tier", json!("auto"))).unwrap(), bare);
    assert_eq!(of(&with("modalities", json!(["text"]))).unwrap(), bare);
}

#[test]
fn what_cannot_be_asked_is_refused_by_name() {
    for (key, value) in [
        ("logit_bias", json!({"1": 2})),
        ("modalities", json!(["text", "audio"])),
        ("audio", json!({"voice": "v"})),
        ("prediction", json!({"type": "content"})),
        ("verbosity", json!("low")),
        ("web_search_options", json!({})),
        ("functions", json!([{"name": "f"}])),
        ("function_call", json!("auto")),
        ("min_p", json!(0.1)),
        ("reasoning_effort", json!("max")),
    ] {
        assert_eq!(of(&with(key, value)).unwrap_err(), key);
    }
    let foreign = json!({"messages": {"container": "c"}});
    assert_eq!(of(&with("foreign", foreign)).unwrap_err(), "container");
    let message = body(
        with("verbosity", json!("low")).as_object().unwrap(),
        &Target {
            model: "m",
            stream: false,
            max_tokens: 1,
        },
    );
    let message = message.unwrap_err().message;
    assert!(message.starts_with("`verbosity` is something that Google's Gemini API cannot"));
}
