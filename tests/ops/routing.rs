//! Where requests go when several providers may answer, end to end: how they are shared out, who is left alone and for
//! how long, what is kept to, and what becomes of those who wait.

mod beside;
mod breaker;
mod choice;
mod ends;
mod fleet;
mod hedge;
mod latency;
mod limits;
mod overridden;
mod readme;
mod rest;
mod sides;
mod split;
