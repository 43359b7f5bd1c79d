//! Requests that ask the same in other words at the same time: those that surely do wait for one call,
//! and whatever becomes of it they are answered.

use std::sync::Arc;

use futures_util::future::join_all;
use tokio::task::JoinHandle;

use crate::client::{Answer, Ask, Client, until};
use crate::gateway::{Gateway, Tenants};

const QUESTION: &str = "What is the capital of France?";
/// Surely the same question.
const SURE: [&str; 2] = ["What's the capital of France?", "What is France's capital?"];
/// Enough for a hit, and not enough to wait for.
const LIKELY: &str = "Which city is the capital of France?";

/// What a request says besides its question.
type Tuning = fn(Ask<'_>) -> Ask<'_>;

/// A client of a gateway that no other test uses.
fn alone(config: &str) -> Client {
    Client::of(Arc::new(Gateway::start(config)))
}

/// Sends a question that the mock answers once its gate is open.
fn gated(client: &Client, question: &str) -> JoinHandle<Answer> {
    sent(client, question, |ask| ask)
}

fn sent(client: &Client, question: &str, tuned: Tuning) -> JoinHandle<Answer> {
    let (client, question) = (client.clone(), question.to_owned());
    tokio::spawn(async move {
        let ask = client.ask(&question).model("mock-gated");
        tuned(ask).send().await
    })
}

/// Sends a question of which nothing is known, and waits until its call is under way.
async fn leader(client: &Client) -> JoinHandle<Answer> {
    let leader = gated(client, QUESTION);
    calls(client, 1).await;
    leader
}

async fn calls(client: &Client, count: usize) {
    until("so many calls are made", async || client.calls() == count).await;
}

/// A figure of `/metrics`; 0 where there is none.
async fn figure(client: &Client, name: &str) -> u64 {
    let figures = client.get("/metrics").send().await;
    let mut lines = figures.body().lines();
    let figure = lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    figure.unwrap_or(0)
}

async fn waiting(client: &Client, count: u64) {
    until("so many wait", async || {
        figure(client, "reprise_similar_waiting ").await == count
    })
    .await;
}

async fn waited(client: &Client, outcome: &str) -> u64 {
    let name = format!("reprise_similar_waits_total{{outcome=\"{outcome}\"}} ");
    figure(client, &name).await
}

fn open(client: &Client) {
    client.gateway().mock().seen().open();
}

#[tokio::test]
async fn rewordings_at_the_same_time_wait_for_one_call_and_are_hits() {
    let client = alone("");
    let leader = leader(&client).await;
    let mut followers: Vec<_> = SURE.map(|q| gated(&client, q)).into();
    followers.push(sent(&client, SURE[0], |ask| ask.stream()));
    waiting(&client, 3).await;
    open(&client);
    let leader = leader.await.unwrap();
    assert_eq!((leader.cache(), leader.reason()), ("miss", "empty_scope"));
    for follower in join_all(followers).await {
        let follower = follower.unwrap();
        assert_eq!(
            (follower.cache(), follower.reason()),
            ("hit-semantic", "similar_flight")
        );
        assert!(follower.similarity() > 0.9 && !follower.header("x-reprise-entry").is_empty());
        assert_eq!(follower.text(), leader.text());
        assert!(!follower.is_stream() || follower.is_done());
    }
    assert_eq!(client.calls(), 1);
    assert_eq!(waited(&client, "served").await, 3);
    assert_eq!(figure(&client, "reprise_similar_waiting ").await, 0);
    assert_eq!(
        figure(&client, "reprise_hits_total{kind=\"semantic\"} ").await,
        3
    );
}

#[tokio::test]
async fn of_many_that_come_at_once_one_makes_the_call() {
    let client = alone("[cache]\nsimilar_wait_ms = 20000\n");
    let questions = [QUESTION, SURE[0]].repeat(4);
    let ask = |question| client.ask(question).model("mock-slow-1000").send();
    let answers = join_all(questions.into_iter().map(ask)).await;
    assert_eq!(client.calls(), 1, "{answers:?}");
    let misses = answers.iter().filter(|a| a.cache() == "miss").count();
    assert_eq!(misses, 1, "{answers:?}");
}

#[tokio::test]
async fn a_question_that_is_another_or_not_surely_the_same_makes_its_own_call() {
    let client = alone("");
    let leader = leader(&client).await;
    for (at, question) in [LIKELY, "What is not the capital of France?"]
        .iter()
        .enumerate()
    {
        drop(gated(&client, question));
        calls(&client, at + 2).await;
    }
    assert_eq!(figure(&client, "reprise_similar_waiting ").await, 0);
    open(&client);
    assert_eq!(leader.await.unwrap().cache(), "miss");
    // Nobody waits for the likely one, though it would be a hit a moment later.
    let later = client.elsewhere();
    later.ask(QUESTION).send().await;
    assert_eq!(later.ask(LIKELY).send().await.cache(), "hit-semantic");
}

#[tokio::test]
async fn another_tenant_makes_its_own_call() {
    let tenants = Tenants::start();
    let [alpha, beta] =
        [&tenants.alpha, &tenants.beta].map(|key| Client::with_key(&tenants.gateway, key));
    let leader = leader(&alpha).await;
    let other = gated(&beta, SURE[0]);
    calls(&beta, 1).await;
    let own = gated(&alpha, SURE[0]);
    waiting(&alpha, 1).await;
    open(&alpha);
    assert_eq!(leader.await.unwrap().cache(), "miss");
    assert_eq!(other.await.unwrap().cache(), "miss");
    assert_eq!(own.await.unwrap().reason(), "similar_flight");
}

#[tokio::test]
async fn whoever_waits_for_a_call_that_fails_makes_its_own() {
    let client = alone("[retry]\nmax_attempts = 1\n");
    let ask = |question: &'static str| {
        let client = client.clone();
        let model = "mock-gated-500";
        tokio::spawn(async move { client.ask(question).model(model).send().await })
    };
    let leader = ask(QUESTION);
    calls(&client, 1).await;
    // One alone: of two the later one may find what the first one's own call left.
    let follower = ask(SURE[0]);
    waiting(&client, 1).await;
    // Whom it let in by then it refuses; whoever comes later is answered.
    open(&client);
    leader.await.unwrap().error(502, "upstream_error");
    let follower = follower.await.unwrap();
    assert_eq!(
        (follower.cache(), follower.reason()),
        ("miss", "no_candidate")
    );
    assert!(follower.text().contains(SURE[0]));
    assert_eq!(
        (client.calls(), waited(&client, "not_served").await),
        (2, 1)
    );
}

