//! The load generator: one blocking thread that keeps a number of requests under way over keep-alive connections, or
//! a thread for each of a number of clients that ask now and then. It does as little as it can itself. Knows HTTP/1.1
//! framing and nothing of what is asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::Fault;
use crate::dice::Dice;

/// What the mock's streams have in front of a token, and not in front of the role, which carries no text.
const TOKEN: &[u8] = br#""delta":{"content":"#;

/// A silent server must not hang the bench.
const PATIENCE: Duration = Duration::from_secs(30);

/// One keep-alive connection with at most one request under way.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    sent: Instant,
}

/// What came back; `head` lies in the connection's buffer.
pub(crate) struct Reply<'a> {
    pub(crate) status: u16,
    /// Until a stream's first token; of other replies as `whole`.
    pub(crate) first: Duration,
    /// Until its last.
    pub(crate) whole: Duration,
    pub(crate) head: &'a str,
}

impl Reply<'_> {
    /// How the cache says that it answered.
    pub(crate) fn cache(&self) -> Option<&str> {
        header(self.head, "x-reprise-cache")
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self, Fault> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            buffer: vec![0; 1 << 16],
            filled: 0,
            sent: Instant::now(),
        })
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> Result<(), Fault> {
        self.sent = Instant::now();
        Ok(self.stream.write_all(request)?)
    }

    /// Reads one whole reply.
    pub(crate) fn receive(&mut self) -> Result<Reply<'_>, Fault> {
        self.filled = 0;
        let mut head_ends = None;
        let mut first = None;
        loop {
            self.read()?;
            let so_far = &self.buffer[..self.filled];
            if head_ends.is_none() {
                head_ends = find(so_far, b"\r\n\r\n").map(|at| at + 4);
            }
            let Some(head) = head_ends else { continue };
            if first.is_none() && find(&so_far[head..], TOKEN).is_some() {
                first = Some(self.sent.elapsed());
            }
            if complete(so_far, head)? {
                let head = std::str::from_utf8(&self.buffer[..head])?;
                let whole = self.sent.elapsed();
                return Ok(Reply {
                    status: head.get(9..12).ok_or("no status")?.parse()?,
                    first: first.unwrap_or(whole),
                    whole,
                    head,
                });
            }
        }
    }

    /// Asks once.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Reply<'_>, Fault> {
        self.send(request)?;
        self.receive()
    }

    /// The body behind an address.
    pub(crate) fn get(&mut self, path: &str) -> Result<String, Fault> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let head = self.ask(request.as_bytes())?.head.len();
        let body = &self.buffer[head..self.filled];
        Ok(String::from_utf8_lossy(body).into_owned())
    }

    fn read(&mut self) -> Result<(), Fault> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled * 2, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.filled..])?;
        if read == 0 {
            return Err("the server closed the connection".into());
        }
        self.filled += read;
        Ok(())
    }
}

/// Latencies of one round, in nanoseconds.
pub(crate) struct Round {
    pub(crate) first: Histogram<u64>,
    pub(crate) whole: Histogram<u64>,
}

impl Round {
    fn new() -> Result<Self, Fault> {
        Ok(Self {
            first: Histogram::new(3)?,
            whole: Histogram::new(3)?,
        })
    }

    /// Takes a reply down, if it is a 200 that the cache answered as `outcome` says.
    fn record(&mut self, reply: &Reply<'_>, outcome: Option<&str>) -> Result<(), Fault> {
        if reply.status != 200 || outcome.is_some_and(|outcome| reply.cache() != Some(outcome)) {
            return Err(format!("expected 200 {outcome:?}, got\n{}", reply.head).into());
        }
        self.first.record(nanoseconds(reply.first))?;
        self.whole.record(nanoseconds(reply.whole))?;
        Ok(())
    }
}

/// Sends `count` requests, as many at a time as there are connections, and insists that each is answered 200 and by
/// the cache as `outcome` says.
pub(crate) fn round(
    connections: &mut [Connection],
    count: usize,
    outcome: Option<&str>,
    request: &mut dyn FnMut() -> Vec<u8>,
) -> Result<Round, Fault> {
    let mut round = Round::new()?;
    let at_once = connections.len().min(count);
    for connection in &mut connections[..at_once] {
        connection.send(&request())?;
    }
    for number in 0..count {
        let connection = &mut connections[number % at_once];
        round.record(&connection.receive()?, outcome)?;
        if number + at_once < count {
            connection.send(&request())?;
        }
    }
    Ok(round)
}

/// Sends `requests` at `rate` a second, all connections together, and insists on the same. Behind each connection is a
/// client that asks at random, one thing at a time.
pub(crate) fn paced(
    connections: &mut [Connection],
    rate: f64,
    outcome: Option<&str>,
    requests: &[Vec<u8>],
) -> Result<Round, Fault> {
    let mean_s = connections.len() as f64 / rate;
    let shares = requests.chunks(requests.len().div_ceil(connections.len()));
    let each = std::thread::scope(|scope| {
        let clients: Vec<_> = connections
            .iter_mut()
            .zip(shares)
            .zip(1..)
            .map(|((connection, share), seed)| {
                scope.spawn(move || {
                    let asked = client(connection, share, outcome, (mean_s, Dice(seed)));
                    asked.map_err(|fault| fault.to_string())
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join())
            .collect::<Vec<_>>()
    });
    let mut all = Round::new()?;
    for client in each {
        let one = client.map_err(|_| "a client panicked")??;
        all.first.add(one.first)?;
        all.whole.add(one.whole)?;
    }
    Ok(all)
}

/// One client, whose requests are so far apart in the mean; one that it could not send in time it sends at once.
fn client(
    connection: &mut Connection,
    requests: &[Vec<u8>],
    outcome: Option<&str>,
    (mean_s, mut dice): (f64, Dice),
) -> Result<Round, Fault> {
    let mut round = Round::new()?;
    let mut due = Instant::now();
    for request in requests {
        // Intervals of independent arrivals; the roll is in (0, 1].
        let roll = 1.0 - (dice.roll() >> 11) as f64 / (1_u64 << 53) as f64;
        due += Duration::from_secs_f64(-roll.ln() * mean_s);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        round.record(&connection.ask(request)?, outcome)?;
    }
    Ok(round)
}

/// A chat request, ready for the wire.
pub(crate) fn chat(question: &str, stream: bool, headers: &str) -> Vec<u8> {
    let content = serde_json::Value::from(question);
    let body = format!(
        r#"{{"model":"mock-plain","messages":[{{"role":"system","content":"You are a helpful assistant."}},{{"role":"user","content":{content}}}],"stream":{stream}}}"#
    );
    let length = body.len();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn complete(reply: &[u8], head: usize) -> Result<bool, Fault> {
    let text = std::str::from_utf8(&reply[..head])?;
    if let Some(length) = header(text, "content-length") {
        return Ok(reply.len() >= head + length.parse::<usize>()?);
    }
    if header(text, "transfer-encoding").is_some() {
        return Ok(reply.len() > head && reply.ends_with(b"0\r\n\r\n"));
    }
    Err("a reply without a length".into())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
