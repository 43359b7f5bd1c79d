//! `reprise eval`: what it prints is what a running gateway does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::helpers::{CHAT, Gateway, Place, chat};
use crate::mock::Mock;

const PAIRS: &str = "tests/data/minimal-pairs.jsonl";

fn written(place: &Place, name: &str, rows: &[Value]) -> PathBuf {
    let path = place.beside(name);
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(&path, lines).unwrap();
    path
}

/// What is told of each tag.
const MEMBERS: [&str; 10] = [
    "n",
    "label1",
    "label0",
    "served1",
    "served0",
    "auc",
    "coverage_1pct",
    "coverage_5pct",
    "coverage_10pct",
    "p50_ms",
];

/// Runs it without a data folder.
fn eval(place: &Place, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_reprise"));
    command.args(["eval"]).args(arguments).env_clear();
    for name in ["ORT_DYLIB_PATH", "PATH"] {
        if let Ok(value) = std::env::var(name) {
            command.env(name, value);
        }
    }
    // Whatever the surroundings say, no provider is asked.
    command.env("OPENAI_API_KEY", "sk-never-used");
    command.current_dir(place.beside("")).output().unwrap()
}

/// The figures of one file.
fn figures(place: &Place, kind: &str, file: &Path, more: &[&str]) -> Value {
    let name = file.to_str().unwrap();
    let ended = eval(place, &[&[kind, name, "--json"], more].concat());
    assert!(ended.status.success(), "{ended:?}");
    let all: Value = serde_json::from_slice(&ended.stdout).unwrap();
    all[name].clone()
}

#[test]
fn the_figures_of_pairs_have_their_names_and_say_what_is_served() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let row = |a: &str, b: &str, label: u8, tag: &str| json!({"a": a, "b": b, "label": label, "tag": tag});
    let file = written(
        &place,
        "pairs.jsonl",
        &[
            row(
                "How do I reset my password?",
                "How can I reset my password?",
                1,
                "reworded",
            ),
            row("Is it safe to swim?", "Is it safe to swim?", 1, "same"),
            row(
                "Is it safe to swim?",
                "Is it not safe to swim?",
                0,
                "negation",
            ),
            row(
                "What is 5 mg in grams?",
                "What is 50 mg in grams?",
                0,
                "number",
            ),
        ],
    );
    let told = figures(&place, "pairs", &file, &[]);
    let all = told["all"].as_object().unwrap();
    for member in MEMBERS {
        assert!(all.contains_key(member), "{member}: {told}");
    }
    assert_eq!((&all["n"], &all["label1"]), (&json!(4), &json!(2)));
    assert_eq!((&all["served1"], &all["served0"]), (&json!(2), &json!(0)));
    assert_eq!(
        (&all["auc"], &all["coverage_1pct"]),
        (&json!(1.0), &json!(1.0))
    );
    assert_eq!(told["number"]["auc"], Value::Null);
    // A plain cosine sees no difference that one word makes.
    let plain = json!({"kind": "threshold", "threshold": 0.8, "guards": {"*": false}});
    let policy = place.beside("plain.json");
    std::fs::write(&policy, plain.to_string()).unwrap();
    let plain = figures(
        &place,
        "pairs",
        &file,
        &["--policy", policy.to_str().unwrap()],
    );
    assert_eq!(plain["all"]["served0"], 2, "{plain}");
}

#[test]
fn pairs_are_measured_with_the_verifier_and_without_it() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let row = json!({"a": "How do I teach my child to swim?", "b": "How do I teach my child to dive?", "label": 0});
    let file = written(&place, "pairs.jsonl", &[row]);
    let policy = written(&place, "policy.json", &[json!({"probability": 0.6})]);
    let served = |switch: &str| {
        let more = ["--policy", policy.to_str().unwrap(), "--verifier", switch];
        figures(&place, "pairs", &file, &more)["all"]["served0"].clone()
    };
    assert_eq!((served("off"), served("on")), (json!(1), json!(0)));
    let never = written(&place, "never.json", &[json!({"verifier": "never"})]);
    let files = [never.to_str().unwrap(), file.to_str().unwrap()];
    let ended = eval(
        &place,
        &[&["pairs", "--verifier", "on", "--policy"][..], &files].concat(),
    );
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && ended.stdout.is_empty());
    assert!(told.contains("asks it of nothing"), "{told}");
}

