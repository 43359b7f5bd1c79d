//! Translation through the front door: each client's dialect in front of each provider's, against mocks that take
//! nothing but what the provider takes.

mod accents;
mod answers;
mod bench;
mod completions;
mod completions_kept;
mod hits;
mod limits;
mod native;
mod requests;
mod thoughts;
mod tools;
