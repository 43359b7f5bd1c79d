//! Whose turn it is on a connection: the client's, to say the next head, or the gateway's, from
//! a whole head on until the last byte of its answer. The connection and the application, on
//! either side of the HTTP library, meet here.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::ServiceRequest;
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
pub(super) struct Turns(Cell<Turn>);

/// Holds the gateway's turn until it is dropped.
pub(super) struct Held(Option<Rc<Turns>>);

/// A body that holds the gateway's turn until it is sent.
pub(super) struct Sending {
    body: BoxBody,
    _turn: Held,
}

impl Turns {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self(Cell::new(Turn::First)))
    }

    /// Bytes came.
    pub(super) fn heard(&self) {
        if self.0.get() == Turn::Client {
            self.0.set(Turn::Speaking);
        }
    }

    /// Whether a request after the first has begun and its head is not complete.
    pub(super) fn is_head_awaited(&self) -> bool {
        self.0.get() == Turn::Speaking
    }
}

impl Held {
    /// Takes the turn: a head is complete.
    pub(super) fn take(request: &ServiceRequest) -> Self {
        let turns = request.conn_data::<Rc<Turns>>().cloned();
        if let Some(turns) = &turns {
            turns.0.set(Turn::Gateway);
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
            turns.0.set(Turn::Client);
        }
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
