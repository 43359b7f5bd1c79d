//! The gateway through its front door: the program itself as a process, a mock upstream
//! behind it, and a client that knows nothing of either's inside.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test cannot go on without fails it"
)]

#[path = "../clients/mod.rs"]
mod clients;
#[path = "../mock/mod.rs"]
mod mock;

mod asker;
mod cache;
mod client;
mod controls;
mod conversation;
mod dialects;
mod embeddings;
mod endpoints;
mod errors;
mod flight;
mod forward;
mod freshness;
mod gateway;
mod hygiene;
mod local;
mod models;
mod ops;
mod scope;
mod similar;
mod storable;
mod stream;
mod text;
mod upstream_errors;
