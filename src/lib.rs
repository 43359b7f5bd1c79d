//! Reprise: an LLM gateway whose first answer to a prompt is its own memory.
//!
//! A module uses only modules further up this list.

pub mod chat;

pub mod config;

pub mod telemetry;

pub mod ledger;

pub mod identity;

/// The process's allocator: one that gives memory back under churn.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
