//! What a response object repeats of its request, and the object's frame around the output.

use serde_json::{Map, Value, json};

use super::field::{Object, given};

/// Members that are repeated as they were.
const AS_GIVEN: [&str; 12] = [
    "instructions",
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "temperature",
    "tools",
    "top_p",
    "user",
];

/// What of a request its response repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct Echo {
    model: Value,
    members: Object,
}

/// How a response stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    pub(super) status: &'static str,
    pub(super) completed_at: Option<u64>,
    pub(super) error: Value,
    /// Why it was cut short.
    pub(super) incomplete: Option<&'static str>,
    pub(super) output: Vec<Value>,
    pub(super) usage: Value,
}

impl Echo {
    /// Of a request's body, which [`request`](super::request) has taken.
    #[must_use]
    pub fn new(body: &Map<String, Value>) -> Self {
        let value = |name: &str| given(body, name).cloned();
        let usual = |name: &str| match name {
            "metadata" => json!({}),
            "parallel_tool_calls" => json!(true),
            "tools" => json!([]),
            _ => Value::Null,
        };
        let mut members = Map::new();
        for name in AS_GIVEN {
            members.insert(name.into(), value(name).unwrap_or_else(|| usual(name)));
        }
        if let Some(Value::Array(tools)) = members.get_mut("tools") {
            tools.iter_mut().for_each(complete);
        }
        let nothing = json!({});
        let member = |of: &str, name: &str| {
            let of = given(body, of).unwrap_or(&nothing);
            of.get(name).cloned().unwrap_or_default()
        };
        let mut text = match value("text") {
            Some(Value::Object(text)) => text,
            _ => Map::new(),
        };
        if member("text", "format").is_null() {
            text.insert("format".into(), json!({"type": "text"}));
        }
        let reasoning = json!({"effort": member("reasoning", "effort"), "summary": member("reasoning", "summary")});
        for (name, said) in [
            ("background", json!(false)),
            ("max_tool_calls", Value::Null),
            ("reasoning", reasoning),
            ("service_tier", value("service_tier").unwrap_or_default()),
            ("store", json!(Self::stores(body))),
            ("text", text.into()),
            ("tool_choice", value("tool_choice").unwrap_or(json!("auto"))),
            ("top_logprobs", value("top_logprobs").unwrap_or(json!(0))),
            ("truncation", json!("disabled")),
        ] {
            members.insert(name.into(), said);
        }
        Self {
            model: body.get("model").cloned().unwrap_or_default(),
            members,
        }
    }

    /// Whether the client lets the response be kept: unless it says no.
    #[must_use]
    pub fn store(&self) -> bool {
        self.members.get("store") == Some(&Value::Bool(true))
    }

    fn stores(body: &Object) -> bool {
        body.get("store").and_then(Value::as_bool) != Some(false)
    }

    /// Lets what answered speak for itself: its model, and the tier it was served at.
    pub(super) fn served(&mut self, head: &Object) {
        if let Some(model) = given(head, "model") {
            self.model = model.clone();
        }
        if let Some(tier) = given(head, "service_tier") {
            self.members.insert("service_tier".into(), tier.clone());
        }
    }

    /// The whole response object.
    pub(super) fn response(&self, id: &str, created_at: u64, stands: Standing) -> Object {
        let why = stands.incomplete.map(|reason| json!({"reason": reason}));
        let mut response = Map::new();
        for (name, value) in [
            ("id", json!(id)),
            ("object", json!("response")),
            ("created_at", json!(created_at)),
            ("status", json!(stands.status)),
            ("completed_at", json!(stands.completed_at)),
            ("error", stands.error),
            ("incomplete_details", why.unwrap_or_default()),
            ("model", self.model.clone()),
            ("output", stands.output.into()),
        ] {
            response.insert(name.into(), value);
        }
        response.extend(self.members.clone());
        response.insert("usage".into(), stands.usage);
        response
    }
}

/// Adds what a tool always has in a response.
fn complete(tool: &mut Value) {
    if let Value::Object(tool) = tool {
        for name in ["description", "parameters", "strict"] {
            tool.entry(name).or_insert(Value::Null);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echoed(body: &Value) -> Object {
        Echo::new(body.as_object().unwrap()).response("resp_1", 7, Standing::default())
    }

    #[test]
    fn what_was_asked_is_repeated() {
        let body = json!({"model": "m", "input": "hi", "instructions": "Be brief.",
            "max_output_tokens": 9, "temperature": 0.5, "metadata": {"a": "b"},
            "tools": [{"type": "function", "name": "f", "description": null, "parameters": {},
                "strict": null}],
            "tool_choice": "required", "parallel_tool_calls": false, "store": false,
            "text": {"verbosity": "low"}, "reasoning": {"effort": "low", "summary": "auto"},
            "previous_response_id": "resp_0", "user": "u", "service_tier": "flex",
            "top_logprobs": 2});
        let echoed = echoed(&body);
        for (name, value) in body.as_object().unwrap() {
            match name.as_str() {
                "input" => assert!(!echoed.contains_key(name)),
                "text" => assert_eq!(echoed[name]["format"]["type"], "text"),
                _ => assert_eq!(echoed[name], *value, "{name}"),
            }
        }
        assert_eq!(echoed["text"]["verbosity"], "low");
    }

    #[test]
    fn a_tool_has_all_its_members() {
        let echoed = echoed(&json!({"tools": [{"type": "function", "name": "f"}]}));
        let whole = json!([{"type": "function", "name": "f", "description": null,
            "parameters": null, "strict": null}]);
        assert_eq!(echoed["tools"], whole);
    }

    #[test]
    fn what_was_not_asked_stands_at_its_default() {
        let body = json!({"model": "m", "input": "hi"});
        let echoed = echoed(&body);
        for (name, usual) in [
            ("tools", json!([])),
            ("tool_choice", json!("auto")),
            ("parallel_tool_calls", json!(true)),
            ("metadata", json!({})),
            ("store", json!(true)),
            ("text", json!({"format": {"type": "text"}})),
            ("truncation", json!("disabled")),
            ("instructions", Value::Null),
            ("temperature", Value::Null),
        ] {
            assert_eq!(echoed[name], usual, "{name}");
        }
    }

    #[test]
    fn what_answered_names_itself() {
        let body = json!({"model": "alias", "service_tier": "auto"});
        let mut echo = Echo::new(body.as_object().unwrap());
        let head = json!({"model": "m-2026", "service_tier": "default"});
        echo.served(head.as_object().unwrap());
        let response = echo.response("resp_1", 7, Standing::default());
        assert_eq!(
            (&response["model"], &response["service_tier"]),
            (&json!("m-2026"), &json!("default"))
        );
    }
}
