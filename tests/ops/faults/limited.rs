//! 429 with each way of saying when to come again: whoever else there is answers at once; otherwise it is waited for
//! where that is soon, and never shortened.

use super::bench::{Bench, Case, Upstream};
use super::matrix::{Fault, Strikes};

fn row(name: &'static str, model: &str, calls: u64, least: u64) {
    let cases = Case::all(&Upstream::SPOKEN);
    let bench = Bench::start(model, cases, &[("REPRISE_BREAKER__COOL_DOWN_MS", "2000")]);
    let strikes = Strikes::Limited(429, "rate_limit_exceeded", calls);
    let came = bench.run_all();
    let fault = Fault::new(name, strikes, strikes).lasting(least, 15_000);
    fault.check(&bench, &came);
    for came in came.iter().filter(|came| !came.case.fallback) {
        let told = came.reply.header("retry-after").is_some();
        assert_eq!(told, model != "mock-r429-none", "{came:?}");
    }
}

#[test]
fn a_wait_in_seconds_is_kept_to() {
    row("429, `retry-after: 1`", "mock-r429-seconds-1", 2, 1000);
}

#[test]
fn a_wait_until_a_date_is_kept_to() {
    // A date has no parts of a second.
    row("429, `retry-after` as a date", "mock-r429-date-2", 2, 900);
}

#[test]
fn a_wait_in_milliseconds_is_kept_to() {
    row("429, `retry-after-ms: 300`", "mock-r429-ms-300", 2, 300);
}

#[test]
fn a_wait_until_a_limit_is_reset_is_kept_to() {
    row(
        "429, `x-ratelimit-reset-requests: 1s`",
        "mock-r429-reset-1",
        2,
        1000,
    );
}

#[test]
fn without_a_word_of_when_the_usual_rest_is_waited_for() {
    row("429 without a time", "mock-r429-none", 2, 2000);
}

#[test]
fn a_wait_longer_than_the_longest_pause_is_nobodys() {
    row("429, `retry-after: 30`", "mock-r429-seconds-30", 1, 0);
}
