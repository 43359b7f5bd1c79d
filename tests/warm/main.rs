//! `reprise warm` as a program against the mock upstream: in its own process, through
//! the socket of a running gateway, and by a URL.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails there; clippy knows tests but not their helpers"
)]

#[path = "../mock/mod.rs"]
mod mock;

mod drivers;
mod limits;
mod script;
mod support;
