//! The fault matrix: what a client hears of each fault of a provider, in JSON and as a stream, with and without another
//! provider to fall back on. Each fault is a row; behind each of its cells stand the clients' dialects times the
//! providers'. Always: it ends in time, the error is in the client's own words and tells no key and no address,
//! nothing is tried again once the client has read a word, no half answer is remembered, and the gateway is well
//! afterwards. `scripts/faults.sh` prints the matrix.

mod before;
mod bench;
mod large;
mod limited;
mod matrix;
mod midway;
mod slow;
