//! A client of a few lines: one request per connection, headers and bytes as they are.
//! Knows no retries and no keep-alive, so that a test sees what the gateway does.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer in these tests takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    /// Out of all that came over a connection; none if not even a head did.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let split = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..split]).to_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let body = &bytes[split + 4..];
        let body = if head.contains("transfer-encoding: chunked") {
            dechunked(body)
        } else {
            body.to_vec()
        };
        let body = String::from_utf8_lossy(&body).into_owned();
        Some(Self { status, head, body })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(n, _)| *n == name).map(|(_, value)| value);
        values.next()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The code of an error in OpenAI's shape.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no error code: {self:?}"))
            .to_owned()
    }

    /// What the gateway says of its memory.
    pub(crate) fn cache(&self) -> &str {
        self.header("x-reprise-cache").unwrap_or("")
    }

    pub(crate) fn text(&self) -> String {
        let json = self.json();
        let text = &json["choices"][0]["message"]["content"];
        text.as_str().unwrap_or_default().to_owned()
    }
}

/// A request's head, ready to be sent.
pub(crate) fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("host")) {
        head += "host: localhost\r\n";
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head + "connection: close\r\n\r\n"
}

/// Sends one request and reads all of the answer.
pub(crate) fn try_send(
    address: SocketAddr,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> io::Result<Reply> {
    let length = body.map_or(0, str::len).to_string();
    let mut all = vec![("content-length", length.as_str())];
    all.extend(headers);
    if body.is_some() && !headers.iter().any(|(n, _)| *n == "content-type") {
        all.push(("content-type", "application/json"));
    }
    let mut stream = connect(address)?;
    stream.write_all(head(method, path, &all).as_bytes())?;
    stream.write_all(body.unwrap_or_default().as_bytes())?;
    read_reply(stream)
}

pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads until the gateway closes; a reset after the answer is no fault of the answer.
pub(crate) fn read_reply(mut stream: TcpStream) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    match (Reply::parse(&bytes), end) {
        (Some(reply), _) => Ok(reply),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn dechunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).ok();
        let size = size.and_then(|s| usize::from_str_radix(s.trim(), 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else {
            break;
        };
        let rest = &bytes[end + 2..];
        whole.extend_from_slice(&rest[..size.min(rest.len())]);
        bytes = rest.get(size + 2..).unwrap_or_default();
    }
    whole
}
