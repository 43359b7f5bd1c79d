//! Numbers the events of one stream and writes them as server-sent events.

use serde_json::{Map, Value};

/// Events up to now, as far as nobody took them.
#[derive(Debug, Default)]
pub(super) struct Events {
    next: u64,
    text: String,
    unheard: bool,
}

impl Events {
    /// Events that nobody will hear.
    pub(super) fn unheard() -> Self {
        Self {
            unheard: true,
            ..Self::default()
        }
    }

    /// Adds the event `kind` with `members`, which are an object.
    pub(super) fn say(&mut self, kind: &str, members: Value) {
        if self.unheard {
            return;
        }
        let mut event = Map::new();
        event.insert("type".into(), kind.into());
        event.insert("sequence_number".into(), self.next.into());
        if let Value::Object(members) = members {
            event.extend(members);
        }
        self.next += 1;
        let data = serde_json::to_string(&event).unwrap_or_default();
        self.text
            .extend(["event: ", kind, "\ndata: ", &data, "\n\n"]);
    }

    /// The text of all events since this was last asked.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}
