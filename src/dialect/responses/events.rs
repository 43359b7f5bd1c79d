//! Numbers the events of one stream and writes them as server-sent events.

use serde::Serialize;
use serde_json::Value;

/// Events up to now, as far as nobody took them.
#[derive(Debug, Default)]
pub(super) struct Events {
    next: u64,
    text: Vec<u8>,
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
        self.add(kind, &members);
    }

    /// Adds the event `kind` of the whole response as it stands.
    pub(super) fn tell(&mut self, kind: &str, response: &Value) {
        // It may be large, so it is written as it lies.
        self.add(kind, Whole { response });
    }

    fn add(&mut self, kind: &str, members: impl Serialize) {
        if self.unheard {
            return;
        }
        let event = Event {
            kind,
            sequence_number: self.next,
            members,
        };
        self.next += 1;
        for part in ["event: ", kind, "\ndata: "] {
            self.text.extend_from_slice(part.as_bytes());
        }
        // Neither the members nor a buffer in memory can fail to be written.
        let _ = serde_json::to_writer(&mut self.text, &event);
        self.text.extend_from_slice(b"\n\n");
    }

    /// The text of all events since this was last asked.
    pub(super) fn take(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.text)).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Event<'a, M> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence_number: u64,
    #[serde(flatten)]
    members: M,
}

#[derive(Serialize)]
struct Whole<'a> {
    response: &'a Value,
}
