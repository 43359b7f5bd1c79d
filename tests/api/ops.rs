//! For whoever runs it: liveness, readiness, metrics, and how it stops.

use crate::client::{Answer, Client, check_error, until};
use crate::gateway::Gateway;

#[tokio::test]
async fn a_gateway_at_work_is_alive_ready_and_counts() {
    // Its own: what others ask must not be counted here.
    let client = Client::of(Gateway::start("").into());
    let before = figures(&client).await;
    client.ask("What do you count?").send().await;
    client.ask("What do you count?").send().await;
    client.ask("What do you count?").send().await;
    assert_eq!(client.get("/healthz").send().await.status, 200);
    let ready = client.get("/readyz").send().await;
    assert_eq!(
        (ready.status, &ready.json()["status"]),
        (200, &"ready".into())
    );
    let after = figures(&client).await;
    for (name, grown) in [
        ("reprise_requests_total{outcome=\"miss\"}", 1.0),
        ("reprise_requests_total{outcome=\"hit_exact\"}", 2.0),
        ("reprise_requests_total{outcome=\"error\"}", 0.0),
        ("reprise_hits_total{kind=\"exact\"}", 2.0),
        ("reprise_request_seconds_count", 3.0),
        ("reprise_upstream_attempts_total", 1.0),
    ] {
        let moved = sum(&after, name) - sum(&before, name);
        assert!((moved - grown).abs() < 0.1, "{name} by {moved}: {after:?}");
    }
    let saved = |all| sum(all, "reprise_tokens_saved_total");
    assert!(saved(&after) > saved(&before), "{after:?}");
}

type Figures = Vec<(String, f64)>;

async fn figures(client: &Client) -> Figures {
    let metrics = client.get("/metrics").send().await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let lines = metrics.body().lines();
    let lines = lines.filter(|line| !line.starts_with('#') && !line.contains("_bucket{"));
    let figure = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    lines.filter_map(figure).collect()
}

/// What all series together say whose name begins so.
fn sum(figures: &Figures, name: &str) -> f64 {
    let named = figures.iter().filter(|(known, _)| known.starts_with(name));
    named.map(|(_, value)| value).sum()
}

#[tokio::test]
async fn a_gateway_that_is_told_to_stop_says_so_before_it_turns_requests_away() {
    let gateway = Gateway::start("[server]\ndrain_notice_ms = 60000\n");
    let client = Client::of(gateway.into());
    client.gateway().stop();
    until("it is no longer ready", async || {
        let ready = client.get("/readyz").send().await;
        ready.status == 503 && ready.json()["status"] == "draining"
    })
    .await;
    assert_eq!(client.get("/healthz").send().await.status, 200);
    assert_eq!(client.ask("Still there?").send().await.cache(), "miss");
}

#[tokio::test]
async fn a_stream_that_outlasts_the_drain_ends_with_an_error_and_no_done() {
    let gateway = Gateway::start("[server]\ndrain_notice_ms = 0\ndrain_deadline_s = 1\n");
    let client = Client::of(gateway.into());
    let stream = client.ask("How long?").model("mock-stall").stream();
    let stream = stream.open().await;
    client.gateway().stop();
    let answer = Answer::read(stream).await;
    check_error(answer.events().last().unwrap(), "shutting_down");
    assert!(!answer.is_done());
}
