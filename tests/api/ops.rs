//! For whoever runs it: liveness, readiness, metrics, and how it stops.

use crate::client::{Answer, Client, check_error, until};
use crate::gateway::Gateway;

#[tokio::test]
async fn a_gateway_at_work_is_alive_ready_and_counts() {
    let client = Client::new();
    client.ask("What do you count?").send().await;
    client.ask("What do you count?").send().await;
    assert_eq!(client.get("/healthz").send().await.status, 200);
    let ready = client.get("/readyz").send().await;
    assert_eq!(
        (ready.status, &ready.json()["status"]),
        (200, &"ready".into())
    );
    let metrics = client.get("/metrics").send().await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    for outcome in ["hit_exact", "miss"] {
        let counted = format!("outcome=\"{outcome}\"");
        assert!(metrics.body().contains(&counted), "{}", metrics.body());
    }
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
