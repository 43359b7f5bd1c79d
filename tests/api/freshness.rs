//! How long an answer is remembered: by what is asked, by the route, and by the request.

use crate::client::{Answer, Client};
use crate::gateway::Gateway;

const MODE: &str = "x-reprise-cache";
const CLASS: &str = "x-reprise-ttl-class";

/// Seconds for which a hit will be served still.
#[track_caller]
fn rest(hit: &Answer) -> u64 {
    assert_eq!(hit.cache(), "hit-exact", "{hit:?}");
    let status = hit.header("cache-status").split_once("ttl=").unwrap().1;
    status.split(';').next().unwrap().parse().unwrap()
}

async fn asked_twice(client: &Client, model: &str, question: &str) -> Answer {
    let ask = || client.ask(question).model(model);
    assert_eq!(ask().send().await.cache(), "miss", "{question}");
    ask().send().await
}

#[tokio::test]
async fn what_may_change_within_the_day_is_remembered_for_two_hours_and_the_rest_for_a_day() {
    let client = Client::new();
    for (question, class, seconds) in [
        ("What's the weather in Paris?", "time_sensitive", 7200),
        (
            "What is the latest version of Node.js?",
            "time_sensitive",
            7200,
        ),
        ("What is price elasticity of demand?", "static", 86_400),
        ("Now explain electric current.", "static", 86_400),
        ("Name three rivers.", "default", 86_400),
    ] {
        let hit = asked_twice(&client, "mock-plain", question).await;
        assert_eq!(hit.header(CLASS), class, "{question}");
        assert!((seconds - 60..=seconds).contains(&rest(&hit)), "{hit:?}");
    }
}

#[tokio::test]
async fn what_is_true_for_a_moment_is_neither_remembered_nor_looked_up() {
    let client = Client::new();
    let ask = || client.ask("What time is it?");
    for _ in 0..2 {
        let asked = ask().send().await;
        assert_eq!((asked.cache(), asked.reason()), ("bypass", "ttl_never"));
        assert_eq!(asked.header(CLASS), "never");
    }
    assert_eq!(client.calls(), 2);
    let only = ask().header(MODE, "only").send().await;
    only.error(504, "cache_miss");
    assert_eq!(only.reason(), "ttl_never");
    // A reason of the client's own is the one told.
    let off = ask().header(MODE, "off").send().await;
    assert_eq!((off.cache(), off.reason()), ("bypass", "off"));
    let way = "How do I print what time it is in Python?";
    let rest = rest(&asked_twice(&client, "mock-plain", way).await);
    assert!((86_340..=86_400).contains(&rest), "{rest}");
}

#[tokio::test]
async fn a_route_says_how_long_its_answers_last_whatever_is_asked() {
    let client = Client::of(Gateway::routed());
    let hit = asked_twice(&client, "ticker", "Name three rivers.").await;
    assert!((7100..=7200).contains(&rest(&hit)), "{hit:?}");
    let clock = client.ask("Name three rivers.").model("clock").send().await;
    assert_eq!((clock.cache(), clock.reason()), ("bypass", "ttl_never"));
}

#[tokio::test]
async fn a_request_may_shorten_a_class_and_never_lengthens_it() {
    let client = Client::new();
    for (question, asked, kept) in [
        ("What's the weather in Rome?", "600", 600),
        ("What's the weather in Oslo?", "86400", 7200),
    ] {
        let ask = || client.ask(question);
        ask().header("x-reprise-ttl", asked).send().await;
        let hit = ask().send().await;
        assert!((kept - 60..=kept).contains(&rest(&hit)), "{hit:?}");
    }
}
