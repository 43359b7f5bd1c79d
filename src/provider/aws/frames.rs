//! Splits a byte stream of `application/vnd.amazon.eventstream` into messages, however it was cut on the way. It
//! knows nothing of what they carry.

use aws_smithy_eventstream::frame::read_message_from;
use bytes::{Bytes, BytesMut};
use serde_json::json;

/// Bytes of one message, headers and all; AWS itself allows as many. A length is believed before its checksum came,
/// and must not fill the memory.
const MAX_MESSAGE: usize = 16 << 20;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A part of the answer.
    Event,
    /// A failure that the service's model knows.
    Exception,
    /// Any other failure.
    Error,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// Its type as the service calls it; of an [`Kind::Error`] its code.
    pub name: String,
    /// Its payload; of an [`Kind::Error`], which has none, its message as JSON.
    pub data: String,
}

/// Why a byte stream is not one of messages. Nothing behind it can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A message of more than 16 MiB.
    #[error("a message is larger than 16 MiB")]
    TooLarge,
    /// A checksum or a length that is wrong.
    #[error("a message is damaged: {0}")]
    Damaged(String),
    /// A payload that is not UTF-8.
    #[error("a message is not UTF-8")]
    NotText,
    /// A message that does not say what it is.
    #[error("a message without `{0}`")]
    Unnamed(&'static str),
    /// The stream ended inside a message.
    #[error("the stream ended inside a message")]
    Cut,
}

/// Takes bytes as they come and gives each complete message.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: BytesMut,
}

impl Frames {
    /// Adds what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete message; `None` until more has arrived. An error is the last that can be heard.
    ///
    /// # Errors
    /// [`FrameError`] for what is no message.
    pub fn next_frame(&mut self) -> Option<Result<Frame, FrameError>> {
        let (length, _) = self.buffer.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > MAX_MESSAGE {
            return Some(Err(FrameError::TooLarge));
        }
        if self.buffer.len() < length {
            return None;
        }
        let message = self.buffer.split_to(length).freeze();
        Some(understand(message))
    }

    /// Whether the stream may end here.
    ///
    /// # Errors
    /// [`FrameError::Cut`] if half a message is left.
    pub fn end(&self) -> Result<(), FrameError> {
        if self.buffer.is_empty() {
            Ok(())
        } else {
            Err(FrameError::Cut)
        }
    }
}

