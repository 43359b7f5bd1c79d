//! The example of the README does what is written there.

use std::process::Command;

use super::fleet::provider;
use crate::helpers::{CHAT, Place, chat};
use crate::mock::Mock;

const README: &str = include_str!("../../../README.md");
/// Where its example's providers are.
const HOSTS: [&str; 3] = [
    "https://api.openai.com",
    "https://eu.example.com",
    "https://spare.example.com",
];

/// The example as it stands there.
fn example() -> String {
    let section = README.split_once("\n## Routing\n").unwrap().1;
    let block = section.split_once("```toml\n").unwrap().1;
    block.split_once("```").unwrap().0.to_owned()
}

fn start(place: &Place, file: &std::path::Path) -> Command {
    let mut command = place.command(&["serve", "--bind", "127.0.0.1:0"]);
    command.arg("--config").arg(file);
    command
}

#[test]
fn the_readmes_example_starts_and_leads_where_it_says() {
    let mocks: Vec<_> = HOSTS.map(|_| Mock::start().unwrap()).into();
    let mut text = example();
    for (host, mock) in HOSTS.iter().zip(&mocks) {
        assert!(text.contains(host), "{host} is not in {text}");
        text = text.replace(host, &mock.root_url());
    }
    let place = Place::new(&mocks[0])
        .with("EU_API_KEY", "sk-eu")
        .with("SPARE_API_KEY", "sk-spare");
    let file = place.beside("reprise.toml");
    std::fs::write(&file, text).unwrap();
    let gateway = place.spawn(start(&place, &file));
    let ask =
        |turn: usize| gateway.send(CHAT, &[], Some(&chat("mini", &format!("Number {turn}?"))));
    for turn in 0..40 {
        assert!(["openai", "eu"].contains(&provider(&ask(turn))));
    }
    let calls: Vec<_> = mocks.iter().map(|mock| mock.seen().count()).collect();
    // A canary of a twentieth goes to the first of them as well, and a shadow of a hundredth to the last.
    assert!(
        calls[0] > calls[1] && calls[1] > 4 && calls[2] < 5,
        "{calls:?}"
    );
}
