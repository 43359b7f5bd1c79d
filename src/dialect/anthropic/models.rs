//! Models as Anthropic lists them, out of OpenAI's form.

use serde_json::{Map, Value, json};

use crate::chat::InvalidRequest;

/// Models of a page where the client names no number, and at most.
const PAGE: usize = 20;
const LARGEST_PAGE: usize = 1000;

/// Members that are told under another name, or in a form of Anthropic's own.
const TOLD: [&str; 7] = [
    "id",
    "object",
    "created",
    "created_at",
    "display_name",
    "capabilities",
    "type",
];

/// One model.
#[must_use]
pub fn model(listed: &Value) -> Value {
    let member = |name: &str| listed.get(name).filter(|v| !v.is_null());
    let id = member("id").cloned().unwrap_or_default();
    let created = member("created").and_then(Value::as_u64).unwrap_or(0);
    let mut told = Map::new();
    told.insert("type".into(), "model".into());
    told.insert(
        "display_name".into(),
        member("display_name").unwrap_or(&id).clone(),
    );
    told.insert("id".into(), id);
    told.insert("created_at".into(), rfc3339(created).into());
    told.insert("lifecycle".into(), "active".into());
    for (name, known) in [
        ("max_input_tokens", "context_window"),
        ("max_tokens", "max_output_tokens"),
    ] {
        told.insert(name.into(), member(known).cloned().unwrap_or_default());
    }
    let rest = listed.as_object().into_iter().flatten();
    for (name, value) in rest.filter(|(name, _)| !TOLD.contains(&name.as_str())) {
        told.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Value::Object(told)
}

/// A page of a list. `query` gives the values of the parameters `limit`, `after_id` and `before_id`.
///
/// # Errors
/// A parameter that is none.
pub fn models(
    list: &[Value],
    query: impl Fn(&str) -> Option<String>,
) -> Result<Value, InvalidRequest> {
    let limit = match query("limit") {
        None => PAGE,
        Some(told) => told
            .parse()
            .ok()
            .filter(|limit| (1..=LARGEST_PAGE).contains(limit))
            .ok_or_else(|| {
                let message = format!("`limit` must be 1 to {LARGEST_PAGE}.");
                InvalidRequest::at("limit", message)
            })?,
    };
    let place = |name: &str| match query(name) {
        None => Ok(None),
        Some(id) => {
            let found = list
                .iter()
                .position(|m| m.get("id").is_some_and(|i| *i == *id));
            let unknown =
                || InvalidRequest::at(name, format!("`{name}` is no model of this list."));
            found.map(Some).ok_or_else(unknown)
        }
    };
    let (page, more) = match (place("after_id")?, place("before_id")?) {
        (Some(_), Some(_)) => {
            let message = "Only one of `after_id` and `before_id` may be given.";
            return Err(InvalidRequest::at("before_id", message));
        }
        (_, Some(before)) => {
            let start = before.saturating_sub(limit);
            (&list[start..before], start > 0)
        }
        (after, None) => {
            let rest = &list[after.map_or(0, |at| at + 1)..];
            (&rest[..limit.min(rest.len())], rest.len() > limit)
        }
    };
    let id = |model: Option<&Value>| model.and_then(|m| m.get("id")).cloned();
    Ok(json!({
        "data": page.iter().map(model).collect::<Vec<_>>(),
        "has_more": more,
        "first_id": id(page.first()),
        "last_id": id(page.last())}))
}

/// A time in seconds since 1970, by the calendar that repeats every 400 years, begun in March so that a leap day is
/// the last of its year.
fn rfc3339(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month, next) = match month {
        0..=9 => (day - (153 * month + 2) / 5 + 1, month + 3, 0),
        _ => (day - (153 * month + 2) / 5 + 1, month - 9, 1),
    };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_told_as_dates() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_740_787_200, "2025-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), date);
        }
    }

    #[test]
    fn a_model_has_what_anthropics_clients_read_and_what_else_is_known() {
        let listed = json!({"id": "m", "object": "model", "created": 0, "owned_by": "mock",
            "context_window": 100, "price": {"input": 1.0}, "capabilities": ["tools"]});
        let expected = json!({"type": "model", "display_name": "m", "id": "m",
            "created_at": "1970-01-01T00:00:00Z", "lifecycle": "active", "max_input_tokens": 100,
            "max_tokens": null, "owned_by": "mock", "context_window": 100, "price": {"input": 1.0}});
        assert_eq!(model(&listed), expected);
        let named = json!({"id": "m", "display_name": "M"});
        assert_eq!(model(&named)["display_name"], "M");
    }

    #[test]
    fn pages_follow_each_other_in_both_directions() {
        let list: Vec<Value> = (0..5).map(|n| json!({"id": format!("m{n}")})).collect();
        let page = |query: &[(&str, &str)]| {
            let get = |name: &str| {
                let found = query.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            models(&list, get).map(|page| {
                let ids = page["data"].as_array().unwrap().iter();
                let ids: Vec<&str> = ids.map(|m| m["id"].as_str().unwrap()).collect();
                (ids.join(" "), page["has_more"] == true)
            })
        };
        let all = |text: &str, more| Ok((text.to_owned(), more));
        assert_eq!(page(&[]), all("m0 m1 m2 m3 m4", false));
        assert_eq!(page(&[("limit", "2")]), all("m0 m1", true));
        assert_eq!(
            page(&[("limit", "2"), ("after_id", "m1")]),
            all("m2 m3", true)
        );
        assert_eq!(
            page(&[("limit", "2"), ("after_id", "m3")]),
            all("m4", false)
        );
        assert_eq!(page(&[("after_id", "m4")]), all("", false));
        assert_eq!(
            page(&[("limit", "2"), ("before_id", "m3")]),
            all("m1 m2", true)
        );
        assert_eq!(
            page(&[("limit", "3"), ("before_id", "m3")]),
            all("m0 m1 m2", false)
        );
        for odd in [
            ("limit", "0"),
            ("limit", "x"),
            ("after_id", "z"),
            ("before_id", "z"),
        ] {
            assert_eq!(page(&[odd]).unwrap_err().param.as_deref(), Some(odd.0));
        }
        let both = page(&[("after_id", "m1"), ("before_id", "m3")]);
        assert!(both.is_err());
    }
}
