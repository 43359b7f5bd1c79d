//! Splits a byte stream into server-sent events, however it was cut on the way.
//! It knows nothing of what the events carry.

use std::str::{Utf8Error, from_utf8};

/// Bytes that one event may hold: OpenAI's own are below 64 KiB, and a server that never
/// ends an event must not fill the memory.
const MAX_EVENT: usize = 1 << 20;

/// Bytes kept of what is no event: an error that is longer is a page for people.
const MAX_BARE: usize = 16 << 10;

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Why a byte stream is not one of events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SseError {
    /// An event of more than 1 MiB.
    #[error("an event is larger than 1 MiB")]
    TooLarge,
    /// An event that is not UTF-8.
    #[error("an event is not UTF-8")]
    NotText(#[from] Utf8Error),
}

/// Takes bytes as they come and gives the `data` of each complete event.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// Bytes not yet understood; `line` is where the current line begins, `seen` how far
    /// no line end was found.
    buffer: Vec<u8>,
    line: usize,
    seen: usize,
    /// The `data` lines of the current event, each with a line feed behind it.
    data: Vec<u8>,
    /// `data` was given out and is to be forgotten.
    given: bool,
    /// The lines that are JSON and no field: some servers break off with a bare error.
    bare: Vec<u8>,
    /// A line ended in a carriage return: a line feed right behind it belongs to it.
    after_cr: bool,
    begun: bool,
}

impl Splitter {
    /// Adds what arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.line);
        self.seen -= self.line;
        self.line = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The `data` of the next complete event; `None` until more has arrived.
    pub(super) fn next(&mut self) -> Option<Result<&str, SseError>> {
        self.forget_given();
        loop {
            let Some(end) = self.line_end() else {
                let held = self.data.len() + self.buffer.len() - self.line;
                return (held > MAX_EVENT).then_some(Err(SseError::TooLarge));
            };
            let start = std::mem::replace(&mut self.line, end + 1);
            if start == end {
                if !self.data.is_empty() {
                    return Some(self.give());
                }
                continue;
            }
            let line = self.buffer.get(start..end).unwrap_or_default();
            take_data(line, &mut self.data);
            take_bare(line, &mut self.bare);
            if self.data.len() > MAX_EVENT {
                return Some(Err(SseError::TooLarge));
            }
        }
    }

    /// The event that the end of the stream left without its blank line.
    pub(super) fn rest(&mut self) -> Option<Result<&str, SseError>> {
        self.forget_given();
        let line = self.buffer.get(self.line..).unwrap_or_default();
        take_data(line, &mut self.data);
        take_bare(line, &mut self.bare);
        self.line = self.buffer.len();
        self.seen = self.line;
        (!self.data.is_empty()).then(|| self.give())
    }

    /// What came outside of all events, from the first line on that begins like JSON; empty if nothing did.
    pub(super) fn bare(&self) -> &[u8] {
        &self.bare
    }

    /// Where the current line ends, with a byte order mark and the second half of a
    /// carriage return and line feed stepped over.
    fn line_end(&mut self) -> Option<usize> {
        if !self.begun {
            let head = &self.buffer[..self.buffer.len().min(BOM.len())];
            if head == BOM {
                self.line = BOM.len();
                self.seen = BOM.len();
            } else if BOM.starts_with(head) {
                return None;
            }
            self.begun = true;
        }
        if self.after_cr && self.line < self.buffer.len() {
            self.after_cr = false;
            if self.buffer.get(self.line) == Some(&b'\n') {
                self.line += 1;
                self.seen = self.line;
            }
        }
        let fresh = self.buffer.get(self.seen..).unwrap_or_default();
        let Some(at) = fresh.iter().position(|b| matches!(b, b'\n' | b'\r')) else {
            self.seen = self.buffer.len();
            return None;
        };
        let end = self.seen + at;
        self.after_cr = self.buffer.get(end) == Some(&b'\r');
        self.seen = end + 1;
        Some(end)
    }

    fn give(&mut self) -> Result<&str, SseError> {
        self.given = true;
        let data = self.data.strip_suffix(b"\n").unwrap_or(&self.data);
        Ok(from_utf8(data)?)
    }

    fn forget_given(&mut self) {
        if std::mem::take(&mut self.given) {
            self.data.clear();
        }
    }
}

