use super::*;

fn of(response: &Value) -> Result<Value, Fault> {
    answer(response.to_string().as_bytes()).map(Value::Object)
}

fn ended(parts: Value, reason: &str) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts},
        "finishReason": reason, "index": 0}], "responseId": "r", "modelVersion": "gemini-3-pro"})
}

fn choice_of(parts: Value, reason: &str) -> Value {
    of(&ended(parts, reason)).unwrap()["choices"][0].take()
}

#[test]
fn an_answer_has_its_words_and_its_counts() {
    let mut response = ended(json!([{"text": "Pa"}, {"text": "ris 🗼"}]), "STOP");
    response["usageMetadata"] = json!({"promptTokenCount": 10, "candidatesTokenCount": 3,
        "thoughtsTokenCount": 4, "cachedContentTokenCount": 2, "toolUsePromptTokenCount": 5,
        "totalTokenCount": 22, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9},
            {"modality": "AUDIO", "tokenCount": 1}]});
    let answer = json!({"model": "gemini-3-pro",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Paris 🗼",
            "refusal": null}, "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 15, "completion_tokens": 7, "total_tokens": 22,
            "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0}}});
    assert_eq!(of(&response).unwrap(), answer);
}

#[test]
fn thoughts_and_signatures_are_kept_apart_from_the_words() {
    let parts = json!([{"text": "Hm.", "thought": true}, {"text": "Yes."},
        {"text": "", "thoughtSignature": "c2ln"}]);
    let message = choice_of(parts, "STOP")["message"].take();
    assert_eq!(message["reasoning_content"], "Hm.");
    assert_eq!(message["content"], "Yes.");
    assert_eq!(message["extra_content"], signature::extra("c2ln"));
    let two = json!([{"text": "Hm.", "thought": true, "thoughtSignature": "YQ=="},
        {"text": "Yes.", "thoughtSignature": "Yg=="}]);
    let two = of(&ended(two, "STOP")).unwrap();
    assert_eq!(two["foreign"], json!({"gemini": ["thoughtSignature"]}));
}