fn understand(message: Bytes) -> Result<Frame, FrameError> {
    let message = read_message_from(message).map_err(|e| FrameError::Damaged(e.to_string()))?;
    let header = |name: &'static str| {
        let mut headers = message.headers().iter();
        let header = headers.find(|header| header.name().as_str() == name);
        let text = header.and_then(|header| header.value().as_string().ok());
        let text = text.map(|text| text.as_str().to_owned());
        text.ok_or(FrameError::Unnamed(name))
    };
    let (kind, name) = match header(":message-type")?.as_str() {
        "event" => (Kind::Event, ":event-type"),
        "exception" => (Kind::Exception, ":exception-type"),
        "error" => {
            let data = json!({"message": header(":error-message").unwrap_or_default()});
            return Ok(Frame {
                kind: Kind::Error,
                name: header(":error-code")?,
                data: data.to_string(),
            });
        }
        _ => return Err(FrameError::Unnamed(":message-type")),
    };
    let data = std::str::from_utf8(message.payload()).map_err(|_| FrameError::NotText)?;
    Ok(Frame {
        kind,
        name: header(name)?,
        data: data.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made by another encoder, and read by botocore: a `contentBlockDelta` of `{"a":"ü"}`.
    const VECTOR: &str = "0000007100000057549fd2410b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c74610d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b2261223a22c3bc227d9640b742";

    fn checksum(bytes: &[u8]) -> [u8; 4] {
        let step = |sum: u32, bit: u32| (sum >> 1) ^ (0xedb8_8320 * ((sum ^ bit) & 1));
        let byte = |sum, byte: &u8| (0..8).fold(sum, |s, i| step(s, u32::from(*byte) >> i));
        (!bytes.iter().fold(!0, byte)).to_be_bytes()
    }

    fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let length = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
        let mut block = Vec::new();
        for (name, value) in headers {
            block.push(u8::try_from(name.len()).unwrap());
            block.extend(name.bytes());
            block.push(7);
            block.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            block.extend(value.bytes());
        }
        let mut message = [
            length(16 + block.len() + payload.len()),
            length(block.len()),
        ]
        .concat();
        message.extend(checksum(&message));
        message.extend([&block, payload].concat());
        message.extend(checksum(&message));
        message
    }

    fn event(name: &str, data: &str) -> Vec<u8> {
        let headers = [
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ];
        message(&headers, data.as_bytes())
    }

    fn read(pieces: &[&[u8]]) -> Result<Vec<Frame>, FrameError> {
        let mut frames = Frames::default();
        let mut all = Vec::new();
        for piece in pieces {
            frames.push(piece);
            while let Some(frame) = frames.next_frame() {
                all.push(frame?);
            }
        }
        frames.end()?;
        Ok(all)
    }

    fn heard(name: &str, data: &str) -> Frame {
        Frame {
            kind: Kind::Event,
            name: name.into(),
            data: data.into(),
        }
    }

    #[test]
    fn a_message_is_read_as_aws_writes_it() {
        let digit = |i| u8::from_str_radix(&VECTOR[i..i + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..VECTOR.len()).step_by(2).map(digit).collect();
        let frame = heard("contentBlockDelta", r#"{"a":"ü"}"#);
        assert_eq!(read(&[&bytes]), Ok(vec![frame]));
        assert_eq!(bytes, event("contentBlockDelta", r#"{"a":"ü"}"#));
    }

    #[test]
    fn a_stream_may_be_cut_anywhere() {
        let stream = [
            event("a", r#"{"x":"Grüße 🦀"}"#),
            event("b", ""),
            event("c", "{}"),
        ]
        .concat();
        let all = Ok(vec![
            heard("a", r#"{"x":"Grüße 🦀"}"#),
            heard("b", ""),
            heard("c", "{}"),
        ]);
        for at in 0..=stream.len() {
            let (before, behind) = stream.split_at(at);
            assert_eq!(read(&[before, behind]), all, "cut at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(read(&bytes), all);
    }

    #[test]
    fn a_stream_that_ends_early_is_noticed() {
        let stream = event("a", "{}");
        for at in 1..stream.len() {
            assert_eq!(read(&[&stream[..at]]), Err(FrameError::Cut), "cut at {at}");
        }
        assert_eq!(read(&[]), Ok(vec![]));
    }

    #[test]
    fn each_flipped_bit_is_noticed() {
        let first = event("a", r#"{"x":1}"#);
        let stream = [first.clone(), event("b", "{}")].concat();
        for bit in 0..first.len() * 8 {
            let mut damaged = stream.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&[&damaged]).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn failures_come_with_their_names() {
        let exception = [
            (":message-type", "exception"),
            (":exception-type", "throttlingException"),
        ];
        let error = [
            (":message-type", "error"),
            (":error-code", "InternalError"),
            (":error-message", "It \"broke\"."),
        ];
        let stream = [message(&exception, b"{}"), message(&error, b"")].concat();
        let read = read(&[&stream]).unwrap();
        assert_eq!(
            (read[0].kind, read[0].name.as_str()),
            (Kind::Exception, "throttlingException")
        );
        assert_eq!(
            (read[1].kind, read[1].name.as_str()),
            (Kind::Error, "InternalError")
        );
        assert_eq!(read[1].data, r#"{"message":"It \"broke\"."}"#);
    }

    #[test]
    fn what_does_not_say_what_it_is_is_refused() {
        let one = |headers: &[(&str, &str)], payload: &[u8]| {
            read(&[&message(headers, payload)]).unwrap_err()
        };
        assert_eq!(one(&[], b""), FrameError::Unnamed(":message-type"));
        assert_eq!(
            one(&[(":message-type", "event")], b""),
            FrameError::Unnamed(":event-type")
        );
        let named = [(":message-type", "event"), (":event-type", "a")];
        assert_eq!(one(&named, b"\xff"), FrameError::NotText);
    }

    #[test]
    fn a_length_beyond_the_limit_is_not_waited_for() {
        let length = |n: u32| read(&[&n.to_be_bytes()]).unwrap_err();
        assert_eq!(length((16 << 20) + 1), FrameError::TooLarge);
        assert_eq!(length(u32::MAX), FrameError::TooLarge);
        assert_eq!(length(16 << 20), FrameError::Cut);
        for short in 0..16 {
            let mut bytes = [0; 16];
            bytes[3] = short;
            assert!(
                matches!(read(&[&bytes]), Err(FrameError::Damaged(_))),
                "{short}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_end_in_a_panic(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&[&noise]);
        }

        /// Right checksums around anything: only what is inside can be wrong.
        #[test]
        fn no_message_ends_in_a_panic(
            headers in any::<u32>(), inside in prop::collection::vec(any::<u8>(), 0..64),
            small in any::<bool>()
        ) {
            let headers = if small { headers % 80 } else { headers };
            let length = u32::try_from(16 + inside.len()).unwrap();
            let mut bytes = [length.to_be_bytes(), headers.to_be_bytes()].concat();
            bytes.extend(checksum(&bytes));
            bytes.extend(&inside);
            bytes.extend(checksum(&bytes));
            let _ = read(&[&bytes]);
        }

        #[test]
        fn damage_is_never_read_as_another_message(
            data in "[a-z]{0,20}", at in any::<prop::sample::Index>(), flip in 1..=255u8
        ) {
            let mut bytes = event("a", &data);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert!(read(&[&bytes]).is_err());
        }
    }
}
