//! Reprise: an LLM gateway whose first answer to a prompt is its own memory.
//!
//! A request passes [`server`], [`gateway`], [`cache`] and, if nothing remembered
//! serves it, [`guard`], [`router`] and [`provider`]. Read [`gateway`] first: its `answer` is
//! that line. A module uses only modules further down this list.

pub mod app;

pub mod server;

pub mod work;

pub mod warm;

pub mod eval;

pub mod gateway;

pub mod evidence;

pub mod guard;

pub mod cache;

pub mod router;

pub mod provider;

pub mod identity;

pub mod ledger;

pub mod store;

pub mod index;

pub mod embed;

pub mod limit;

pub mod telemetry;

pub mod config;

pub mod dialect;

pub mod chat;

/// The process's allocator: one that gives memory back under churn.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
