//! Who is chosen by what they cost and what they can do, and who stands behind whom.

use serde_json::json;

use super::fleet::{Fleet, Sailing, all_well, asked, fresh, provider};
use crate::helpers::CHAT;
use crate::http::Reply;

fn send(fleet: &Sailing, body: &str) -> Reply {
    fleet.gateway.send(CHAT, &[], Some(body))
}

#[test]
fn the_cheapest_answers_and_the_next_cheapest_where_it_cannot() {
    let prices = "[{ model = 'mock-dear', input = 5, output = 5 }, \
        { model = 'mock-status-500', input = 1, output = 1 }, \
        { model = 'mock-fair', input = 2, output = 2 }]";
    let members = "{ provider = 'a', model = 'mock-dear' }, \
        { provider = 'b', model = 'mock-status-500' }, { provider = 'c', model = 'mock-fair' }";
    let fleet = Fleet::of(3)
        .with("prices", prices)
        .group("cost", members)
        .start();
    for _ in 0..5 {
        assert_eq!(provider(&fleet.ask()), "c");
    }
    assert_eq!(fleet.calls(), [0, 5, 5], "the cheapest is asked first");
}

#[test]
fn what_an_answer_costs_counts_though_nobody_says_how_long_it_may_be() {
    let prices = "[{ model = 'mock-talker', input = 0.1, output = 50 }, \
        { model = 'mock-even', input = 1, output = 1 }]";
    let members =
        "{ provider = 'a', model = 'mock-talker' }, { provider = 'b', model = 'mock-even' }";
    let fleet = Fleet::of(2)
        .with("prices", prices)
        .group("cost", members)
        .start();
    for _ in 0..5 {
        assert_eq!(provider(&fleet.ask()), "b");
    }
}

#[test]
fn groups_stand_behind_each_other_and_each_chooses_by_its_own_strategy() {
    let groups = "[{ name = 'first', strategy = 'round_robin', members = [{ provider = 'a' }, { provider = 'b' }] }, \
        { name = 'broken', strategy = 'weighted', members = [{ provider = 'a', model = 'mock-status-500' }, { provider = 'b', model = 'mock-status-503' }] }]";
    let routes = "[{ model = 'm', candidates = [{ group = 'first' }, { provider = 'c' }] }, \
        { model = 'n', candidates = [{ group = 'broken' }, { group = 'first' }, { provider = 'c' }] }]";
    let fleet = Fleet::of(3)
        .with("groups", groups)
        .with("routes", routes)
        .start();
    all_well(&fleet.ask_often(20, 4, fresh));
    assert_eq!(fleet.calls(), [10, 10, 0]);
    for _ in 0..10 {
        let reply = fleet.ask_for("n");
        assert!(["a", "b"].contains(&provider(&reply)));
        assert_eq!(reply.header("x-reprise-model"), Some("n"));
    }
    // Each of the first group, and then one of the second.
    assert_eq!(fleet.calls().iter().sum::<u64>(), 20 + 30);
    assert_eq!(fleet.calls()[2], 0);
}

/// What each model can do; of `mock-other` nobody knows anything.
const CATALOGUE: &str = "version = 1\ndate = '2026-01-31'\n\
    [[models]]\nprovider = 'p'\nid = 'mock-text'\ncontext_window = 200000\n\
    [[models]]\nprovider = 'p'\nid = 'mock-small'\ncontext_window = 100\n\
    capabilities = ['tools', 'json_schema']\n\
    modalities = { input = ['text', 'image'], output = ['text'] }\n\
    [[models]]\nprovider = 'p'\nid = 'mock-able'\ncontext_window = 200000\n\
    capabilities = ['tools', 'json_schema']\n\
    modalities = { input = ['text', 'image'], output = ['text'] }\n";

fn with_catalogue(members: &str) -> (tempfile::TempDir, Sailing) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalogue.toml");
    std::fs::write(&file, CATALOGUE).unwrap();
    let fleet = Fleet::of(3).with("catalogue.file", file.to_str().unwrap());
    (folder, fleet.group("fallback", members).start())
}

/// Requests that each need something that not every model can do.
fn needy() -> [(&'static str, String); 4] {
    let tool =
        json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
    let schema =
        json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}});
    let long = "word ".repeat(1000);
    [
        ("calls tools", asked(json!({"tools": [tool]}))),
        (
            "sees images",
            asked(
                json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "See?"}, image]}]}),
            ),
        ),
        (
            "follows a JSON schema",
            asked(json!({"response_format": schema})),
        ),
        (
            "has a context of",
            asked(json!({"messages": [{"role": "user", "content": long}]})),
        ),
    ]
}

#[test]
fn a_request_passes_over_those_that_cannot_do_what_it_needs() {
    let members = "{ provider = 'a', model = 'mock-text' }, \
        { provider = 'b', model = 'mock-small' }, { provider = 'c', model = 'mock-able' }";
    let (_folder, fleet) = with_catalogue(members);
    let [tools, image, schema, long] = needy().map(|(_, body)| send(&fleet, &body));
    assert_eq!([&tools, &image, &schema].map(provider), ["b", "b", "b"]);
    assert_eq!(provider(&long), "a", "a text of that length");
    let both = asked(
        json!({"tools": [{"type": "function", "function": {"name": "f"}}],
        "messages": [{"role": "user", "content": "word ".repeat(1000)}]}),
    );
    assert_eq!(provider(&send(&fleet, &both)), "c");
    assert_eq!(
        provider(&fleet.ask()),
        "a",
        "what needs nothing goes to the first"
    );
}

#[test]
fn where_nobody_can_do_it_the_client_is_told_what_and_nobody_is_asked() {
    let members =
        "{ provider = 'a', model = 'mock-text' }, { provider = 'b', model = 'mock-text' }";
    let (_folder, fleet) = with_catalogue(members);
    for (what, body) in needy().into_iter().take(3) {
        let reply = send(&fleet, &body);
        let error = &reply.json()["error"];
        assert_eq!(
            (reply.status, error["param"].as_str()),
            (400, Some("model")),
            "{reply:?}"
        );
        let told = error["message"].as_str().unwrap();
        assert!(told.contains(what), "{told}");
    }
    assert_eq!(fleet.calls(), [0, 0, 0]);
    let (_folder, fleet) = with_catalogue(
        "{ provider = 'a', model = 'mock-small' }, { provider = 'b', model = 'mock-small' }",
    );
    let (what, body) = needy().into_iter().next_back().unwrap();
    let reply = send(&fleet, &body);
    assert!(
        reply.status == 400 && reply.body.contains(what),
        "{reply:?}"
    );
}

#[test]
fn what_nobody_knows_of_a_model_excludes_it_from_nothing() {
    let members =
        "{ provider = 'a', model = 'mock-text' }, { provider = 'b', model = 'mock-other' }";
    let (_folder, fleet) = with_catalogue(members);
    for (what, body) in needy().into_iter().take(3) {
        assert_eq!(provider(&send(&fleet, &body)), "b", "{what}");
    }
}
