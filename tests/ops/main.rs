//! The operator's side, through the front door: the built binary as a process, a mock
//! upstream, and clients that speak plain HTTP over TCP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail like tests"
)]

mod admin;
mod analyst;
mod batch_ends;
mod batches;
mod beside;
mod budget;
mod changes;
mod check;
mod counts;
mod crash;
mod damage;
mod disk;
mod drain;
mod edge;
mod eval;
mod evidence;
mod faults;
mod feedback;
mod files;
mod freshness;
mod helpers;
mod http;
mod index;
mod invalidation;
mod jobs;
mod journey;
mod judge;
mod keys;
mod limits;
mod models;
mod overload;
mod people;
mod policies;
mod rates;
mod reembed;
mod room;
mod room_models;
mod routing;
mod schema;
mod scopes;
mod siege;
mod similar;
mod soak;
mod stale;
mod stored;
mod tenants;
mod unsynced;
mod verifier;

#[path = "../clients/mod.rs"]
mod clients;
#[path = "../mock/mod.rs"]
mod mock;
