//! OpenAI's older completions.

use serde_json::Value;

use super::{Heard, Said, chat, parse, sse, text, usage};

#[track_caller]
pub(super) fn whole(body: &Value) -> Said {
    assert_eq!(body["object"], "text_completion", "{body}");
    Said {
        text: text(&body["choices"][0]["text"]),
        finish: text(&body["choices"][0]["finish_reason"]),
        usage: usage(&body["usage"]),
        ..Said::default()
    }
}

#[track_caller]
pub(super) fn stream(body: &str) -> Heard {
    let events = sse::events(body);
    let (last, events) = events.split_last().unwrap();
    let mut said = Said::default();
    for (name, data) in events {
        assert!(name.is_none(), "{body}");
        let chunk = parse(data);
        assert_eq!(chunk["object"], "text_completion", "{chunk}");
        said.usage = usage(&chunk["usage"]).or(said.usage);
        let choice = &chunk["choices"][0];
        said.text += choice["text"].as_str().unwrap_or("");
        said.finish += choice["finish_reason"].as_str().unwrap_or("");
    }
    if last.1 != "[DONE]" {
        return chat::broken(said, &parse(last.1));
    }
    assert!(!said.finish.is_empty(), "no reason to finish: {body}");
    Heard::Whole(Box::new(said))
}
