//! Providers and router against the mock upstream, over real sockets.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../mock/mod.rs"]
mod mock;

mod openai;
mod router;
mod support;
mod tls;
