//! Each way to a gateway: what is paid, what is not paid again, what is served afterwards.

use reprise::app::{Environment, build};
use reprise::chat::ChatRequest;
use reprise::config::{Config, Sources};
use reprise::identity::TenantId;
use reprise::warm::{Driver, InProcess};
use rustix::process::Signal;
use serde_json::json;

use crate::support::{ALL, Bench, Gateway, Way, begun, fed, questions, ran, said, signal};

/// Slow enough to be stopped in the middle.
const SLOWLY: &str = "--model mock-slow-40 --concurrency 2";

#[test]
fn each_distinct_question_is_paid_once_and_a_second_run_pays_nothing() {
    for way in ALL {
        let bench = Bench::exact();
        let gateway = bench.gateway(way);
        let mut lines = questions(6);
        lines.extend([" number 3  ".into(), r#"{"q": "number 5"}"#.into()]);
        bench.file(&lines);
        let warm = || ran(bench.warm(gateway.as_ref(), way, "--model gpt-4o-mini"));
        let first = warm();
        let wanted = [("lines", 8), ("folded", 2), ("paid", 6), ("failed", 0)];
        first.counts(&wanted);
        assert_eq!((first.status, bench.calls()), (0, 6), "{way:?}");
        // "number N" has 2 tokens and its answer 6, at 0.15 and 0.60 USD a million.
        first.counts(&[("prompt_tokens", 12), ("completion_tokens", 36)]);
        let usd = first.report["usd"].as_f64().unwrap();
        assert!(
            (usd - (12.0 * 0.15 + 36.0 * 0.6) / 1e6).abs() < 1e-9,
            "{usd}"
        );
        let second = warm();
        second.counts(&[("hits", 6), ("paid", 0), ("already_done", 0)]);
        assert_eq!((second.status, bench.calls()), (0, 6), "{way:?}");
    }
}

#[test]
fn a_gateway_serves_hits_for_what_was_warmed() {
    for way in ALL {
        let bench = Bench::exact();
        let running = bench.gateway(way);
        bench.file(&questions(3));
        let warmed = ran(bench.warm(running.as_ref(), way, "--model m"));
        warmed.counts(&[("paid", 3)]);
        let gateway = running.unwrap_or_else(|| Gateway::start(&bench));
        for question in questions(3) {
            let reply = gateway.ask("m", &question);
            assert_eq!(reply.mark("cache"), Some("hit-exact"), "{way:?}");
        }
        assert_eq!(bench.calls(), 3);
    }
}

#[test]
fn an_interrupted_run_reports_and_the_next_one_pays_for_the_rest_only() {
    for way in ALL {
        let bench = Bench::exact();
        let gateway = bench.gateway(way);
        bench.file(&questions(12));
        let warm = || bench.warm(gateway.as_ref(), way, SLOWLY);
        let child = begun(&bench, warm(), 4);
        signal(&child, Signal::INT);
        let first = said(child.wait_with_output().unwrap());
        assert_eq!(first.status, 130, "{way:?} {}", first.text());
        assert_eq!(first.report["stopped"], "interrupted");
        let paid = first.report["paid"].as_u64().unwrap();
        assert_eq!(paid, bench.calls(), "what was on its way arrived");
        assert!(paid < 12);
        let second = ran(warm());
        second.counts(&[("already_done", paid), ("paid", 12 - paid), ("failed", 0)]);
        assert_eq!((second.status, bench.calls()), (0, 12), "{way:?}");
    }
}

#[test]
fn a_killed_run_pays_again_for_no_more_than_was_on_its_way() {
    for way in ALL {
        let bench = Bench::exact();
        let gateway = bench.gateway(way);
        bench.file(&questions(12));
        let warm = || bench.warm(gateway.as_ref(), way, SLOWLY);
        let mut child = begun(&bench, warm(), 7);
        signal(&child, Signal::KILL);
        child.wait().unwrap();
        let second = ran(warm());
        second.counts(&[("failed", 0)]);
        // In its own process as many again may wait for being written to the disk together.
        let on_the_way = if way == Way::InProcess { 4 } else { 2 };
        let calls = bench.calls();
        assert!((12..=12 + on_the_way).contains(&calls), "{way:?} {calls}");
        let done = second.report["already_done"].as_u64().unwrap();
        assert!(done > 0, "{way:?} {}", second.text());
    }
}

#[test]
fn a_finished_run_is_repeated_in_full_because_answers_expire() {
    let bench = Bench::exact();
    bench.file(&questions(2));
    ran(bench.warm(None, Way::InProcess, "--model m")).counts(&[("paid", 2)]);
    let journals = std::fs::read_dir(bench.path("data/warm")).unwrap();
    assert_eq!(journals.count(), 0, "nothing is left to go on from");
    ran(bench.warm(None, Way::InProcess, "--model m --fresh")).counts(&[("hits", 2)]);
}

#[test]
fn stdin_is_read_and_bad_lines_are_told_by_number() {
    for way in ALL {
        let bench = Bench::exact();
        let gateway = bench.gateway(way);
        let mut warm = bench.program("warm");
        warm.args(["--json", "--model", "m", "-"]);
        if let (Way::Url, Some(gateway)) = (way, &gateway) {
            warm.args(["--url", &gateway.url]);
        }
        let text = "one\n{\"messages\": 5}\n\n{broken\ntwo\none\n";
        let said = fed(warm, text);
        said.counts(&[("lines", 5), ("bad", 2), ("folded", 1), ("paid", 2)]);
        assert_eq!(said.status, 0, "{}", said.text());
        for number in ["line 2: ", "line 4: "] {
            assert!(said.errors.contains(number), "{}", said.errors);
        }
    }
}

#[test]
fn a_tenant_and_a_namespace_are_warmed_for_themselves() {
    let bench = Bench::exact();
    let gateway = bench.gateway(Way::Socket);
    bench.file(&questions(2));
    let warm = |rest: &str| ran(bench.warm(gateway.as_ref(), Way::Socket, rest));
    let own = "--model m --tenant acme --namespace acme/help";
    for rest in ["--model m", "--model m --tenant acme", own] {
        warm(rest).counts(&[("paid", 2)]);
        warm(rest).counts(&[("hits", 2)]);
    }
    drop(gateway);
    ran(bench.warm(None, Way::InProcess, own)).counts(&[("hits", 2)]);
}

/// The first four ask the same.
const WORDINGS: [&str; 5] = [
    "What is the capital of France?",
    "What's the capital of France?",
    "what is the capital of France",
    "What is the capital city of France?",
    "How do I bake bread?",
];

#[test]
fn near_duplicates_on_their_way_together_are_paid_once() {
    for way in ALL {
        let bench = Bench::new("[cache]\ndecide = 'threshold'\nthreshold = 0.8\n");
        let gateway = bench.gateway(way);
        bench.file(&WORDINGS.map(String::from));
        let rest = "--model mock-slow-40 --fold 0.8 --concurrency 5";
        let warmed = ran(bench.warm(gateway.as_ref(), way, rest));
        warmed.counts(&[("folded", 3), ("paid", 2), ("hits", 0), ("failed", 0)]);
        assert_eq!((warmed.status, bench.calls()), (0, 2), "{way:?}");
        let gateway = gateway.unwrap_or_else(|| Gateway::start(&bench));
        let reply = gateway.ask("mock-slow-40", WORDINGS[3]);
        assert_eq!(reply.mark("cache"), Some("hit-semantic"), "{way:?}");
    }
}

#[test]
fn what_the_gateway_would_not_answer_by_a_near_one_is_paid() {
    let strict = "[cache]\ndecide = 'threshold'\nthreshold = 0.9999\n";
    for (settings, more) in [("[cache]\nsemantic = false\n", ""), (strict, "--fold 0.9")] {
        for way in ALL {
            let bench = Bench::new(settings);
            let gateway = bench.gateway(way);
            bench.file(&[WORDINGS[0].into(), WORDINGS[3].into()]);
            let rest = format!("--model m {more}");
            let warmed = ran(bench.warm(gateway.as_ref(), way, &rest));
            warmed.counts(&[("folded", 0), ("paid", 2), ("failed", 0)]);
        }
    }
}

#[test]
fn what_waits_for_one_that_fails_is_asked_itself() {
    for way in ALL {
        let bench = Bench::new("[cache]\ndecide = 'threshold'\nthreshold = 0.8\n");
        let gateway = bench.gateway(way);
        bench.file(
            &WORDINGS[..3]
                .iter()
                .map(|w| (*w).into())
                .collect::<Vec<_>>(),
        );
        // Each wording fails the first time and is answered the second time.
        let rest = "--model mock-flaky-1 --fold 0.8 --concurrency 3";
        let warm = || ran(bench.warm(gateway.as_ref(), way, rest));
        let first = warm();
        first.counts(&[("failed", 3), ("paid", 0), ("folded", 0)]);
        assert_eq!((first.status, bench.calls()), (1, 3), "{way:?}");
        let second = warm();
        second.counts(&[("paid", 1), ("folded", 2), ("failed", 0)]);
        assert_eq!((second.status, bench.calls()), (0, 4), "{way:?}");
    }
}

#[test]
fn another_wording_of_what_an_earlier_run_paid_for_is_a_hit() {
    let bench = Bench::new("");
    for (question, name) in [
        ("What is the capital of France?", "paid"),
        ("What's the capital of France?", "hits"),
    ] {
        bench.file(&[question.into()]);
        ran(bench.warm(None, Way::InProcess, "--model m")).counts(&[(name, 1), ("failed", 0)]);
    }
    assert_eq!(bench.calls(), 1);
}

#[test]
fn a_streamed_request_is_heard_to_its_end_by_a_gateway_in_process() {
    let bench = Bench::exact();
    let sources = Sources {
        file: Some(bench.path("reprise.toml")),
        overrides: vec![("data.dir".into(), bench.path("data").display().to_string())],
        ..Sources::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let nothing = Environment(Box::new(|_| None));
        let built = build(&Config::load(sources).unwrap(), &nothing).unwrap();
        let gateway = built.door.gateway.clone();
        let driver = InProcess::new(gateway, TenantId::default_tenant(), None);
        let request = |model| {
            let body = json!({"model": model, "stream": true,
                "messages": [{"role": "user", "content": "hi"}]});
            ChatRequest::parse(body.to_string()).unwrap()
        };
        let good = request("m");
        assert!(driver.ask(&good).await.unwrap().paid);
        assert!(!driver.ask(&good).await.unwrap().paid);
        let bad = driver.ask(&request("mock-error-in-stream")).await;
        assert_eq!(bad.unwrap_err().kind, "broken_stream");
    });
}

#[test]
fn a_remote_gateway_is_warmed_by_a_key_that_is_never_shown() {
    let bench = Bench::exact();
    let gateway = bench.gateway(Way::Url);
    bench.file(&questions(2));
    let mut keys = crate::support::clean(&mut std::process::Command::new(crate::support::PROGRAM))
        .args(["keys", "create", "--tenant", "t", "--role", "app"])
        .arg("--data")
        .arg(bench.path("data"))
        .output()
        .unwrap()
        .stdout;
    keys.pop();
    let key = String::from_utf8(keys).unwrap();
    let without = ran(bench.warm(gateway.as_ref(), Way::Url, "--model m"));
    assert_eq!(without.status, 1);
    assert_eq!(without.report["errors"]["invalid_api_key"], 2);
    let mut with = bench.warm(gateway.as_ref(), Way::Url, "--model m");
    let with = ran({
        with.env("REPRISE_API_KEY", &key);
        with
    });
    with.counts(&[("paid", 2)]);
    assert!(!with.text().contains(&key) && key.len() >= 32);
}