/// Adds a line's value if its field is `data`; comments and all other fields mean nothing here.
fn take_data(line: &[u8], data: &mut Vec<u8>) {
    let value = match line.strip_prefix(b"data") {
        Some([]) => &[],
        Some([b':', b' ', value @ ..] | [b':', value @ ..]) => value,
        _ => return,
    };
    data.extend_from_slice(value);
    data.push(b'\n');
}

/// Adds a line to a bare JSON text, if it begins one or one has begun.
fn take_bare(line: &[u8], bare: &mut Vec<u8>) {
    let begins = matches!(line.first(), Some(b'{' | b'['));
    let inside = !bare.is_empty() && !line.starts_with(b"data:");
    if (begins || inside) && bare.len() + line.len() < MAX_BARE {
        bare.extend_from_slice(line);
        bare.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(packets: &[&[u8]]) -> Vec<Result<String, SseError>> {
        let mut splitter = Splitter::default();
        let mut events = Vec::new();
        for packet in packets {
            splitter.push(packet);
            while let Some(event) = splitter.next() {
                let failed = event.is_err();
                events.push(event.map(str::to_owned));
                if failed {
                    return events;
                }
            }
        }
        events
    }

    fn texts(packets: &[&[u8]]) -> Vec<String> {
        split(packets).into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn each_line_end_and_form_of_data_is_understood() {
        let cases: [(&str, &[&str]); 8] = [
            ("data: a\n\ndata: b\n\n", &["a", "b"]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
            ("data: a\r\rdata: b\r\r", &["a", "b"]),
            ("data:a\n\n", &["a"]),
            ("data:  a\n\n", &[" a"]),
            ("data: a\ndata: b\n\n", &["a\nb"]),
            (": hello\nevent: x\nid: 1\nretry: 5\ndata: a\n\n", &["a"]),
            ("\u{feff}data: a\n\n: only a comment\n\n", &["a"]),
        ];
        for (text, want) in cases {
            assert_eq!(texts(&[text.as_bytes()]), want, "{text:?}");
        }
    }

    #[test]
    fn a_field_that_only_begins_like_data_is_not_data() {
        assert!(texts(&[b"database: a\n\ndat: b\n\n"]).is_empty());
    }

    #[test]
    fn json_outside_of_all_events_is_kept_beside_them() {
        let mut splitter = Splitter::default();
        splitter.push(b"data: a\n\n{\n  \"error\": {\n  }\r\n}");
        assert_eq!(splitter.next(), Some(Ok("a")));
        assert_eq!(splitter.next(), None);
        assert_eq!(splitter.rest(), None);
        assert_eq!(splitter.bare(), b"{\n  \"error\": {\n  }\n}\n");
        let mut endless = Splitter::default();
        endless.push(&b"{\n".repeat(1 << 20));
        assert_eq!(endless.next(), None);
        assert!(endless.bare().len() <= MAX_BARE);
    }

    #[test]
    fn an_event_without_its_blank_line_is_only_the_rest() {
        let mut splitter = Splitter::default();
        splitter.push(b"data: [DONE]");
        assert_eq!(splitter.next(), None);
        assert_eq!(splitter.rest(), Some(Ok("[DONE]")));
        assert_eq!(splitter.rest(), None);
    }

    #[test]
    fn an_endless_event_is_refused_before_it_fills_the_memory() {
        let line = vec![b'x'; 1 << 16];
        let mut packets = vec![b"data: ".as_slice()];
        packets.extend(std::iter::repeat_n(line.as_slice(), 17));
        assert_eq!(split(&packets), [Err(SseError::TooLarge)]);
        let many = b"data: 0123456789\n".repeat(1 << 17);
        assert_eq!(split(&[&many]), [Err(SseError::TooLarge)]);
        let comment = vec![b':'; (1 << 20) + 1];
        assert_eq!(split(&[&comment]), [Err(SseError::TooLarge)]);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(matches!(
            split(&[b"data: \xff\n\n"])[..],
            [Err(SseError::NotText(_))]
        ));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events(
            texts in prop::collection::vec("[a-zäß🍎 :{}\"]{1,12}", 0..6),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            cuts in prop::collection::vec(0usize..400, 0..30),
        ) {
            let stream: String = texts
                .iter()
                .map(|t| format!(": note{end}data: {t}{end}{end}"))
                .collect();
            let bytes = stream.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let packets: Vec<_> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            prop_assert_eq!(self::texts(&packets), texts);
        }

        #[test]
        fn arbitrary_bytes_never_panic(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20),
        ) {
            let packets: Vec<_> = packets.iter().map(Vec::as_slice).collect();
            let _ = split(&packets);
        }
    }
}
