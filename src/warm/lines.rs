//! What a file says is to be asked: chat requests, questions or plain lines, one a
//! line. Reads on a thread of its own, because a pipe may make it wait. It does not
//! know what becomes of them.

use std::io::{self, BufRead, Read};

use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{self, Receiver};
use unicode_normalization::UnicodeNormalization;

use crate::chat::{CanonicalHasher, ChatRequest};

/// Bytes of the longest line: what a gateway takes as a body by default.
const LONGEST: u64 = 32 << 20;
/// Lines read ahead of what is asked.
const AHEAD: usize = 64;
/// Members of an object that hold a question.
const QUESTION_MEMBERS: [&str; 4] = ["q", "question", "text", "prompt"];
/// Members left out of a request: an answer is the same entry plain or streamed, and plain is less work.
const STREAMING: [&str; 2] = ["stream", "stream_options"];

/// Names one item: equal ones are asked once.
pub type Key = [u8; 16];

/// What a line lacks.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// Model of a question, and of a request that names none.
    pub model: Option<String>,
}

/// Something to ask.
#[derive(Debug)]
pub struct Item {
    /// The request.
    pub request: ChatRequest,
    /// Everything but the question; what is folded is equal in it.
    pub scope: [u8; 32],
    /// Equal for requests that differ in nothing but blanks around the question and its Unicode form.
    pub key: Key,
}

/// One line of the input that is not blank.
#[derive(Debug)]
pub struct Line {
    /// Counted from 1, blank ones too.
    pub number: u64,
    /// Bytes of the input up to its end.
    pub end: u64,
    /// What it says, or what is wrong with it.
    pub item: Result<Item, Fault>,
}

/// Why a line gives nothing to ask.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It begins like an object and is none.
    #[error("not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// Neither a request nor a question.
    #[error("no `messages`, and no question in `q`, `question`, `text` or `prompt`")]
    NoQuestion,
    /// Nobody says which model to ask.
    #[error("names no model: give one with --model")]
    NoModel,
    /// The gateway would refuse it.
    #[error(transparent)]
    Invalid(#[from] crate::chat::InvalidRequest),
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotText,
    /// Longer than any request may be.
    #[error("longer than {} MiB", LONGEST >> 20)]
    TooLong,
    /// The input itself failed; nothing comes after it.
    #[error("the input cannot be read: {0}")]
    Input(#[source] io::Error),
}

/// Reads `input` on a thread of its own; it ends when nobody listens any more.
///
/// # Errors
/// The system gives no thread.
pub fn read(input: Box<dyn Read + Send>, defaults: Defaults) -> io::Result<Receiver<Line>> {
    let (send, receive) = mpsc::channel(AHEAD);
    std::thread::Builder::new()
        .name("warm-input".into())
        .spawn(move || {
            for line in Lines::new(io::BufReader::new(input), defaults) {
                if send.blocking_send(line).is_err() {
                    break;
                }
            }
        })?;
    Ok(receive)
}

struct Lines<R> {
    input: R,
    defaults: Defaults,
    number: u64,
    end: u64,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    fn new(input: R, defaults: Defaults) -> Self {
        Self {
            input,
            defaults,
            number: 0,
            end: 0,
            ended: false,
        }
    }

    /// The bytes of the next line, without its end; none at the end of the input.
    fn bytes(&mut self) -> Option<Result<Vec<u8>, Fault>> {
        let mut bytes = Vec::new();
        match self.until(&mut bytes) {
            Err(e) => {
                self.ended = true;
                self.number += 1;
                return Some(Err(Fault::Input(e)));
            }
            Ok(0) => return None,
            Ok(_) => self.number += 1,
        }
        if bytes.last() == Some(&b'\n') || bytes.len() as u64 <= LONGEST {
            return Some(Ok(bytes));
        }
        // The rest of the line is passed over without being kept.
        loop {
            bytes.clear();
            match self.until(&mut bytes) {
                Ok(n) if n > 0 && bytes.last() != Some(&b'\n') => {}
                _ => return Some(Err(Fault::TooLong)),
            }
        }
    }

    fn until(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let read = (&mut self.input)
            .take(LONGEST + 1)
            .read_until(b'\n', bytes)?;
        self.end += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        while !self.ended {
            let item = match self.bytes()? {
                Ok(bytes) => match std::str::from_utf8(&bytes) {
                    Ok(text) => {
                        let text = text.trim_start_matches('\u{feff}').trim();
                        if text.is_empty() {
                            continue;
                        }
                        item(text, &self.defaults)
                    }
                    Err(_) => Err(Fault::NotText),
                },
                Err(fault) => Err(fault),
            };
            return Some(Line {
                number: self.number,
                end: self.end,
                item,
            });
        }
        None
    }
}

/// What one line says: an object, a JSON string, or, as it stands, a question.
fn item(line: &str, defaults: &Defaults) -> Result<Item, Fault> {
    if line.starts_with('{') {
        let object: Map<String, Value> = serde_json::from_str(line).map_err(Fault::NotJson)?;
        if object.contains_key("messages") {
            return request(object, defaults);
        }
        let text = QUESTION_MEMBERS.iter().find_map(|m| object.get(*m));
        let text = text.and_then(Value::as_str).ok_or(Fault::NoQuestion)?;
        return question(text, defaults);
    }
    match serde_json::from_str::<String>(line) {
        Ok(text) => question(&text, defaults),
        // A plain question may begin with a quotation mark.
        Err(_) => question(line, defaults),
    }
}

fn question(text: &str, defaults: &Defaults) -> Result<Item, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::NoQuestion);
    }
    let mut body = Map::new();
    let messages = json!([{"role": "user", "content": text}]);
    body.insert("messages".into(), messages);
    request(body, defaults)
}

