//! A client's connection as the HTTP library sees it. It gives the library's bare refusals their
//! ids and body, sees to it that the client can read them, and closes when a later head does not
//! come in time, which the library watches for the first one only, or when an answer is not taken.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::refusal;
use super::stall::Stall;
use super::turn::Turns;
use crate::gateway::error::Code;

/// An early answer reaches a client that is still sending: what it sends is read for this long.
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// What all connections of a server share.
pub(super) struct Edge {
    /// Time until a head must be complete.
    pub(super) head_time: Duration,
    /// Time until an answer must find room.
    pub(super) write_time: Duration,
    /// Counts a refusal.
    pub(super) count: Box<dyn Fn(Code)>,
}

/// A connection.
pub(super) struct Connection<T> {
    io: T,
    edge: Rc<Edge>,
    turns: Rc<Turns>,
    /// Runs while a later head is awaited.
    patience: Option<Pin<Box<Sleep>>>,
    impatient: bool,
    stall: Stall,
    farewell: Option<Farewell>,
}

/// The last words on a connection, in place of what the library wanted to say.
struct Farewell {
    words: Vec<u8>,
    said: usize,
    /// Until then what the client still sends is read: closing on unread bytes resets the
    /// connection, and the client would never see why.
    linger: Option<Pin<Box<Sleep>>>,
    is_shut: bool,
}

impl<T> Connection<T> {
    pub(super) fn new(io: T, edge: Rc<Edge>) -> Self {
        Self {
            io,
            stall: Stall::after(edge.write_time),
            edge,
            turns: Turns::new(),
            patience: None,
            impatient: false,
            farewell: None,
        }
    }

    pub(super) fn turns(&self) -> Rc<Turns> {
        self.turns.clone()
    }

    /// Whether the client took too long over a head.
    fn is_out_of_patience(&mut self, cx: &mut Context<'_>) -> bool {
        // What is read after an early answer looks the same and has a time of its own.
        let time = self.edge.head_time.max(LINGER);
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(time)));
        patience.as_mut().poll(cx).is_ready()
    }

    fn say_farewell(&mut self, bare: &[u8], code: Code) {
        (self.edge.count)(code);
        // Too slow a client has sent nothing that is left to be read.
        let linger = (code != Code::RequestTimeout).then(|| Box::pin(sleep(LINGER)));
        self.farewell = Some(Farewell {
            words: refusal::dressed(bare, code),
            said: 0,
            linger,
            is_shut: false,
        });
    }
}

impl Farewell {
    fn poll<T>(
        &mut self,
        io: &mut T,
        stall: &mut Stall,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        while self.said < self.words.len() {
            let said = Pin::new(&mut *io).poll_write(cx, &self.words[self.said..]);
            match ready!(stall.watch(said, cx))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.said += count,
            }
        }
        if !self.is_shut {
            ready!(Pin::new(&mut *io).poll_shutdown(cx))?;
            self.is_shut = true;
        }
        let Some(linger) = &mut self.linger else {
            return Poll::Ready(Ok(()));
        };
        if linger.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut rest = [0; 4096];
        loop {
            let mut rest = ReadBuf::new(&mut rest);
            ready!(Pin::new(&mut *io).poll_read(cx, &mut rest))?;
            if rest.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.impatient {
            // Looks like a client that has left, which ends the connection.
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, into))?;
        if into.filled().len() > before {
            this.turns.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.farewell.is_none() {
            let front = match refusal::find(bytes) {
                None => bytes,
                Some((0, code)) => {
                    this.say_farewell(bytes, code);
                    &[]
                }
                // The answers in front of it go first.
                Some((front, _)) => &bytes[..front],
            };
            if this.farewell.is_none() {
                let written = Pin::new(&mut this.io).poll_write(cx, front);
                return this.stall.watch(written, cx);
            }
        }
        if let Some(farewell) = &mut this.farewell {
            ready!(farewell.poll(&mut this.io, &mut this.stall, cx))?;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    /// The library flushes whenever it has looked at all that came, also with nothing to write.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.turns.is_head_awaited() {
            this.patience = None;
        } else if !this.impatient && this.is_out_of_patience(cx) {
            this.impatient = true;
            cx.waker().wake_by_ref();
        }
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    const BARE: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    /// Takes so many bytes at a time, and none every other time, or never any; its client sends
    /// nothing.
    struct Drip {
        taken: Vec<u8>,
        most: usize,
        is_full: bool,
    }

    impl AsyncRead for Drip {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Drip {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            if self.most == 0 {
                return Poll::Pending;
            }
            self.is_full = !self.is_full;
            if self.is_full {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let count = bytes.len().min(self.most);
            self.taken.extend_from_slice(&bytes[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn dripping(most: usize) -> Connection<Drip> {
        let drip = Drip {
            taken: Vec::new(),
            most,
            is_full: false,
        };
        let edge = Edge {
            head_time: LINGER,
            write_time: LINGER * 6,
            count: Box::new(|code| assert_eq!(code, Code::InvalidRequest)),
        };
        Connection::new(drip, Rc::new(edge))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up_whatever_it_is_told() {
        use tokio::io::AsyncWriteExt;
        for said in [ANSWER, BARE] {
            let begun = tokio::time::Instant::now();
            let end = dripping(0).write_all(said.as_bytes()).await;
            assert_eq!(end.unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert_eq!(begun.elapsed().as_secs(), 30);
        }
    }

    #[tokio::test]
    async fn a_refusal_is_whole_however_little_the_client_takes_at_a_time() {
        use tokio::io::AsyncWriteExt;
        for most in [1, 7, 50, 10_000] {
            let mut connection = dripping(most);
            let said = format!("{ANSWER}{ANSWER}{BARE}");
            connection.write_all(said.as_bytes()).await.unwrap();
            let taken = String::from_utf8(connection.io.taken).unwrap();
            let refusal = taken.strip_prefix(&format!("{ANSWER}{ANSWER}")).unwrap();
            let (head, body) = refusal.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 400 "), "{taken}");
            assert!(
                body.starts_with("{\"error\":") && body.ends_with('}'),
                "{taken}"
            );
            assert_eq!(taken.matches("HTTP/1.1 ").count(), 3, "{taken}");
        }
    }
}