#[test]
fn the_figures_of_conversations_and_of_a_trace_go_through_the_same_path() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let user = |text: &str| json!({"role": "user", "content": text});
    let talks = written(
        &place,
        "talks.jsonl",
        &[
            json!({"kind": "alone", "label": 1, "a": [user("What is Rust?"), user("Who was Alan Turing?")],
                "b": [user("Who was Alan Turing?")]}),
            json!({"kind": "swap", "label": 0, "a": [user("What is Rust?"), user("Why?")],
                "b": [user("What is Go?"), user("Why?")]}),
        ],
    );
    let told = figures(&place, "conversations", &talks, &[]);
    assert_eq!(
        (&told["alone"]["served1"], &told["swap"]["served0"]),
        (&json!(1), &json!(0))
    );
    let ask = |tenant: &str, q: &str, group: &str| json!({"tenant": tenant, "q": q, "group": group, "kind": "k"});
    let trace = written(
        &place,
        "trace.jsonl",
        &[
            ask("a", "How do I reset my password?", "g1"),
            ask("a", "How do I reset my password?", "g1"),
            ask("a", "How can I reset my password?", "g1"),
            ask("b", "How can I reset my password?", "g1"),
            ask("b", "How do I reset my password?", "g2"),
        ],
    );
    let told = figures(&place, "trace", &trace, &[]);
    let k = &told["k"];
    assert_eq!(
        (&k["n"], &k["exact_hits"]),
        (&json!(5), &json!(1)),
        "{told}"
    );
    assert_eq!(
        (&k["semantic_hits"], &k["semantic_wrong"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(told["all"]["n"], 5);
}

#[test]
fn a_table_a_picture_and_a_fault_are_told_where_they_belong() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let row = json!({"a": "Who was Ada?", "b": "Who was Ada", "label": 1});
    let file = written(&place, "pairs.jsonl", &[row]);
    let picture = place.beside("curve.svg");
    let (name, svg) = (file.to_str().unwrap(), picture.to_str().unwrap());
    let ended = eval(&place, &["pairs", name, "--plot", svg]);
    assert!(ended.status.success(), "{ended:?}");
    let table = String::from_utf8(ended.stdout).unwrap();
    assert!(
        table.contains("untagged") && table.contains("1/1 (100.0 %)"),
        "{table}"
    );
    assert!(
        std::fs::read_to_string(&picture)
            .unwrap()
            .starts_with("<svg")
    );
    let bad = written(&place, "bad.jsonl", &[json!({"a": "x", "label": 1})]);
    let policy = written(
        &place,
        "policy.json",
        &[json!({"kind": "threshold", "guards": {"numbres": true}})],
    );
    for (arguments, word) in [
        (vec!["pairs", bad.to_str().unwrap()], "line 1"),
        (vec!["pairs", "nowhere.jsonl"], "nowhere.jsonl"),
        (
            vec!["pairs", name, "--policy", policy.to_str().unwrap()],
            "`guards`",
        ),
    ] {
        let ended = eval(&place, &arguments);
        let told = String::from_utf8(ended.stderr).unwrap();
        assert!(
            ended.status.code() == Some(1) && told.contains(word),
            "{told}"
        );
        assert!(ended.stdout.is_empty());
    }
}

#[test]
fn what_was_served_wrongly_is_written_down_and_never_over_what_is_measured() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let (a, b) = (
        "How do I peel oranges quickly?",
        "How can I peel oranges quickly?",
    );
    let other = "Who was Alan Turing?";
    let file = written(
        &place,
        "pairs.jsonl",
        &[
            json!({"a": a, "b": b, "label": 0, "tag": "odd"}),
            json!({"a": a, "b": other, "label": 0, "tag": "odd"}),
        ],
    );
    let wrong = place.beside("wrong.jsonl");
    let told = figures(
        &place,
        "pairs",
        &file,
        &["--wrong", wrong.to_str().unwrap()],
    );
    assert_eq!(told["all"]["served0"], 1);
    let lines = std::fs::read_to_string(&wrong).unwrap();
    let hit: Value = serde_json::from_str(lines.trim_end()).unwrap();
    let name = file.to_str().unwrap();
    assert_eq!((&hit["asked"], &hit["stored"]), (&json!(b), &json!(a)));
    assert_eq!((&hit["kind"], &hit["file"]), (&json!("odd"), &json!(name)));
    let before = std::fs::read(&file).unwrap();
    let ended = eval(&place, &["pairs", name, "--wrong", name]);
    assert!(!ended.status.success(), "{ended:?}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

/// Rows of the file, spread over all of it.
fn some_rows(count: usize) -> Vec<Value> {
    let text = std::fs::read_to_string(PAIRS).unwrap();
    let rows: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let step = rows.len() / count;
    rows.into_iter().step_by(step).take(count).collect()
}

/// Whether the second question of a row is answered from the first one's answer, over HTTP.
fn served(gateway: &Gateway, number: usize, row: &Value) -> bool {
    let namespace = format!("row-{number}");
    let ask = |question: &Value, mode: &str| {
        let headers = [
            ("x-reprise-namespace", namespace.as_str()),
            ("x-reprise-cache", mode),
        ];
        let body = chat("mock-plain", question.as_str().unwrap());
        gateway.send(CHAT, &headers, Some(&body))
    };
    assert_eq!(ask(&row["a"], "semantic").status, 200);
    let asked = ask(&row["b"], "only");
    assert!([200, 504].contains(&asked.status), "{asked:?}");
    asked.status == 200
}

#[test]
fn three_hundred_rows_are_decided_alike_over_http() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock)
        .semantic()
        .with("REPRISE_CACHE__DECIDE", "probability");
    let rows = some_rows(300);
    let file = written(&place, "rows.jsonl", &rows);
    let told = figures(&place, "pairs", &file, &[]);
    let gateway = place.start();
    let mut counts: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (number, row) in rows.iter().enumerate() {
        let tag = counts.entry(row["tag"].as_str().unwrap().to_owned());
        let count = tag.or_default();
        if served(&gateway, number, row) {
            let right = row["label"] == 1;
            *(if right { &mut count.0 } else { &mut count.1 }) += 1;
        }
    }
    for (tag, (served1, served0)) in counts {
        let of = |member: &str| told[&tag][member].as_u64().unwrap();
        assert_eq!(
            (of("served1"), of("served0")),
            (served1, served0),
            "{tag}: {told}"
        );
    }
}
