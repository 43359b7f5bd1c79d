//! Faults that strike before the client has read a word.

use super::bench::{Bench, Case, Upstream};
use super::matrix::{Fault, Strikes};
use crate::helpers::UPSTREAM_KEY;

fn row(name: &'static str, model: &str, upstreams: &[Upstream], strikes: Strikes) {
    let bench = Bench::start(model, Case::all(upstreams), &[]);
    Fault::new(name, strikes, strikes).check(&bench, &bench.run_all());
}

#[test]
fn a_provider_that_is_not_there_is_tried_twice_and_then_told_as_unreachable() {
    let bench = Bench::gone(Case::all(&Upstream::SPOKEN), &[]);
    let strikes = Strikes::Before(502, "upstream_unreachable", 2);
    Fault::new("connection refused", strikes, strikes).check(&bench, &bench.run_all());
}

#[test]
fn a_reset_before_any_byte_is_tried_again() {
    let strikes = Strikes::Before(502, "upstream_error", 2);
    row(
        "reset before the head",
        "mock-reset-before",
        &Upstream::SPOKEN,
        strikes,
    );
}

#[test]
fn a_reset_behind_the_head_is_tried_again() {
    let strikes = Strikes::Before(502, "upstream_error", 2);
    row(
        "reset behind the head",
        "mock-reset-headers",
        &Upstream::ALL,
        strikes,
    );
}

#[test]
fn a_provider_that_goes_on_failing_is_told_as_a_bad_gateway() {
    let strikes = Strikes::Before(502, "upstream_error", 2);
    row("500", "mock-status-500", &Upstream::ALL, strikes);
}

#[test]
fn a_burst_of_failures_that_ends_in_time_is_not_noticed() {
    row(
        "burst of one 500",
        "mock-burst-1",
        &Upstream::SPOKEN,
        Strikes::Unnoticed(2),
    );
}

#[test]
fn a_burst_of_failures_that_lasts_is_told_or_answered_elsewhere() {
    let strikes = Strikes::Before(502, "upstream_error", 2);
    row(
        "burst of two 500s",
        "mock-burst-2",
        &Upstream::SPOKEN,
        strikes,
    );
}

#[test]
fn an_overloaded_provider_is_told_as_overloaded_in_each_clients_own_way() {
    for (name, model) in [("503", "mock-status-503"), ("529", "mock-status-529")] {
        let strikes = Strikes::Before(503, "upstream_overloaded", 2);
        row(name, model, &Upstream::SPOKEN, strikes);
    }
}

#[test]
fn a_failed_dependency_is_the_providers_failure_and_not_the_clients() {
    let strikes = Strikes::Before(502, "upstream_error", 2);
    row(
        "424",
        "mock-status-424",
        &[Upstream::Bedrock, Upstream::Openai],
        strikes,
    );
}

#[test]
fn a_refused_account_is_asked_once() {
    let strikes = Strikes::Before(502, "upstream_auth", 1);
    row("401", "mock-status-401", &Upstream::ALL, strikes);
}

#[test]
fn a_page_in_place_of_an_answer_is_never_passed_on() {
    for (name, model) in [
        ("a page", "mock-html"),
        ("wrong content type", "mock-type-html"),
        ("redirect", "mock-redirect"),
    ] {
        let strikes = Strikes::Before(502, "upstream_malformed", 2);
        row(name, model, &Upstream::SPOKEN, strikes);
    }
}

#[test]
fn an_error_with_status_200_is_an_error() {
    let upstreams = [Upstream::Openai, Upstream::Anthropic, Upstream::Gemini];
    let strikes = Strikes::Before(502, "upstream_error", 2);
    row(
        "error with status 200",
        "mock-json-error",
        &upstreams,
        strikes,
    );
}

#[test]
fn no_provider_can_make_the_gateway_tell_its_key() {
    let mut cases = Case::some(&Upstream::ALL);
    cases.retain(|case| !case.fallback);
    let bench = Bench::start("mock-status-400", cases, &[]);
    for came in bench.run_all() {
        assert_eq!(came.reply.status, 400, "{came:?}");
        assert!(came.reply.body.contains("[key]"), "{came:?}");
        assert!(!came.reply.body.contains(UPSTREAM_KEY), "{came:?}");
    }
}
