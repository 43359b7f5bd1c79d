//! Answers that are too large, which are refused before they fill the memory.

use std::fs;

use super::bench::{Bench, Case, Upstream};
use super::matrix::{Fault, Strikes};

/// Of a gateway that has refused 64 MiB again and again, each time at half of it at the latest.
const MOST_MIB: u64 = 400;

/// The most memory that the gateway ever had, in MiB.
fn peak(bench: &Bench) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", bench.gateway.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.unwrap().parse::<u64>().unwrap() >> 10
}

#[test]
fn a_body_of_64_mib_is_refused_and_a_stream_of_it_is_broken_off() {
    let bench = Bench::start("mock-huge-64", Case::some(&Upstream::ALL), &[]);
    let (json, stream) = (
        Strikes::Before(502, "upstream_malformed", 1),
        Strikes::After(502, "upstream_malformed"),
    );
    let fault = Fault::new("64 MiB, in events of 512 KiB", json, stream).lasting(0, 60_000);
    fault.check(&bench, &bench.run(1));
    assert!(peak(&bench) < MOST_MIB, "{} MiB", peak(&bench));
}

#[test]
fn a_body_of_64_mib_that_does_not_say_so_is_read_to_the_limit_and_no_further() {
    let mut cases = Case::some(&Upstream::SPOKEN);
    cases.retain(|case| !case.stream);
    let bench = Bench::start("mock-drip-huge-64", cases, &[]);
    // The most of it was bought by then.
    let strikes = Strikes::ForGood(502, "upstream_malformed");
    let fault = Fault::new("64 MiB of unknown length", strikes, strikes).lasting(0, 60_000);
    fault.check(&bench, &bench.run(1));
    assert!(peak(&bench) < MOST_MIB, "{} MiB", peak(&bench));
}

#[test]
fn an_event_of_64_mib_is_refused() {
    let mut cases = Case::some(&Upstream::ALL);
    cases.retain(|case| case.stream);
    let bench = Bench::start("mock-big-65536", cases, &[]);
    let strikes = Strikes::Before(502, "upstream_malformed", 1);
    let fault = Fault::new("64 MiB in one event", strikes, strikes).lasting(0, 60_000);
    fault.check(&bench, &bench.run(1));
    assert!(peak(&bench) < MOST_MIB, "{} MiB", peak(&bench));
}
