//! A whole canonical answer as a response object.

use serde_json::{Map, Value};

use super::echo::Echo;
use super::writer::Writer;

/// The response object, with an id of its own, to the request that `echo` repeats.
#[must_use]
pub fn answer(members: &Map<String, Value>, echo: &Echo) -> Map<String, Value> {
    let mut writer = Writer::unheard(echo.clone());
    writer.whole(members);
    match writer.into_finished() {
        Some(Value::Object(response)) => response,
        _ => Map::new(),
    }
}