#[test]
fn calls_have_ids_arguments_and_their_signatures() {
    let parts = json!([
        {"functionCall": {"id": "c1", "name": "f", "args": {"b": 1, "a": "é"}},
            "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "f"}}, {"functionCall": {"name": "f"}}]);
    let choice = choice_of(parts.clone(), "STOP");
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let calls = &choice["message"]["tool_calls"];
    let function = json!({"name": "f", "arguments": "{\"b\":1,\"a\":\"é\"}"});
    assert_eq!(
        calls[0],
        json!({"id": "c1", "type": "function", "function": function,
            "extra_content": signature::extra("c2ln")})
    );
    assert_eq!(calls[1]["function"]["arguments"], "{}");
    let ids = [1, 2].map(|i| calls[i]["id"].as_str().unwrap());
    assert!(
        ids.iter()
            .all(|id| id.starts_with("call_") && id.len() == 29)
    );
    assert_ne!(ids[0], ids[1]);
    let again = choice_of(parts.clone(), "STOP");
    assert_eq!(again["message"]["tool_calls"], *calls);
    let mut other = ended(parts, "STOP");
    other["responseId"] = json!("other");
    let other = of(&other).unwrap();
    assert_ne!(other["choices"][0]["message"]["tool_calls"][1], calls[1]);
}

#[test]
fn a_number_of_any_length_is_handed_on_as_it_was_written() {
    let long = r#"{ "x": 36893488147419103233 }"#;
    let part = |args: &str| format!(r#"{{"functionCall":{{"name":"f","args":{args}}}}}"#);
    let response = format!(
        r#"{{"candidates":[{{"content":{{"parts":[{{"text":"a"}},{},{}]}},"finishReason":"STOP"}}]}}"#,
        part(r#"{ "x": 2.5 }"#),
        part(long)
    );
    for response in [response.clone(), format!("[{response}]")] {
        let answer = Value::Object(answer(response.as_bytes()).unwrap());
        let calls = &answer["choices"][0]["message"]["tool_calls"];
        assert_eq!(calls[0]["function"]["arguments"], r#"{"x":2.5}"#);
        assert_eq!(calls[1]["function"]["arguments"], long);
    }
}

#[test]
fn every_end_has_a_reason() {
    for (reason, finish) in [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("OTHER", "content_filter"),
        ("NEVER_HEARD_OF", "content_filter"),
    ] {
        assert_eq!(
            choice_of(json!([{"text": "a"}]), reason)["finish_reason"],
            finish
        );
    }
    for reason in [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "MALFORMED_RESPONSE",
    ] {
        let mut failed = ended(json!([]), reason);
        failed["candidates"][0]["finishMessage"] = json!("No such function.");
        let Err(Fault::Said(error)) = of(&failed) else {
            panic!("{reason}");
        };
        assert_eq!(
            error,
            json!({"message": "No such function.", "type": "server_error", "param": null,
                "code": reason})
        );
    }
    let unsigned = of(&ended(json!([]), "MISSING_THOUGHT_SIGNATURE"));
    let Err(Fault::Said(error)) = unsigned else {
        panic!();
    };
    assert_eq!(error["type"], "invalid_request_error");
}

#[test]
fn an_answer_without_words_is_empty_or_null() {
    let content = |reason: &str| {
        let response =
            json!({"candidates": [{"content": {"role": "model"}, "finishReason": reason}]});
        of(&response).unwrap()["choices"][0]["message"]["content"].take()
    };
    assert_eq!(content("STOP"), "");
    assert_eq!(content("MAX_TOKENS"), "");
    assert_eq!(content("SAFETY"), Value::Null);
}

#[test]
fn a_blocked_prompt_is_a_filtered_choice() {
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"},
        "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}});
    let answer = of(&blocked).unwrap();
    assert_eq!(
        answer["choices"],
        json!([{"index": 0, "message": {"role": "assistant", "content": null, "refusal": null},
            "logprobs": null, "finish_reason": "content_filter"}])
    );
    assert_eq!(answer["usage"]["prompt_tokens"], 4);
}

#[test]
fn candidates_are_choices_with_their_probabilities() {
    let token = |token: &str, p: f64| json!({"token": token, "logProbability": p, "tokenId": 7});
    let mut response = ended(json!([{"text": "a"}]), "STOP");
    response["candidates"][0]["logprobsResult"] = json!({"chosenCandidates": [token("a", -0.5)],
        "topCandidates": [{"candidates": [token("a", -0.5), token("b", -1.5)]}]});
    let second = json!({"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"});
    response["candidates"].as_array_mut().unwrap().push(second);
    let choices = of(&response).unwrap()["choices"].take();
    let entry = |token: &str, p: f64| json!({"token": token, "logprob": p, "bytes": null});
    let mut first = entry("a", -0.5);
    first["top_logprobs"] = json!([entry("a", -0.5), entry("b", -1.5)]);
    assert_eq!(
        choices[0]["logprobs"],
        json!({"content": [first], "refusal": null})
    );
    assert_eq!(
        (&choices[1]["index"], &choices[1]["message"]["content"]),
        (&json!(1), &json!("b"))
    );
}

#[test]
fn what_has_no_place_is_named() {
    let mut response = ended(
        json!([{"executableCode": {"code": "1"}}, {"text": "1"}, {"executableCode": {}},
            {"inlineData": {"mimeType": "image/png", "data": ""}}]),
        "STOP",
    );
    response["candidates"][0]["groundingMetadata"] = json!({"webSearchQueries": ["x"]});
    response["candidates"][0]["citationMetadata"] = json!({});
    response["candidates"][0]["safetyRatings"] = json!([{"category": "X"}]);
    let answer = of(&response).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "1");
    assert_eq!(
        answer["foreign"],
        json!({"gemini": ["groundingMetadata", "executableCode", "inlineData"]})
    );
}

#[test]
fn what_is_no_answer_is_a_fault() {
    let error =
        json!({"error": {"code": 429, "message": "Quota.", "status": "RESOURCE_EXHAUSTED"}});
    for response in [error.clone(), json!([error])] {
        let Err(Fault::Said(error)) = of(&response) else {
            panic!("{response}");
        };
        assert_eq!(
            error,
            json!({"message": "Quota.", "type": "rate_limit_error", "param": null,
                "code": "RESOURCE_EXHAUSTED"})
        );
    }
    let unnamed = ended(json!([{"functionCall": {"args": {}}}]), "STOP");
    let odd = ended(
        json!([{"functionCall": {"name": "f", "args": [1]}}]),
        "STOP",
    );
    let partial = json!([{"functionCall": {"name": "f", "willContinue": true}}]);
    let mut unfinished = ended(json!([{"text": "a"}]), "STOP");
    unfinished["candidates"][0]["finishReason"] = Value::Null;
    for response in [
        json!({}),
        json!(1),
        unnamed,
        odd,
        ended(partial, "STOP"),
        unfinished,
    ] {
        assert!(
            matches!(of(&response), Err(Fault::Malformed(_))),
            "{response}"
        );
    }
    assert!(matches!(answer(b"<html>"), Err(Fault::Malformed(_))));
}
