//! A request for vectors: checked as OpenAI checks it, and taken apart into items that can be asked for by themselves.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::Format;
use crate::chat::{CanonicalHasher, InvalidRequest, parse_object};

/// Items of one request.
pub const MOST_ITEMS: usize = 2048;

/// Bytes of text that make a token, more or less.
const BYTES_A_TOKEN: u64 = 4;

/// What the answer does not depend on, or what stands in the key of an item by itself.
const APART: [&str; 4] = ["input", "model", "encoding_format", "user"];

/// What is wrong with a request, as OpenAI tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In words.
    pub message: String,
    /// The field.
    pub param: Option<String>,
    /// OpenAI's code for it, where it has one.
    pub code: Option<&'static str>,
}

impl Refusal {
    /// The fault of one field.
    pub fn of(param: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            param: Some(param.into()),
            code: Some(code),
        }
    }
}

impl From<InvalidRequest> for Refusal {
    fn from(fault: InvalidRequest) -> Self {
        Self {
            message: fault.message,
            param: fault.param,
            code: None,
        }
    }
}

/// A request, checked.
#[derive(Debug, Clone)]
pub struct Request {
    /// All members in their order, nothing in the place of `input`.
    members: Map<String, Value>,
    items: Vec<Value>,
    /// Whether the items stood in a list.
    listed: bool,
    format: Format,
}

impl Request {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(raw: &[u8]) -> Result<Self, Refusal> {
        let mut members = parse_object(raw)?;
        match members.get("model") {
            Some(Value::String(model)) if !model.is_empty() => {}
            Some(Value::String(_)) | None => {
                return Err(missing("model", "you must provide a model parameter"));
            }
            Some(other) => return Err(wrong("model", "a string", other)),
        }
        let format = format(&members)?;
        check_dimensions(&members)?;
        if let Some(user) = members.get("user").filter(|u| !u.is_string()) {
            return Err(wrong("user", "a string", user));
        }
        let input = members.get_mut("input").map(Value::take);
        let (items, listed) = items(input)?;
        Ok(Self {
            members,
            items,
            listed,
            format,
        })
    }

    /// The model that is asked for.
    #[must_use]
    pub fn model(&self) -> &str {
        let model = self.members.get("model").and_then(Value::as_str);
        model.unwrap_or_default()
    }

    /// What is to be embedded, each a text or a list of tokens.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// In which form the vectors are to be told.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How an error calls the item at `place`.
    #[must_use]
    pub fn name_of(&self, place: usize) -> String {
        match self.listed {
            true => format!("input[{place}]"),
            false => "input".to_owned(),
        }
    }

    /// A member other than `input`.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|v| !v.is_null())
    }

    /// The names of all members.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// Adds all that vectors depend on besides their items.
    pub fn hash_settings(&self, hasher: &mut CanonicalHasher) {
        hasher.object(&self.members, |name, _| !APART.contains(&name));
    }

    /// The body of a call for the items at `places`, of a model by the provider's own name.
    #[must_use]
    pub fn body_for(&self, model: &str, places: &[usize]) -> Bytes {
        let mut body = String::from("{");
        for (at, (name, value)) in self.members.iter().enumerate() {
            if at > 0 {
                body.push(',');
            }
            body.push_str(&Value::from(name.as_str()).to_string());
            body.push(':');
            match name.as_str() {
                "model" => body.push_str(&Value::from(model).to_string()),
                "input" => self.write_items(places, &mut body),
                _ => body.push_str(&value.to_string()),
            }
        }
        body.push('}');
        body.into()
    }

    fn write_items(&self, places: &[usize], body: &mut String) {
        let mut items = places.iter().filter_map(|place| self.items.get(*place));
        if !self.listed {
            body.extend(items.next().map(Value::to_string));
            return;
        }
        body.push('[');
        for (at, item) in items.enumerate() {
            if at > 0 {
                body.push(',');
            }
            body.push_str(&item.to_string());
        }
        body.push(']');
    }

    /// About how many tokens the item at `place` has.
    #[must_use]
    pub fn tokens(&self, place: usize) -> u64 {
        match self.items.get(place) {
            Some(Value::String(text)) => (text.len() as u64).div_ceil(BYTES_A_TOKEN),
            _ => self.weight(place),
        }
    }

    /// What the item at `place` weighs in the sum of its call's tokens.
    #[must_use]
    pub fn weight(&self, place: usize) -> u64 {
        match self.items.get(place) {
            Some(Value::String(text)) => text.len() as u64,
            Some(Value::Array(tokens)) => tokens.len() as u64,
            _ => 0,
        }
    }
}