#[tokio::test]
async fn whoever_waits_for_one_that_leaves_makes_its_own_call() {
    let client = alone("");
    let leader = leader(&client).await;
    let follower = gated(&client, SURE[0]);
    waiting(&client, 1).await;
    leader.abort();
    calls(&client, 2).await;
    open(&client);
    assert_eq!(follower.await.unwrap().cache(), "miss");
}

#[tokio::test]
async fn nobody_waits_longer_than_the_setting_says_or_at_all_where_it_is_zero() {
    for (wait_ms, late) in [(100, 1), (0, 0)] {
        let client = alone(&format!("[cache]\nsimilar_wait_ms = {wait_ms}\n"));
        let leader = leader(&client).await;
        let follower = gated(&client, SURE[0]);
        calls(&client, 2).await;
        open(&client);
        assert_eq!(leader.await.unwrap().cache(), "miss");
        assert_eq!(follower.await.unwrap().cache(), "miss");
        assert_eq!(waited(&client, "deadline").await, late);
    }
}

#[tokio::test]
async fn nobody_waits_for_an_answer_that_will_not_be_remembered() {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("cache-control", "no-cache"),
        ("x-reprise-ttl", "0"),
        ("x-reprise-cache", "exact"),
    ] {
        let client = alone("");
        let leader = client.ask(QUESTION).model("mock-gated").header(name, value);
        let follower = async {
            calls(&client, 1).await;
            let follower = gated(&client, SURE[0]);
            calls(&client, 2).await;
            open(&client);
            follower.await.unwrap()
        };
        let (_, follower) = tokio::join!(leader.send(), follower);
        assert_eq!(follower.cache(), "miss", "{value}");
    }
}

#[tokio::test]
async fn whoever_may_not_be_answered_by_meaning_does_not_wait_either() {
    let client = alone("");
    let leader = leader(&client).await;
    let other: [Tuning; 4] = [
        |ask| ask.header("cache-control", "no-cache"),
        |ask| ask.header("x-reprise-cache", "exact"),
        |ask| ask.header("x-reprise-threshold", "0.999"),
        |ask| ask.header("cache-control", "min-fresh=999999"),
    ];
    // Equal requests share a call: each has a wording of its own.
    let wordings = [
        SURE[0],
        SURE[1],
        "What's France's capital?",
        "What is the capital of France",
    ];
    for (at, (tuned, wording)) in other.into_iter().zip(wordings).enumerate() {
        drop(sent(&client, wording, tuned));
        calls(&client, at + 2).await;
    }
    open(&client);
    leader.await.unwrap();
}

#[tokio::test]
async fn what_memory_does_not_keep_is_not_served_to_those_who_waited() {
    let client = alone("");
    let ask = |question, stream| {
        let ask = client.ask(question).model("mock-drip-tools-400");
        ask.streamed(stream)
    };
    let leader = ask(QUESTION, true).open().await;
    let follower = async {
        let follower = ask(SURE[0], false).send();
        let (follower, ()) = tokio::join!(follower, waiting(&client, 1));
        follower
    };
    let (leader, follower) = tokio::join!(Answer::read(leader), follower);
    assert!(leader.is_done());
    assert_eq!(follower.cache(), "miss");
    assert_eq!(
        (client.calls(), waited(&client, "not_served").await),
        (2, 1)
    );
}

#[tokio::test]
async fn a_stream_is_waited_for_until_it_is_whole() {
    let client = alone("");
    let ask = |question: &'static str, stream| {
        let ask = client.ask(question).model("mock-gated");
        ask.streamed(stream)
    };
    let leader = ask(QUESTION, true).open().await;
    let followers = async {
        let both = join_all([ask(SURE[0], false).send(), ask(SURE[1], true).send()]);
        let opened = async {
            waiting(&client, 2).await;
            open(&client);
        };
        tokio::join!(both, opened).0
    };
    let (leader, followers) = tokio::join!(Answer::read(leader), followers);
    for follower in followers {
        assert_eq!(follower.reason(), "similar_flight");
        assert_eq!(follower.text(), leader.text());
    }
    assert_eq!((client.calls(), leader.is_done()), (1, true));
}
