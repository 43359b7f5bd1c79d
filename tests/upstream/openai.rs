//! One provider against every way in which an upstream behaves.

use std::time::Duration;

use futures_util::StreamExt;
use reprise::chat::Dialect;
use reprise::provider::{Call, Deadlines, Event, FailureKind, Provider, Reply};

use crate::support::{
    KEY, PATIENT, Upstream, body, collect, events, provider, recorded, text, whole,
};

const ANSWER: &str = "Mock answer to: Where is Köln? 🍎";

#[tokio::test]
async fn a_plain_answer_comes_back_whole() {
    let up = Upstream::start("up");
    let answer = whole(up.plain("gpt-4o-mini").await.unwrap());
    assert_eq!(answer.text(), ANSWER);
    assert_eq!(answer.tokens(), Some((3, 7)));
    assert_eq!(answer.storable(), Ok(()));
}

#[tokio::test]
async fn a_stream_comes_back_as_the_same_answer_however_it_is_cut_and_framed() {
    let up = Upstream::start("up");
    for model in [
        "gpt-4o-mini",
        "mock-utf8split",
        "mock-crlf",
        "mock-drip-1",
        "mock-done-unterminated",
    ] {
        let (events, failure) = up.streamed(model).await;
        assert_eq!(failure, None, "{model}");
        let answer = recorded(&events);
        assert_eq!(answer.text(), ANSWER, "{model}");
        assert_eq!(answer.tokens(), Some((3, 7)), "{model}");
    }
}

#[tokio::test]
async fn tool_calls_and_finish_reasons_pass_through() {
    let up = Upstream::start("up");
    for (model, finish) in [
        ("mock-tools", "tool_calls"),
        ("mock-stop-tools", "stop"),
        ("mock-length", "length"),
    ] {
        let answer = whole(up.plain(model).await.unwrap());
        assert_eq!(
            answer.members()["choices"][0]["finish_reason"],
            finish,
            "{model}"
        );
    }
    let (events, _) = up.streamed("mock-stop-tools").await;
    let message = recorded(&events).members()["choices"][0]["message"].clone();
    assert_eq!(
        message["tool_calls"][0]["function"]["arguments"],
        "{\"q\":\"x\"}"
    );
}

