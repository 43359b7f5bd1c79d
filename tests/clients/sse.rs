//! Server-sent events, as strictly as the gateway is to write them.

use serde_json::Value;

use super::parse;

/// One event: its name, where it has one, and its data.
pub(super) type Event<'a> = (Option<&'a str>, &'a str);

/// All events; each is whole and ends with a blank line.
#[track_caller]
pub(super) fn events(body: &str) -> Vec<Event<'_>> {
    assert!(body.ends_with("\n\n"), "no end of an event: {body}");
    let events = body.split_terminator("\n\n");
    events
        .map(|event| {
            let (name, data) = match event.strip_prefix("event: ") {
                Some(rest) => {
                    let (name, data) = rest.split_once('\n').unwrap_or((rest, ""));
                    (Some(name), data)
                }
                None => (None, event),
            };
            let data = data.strip_prefix("data: ");
            (name, data.unwrap_or_else(|| panic!("no data: {event}")))
        })
        .collect()
}

/// Events each of which is named as the `type` of its data.
#[track_caller]
pub(super) fn named(body: &str) -> Vec<Value> {
    let events = events(body).into_iter();
    let named = events.map(|(name, data)| {
        let data = parse(data);
        assert_eq!(name, data["type"].as_str(), "{data}");
        data
    });
    named.collect()
}
