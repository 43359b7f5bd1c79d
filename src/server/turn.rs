//! Whose turn it is on a connection: the client's, to say the next head, or the gateway's, from
//! a whole head on until the last byte of its answer. The connection and the application, on
//! either side of the HTTP library, meet here.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpRequest;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceRequest;
use actix_web::http::header::TRANSFER_ENCODING;
use bytes::Bytes;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Nothing was asked yet: the library times the first head.
    First,
    /// A request is being answered.
    Gateway,
    /// All was answered: the client may be silent for as long as connections are kept.
    Client,
    /// The client has begun to speak.
    Speaking,
}

/// Whose turn it is on one connection.
pub(super) struct Turns {
    now: Cell<Turn>,
    /// A body in chunks was announced and not read to its end.
    unread: Cell<bool>,
}

/// Holds the gateway's turn until it is dropped.
pub(super) struct Held(Option<Rc<Turns>>);

/// A body that holds the gateway's turn until it is sent.
pub(super) struct Sending {
    body: BoxBody,
    _turn: Held,
}

impl Turns {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            now: Cell::new(Turn::First),
            unread: Cell::new(false),
        })
    }

    /// Bytes came.
    pub(super) fn heard(&self) {
        if self.now.get() == Turn::Client {
            self.now.set(Turn::Speaking);
        }
    }

    /// Whether a request after the first has begun and its head is not complete.
    pub(super) fn is_head_awaited(&self) -> bool {
        self.now.get() == Turn::Speaking
    }

    /// Whether what comes is the body of a request that has its answer.
    pub(super) fn is_body_left(&self) -> bool {
        self.unread.get()
    }
}

impl Held {
    /// Takes the turn: a head is complete.
    pub(super) fn take(request: &ServiceRequest) -> Self {
        let turns = request.conn_data::<Rc<Turns>>().cloned();
        if let Some(turns) = &turns {
            turns.now.set(Turn::Gateway);
            let chunked = request.headers().contains_key(TRANSFER_ENCODING);
            turns.unread.set(chunked);
        }
        Self(turns)
    }

    /// Holds on until a body is sent.
    pub(super) fn until_sent(self, body: BoxBody) -> Sending {
        Sending { body, _turn: self }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(turns) = &self.0 {
            turns.now.set(Turn::Client);
        }
    }
}

/// Notes that a body was read to its end.
pub(super) fn body_was_read(request: &HttpRequest) {
    if let Some(turns) = request.conn_data::<Rc<Turns>>() {
        turns.unread.set(false);
    }
}

impl MessageBody for Sending {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}
