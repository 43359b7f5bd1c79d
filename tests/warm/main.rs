//! `reprise warm` as a program against the mock upstream: in its own process, through
//! the socket of a running gateway, and by a URL.

#[path = "../mock/mod.rs"]
mod mock;

mod drivers;
mod limits;
mod script;
mod support;
