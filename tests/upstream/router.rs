//! The router over several upstreams.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reprise::chat::ChatRequest;
use reprise::provider::{Deadlines, Demo, Failure, FailureKind, Provider};
use reprise::router::tree::Tree;
use reprise::router::{Answered, Claim, Retry, Route, Router, RouterConfig, RouterError};

use crate::support::{
    PATIENT, Upstream, body, collect, events, no_headers, provider, recorded, text, whole,
};

/// Three tries with short pauses, and everybody is asked whatever came before.
fn config(claims: Vec<Claim>, routes: Vec<Route>, deadlines: Deadlines) -> RouterConfig {
    let (base, max) = (Duration::from_millis(1), Duration::from_millis(20));
    RouterConfig {
        retry: Retry::plain(3, base, max),
        deadlines,
        ..RouterConfig::plain(claims, routes, max)
    }
}

fn claim(provider: Arc<dyn Provider>, patterns: &[&str]) -> Claim {
    let patterns = patterns.iter().map(|p| (*p).to_owned()).collect();
    Claim::new(provider, patterns)
}

/// Two upstreams, `a` before `b`, with routes between them.
struct Two {
    a: Upstream,
    b: Upstream,
    router: Router,
}

impl Two {
    /// The route `m` leads to model `first` at `a`, then to `second` at `b`.
    fn start(first: &str, second: &str) -> Self {
        Self::with(first, second, PATIENT)
    }

    fn with(first: &str, second: &str, deadlines: Deadlines) -> Self {
        let (a, b) = (Upstream::start("a"), Upstream::start("b"));
        let route = Route::new("m", Tree::chain(&[("a", Some(first)), ("b", Some(second))]));
        let router = router(&[&a, &b], vec![route], deadlines);
        Self { a, b, router }
    }

    async fn send(&self, stream: bool) -> Result<Answered, Failure> {
        send(&self.router, "m", stream).await
    }

    /// How many requests each upstream got.
    fn counts(&self) -> (u64, u64) {
        (self.a.mock.seen().count(), self.b.mock.seen().count())
    }
}

fn router(upstreams: &[&Upstream], routes: Vec<Route>, deadlines: Deadlines) -> Router {
    let claims = upstreams.iter().map(|u| claim(u.provider.clone(), &["*"]));
    Router::new(config(claims.collect(), routes, deadlines)).unwrap()
}

async fn send(router: &Router, model: &str, stream: bool) -> Result<Answered, Failure> {
    let plan = router.plan(model).unwrap();
    let request = ChatRequest::parse(body(model, stream).to_string()).unwrap();
    router.send(&plan, &request, stream, no_headers()).await
}

#[tokio::test]
async fn the_first_candidate_answers_when_it_can() {
    let two = Two::start("mock-plain", "mock-plain");
    let answered = two.send(false).await.unwrap();
    assert_eq!(answered.provider, "a");
    assert_eq!(
        (answered.attempt, answered.fallback, answered.other_model),
        (1, false, false)
    );
    assert!(whole(answered.reply).text().contains("Köln"));
    assert_eq!(two.counts(), (1, 0));
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_at_the_same_place() {
    for stream in [false, true] {
        let two = Two::start("mock-flaky-2", "mock-plain");
        let answered = two.send(stream).await.unwrap();
        assert_eq!((answered.provider.as_str(), answered.attempt), ("a", 3));
        assert_eq!(two.counts(), (3, 0));
    }
}

#[tokio::test]
async fn after_the_last_try_the_next_candidate_answers() {
    let two = Two::start("mock-status-500", "mock-other");
    let answered = two.send(false).await.unwrap();
    assert_eq!(
        (answered.provider.as_str(), answered.model.as_str()),
        ("b", "mock-other")
    );
    assert_eq!(
        (answered.attempt, answered.fallback, answered.other_model),
        (4, true, true)
    );
    assert_eq!(two.counts(), (3, 1));
}

#[tokio::test]
async fn a_fallback_to_the_same_model_elsewhere_is_not_another_model() {
    let (a, b) = (Upstream::start("a"), Upstream::start("b"));
    let gone = provider("gone", "http://127.0.0.1:1/v1");
    let config = config(
        vec![
            claim(Arc::new(gone), &["*"]),
            claim(a.provider.clone(), &["other"]),
            claim(b.provider.clone(), &["mock-*"]),
        ],
        vec![],
        PATIENT,
    );
    let router = Router::new(config).unwrap();
    let answered = send(&router, "mock-plain", false).await.unwrap();
    assert_eq!(answered.provider, "b");
    assert_eq!((answered.fallback, answered.other_model), (true, false));
}

#[tokio::test]
async fn a_clients_fault_is_final() {
    for model in ["mock-status-400", "mock-status-422"] {
        let two = Two::start(model, "mock-plain");
        let failure = two.send(false).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Rejected, "{model}");
        assert_eq!(two.counts(), (1, 0), "{model}");
    }
}