#[tokio::test]
async fn the_request_carries_our_key_and_only_listed_client_headers() {
    let up = Upstream::start("up");
    let client = [
        ("authorization", "Bearer client"),
        ("x-api-key", "client"),
        ("cookie", "a=b"),
        ("host", "evil"),
        ("openai-organization", "org"),
        ("x-stainless-lang", "python"),
    ];
    let owned: Vec<_> = client
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    let call = Call {
        model: "m".into(),
        dialect: Dialect::Chat,
        body: body("m", false).to_string().into(),
        stream: false,
        headers: owned.into(),
        deadlines: PATIENT,
    };
    up.provider.chat(call).await.unwrap();
    let seen = &up.mock.seen().requests()[0];
    assert_eq!(seen["body"], body("m", false));
    let headers = seen["headers"].as_object().unwrap();
    assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(headers["openai-organization"], "org");
    assert_eq!(headers["x-stainless-lang"], "python");
    assert_eq!(headers["content-type"], "application/json");
    assert_ne!(headers["host"], "evil");
    for name in ["x-api-key", "cookie", "accept-encoding"] {
        assert!(!headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn only_listed_response_headers_come_back() {
    let up = Upstream::start("up");
    let Ok(Reply::Whole { headers, .. }) = up.plain("mock-headers").await else {
        panic!("no answer");
    };
    let mut names: Vec<_> = headers.iter().map(|(n, _)| n.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["openai-processing-ms", "x-ratelimit-remaining-requests"]
    );
}

#[tokio::test]
async fn each_bad_status_has_its_kind() {
    let up = Upstream::start("up");
    let cases = [
        (400, FailureKind::Rejected),
        (401, FailureKind::Auth),
        (403, FailureKind::Auth),
        (404, FailureKind::Rejected),
        (422, FailureKind::Rejected),
        (429, FailureKind::RateLimited),
        (500, FailureKind::Server),
        (503, FailureKind::Overloaded),
    ];
    for (status, kind) in cases {
        for stream in [false, true] {
            let model = format!("mock-status-{status}");
            let failure = up.call(&model, stream, PATIENT).await.unwrap_err();
            assert_eq!(failure.kind, kind, "{status}");
            assert_eq!(failure.upstream.unwrap().status, status);
        }
    }
}

#[tokio::test]
async fn a_clients_fault_keeps_the_providers_words() {
    let up = Upstream::start("up");
    let failure = up.plain("mock-status-404").await.unwrap_err();
    let said = failure.upstream.unwrap();
    assert_eq!(said.message, "The model does not exist");
    assert_eq!(said.code.as_deref(), Some("model_not_found"));
    assert_eq!(said.kind.as_deref(), Some("invalid_request_error"));
    assert_eq!(said.param.as_deref(), Some("messages"));
}

#[tokio::test]
async fn our_key_is_in_no_failure_even_if_the_provider_repeats_it() {
    let up = Upstream::start("up");
    for status in [400, 401, 403, 429, 500] {
        let failure = up
            .plain(&format!("mock-status-{status}"))
            .await
            .unwrap_err();
        let shown = format!("{failure} {failure:?}");
        assert!(!shown.contains(KEY), "{status}: {shown}");
    }
    assert!(!format!("{:?}", up.provider).contains(KEY));
}

#[tokio::test]
async fn a_rate_limit_tells_how_long_to_wait() {
    let up = Upstream::start("up");
    let failure = up.plain("mock-status-429").await.unwrap_err();
    assert_eq!(failure.retry_after, Some(Duration::from_millis(10)));
}

#[tokio::test]
async fn what_is_not_an_answer_is_malformed() {
    let up = Upstream::start("up");
    for model in ["mock-html", "mock-malformed", "mock-redirect"] {
        let failure = up.plain(model).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Malformed, "{model}");
        let (_, failure) = up.streamed(model).await;
        assert_eq!(failure.unwrap().kind, FailureKind::Malformed, "{model}");
    }
}

#[tokio::test]
async fn an_error_object_with_status_200_is_a_failure() {
    let up = Upstream::start("up");
    for stream in [false, true] {
        let failure = up
            .call("mock-json-error", stream, PATIENT)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::InStream);
        assert_eq!(failure.upstream.unwrap().message, "failed with 200");
    }
}

#[tokio::test]
async fn a_whole_answer_to_a_stream_call_is_taken() {
    let up = Upstream::start("up");
    let reply = up.call("mock-whole", true, PATIENT).await.unwrap();
    assert_eq!(whole(reply).text(), ANSWER);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_reset() {
    let up = Upstream::start("up");
    let failure = up.plain("mock-cut").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Reset);
    for model in ["mock-cut", "mock-no-done"] {
        let (events, failure) = up.streamed(model).await;
        assert_eq!(failure.unwrap().kind, FailureKind::Reset, "{model}");
        assert!(text(&events).starts_with("Mock answer"), "{model}");
    }
}

#[tokio::test]
async fn an_error_inside_a_stream_ends_it_with_the_providers_words() {
    let up = Upstream::start("up");
    let (events, failure) = up.streamed("mock-error-in-stream").await;
    assert_eq!(text(&events), "Mock answer ");
    let failure = failure.unwrap();
    assert_eq!(failure.kind, FailureKind::InStream);
    let said = failure.upstream.unwrap();
    assert_eq!(
        (said.message.as_str(), said.code.as_deref()),
        ("broke down", Some("mid_stream"))
    );
}

#[tokio::test]
async fn answers_and_events_beyond_their_bounds_are_refused() {
    let up = Upstream::start("up");
    let large = whole(up.plain("mock-big-2048").await.unwrap());
    assert_eq!(large.text().len(), 2 << 20);
    let failure = up.plain("mock-big-32768").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TooLarge);
    let (_, failure) = up.streamed("mock-big-2048").await;
    assert_eq!(failure.unwrap().kind, FailureKind::TooLarge);
}

