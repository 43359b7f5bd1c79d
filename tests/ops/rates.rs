//! Limits on what each key, team, model, endpoint and all together may ask.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc;
use std::thread::JoinHandle;

use crate::helpers::{CHAT, Gateway, Place, chat, eventually, streamed};
use crate::http::{Reply, connect, head, read_reply, try_send};
use crate::mock::Mock;

/// A gateway with these limits.
pub(crate) fn limited(mock: &Mock, limits: &str) -> Place {
    Place::new(mock).with("REPRISE_LIMITS", &format!("[{limits}]"))
}

pub(crate) fn say(gateway: &Gateway, body: &str) -> Reply {
    gateway.send(CHAT, &[], Some(body))
}

/// A question whose answer may have so many tokens.
fn short(model: &str, question: &str, tokens: u64) -> String {
    let body = chat(model, question);
    format!("{},\"max_tokens\":{tokens}}}", &body[..body.len() - 1])
}

fn number(reply: &Reply, header: &str) -> u64 {
    let value = reply.header(header);
    value
        .and_then(|v| v.parse().ok())
        .unwrap_or_else(|| panic!("{header}: {reply:?}"))
}

pub(crate) fn left(reply: &Reply) -> u64 {
    number(reply, "x-ratelimit-remaining-requests")
}

pub(crate) fn tokens_left(reply: &Reply) -> u64 {
    number(reply, "x-ratelimit-remaining-tokens")
}

/// A request that is on its way while the test goes on.
pub(crate) fn on_its_way(gateway: &Gateway, body: String) -> JoinHandle<Reply> {
    let address = gateway.address;
    std::thread::spawn(move || try_send(address, CHAT, &[], Some(&body)).unwrap())
}

