//! Faults in the middle of an answer. A plain one is paid for by then; of a stream the client may have read words, and
//! what it has not is tried again.

use super::bench::{Bench, Case, Upstream};
use super::matrix::{Fault, Strikes};

fn row(name: &'static str, model: &str, json: Strikes, stream: Strikes) {
    let bench = Bench::start(model, Case::all(&Upstream::ALL), &[]);
    Fault::new(name, json, stream).check(&bench, &bench.run_all());
}

const LOST: Strikes = Strikes::ForGood(502, "upstream_error");
const BROKEN: Strikes = Strikes::After(502, "upstream_error");

#[test]
fn a_reset_in_the_middle_ends_the_answer() {
    row("reset in the middle", "mock-reset-stream", LOST, BROKEN);
}

#[test]
fn a_connection_that_closes_in_the_middle_ends_the_answer() {
    row("closed in the middle", "mock-cut", LOST, BROKEN);
}

#[test]
fn a_body_shorter_than_it_says_is_not_whole() {
    row("truncated body", "mock-truncated", LOST, BROKEN);
}

#[test]
fn a_stream_without_its_end_is_not_whole() {
    row(
        "no end of the stream",
        "mock-no-done",
        Strikes::Unnoticed(1),
        BROKEN,
    );
}

#[test]
fn broken_json_is_a_bad_gateway() {
    let json = Strikes::ForGood(502, "upstream_malformed");
    let stream = Strikes::Before(502, "upstream_malformed", 2);
    row("malformed JSON", "mock-malformed", json, stream);
}

#[test]
fn what_is_no_event_ends_the_stream() {
    let stream = Strikes::After(502, "upstream_malformed");
    row(
        "malformed SSE or frame",
        "mock-malformed-sse",
        Strikes::Unnoticed(1),
        stream,
    );
}

/// Those whose failure is nothing more than that in the mock.
const FAILING: [Upstream; 3] = [Upstream::Openai, Upstream::Bedrock, Upstream::Cohere];
/// Those whose failure is that they are overloaded.
const OVERLOADED: [Upstream; 2] = [Upstream::Anthropic, Upstream::Gemini];

fn of(name: &'static str, model: &str, upstreams: &[Upstream], stream: Strikes) {
    let bench = Bench::start(model, Case::all(upstreams), &[]);
    let fault = Fault::new(name, Strikes::Unnoticed(1), stream);
    fault.check(&bench, &bench.run_all());
}

#[test]
fn an_error_before_the_first_word_is_tried_again() {
    let model = "mock-roleonly-then-error";
    let failed = Strikes::Before(502, "upstream_error", 2);
    of("error before a word", model, &FAILING, failed);
    let overloaded = Strikes::Before(503, "upstream_overloaded", 2);
    of("overload before a word", model, &OVERLOADED, overloaded);
}

#[test]
fn an_error_behind_words_ends_the_stream() {
    let model = "mock-error-in-stream";
    of("error behind words", model, &FAILING, BROKEN);
    let overloaded = Strikes::After(503, "upstream_overloaded");
    of("overload behind words", model, &OVERLOADED, overloaded);
}

#[test]
fn a_bare_error_in_place_of_events_is_understood() {
    let overloaded = |before: bool| match before {
        true => Strikes::Before(503, "upstream_overloaded", 2),
        false => Strikes::After(503, "upstream_overloaded"),
    };
    let gemini = [Upstream::Gemini];
    of(
        "bare error behind words",
        "mock-bare-error",
        &gemini,
        overloaded(false),
    );
    of(
        "bare array in place of all",
        "mock-bare-list",
        &gemini,
        overloaded(true),
    );
}