fn request(mut body: Map<String, Value>, defaults: &Defaults) -> Result<Item, Fault> {
    if body.get("model").is_none_or(Value::is_null) {
        let model = defaults.model.as_deref().ok_or(Fault::NoModel)?;
        body.insert("model".into(), model.into());
    }
    for member in STREAMING {
        body.shift_remove(member);
    }
    let request = ChatRequest::parse(Value::Object(body).to_string())?;
    let mut hasher = CanonicalHasher::new("reprise warm 1");
    request.hash_scope(&mut hasher);
    let scope = hasher.finish();
    if let Ok(question) = request.question() {
        hasher.text(&question.trim().nfc().collect::<String>());
    }
    let mut key = Key::default();
    key.copy_from_slice(&hasher.finish()[..16]);
    Ok(Item {
        request,
        scope,
        key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<Line> {
        let defaults = Defaults {
            model: Some("m".into()),
        };
        Lines::new(text, defaults).collect()
    }

    fn asked(line: &Line) -> String {
        let item = line.item.as_ref().unwrap();
        item.request.question().unwrap().to_owned()
    }

    #[test]
    fn requests_questions_strings_and_plain_lines_are_all_asked() {
        let text = br#"{"model":"own","messages":[{"role":"user","content":"one"}],"stream":true}
{"messages":[{"role":"user","content":"two"}]}
{"q":"three"}
{"question":"four","id":7}
{"text":"five"}
{"prompt":"six"}
"seven \u0038"
nine ten
"to be" said who?"#;
        let lines = lines(text);
        let asked: Vec<_> = lines.iter().map(asked).collect();
        let wanted = ["one", "two", "three", "four", "five", "six", "seven 8"];
        assert_eq!(asked[..7], wanted);
        assert_eq!(asked[7..], ["nine ten", "\"to be\" said who?"]);
        let first = &lines[0].item.as_ref().unwrap().request;
        assert!(first.model() == "own" && !first.stream());
        assert_eq!(lines[1].item.as_ref().unwrap().request.model(), "m");
        assert_eq!(lines[8].end, text.len() as u64);
    }

    #[test]
    fn a_bad_line_is_told_by_its_number_and_the_next_one_is_read() {
        let mut text = b"\n  \n{\"messages\":\n{\"a\":1}\n".to_vec();
        text.extend(b"{\"messages\":[]}\n\xff\xfe\nfine\r\n");
        let lines = lines(&text);
        let numbers: Vec<_> = lines.iter().map(|l| (l.number, l.item.is_ok())).collect();
        let wanted = [(3, false), (4, false), (5, false), (6, false), (7, true)];
        assert_eq!(numbers, wanted);
        assert_eq!(asked(&lines[4]), "fine");
    }

    #[test]
    fn a_line_longer_than_any_request_is_passed_over() {
        let mut text = vec![b'x'; usize::try_from(2 * LONGEST).unwrap() + 7];
        text.extend(b"\nnext");
        let lines = lines(&text);
        assert!(matches!(lines[0].item, Err(Fault::TooLong)));
        assert_eq!((lines[1].number, asked(&lines[1])), (2, "next".into()));
    }

    #[test]
    fn an_input_that_fails_ends_the_lines() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let mut lines = Lines::new(io::BufReader::new(Failing), Defaults::default());
        let first = lines.next().unwrap();
        assert!(matches!(first.item, Err(Fault::Input(_))));
        assert!(lines.next().is_none());
    }

    #[test]
    fn a_question_without_a_model_is_a_bad_line() {
        let mut lines = Lines::new(&b"hello"[..], Defaults::default());
        let item = lines.next().unwrap().item;
        assert!(matches!(item, Err(Fault::NoModel)));
    }

    #[test]
    fn blanks_around_a_question_and_its_unicode_form_make_no_other_item() {
        let lines = lines("Is caf\u{e9} open?\n{\"q\":\" Is cafe\u{301} open? \"}\nIs cafe open?\n{\"model\":\"n\",\"messages\":[{\"role\":\"user\",\"content\":\"Is caf\u{e9} open?\"}]}".as_bytes());
        let keys: Vec<_> = lines.iter().map(|l| l.item.as_ref().unwrap().key).collect();
        assert_eq!(keys[0], keys[1]);
        assert_ne!(keys[0], keys[2]);
        assert_ne!(keys[0], keys[3], "another model is another item");
    }
}