/// A request whose client can leave.
pub(crate) fn begun(gateway: &Gateway, body: &str) -> TcpStream {
    let mut stream = connect(gateway.address).unwrap();
    let length = body.len().to_string();
    let headers = [
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
    ];
    let request = head(CHAT.0, CHAT.1, &headers) + body;
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

pub(crate) fn metric(gateway: &Gateway, line: &str) -> u64 {
    let page = gateway.get("/metrics", None).body;
    let found = page.lines().find_map(|l| l.strip_prefix(line));
    found.map_or(0, |rest| rest.trim().parse().unwrap())
}

#[test]
fn many_at_once_are_let_in_as_often_as_each_limit_says() {
    let mock = Mock::start().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/limits.py");
    let mut load = Command::new("python3");
    load.arg(script).args(["--requests", "2000"]);
    load.args(["--kinds", "requests_per_minute"]);
    load.args(["--gateway", env!("CARGO_BIN_EXE_reprise")]);
    load.args(["--upstream", &mock.base_url()]);
    let done = load.output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    let fault = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{told}{fault}");
    assert_eq!(told.matches("| 0.00 % | ok |").count(), 5, "{told}");
}

#[test]
fn of_sixty_four_at_once_as_many_are_under_way_as_may_be() {
    for (per, named) in [
        ("key", "requests without a key"),
        ("team", "the team `default`"),
        ("model", "the model `mock-gated`"),
        ("endpoint", "the endpoint `chat/completions`"),
        ("global", "this gateway"),
    ] {
        sixty_four_at_once(per, named);
    }
}

fn sixty_four_at_once(per: &str, named: &str) {
    let mock = Mock::start().unwrap();
    let gateway = limited(&mock, &format!("{{per = '{per}', concurrency = 16}}")).start();
    let (tell, told) = mpsc::channel();
    let asking: Vec<_> = (0..64)
        .map(|i| {
            let (address, tell) = (gateway.address, tell.clone());
            let body = chat("mock-gated", &format!("Who is number {i}?"));
            std::thread::spawn(move || {
                let reply = try_send(address, CHAT, &[], Some(&body)).unwrap();
                tell.send(reply).unwrap();
            })
        })
        .collect();
    for _ in 0..48 {
        let refused: Reply = told.recv().unwrap();
        assert_eq!(refused.status, 429, "{refused:?}");
        assert_eq!(refused.code(), "rate_limit_exceeded");
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(refused.header("x-should-retry"), Some("true"));
        let message = refused.json()["error"]["message"].to_string();
        let expected = format!("{named}: 16 requests at a time");
        assert!(message.contains(&expected), "{message}");
    }
    eventually(|| (mock.seen().count() == 16).then_some(()));
    mock.seen().open();
    for _ in 0..16 {
        assert_eq!(told.recv().unwrap().status, 200);
    }
    asking.into_iter().for_each(|client| client.join().unwrap());
    assert_eq!(say(&gateway, &chat("mock-gated", "And now?")).status, 200);
    let refused = format!("reprise_refusals_total{{per=\"{per}\",kind=\"concurrency\"}}");
    assert_eq!(metric(&gateway, &refused), 48);
}

#[test]
fn a_stream_holds_its_place_until_it_is_over_or_its_client_has_left() {
    let mock = Mock::start().unwrap();
    let gateway = limited(&mock, "{per = 'global', concurrency = 1}").start();
    let other = chat("mock-plain", "Is there room?");
    let refused = || (say(&gateway, &other).status == 429).then_some(());
    let stream = begun(&gateway, &streamed("mock-gated", "Who are you?"));
    eventually(|| (mock.seen().count() == 1).then_some(()));
    eventually(refused);
    drop(stream);
    eventually(|| (say(&gateway, &other).status == 200).then_some(()));
    let stream = begun(&gateway, &streamed("mock-gated", "Who are they?"));
    eventually(|| (mock.seen().count() == 3).then_some(()));
    let another = chat("mock-plain", "Is there room now?");
    assert_eq!(say(&gateway, &another).status, 429);
    mock.seen().open();
    assert!(
        read_reply(stream)
            .unwrap()
            .body
            .ends_with("data: [DONE]\n\n")
    );
    assert_eq!(say(&gateway, &another).status, 200);
}

#[test]
fn hits_are_served_beyond_the_limit_unless_they_count() {
    let mock = Mock::start().unwrap();
    let gateway = limited(&mock, "{per = 'key', requests_per_day = 9}").start();
    let hit = gateway.ask_until("hit-exact", "One?", None);
    for i in (0..left(&hit)).rev() {
        assert_eq!(left(&gateway.ask(&format!("How about {i}?"), None)), i);
    }
    assert_eq!(gateway.ask("Two?", None).status, 429);
    let hit = gateway.ask("One?", None);
    assert_eq!((hit.status, hit.cache(), left(&hit)), (200, "hit-exact", 0));

    let counting = "{per = 'key', requests_per_minute = 3, count_hits = true}";
    let gateway = limited(&mock, counting).start();
    assert_eq!(left(&gateway.ask("One?", None)), 2);
    assert_eq!(left(&gateway.ask("One?", None)), 1);
    assert_eq!(left(&gateway.ask("Two?", None)), 0);
    assert_eq!(gateway.ask("One?", None).status, 429);
}

#[test]
fn the_refusal_of_a_minute_tells_when_to_come_back_and_that_of_a_day_not_to() {
    let mock = Mock::start().unwrap();
    let limits = "{per = 'team', requests_per_minute = 1}, {per = 'model', match = ['mock-echo'], requests_per_day = 1}";
    let place = limited(&mock, limits);
    let (key, other) = (place.key("acme", "app"), place.key("globex", "app"));
    let gateway = place.start();
    assert_eq!(gateway.ask("Who?", Some(&key)).status, 200);
    let refused = gateway.ask("Why?", Some(&key));
    assert_eq!(
        (refused.status, refused.code()),
        (429, "rate_limit_exceeded".into())
    );
    let error = &refused.json()["error"];
    assert_eq!(error["type"], "rate_limit_error");
    let told = error["message"].as_str().unwrap();
    assert!(
        told.starts_with("Rate limit reached for the team `acme`: 1 requests per minute."),
        "{told}"
    );
    let wait = number(&refused, "retry-after");
    assert!((1..=60).contains(&wait), "{refused:?}");
    assert!(number(&refused, "retry-after-ms").div_ceil(1000) == wait);
    assert_eq!(refused.header("x-should-retry"), Some("true"));
    assert_eq!(number(&refused, "x-ratelimit-limit-requests"), 1);
    assert_eq!(left(&refused), 0);
    let reset = refused.header("x-ratelimit-reset-requests").unwrap();
    assert!(reset.ends_with('s') && reset != "0s", "{reset}");
    assert_eq!(refused.header("x-ratelimit-limit-tokens"), None);

    // Another team has its own minute; the model's day is everybody's.
    let bearer = format!("Bearer {other}");
    let headers = [("authorization", bearer.as_str())];
    let echo = |question| gateway.send(CHAT, &headers, Some(&chat("mock-echo", question)));
    assert_eq!(echo("Who?").status, 200);
    let refused = echo("Why?");
    let told = refused.json()["error"]["message"].to_string();
    assert!(
        told.contains("the model `mock-echo`: 1 requests per day"),
        "{told}"
    );
    assert!(!told.contains("acme"), "{told}");
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert!(number(&refused, "retry-after") > 86_000);
}

#[test]
fn tokens_are_settled_by_what_was_used_and_a_refused_request_uses_nothing() {
    let mock = Mock::start().unwrap();
    let limits = "{per = 'endpoint', match = ['chat/*'], requests_per_day = 100}, {per = 'key', tokens_per_minute = 1000}";
    let gateway = limited(&mock, limits).start();
    // Three words and seven by the mock's count.
    let whole = say(&gateway, &short("mock-plain", "Who are you?", 400));
    assert_eq!((left(&whole), tokens_left(&whole)), (99, 990));
    let stream = say(&gateway, &streamed("mock-plain", "Who are they?"));
    assert!(stream.body.ends_with("data: [DONE]\n\n"), "{stream:?}");
    // Its head was written while the answer was still to come.
    assert!(tokens_left(&stream) <= 980, "{stream:?}");
    let refused = say(&gateway, &short("mock-plain", "Who is that?", 5000));
    assert_eq!(
        (refused.status, left(&refused), tokens_left(&refused)),
        (429, 98, 980)
    );
    assert_eq!(refused.header("retry-after"), None);
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    let told = refused.json()["error"]["message"].to_string();
    assert!(
        told.contains("this key") || told.contains("without a key"),
        "{told}"
    );
    let refused = say(&gateway, &short("mock-plain", "Who is that?", 990));
    assert_eq!(
        (refused.status, left(&refused), tokens_left(&refused)),
        (429, 98, 980)
    );
    assert_eq!(refused.header("x-should-retry"), Some("true"));
    let again = || Some(say(&gateway, &short("mock-plain", "Who are you?", 400)));
    let hit = eventually(|| again().filter(|reply| reply.cache() == "hit-exact"));
    let next = again().map(|hit| (left(&hit), tokens_left(&hit)));
    assert_eq!(next, Some((left(&hit), tokens_left(&hit))));
}

#[test]
fn a_call_that_fails_or_is_given_up_gives_its_tokens_back() {
    let mock = Mock::start().unwrap();
    let gateway = limited(
        &mock,
        "{per = 'key', requests_per_day = 9, tokens_per_day = 1000}",
    )
    .start();
    let failed = say(&gateway, &chat("mock-status-400", "Why not?"));
    assert_eq!(
        (failed.status, left(&failed), tokens_left(&failed)),
        (400, 8, 1000)
    );
    let stream = begun(&gateway, &chat("mock-hang", "Are you there?"));
    eventually(|| (mock.seen().count() == 2).then_some(()));
    let unheard = || say(&gateway, &short("mock-plain", "Who is that?", 5000));
    assert!(tokens_left(&unheard()) < 500);
    drop(stream);
    eventually(|| (tokens_left(&unheard()) == 1000).then_some(()));
    // What was heard of an answer was used.
    let mut stream = begun(&gateway, &streamed("mock-gated", "Are you there now?"));
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("Mock") {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).unwrap();
        heard.extend(&bytes[..count]);
    }
    drop(stream);
    eventually(|| (mock.seen().cancelled() == 2).then_some(()));
    let left_over = eventually(|| Some(tokens_left(&unheard())).filter(|left| *left > 900));
    assert!((990..1000).contains(&left_over), "{left_over}");
}