#[tokio::test]
async fn each_silence_meets_its_own_deadline() {
    let up = Upstream::start("up");
    let short = Duration::from_millis(300);
    let first_byte = Deadlines {
        first_byte: short,
        ..PATIENT
    };
    let idle = Deadlines {
        idle: short,
        ..PATIENT
    };
    let total = Deadlines {
        total: short,
        ..PATIENT
    };
    for (deadlines, kind) in [
        (first_byte, FailureKind::FirstByteTimeout),
        (total, FailureKind::TotalTimeout),
    ] {
        let failure = up.call("mock-hang", false, deadlines).await.unwrap_err();
        assert_eq!(failure.kind, kind);
    }
    for (deadlines, kind) in [
        (idle, FailureKind::IdleTimeout),
        (total, FailureKind::TotalTimeout),
    ] {
        let reply = up.call("mock-stall", true, deadlines).await.unwrap();
        let (_, failure) = collect(events(reply)).await;
        assert_eq!(failure.unwrap().kind, kind);
    }
}

#[tokio::test]
async fn a_slow_stream_that_keeps_moving_outlives_the_idle_deadline() {
    let up = Upstream::start("up");
    let deadlines = Deadlines {
        idle: Duration::from_millis(500),
        ..PATIENT
    };
    let begun = std::time::Instant::now();
    let reply = up.call("mock-drip-60", true, deadlines).await.unwrap();
    let (events, failure) = collect(events(reply)).await;
    assert_eq!(failure, None);
    assert!(begun.elapsed() > deadlines.idle);
    assert_eq!(recorded(&events).text(), ANSWER);
}

#[tokio::test]
async fn whoever_stops_listening_cancels_the_providers_work() {
    let up = Upstream::start("up");
    let mut stalled = events(up.call("mock-stall", true, PATIENT).await.unwrap());
    stalled.next().await.unwrap().unwrap();
    drop(stalled);
    up.notices_a_cancellation().await;
    let up = Upstream::start("up");
    let waiting = up.call("mock-hang", false, PATIENT);
    let seen = async {
        while up.mock.seen().count() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = waiting => panic!("a hanging upstream answered"),
        () = seen => {}
    }
    up.notices_a_cancellation().await;
}

#[tokio::test]
async fn nobody_at_the_address_is_a_connect_failure() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let nobody = provider("nobody", &format!("http://{address}/v1"));
    let call = Call {
        model: "m".into(),
        dialect: Dialect::Chat,
        body: body("m", false).to_string().into(),
        stream: false,
        headers: [].into(),
        deadlines: PATIENT,
    };
    let failure = nobody.chat(call).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Connect);
    assert!(failure.detail.unwrap().contains("refused"));
}

#[tokio::test]
async fn the_list_of_models_comes_back() {
    let up = Upstream::start("up");
    let models = up.provider.models(Duration::from_secs(30)).await.unwrap();
    assert_eq!(models[0]["id"], "mock-plain");
    assert_eq!(models.len(), 3);
}

#[tokio::test]
async fn a_finished_stream_ends_with_done_and_nothing_behind_it() {
    let up = Upstream::start("up");
    let mut stream = events(up.call("gpt-4o-mini", true, PATIENT).await.unwrap());
    let mut last = None;
    while let Some(event) = stream.next().await {
        last = Some(event.unwrap());
    }
    assert_eq!(last, Some(Event::Done));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_stream() {
    let up = Upstream::start("up");
    for _ in 0..20 {
        // Its body ends 2 ms after `[DONE]`.
        let (events, failure) = up.streamed("mock-drip-2").await;
        assert!(failure.is_none() && events.last() == Some(&Event::Done));
    }
    // The next call may begin before the last bytes of the one before have come.
    let connections = up.mock.seen().connections();
    assert!(connections <= 4, "{connections} connections");
}