/// Tokens that were counted for several items together, each with its share by weight; the shares add up to the sum.
/// Those of token lists are exact, since their weights are their tokens.
#[must_use]
pub fn apportioned(tokens: u64, weights: &[u64]) -> Vec<u64> {
    let all: u128 = weights.iter().map(|w| u128::from(*w)).sum();
    let mut passed: u128 = 0;
    let mut given: u64 = 0;
    let share = |weight: &u64| {
        passed += u128::from(*weight);
        let up_to = (u128::from(tokens) * passed).checked_div(all).unwrap_or(0);
        let up_to = u64::try_from(up_to).unwrap_or(tokens);
        let own = up_to - given;
        given = up_to;
        own
    };
    weights.iter().map(share).collect()
}

fn format(members: &Map<String, Value>) -> Result<Format, Refusal> {
    match members.get("encoding_format") {
        None | Some(Value::Null) => Ok(Format::Float),
        Some(Value::String(name)) if name == "float" => Ok(Format::Float),
        Some(Value::String(name)) if name == "base64" => Ok(Format::Base64),
        Some(Value::String(_)) => Err(Refusal::of(
            "encoding_format",
            "invalid_value",
            "Invalid value for 'encoding_format': expected 'float' or 'base64'.",
        )),
        Some(other) => Err(wrong(
            "encoding_format",
            "one of 'float' or 'base64'",
            other,
        )),
    }
}

fn check_dimensions(members: &Map<String, Value>) -> Result<(), Refusal> {
    match members.get("dimensions") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Number(n)) if n.as_u64().is_some_and(|n| n > 0) => Ok(()),
        Some(Value::Number(n)) if n.is_i64() || n.is_u64() => Err(Refusal::of(
            "dimensions",
            "integer_below_min_value",
            format!("Invalid 'dimensions': expected a value of at least 1, but got {n} instead."),
        )),
        Some(other) => Err(wrong("dimensions", "an integer", other)),
    }
}

/// The items, and whether they stood in a list.
fn items(input: Option<Value>) -> Result<(Vec<Value>, bool), Refusal> {
    let list = match input {
        None => {
            let message = "Missing required parameter: 'input'.";
            return Err(missing("input", message));
        }
        Some(text @ Value::String(_)) => {
            check_item(&text, "input")?;
            return Ok((vec![text], false));
        }
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong("input", EXPECTED, &other)),
    };
    let Some(first) = list.first() else {
        return Err(empty("input", "array"));
    };
    if first.is_number() {
        let tokens = Value::Array(list);
        check_item(&tokens, "input")?;
        return Ok((vec![tokens], false));
    }
    if list.len() > MOST_ITEMS {
        let message = format!(
            "Invalid 'input': array too long. Expected an array with maximum length {MOST_ITEMS}, but got an array \
             with length {} instead.",
            list.len()
        );
        return Err(Refusal::of("input", "array_above_max_length", message));
    }
    let texts = first.is_string();
    for (at, item) in list.iter().enumerate() {
        let name = format!("input[{at}]");
        let kind = if texts {
            "a string"
        } else {
            "an array of integers"
        };
        match item {
            Value::String(_) if texts => check_item(item, &name)?,
            Value::Array(_) if !texts => check_item(item, &name)?,
            Value::String(_) | Value::Array(_) => return Err(wrong(&name, kind, item)),
            _ if at == 0 => return Err(wrong(&name, EXPECTED, item)),
            _ => return Err(wrong(&name, kind, item)),
        }
    }
    Ok((list, true))
}

const EXPECTED: &str =
    "one of a string, array of strings, array of integers, or array of integer arrays";

fn check_item(item: &Value, name: &str) -> Result<(), Refusal> {
    let tokens = match item {
        Value::String(text) if text.is_empty() => return Err(empty(name, "string")),
        Value::Array(tokens) if tokens.is_empty() => return Err(empty(name, "array")),
        Value::Array(tokens) => tokens,
        _ => return Ok(()),
    };
    match tokens.iter().position(|token| !token.is_u64()) {
        None => Ok(()),
        Some(at) => {
            let odd = format!("{name}[{at}]");
            Err(wrong(&odd, "an integer of at least 0", &tokens[at]))
        }
    }
}

fn missing(param: &str, message: &str) -> Refusal {
    Refusal::of(param, "missing_required_parameter", message)
}

fn empty(param: &str, kind: &str) -> Refusal {
    let code = if kind == "array" {
        "empty_array"
    } else {
        "empty_string"
    };
    let an = if kind == "array" { "an" } else { "a" };
    let message = format!(
        "Invalid '{param}': empty {kind}. Expected {an} {kind} with minimum length 1, but got an empty {kind} instead."
    );
    Refusal::of(param, code, message)
}