#[test]
fn who_shares_a_call_is_a_request_and_its_tokens_are_used_once() {
    let mock = Mock::start().unwrap();
    let gateway = limited(
        &mock,
        "{per = 'key', requests_per_day = 2, tokens_per_day = 1000}",
    )
    .start();
    let asked = short("mock-gated", "Who are you?", 100);
    let first = on_its_way(&gateway, asked.clone());
    eventually(|| (mock.seen().count() == 1).then_some(()));
    let second = on_its_way(&gateway, asked.clone());
    let idle = || say(&gateway, &short("mock-plain", "Who is that?", 5000));
    eventually(|| (left(&idle()) == 0).then_some(()));
    // One more that may not share it, and does it no harm.
    assert_eq!(say(&gateway, &asked).status, 429);
    mock.seen().open();
    for reply in [first, second] {
        assert_eq!(reply.join().unwrap().status, 200);
    }
    assert_eq!(
        (left(&idle()), tokens_left(&idle()), mock.seen().count()),
        (0, 990, 1)
    );
}

#[test]
fn the_gateways_limits_take_the_place_of_the_providers() {
    let mock = Mock::start().unwrap();
    let gateway = limited(
        &mock,
        "{per = 'model', match = ['*-headers'], tokens_per_day = 1000}",
    )
    .start();
    let own = say(&gateway, &chat("mock-headers", "Who are you?"));
    assert_eq!(own.header("x-ratelimit-remaining-requests"), None);
    assert_eq!(tokens_left(&own), 990);
    let gateway = limited(
        &mock,
        "{per = 'model', match = ['mock-plain'], tokens_per_day = 1000}",
    )
    .start();
    assert_eq!(
        left(&say(&gateway, &chat("mock-headers", "Who are you?"))),
        9
    );
}
