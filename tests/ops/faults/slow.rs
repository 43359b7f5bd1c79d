//! Providers that take their time: each deadline ends what it is for.

use super::bench::{Bench, Case, Upstream};
use super::matrix::{Fault, Strikes};

const DEADLINES: [(&str, &str); 4] = [
    ("REPRISE_DEADLINES__CONNECT_MS", "1000"),
    ("REPRISE_DEADLINES__FIRST_BYTE_MS", "1500"),
    ("REPRISE_DEADLINES__IDLE_MS", "1500"),
    ("REPRISE_DEADLINES__TOTAL_MS", "4000"),
];

/// What a busy machine may add.
const SLACK: u64 = 8000;

#[test]
fn silence_before_the_first_byte_ends_at_its_deadline() {
    let bench = Bench::start("mock-hang", Case::all(&Upstream::SPOKEN), &DEADLINES);
    let strikes = Strikes::Before(504, "upstream_timeout", 1);
    let fault = Fault::new("no first byte", strikes, strikes).lasting(1500, 1500 + SLACK);
    fault.check(&bench, &bench.run_all());
}

#[test]
fn silence_before_the_first_word_ends_at_the_idle_deadline() {
    let cases = Case::all(&Upstream::ALL);
    let bench = Bench::start("mock-roleonly-then-hang", cases, &DEADLINES);
    let stream = Strikes::Before(504, "upstream_timeout", 1);
    let fault = Fault::new("a role and no word", Strikes::Unnoticed(1), stream);
    fault
        .lasting(1500, 1500 + SLACK)
        .check(&bench, &bench.run_all());
}

#[test]
fn a_stall_in_the_middle_ends_at_the_idle_deadline() {
    let bench = Bench::start("mock-stall", Case::all(&Upstream::ALL), &DEADLINES);
    let (json, stream) = (
        Strikes::ForGood(504, "upstream_timeout"),
        Strikes::After(504, "upstream_timeout"),
    );
    let fault = Fault::new("stall in the middle", json, stream).lasting(1500, 1500 + SLACK);
    fault.check(&bench, &bench.run_all());
}

#[test]
fn a_drip_that_is_never_idle_ends_at_the_total_deadline() {
    let (json, stream) = (
        Strikes::ForGood(504, "upstream_timeout"),
        Strikes::After(504, "upstream_timeout"),
    );
    let deadlines = |total| {
        let mut deadlines = DEADLINES;
        deadlines[3].1 = total;
        deadlines
    };
    // A stream is longer than an answer, and must have come to its first word.
    for (name, model, of_stream, total, ms) in [
        (
            "slow drip of JSON",
            "mock-drip-slow-100",
            false,
            "1800",
            1800,
        ),
        (
            "slow drip of a stream",
            "mock-drip-slow-10",
            true,
            "3000",
            3000,
        ),
    ] {
        let mut cases = Case::all(&Upstream::ALL);
        cases.retain(|case| case.stream == of_stream);
        let bench = Bench::start(model, cases, &deadlines(total));
        let fault = Fault::new(name, json, stream).lasting(ms, ms + SLACK);
        fault.check(&bench, &bench.run(30));
    }
}