fn wrong(param: &str, expected: &str, found: &Value) -> Refusal {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(n) if n.is_f64() => "a decimal number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    let message =
        format!("Invalid type for '{param}': expected {expected}, but got {found} instead.");
    Refusal::of(param, "invalid_type", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Request, Refusal> {
        Request::read(body.to_string().as_bytes())
    }

    fn refused(input: &Value) -> (String, &'static str) {
        let refusal = read(&json!({"model": "m", "input": input})).unwrap_err();
        (refusal.param.unwrap(), refusal.code.unwrap())
    }

    #[test]
    fn each_form_of_input_is_taken_apart_into_items() {
        for (input, items, name) in [
            (json!("a"), json!(["a"]), "input"),
            (json!(["a", "b"]), json!(["a", "b"]), "input[0]"),
            (json!([1, 2]), json!([[1, 2]]), "input"),
            (json!([[1], [2, 3]]), json!([[1], [2, 3]]), "input[0]"),
        ] {
            let request = read(&json!({"model": "m", "input": input})).unwrap();
            assert_eq!(json!(request.items()), items);
            assert_eq!(request.name_of(0), name);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_openais_code() {
        for (input, param, code) in [
            (json!(""), "input", "empty_string"),
            (json!([]), "input", "empty_array"),
            (json!(["a", ""]), "input[1]", "empty_string"),
            (json!([[1], []]), "input[1]", "empty_array"),
            (json!(["a", 1]), "input[1]", "invalid_type"),
            (json!(["a", [1]]), "input[1]", "invalid_type"),
            (json!([1, "a"]), "input[1]", "invalid_type"),
            (json!([[1], "a"]), "input[1]", "invalid_type"),
            (json!([[1, -1]]), "input[0][1]", "invalid_type"),
            (json!([1.5]), "input[0]", "invalid_type"),
            (json!([null]), "input[0]", "invalid_type"),
            (json!({"text": "a"}), "input", "invalid_type"),
            (json!(null), "input", "invalid_type"),
            (json!(vec!["a"; 2049]), "input", "array_above_max_length"),
        ] {
            assert_eq!(refused(&input), (param.to_owned(), code), "{input}");
        }
        assert!(read(&json!({"model": "m", "input": vec!["a"; 2048]})).is_ok());
        for (member, value, code) in [
            ("model", json!(1), "invalid_type"),
            ("model", json!(""), "missing_required_parameter"),
            ("encoding_format", json!("int8"), "invalid_value"),
            ("encoding_format", json!(1), "invalid_type"),
            ("dimensions", json!(0), "integer_below_min_value"),
            ("dimensions", json!("8"), "invalid_type"),
            ("user", json!(1), "invalid_type"),
        ] {
            let mut body = json!({"model": "m", "input": "a"});
            body[member] = value;
            let refusal = read(&body).unwrap_err();
            assert_eq!(refusal.param.as_deref(), Some(member));
            assert_eq!(refusal.code, Some(code), "{body}");
        }
        for absent in ["model", "input"] {
            let mut body = json!({"model": "m", "input": "a"});
            body.as_object_mut().unwrap().remove(absent);
            let refusal = read(&body).unwrap_err();
            assert_eq!(refusal.code, Some("missing_required_parameter"));
        }
    }

    #[test]
    fn a_call_for_some_items_says_all_else_as_it_was_said() {
        let body = json!({"input": ["a", "b", "c"], "model": "m", "dimensions": 8,
            "input_type": "query", "user": "u"});
        let request = read(&body).unwrap();
        let call: Value = serde_json::from_slice(&request.body_for("n", &[2, 0])).unwrap();
        let expected = json!({"input": ["c", "a"], "model": "n", "dimensions": 8,
            "input_type": "query", "user": "u"});
        assert_eq!(call.to_string(), expected.to_string());
        let one = read(&json!({"model": "m", "input": "a"})).unwrap();
        assert_eq!(one.body_for("m", &[0]), r#"{"model":"m","input":"a"}"#);
    }

    #[test]
    fn what_vectors_do_not_depend_on_is_no_part_of_their_key() {
        let key = |body: Value| {
            let mut hasher = CanonicalHasher::new("test");
            read(&body).unwrap().hash_settings(&mut hasher);
            hasher.finish()
        };
        let plain = key(json!({"model": "m", "input": "a"}));
        let apart = json!({"model": "n", "input": "b", "encoding_format": "base64", "user": "u"});
        assert_eq!(plain, key(apart));
        assert_ne!(
            plain,
            key(json!({"model": "m", "input": "a", "dimensions": 8}))
        );
        assert_ne!(plain, key(json!({"model": "m", "input": "a", "x": null})));
    }

    #[test]
    fn shares_of_tokens_follow_weights_and_add_up() {
        assert_eq!(apportioned(10, &[1]), [10]);
        assert_eq!(apportioned(10, &[3, 3, 3]), [3, 3, 4]);
        assert_eq!(apportioned(6, &[1, 2, 3]), [1, 2, 3]);
        assert_eq!(apportioned(5, &[0, 0]), [0, 0]);
        let many = apportioned(1001, &[7; 13]);
        assert_eq!(many.iter().sum::<u64>(), 1001);
    }
}