#[tokio::test]
async fn faults_of_the_place_lead_elsewhere_without_a_second_try() {
    for model in ["mock-status-404", "mock-status-401"] {
        let two = Two::start(model, "mock-plain");
        let answered = two.send(false).await.unwrap();
        assert_eq!(
            (answered.provider.as_str(), answered.attempt),
            ("b", 2),
            "{model}"
        );
        assert_eq!(two.counts(), (1, 1), "{model}");
    }
}

#[tokio::test]
async fn other_faults_fall_over_too() {
    for model in ["mock-html", "mock-json-error"] {
        let two = Two::start(model, "mock-plain");
        let answered = two.send(false).await.unwrap();
        assert_eq!(
            (answered.provider.as_str(), answered.attempt),
            ("b", 4),
            "{model}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_cannot_be_read_is_not_bought_again() {
    for model in ["mock-malformed", "mock-cut"] {
        let two = Two::start(model, "mock-plain");
        two.send(false).await.unwrap_err();
        assert_eq!(two.counts(), (1, 0), "{model}");
    }
}

#[tokio::test]
async fn whoever_wishes_to_wait_is_left_for_the_next_and_waited_for_where_there_is_none() {
    let two = Two::start("mock-status-429", "mock-plain");
    let answered = two.send(false).await.unwrap();
    assert_eq!((answered.provider.as_str(), answered.attempt), ("b", 2));

    let begun = Instant::now();
    let alone = Upstream::start("a");
    let route = Route::new("m", Tree::chain(&[("a", Some("mock-status-429"))]));
    let mut config = config(
        vec![claim(alone.provider.clone(), &[])],
        vec![route],
        PATIENT,
    );
    let retry = config.retry;
    send(&Router::new(config).unwrap(), "m", false)
        .await
        .unwrap_err();
    assert_eq!(alone.mock.seen().count(), 3);
    // Two pauses of the 10 ms that the mock asks for.
    assert!(begun.elapsed() >= Duration::from_millis(20));

    let route = Route::new("m", Tree::chain(&[("a", Some("mock-status-429"))]));
    config = self::config(
        vec![claim(alone.provider.clone(), &[])],
        vec![route],
        PATIENT,
    );
    config.retry = Retry {
        max: Duration::from_millis(5),
        ..retry
    };
    send(&Router::new(config).unwrap(), "m", false)
        .await
        .unwrap_err();
    assert_eq!(
        alone.mock.seen().count(),
        4,
        "too long a wish is not waited for"
    );
}

#[tokio::test]
async fn a_stream_that_fails_before_it_says_something_falls_over_unseen() {
    for model in [
        "mock-roleonly-then-error",
        "mock-malformed",
        "mock-done-only",
    ] {
        let two = Two::start(model, "mock-plain");
        let answered = two.send(true).await.unwrap();
        assert_eq!(answered.provider, "b", "{model}");
        let (events, failure) = collect(events(answered.reply)).await;
        assert_eq!(failure, None);
        assert!(recorded(&events).text().contains("Köln"));
    }
}

#[tokio::test]
async fn silence_after_the_role_falls_over_as_well() {
    let deadlines = Deadlines {
        idle: Duration::from_millis(300),
        ..PATIENT
    };
    let two = Two::with("mock-roleonly-then-hang", "mock-plain", deadlines);
    assert_eq!(two.send(true).await.unwrap().provider, "b");
    assert_eq!(two.counts(), (1, 1));
    two.a.notices_a_cancellation().await;
}

#[tokio::test]
async fn a_stream_that_has_begun_is_never_tried_again() {
    for (model, kind) in [
        ("mock-error-in-stream", FailureKind::InStream),
        ("mock-cut", FailureKind::Reset),
        ("mock-no-done", FailureKind::Reset),
    ] {
        let two = Two::start(model, "mock-plain");
        let answered = two.send(true).await.unwrap();
        assert_eq!(answered.provider, "a");
        let (events, failure) = collect(events(answered.reply)).await;
        assert!(text(&events).starts_with("Mock answer"), "{model}");
        assert_eq!(failure.unwrap().kind, kind, "{model}");
        assert_eq!(two.counts(), (1, 0), "{model}");
    }
}

#[tokio::test]
async fn the_frames_held_back_come_first_and_once() {
    let two = Two::start("mock-chunks-3", "mock-plain");
    let (events, _) = collect(events(two.send(true).await.unwrap().reply)).await;
    // Role, three words, the end, usage, done.
    assert_eq!(events.len(), 7);
    assert_eq!(recorded(&events).text(), "w0 w1 w2 ");
}

#[tokio::test]
async fn the_total_deadline_covers_all_candidates() {
    let deadlines = Deadlines {
        first_byte: Duration::from_millis(300),
        total: Duration::from_millis(500),
        ..PATIENT
    };
    let two = Two::with("mock-hang", "mock-hang", deadlines);
    let begun = Instant::now();
    let failure = two.send(false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TotalTimeout);
    let took = begun.elapsed();
    assert!(
        took >= deadlines.total && took < Duration::from_secs(10),
        "{took:?}"
    );
    assert_eq!(two.counts(), (1, 1));
}

#[tokio::test]
async fn a_slow_candidate_is_left_for_the_next() {
    let deadlines = Deadlines {
        first_byte: Duration::from_millis(500),
        ..PATIENT
    };
    let two = Two::with("mock-slow-60000", "mock-plain", deadlines);
    assert_eq!(two.send(false).await.unwrap().provider, "b");
    assert_eq!(two.counts(), (1, 1));
}

#[tokio::test]
async fn when_all_fail_the_last_failure_is_told() {
    let two = Two::start("mock-status-500", "mock-status-429");
    let failure = two.send(false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::RateLimited);
    assert_eq!(two.counts(), (3, 3));
}

#[tokio::test]
async fn model_lists_are_merged_and_asked_for_once() {
    let (a, b) = (Upstream::start("a"), Upstream::start("b"));
    let route = Route::new("alias", Tree::chain(&[("b", None)]));
    let router = router(&[&a, &b], vec![route], PATIENT);
    let ids = |models: &[serde_json::Value]| -> Vec<String> {
        let id = |m: &serde_json::Value| m["id"].as_str().unwrap_or("").to_owned();
        models.iter().map(id).collect()
    };
    let want = ["alias", "mock-plain", "mock-other", "gpt-4o-mini"];
    assert_eq!(ids(&router.models().await.list), want);
    drop((a, b));
    assert_eq!(ids(&router.models().await.list), want);
}

#[tokio::test]
async fn a_provider_that_is_away_takes_nothing_from_the_list() {
    let up = Upstream::start("up");
    let gone = provider("gone", "http://127.0.0.1:1/v1");
    let config = config(
        vec![
            claim(Arc::new(gone), &["*"]),
            claim(Arc::new(Demo::default()), &["demo"]),
            claim(up.provider.clone(), &["gpt-*"]),
        ],
        vec![],
        PATIENT,
    );
    let router = Router::new(config).unwrap();
    let models = router.models().await;
    let ids: Vec<_> = models
        .list
        .iter()
        .filter_map(|m| m["id"].as_str())
        .collect();
    assert_eq!(ids, ["demo", "gpt-4o-mini"]);
}

#[tokio::test]
async fn an_answer_of_the_demo_provider_says_so() {
    let config = config(
        vec![claim(Arc::new(Demo::default()), &["*"])],
        vec![],
        PATIENT,
    );
    let router = Router::new(config).unwrap();
    for stream in [false, true] {
        assert!(send(&router, "any", stream).await.unwrap().demo);
    }
    let two = Two::start("mock-plain", "mock-plain");
    assert!(!two.send(false).await.unwrap().demo);
}

#[test]
fn a_faulty_configuration_names_all_its_faults() {
    let mut config = config(
        vec![claim(Arc::new(Demo::default()), &["{"])],
        vec![],
        PATIENT,
    );
    config.retry.max_attempts = 0;
    let faults = Router::new(config).err().unwrap();
    assert!(matches!(faults[0], RouterError::Pattern { .. }));
    assert_eq!(faults[1], RouterError::NoAttempts);
}
