//! Providers and router against the mock upstream, over real sockets.

#[path = "../mock/mod.rs"]
mod mock;

mod openai;
mod router;
mod support;
