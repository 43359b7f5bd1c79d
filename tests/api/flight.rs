//! Requests that ask the same at the same time share one call, and whoever leaves harms nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::client::{Answer, Client, until};
use crate::gateway::Gateway;

const QUESTION: &str = "What is the capital of France and why is it not Lyon?";

/// A client of a gateway that no other test uses, so that the mock's counts are its own.
fn alone() -> Client {
    Client::of(Arc::new(Gateway::start("")))
}

fn cancelled(client: &Client) -> u64 {
    client.gateway().mock().seen().cancelled()
}

/// The contract: an upstream call that nobody waits for ends within a second.
async fn is_cancelled_within_a_second(client: &Client) {
    let left = Instant::now();
    until("the call is cancelled", async || cancelled(client) == 1).await;
    assert!(left.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn equal_requests_at_the_same_time_make_one_call() {
    let client = Client::new();
    let ask = || client.ask(QUESTION).model("mock-slow-1000").send();
    let answers = join_all((0..8).map(|_| ask())).await;
    assert_eq!(client.calls(), 1);
    let (led, followed): (Vec<&Answer>, Vec<_>) = answers.iter().partition(|a| a.cache() == "miss");
    assert_eq!((led.len(), followed.len()), (1, 7));
    for follower in followed {
        assert_eq!(
            (follower.cache(), follower.reason()),
            ("hit-exact", "collapsed")
        );
        assert_eq!(
            follower.header("cache-status"),
            "reprise; fwd=miss; collapsed"
        );
        assert_eq!(follower.text(), led[0].text());
        assert_ne!(follower.json()["id"], led[0].json()["id"]);
    }
}

#[tokio::test]
async fn those_who_share_a_call_that_fails_had_a_miss() {
    // It is tried twice, with a pause: time enough for all to board.
    let client = Client::of(Gateway::start("[retry]\nbase_ms = 1000\n").into());
    let ask = || client.ask(QUESTION).model("mock-status-500").send();
    let answers = join_all((0..4).map(|_| ask())).await;
    for answer in &answers {
        answer.error(502, "upstream_error");
        assert_eq!(answer.header("x-reprise-cache"), "miss");
    }
    let is_shared = |a: &&Answer| {
        let told = (a.header("x-reprise-reason"), a.header("cache-status"));
        told == ("collapsed", "reprise; fwd=miss; collapsed")
    };
    let shared = answers.iter().filter(is_shared).count();
    assert_eq!((shared, client.calls()), (3, 2));
}

#[tokio::test]
async fn a_stream_is_shared_with_those_who_join_it_on_its_way() {
    let client = Client::new();
    let ask = |stream| client.ask(QUESTION).model("mock-drip-80").streamed(stream);
    let leader = ask(true).open().await;
    let (leader, whole, streamed, late) = tokio::join!(
        Answer::read(leader),
        ask(false).send(),
        ask(true).send(),
        ask(true).send(),
    );
    assert_eq!((client.calls(), leader.cache()), (1, "miss"));
    assert!(leader.is_done());
    for follower in [&whole, &streamed, &late] {
        assert_eq!(
            (follower.cache(), follower.reason()),
            ("hit-exact", "collapsed")
        );
        assert_eq!(follower.text(), leader.text());
    }
    assert!(streamed.is_done() && late.is_done() && !whole.is_stream());
}

#[tokio::test]
async fn a_plain_call_is_shared_with_those_who_want_a_stream() {
    let client = Client::new();
    let ask = |stream| {
        client
            .ask(QUESTION)
            .model("mock-slow-1000")
            .streamed(stream)
    };
    let (plain, ()) = tokio::join!(ask(false).send(), async {
        until("the call is made", async || client.calls() == 1).await;
        let streamed = ask(true).send().await;
        assert_eq!(
            (streamed.cache(), streamed.reason()),
            ("hit-exact", "collapsed")
        );
        assert!(streamed.is_done());
    });
    assert_eq!((plain.cache(), client.calls()), ("miss", 1));
}

/// Has requests, each with a time to live of its own, share a call; gives a client of what is left of it.
async fn shared_by(ttls: [&str; 3]) -> Client {
    let client = Client::new();
    let ask = |ttl| {
        let ask = client.ask(QUESTION).model("mock-slow-1000");
        ask.header("x-reprise-ttl", ttl).send()
    };
    let [leader, one, other] = ttls;
    let (led, followed) = tokio::join!(ask(leader), async {
        until("the call is made", async || client.calls() == 1).await;
        join_all([ask(one), ask(other)]).await
    });
    assert_eq!((led.cache(), client.calls()), ("miss", 1));
    assert!(followed.iter().all(|f| f.reason() == "collapsed"));
    client
}

#[tokio::test]
async fn a_shared_answer_is_remembered_for_the_shortest_time_that_anybody_wanted() {
    for ttls in [["600", "60", "900"], ["60", "900", "600"]] {
        let client = shared_by(ttls).await;
        let hit = client.ask(QUESTION).model("mock-slow-1000").send().await;
        let status = hit.header("cache-status");
        let ttl = status.strip_prefix("reprise; hit; ttl=");
        let ttl = ttl.and_then(|t| t.strip_suffix("; detail=exact"));
        let ttl: u64 = ttl.unwrap_or_else(|| panic!("{hit:?}")).parse().unwrap();
        assert!((30..=60).contains(&ttl), "{ttls:?}: {ttl}");
    }
}

#[tokio::test]
async fn a_shared_answer_that_somebody_did_not_want_remembered_is_not() {
    for ttls in [["600", "0", "60"], ["0", "60", "600"]] {
        let client = shared_by(ttls).await;
        let only = client.ask(QUESTION).model("mock-slow-1000");
        let only = only.header("x-reprise-cache", "only").send().await;
        only.error(504, "cache_miss");
    }
}

#[tokio::test]
async fn a_leader_that_leaves_does_not_fail_those_who_follow() {
    let client = alone();
    let ask = || client.ask(QUESTION).model("mock-drip-50").stream();
    let leader = ask().open().await;
    let followers = join_all((0..3).map(|_| ask().open())).await;
    drop(leader);
    for follower in join_all(followers.into_iter().map(Answer::read)).await {
        assert_eq!(follower.reason(), "collapsed");
        assert!(follower.is_done() && follower.text().contains(QUESTION));
    }
    assert_eq!((client.calls(), cancelled(&client)), (1, 0));
    assert_eq!(ask().send().await.reason(), "same_request");
}

#[tokio::test]
async fn a_stream_that_everybody_left_is_cancelled_upstream_and_not_remembered() {
    let client = alone();
    let ask = || client.ask(QUESTION).model("mock-stall").stream();
    let riders = [ask().open().await, ask().open().await];
    assert_eq!((client.calls(), cancelled(&client)), (1, 0));
    drop(riders);
    is_cancelled_within_a_second(&client).await;
    let only = ask().header("x-reprise-cache", "only");
    only.send().await.error(504, "cache_miss");
}

#[tokio::test]
async fn a_plain_call_that_everybody_left_is_cancelled_upstream() {
    let client = alone();
    let hang = || {
        let client = client.clone();
        tokio::spawn(async move {
            client.ask(QUESTION).model("mock-hang").send().await;
        })
    };
    let riders = [hang(), hang()];
    until("the call is made", async || client.calls() == 1).await;
    riders.iter().for_each(tokio::task::JoinHandle::abort);
    is_cancelled_within_a_second(&client).await;
    assert_eq!(client.calls(), 1);
}

#[tokio::test]
async fn a_follower_that_lost_patience_does_not_keep_the_call_it_left() {
    let config = "[cache]\nflight_wait_ms = 300\n";
    let client = Client::of(Arc::new(Gateway::start(config)));
    let hang = || {
        let client = client.clone();
        tokio::spawn(async move {
            client.ask(QUESTION).model("mock-hang").send().await;
        })
    };
    let leader = hang();
    until("the call is made", async || client.calls() == 1).await;
    let follower = hang();
    until("another is made", async || client.calls() == 2).await;
    assert_eq!(cancelled(&client), 0);
    leader.abort();
    is_cancelled_within_a_second(&client).await;
    follower.abort();
}

#[tokio::test]
async fn a_tool_call_is_shared_whichever_way_it_was_asked_for() {
    let client = alone();
    let ask = |stream| {
        let ask = client.ask(QUESTION).model("mock-drip-tools-100");
        ask.streamed(stream)
    };
    let leader = ask(true).open().await;
    let (plain, leader) = tokio::join!(ask(false).send(), Answer::read(leader));
    assert!(leader.is_done());
    assert_eq!((plain.reason(), client.calls()), ("collapsed", 1));
    let call = &plain.json()["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], "{\"q\":\"x\"}");
}

#[tokio::test]
async fn requests_that_must_not_read_the_cache_do_not_share_a_call_either() {
    for value in ["no-store", "no-cache"] {
        let client = Client::new();
        let ask = || client.ask(QUESTION).model("mock-slow-200");
        let ask = || ask().header("cache-control", value).send();
        join_all([ask(), ask(), ask()]).await;
        assert_eq!(client.calls(), 3, "{value}");
    }
}
