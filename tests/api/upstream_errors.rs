//! Faults of the provider: what of them is the client's business, and when to come back.

use crate::client::Client;
use crate::gateway::{Gateway, KEY};

#[tokio::test]
async fn each_of_the_providers_refusals_has_its_own_answer() {
    let client = Client::new();
    for stream in [false, true] {
        for (given, status, code, retry) in [
            (400, 400, "mock_error", ""),
            (401, 502, "upstream_auth", "false"),
            (403, 502, "upstream_auth", "false"),
            (404, 404, "model_not_found", ""),
            (422, 422, "mock_error", ""),
            (429, 429, "rate_limit_exceeded", "false"),
            (500, 502, "upstream_error", "false"),
            (503, 503, "upstream_overloaded", "false"),
        ] {
            let ask = client.ask("How do you fail?").streamed(stream);
            let answer = ask.model(&format!("mock-status-{given}")).send().await;
            answer.error(status, code);
            assert_eq!(answer.header("x-should-retry"), retry, "{given}");
            assert_eq!(answer.header("x-reprise-cache"), "miss");
            assert_eq!(answer.header("x-reprise-reason"), "empty_scope");
            let told = answer.header("cache-status");
            assert_eq!(told, "reprise; fwd=miss; detail=empty_scope");
        }
    }
}

#[tokio::test]
async fn a_fault_of_the_clients_is_told_in_the_providers_words() {
    let client = Client::new();
    let answer = client.ask("Why?").model("mock-status-404").send().await;
    let error = answer.error(404, "model_not_found");
    assert_eq!(error["message"], "The model does not exist");
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(error["param"], "messages");
}

#[tokio::test]
async fn a_rate_limit_tells_when_to_come_back() {
    let client = Client::new();
    let answer = client.ask("Now?").model("mock-status-429").send().await;
    answer.error(429, "rate_limit_exceeded");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.header("retry-after-ms"), "10");
}

#[tokio::test]
async fn the_upstream_key_is_in_no_answer_and_in_no_log() {
    let client = Client::of(Gateway::start("[log]\nfilter = \"debug\"\n").into());
    for status in [400, 401, 403, 422, 500] {
        let ask = client.ask("What is your key?");
        // Every answer is searched for the key as it is read.
        ask.model(&format!("mock-status-{status}")).send().await;
    }
    let heard = client.upstream();
    assert_eq!(
        heard[0]["headers"]["authorization"],
        format!("Bearer {KEY}")
    );
    let log = client.gateway().log();
    assert!(
        log.contains("mock-status-500") && !log.contains(KEY),
        "{log}"
    );
}

#[tokio::test]
async fn a_failure_before_the_first_byte_is_tried_again() {
    let client = Client::new();
    for stream in [false, true] {
        let ask = client.ask("Are you well?").model("mock-flaky-1");
        assert_eq!(ask.streamed(stream).send().await.status, 200);
        let fresh = client.ask("Are you well again?").model("mock-flaky-1");
        assert_eq!(fresh.streamed(stream).send().await.status, 200);
    }
}

#[tokio::test]
async fn a_provider_that_is_silent_or_gone_is_told_apart() {
    let client = Client::of(Gateway::routed());
    let ask = |model| client.ask("Is anybody there?").model(model).send();
    let silent = ask("mock-hang").await;
    silent.error(504, "upstream_timeout");
    let gone = ask("gone").await;
    gone.error(502, "upstream_unreachable");
    for answer in [silent, gone] {
        assert_eq!(answer.header("x-should-retry"), "false");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_a_bad_gateway() {
    let client = Client::new();
    for model in ["mock-malformed", "mock-html", "mock-redirect"] {
        let answer = client.ask("What?").model(model).send().await;
        answer.error(502, "upstream_malformed");
    }
    for model in ["mock-cut", "mock-json-error"] {
        let answer = client.ask("What?").model(model).send().await;
        answer.error(502, "upstream_error");
    }
}

#[tokio::test]
async fn an_error_with_status_200_counts_as_the_status_that_it_tells() {
    let client = Client::new();
    for stream in [false, true] {
        for (told, status, code, calls) in [
            (400, 400, "upstream_rejected", 1),
            (401, 502, "upstream_auth", 1),
            (422, 422, "upstream_rejected", 1),
            (503, 503, "upstream_overloaded", 2),
            (500, 502, "upstream_error", 2),
        ] {
            let before = client.calls();
            let ask = client.ask("How do you fail?").streamed(stream);
            let answer = ask.model(&format!("mock-json-error-{told}")).send().await;
            let error = answer.error(status, code);
            let own = error["message"] == "failed with 200";
            assert_eq!(own, status < 500, "{error}");
            assert_eq!(client.calls() - before, calls, "{told}");
        }
    }
    let limited = client.ask("Now?").model("mock-json-error-429").send().await;
    limited.error(429, "rate_limit_exceeded");
}
