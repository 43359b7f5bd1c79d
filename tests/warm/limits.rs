//! What holds a run back, and how it ends when things go wrong.

use std::net::TcpListener;

use crate::support::{ALL, Bench, Way, clean, questions, ran};

#[test]
fn the_rate_is_kept() {
    let bench = Bench::exact();
    bench.file(&questions(5));
    let warmed = ran(bench.warm(None, Way::InProcess, "--model m --rate 20"));
    warmed.counts(&[("paid", 5)]);
    let seconds = warmed.report["seconds"].as_f64().unwrap();
    assert!(seconds >= 0.2, "four gaps of 50 ms, not {seconds} s");
}

#[test]
fn it_stops_before_more_is_spent_than_allowed() {
    for way in ALL {
        let bench = Bench::exact();
        let gateway = bench.gateway(way);
        let request = |i| {
            format!(
                r#"{{"model": "mock-priced", "max_tokens": 20,
                    "messages": [{{"role": "user", "content": "number {i}"}}]}}"#
            )
            .replace('\n', " ")
        };
        bench.file(&(0..9).map(request).collect::<Vec<_>>());
        let warm = || ran(bench.warm(gateway.as_ref(), way, "--max-usd 32"));
        // Each costs 6 USD and might cost 20: after three a fourth could end at 38.
        let first = warm();
        first.counts(&[("paid", 3)]);
        assert_eq!(first.report["usd"], 18.0);
        assert_eq!(first.report["stopped"], "max_usd");
        assert_eq!((first.status, bench.calls()), (0, 3), "{way:?}");
        let second = warm();
        second.counts(&[("already_done", 3), ("paid", 3)]);
        assert_eq!(bench.calls(), 6);
    }
}

#[test]
fn what_has_no_price_is_not_asked_under_a_limit_of_money() {
    for way in ALL {
        let bench = Bench::exact();
        let gateway = bench.gateway(way);
        bench.file(&questions(2));
        let warm = |rest: &str| ran(bench.warm(gateway.as_ref(), way, rest));
        let refused = warm("--model m --max-usd 1000000");
        refused.counts(&[("paid", 0), ("left", 1)]);
        assert_eq!(refused.report["stopped"], "no_price");
        assert_eq!((refused.status, bench.calls()), (1, 0), "{way:?}");
        let told = refused.errors.lines().filter(|l| l.contains("no price"));
        let told: Vec<_> = told.collect();
        assert!(told.len() == 1 && told[0].contains("`m`") && told[0].contains("[[prices]]"));
        let free = warm("--model m");
        free.counts(&[("paid", 2), ("unpriced", 2)]);
    }
}

#[test]
fn a_paid_answer_whose_tokens_nobody_counted_costs_what_was_set_aside() {
    for way in ALL {
        let price = "[[prices]]\nmodel = \"mock-uncounted\"\ninput = 0.0\noutput = 1000000.0\n";
        let bench = Bench::new(&format!("{price}[cache]\nsemantic = false\n"));
        let gateway = bench.gateway(way);
        let request = |i| {
            format!(
                r#"{{"model": "mock-uncounted", "max_tokens": 20, "messages": [{{"role": "user", "content": "number {i}"}}]}}"#
            )
        };
        bench.file(&(0..3).map(request).collect::<Vec<_>>());
        let warmed = ran(bench.warm(gateway.as_ref(), way, "--max-usd 50"));
        warmed.counts(&[("paid", 2), ("unpriced", 2), ("left", 1)]);
        assert_eq!(warmed.report["stopped"], "max_usd");
        assert_eq!(bench.calls(), 2);
    }
}

#[test]
fn it_stops_after_as_many_requests_as_allowed_and_goes_on_the_next_time() {
    let bench = Bench::exact();
    bench.file(&questions(5));
    let warm = || ran(bench.warm(None, Way::InProcess, "--model m --max-requests 2"));
    let first = warm();
    first.counts(&[("paid", 2)]);
    assert_eq!(first.report["stopped"], "max_requests");
    warm().counts(&[("already_done", 2), ("paid", 2)]);
    warm().counts(&[("already_done", 4), ("paid", 1)]);
    assert_eq!(bench.calls(), 5);
}

#[test]
fn a_429_is_waited_for_and_then_counted() {
    for way in ALL {
        let bench = Bench::exact();
        let gateway = bench.gateway(way);
        bench.file(&questions(1));
        let warmed = ran(bench.warm(gateway.as_ref(), way, "--model mock-status-429"));
        assert_eq!(warmed.status, 1);
        warmed.counts(&[("failed", 1), ("paid", 0)]);
        let errors = &warmed.report["errors"];
        assert_eq!(errors["rate_limit_exceeded"], 1, "{}", warmed.text());
        assert_eq!(bench.calls(), 5, "once and four times more");
    }
}

#[test]
fn one_failure_does_not_keep_the_others_from_being_asked() {
    let bench = Bench::exact();
    let mut lines = questions(2);
    let bad = r#"{"model": "mock-status-404", "messages": [{"role": "user", "content": "x"}]}"#;
    lines.insert(1, bad.into());
    bench.file(&lines);
    let warm = || ran(bench.warm(None, Way::InProcess, "--model m"));
    let first = warm();
    first.counts(&[("failed", 1), ("paid", 2), ("left", 0)]);
    assert_eq!(first.status, 1);
    assert!(first.errors.contains("line 2 failed"), "{}", first.errors);
    warm().counts(&[("already_done", 2), ("failed", 1)]);
}

#[test]
fn it_gives_up_when_nobody_answers() {
    let bench = Bench::exact();
    bench.file(&questions(40));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let url = format!("--url http://{} --model m", port.unwrap());
    let warmed = ran(bench.warm(None, Way::InProcess, &url));
    assert_eq!(warmed.report["stopped"], "gave_up", "{}", warmed.text());
    let failed = warmed.report["failed"].as_u64().unwrap();
    assert!((10..=13).contains(&failed), "{failed}");
    assert_eq!(warmed.status, 1);
}

#[test]
fn a_server_that_is_no_gateway_is_told_so() {
    let bench = Bench::exact();
    bench.file(&questions(1));
    let url = format!("--url {} --model m", bench.mock.base_url());
    let warmed = ran(bench.warm(None, Way::InProcess, &url));
    assert_eq!(warmed.report["errors"]["not_reprise"], 1);
    assert_eq!(warmed.status, 1);
}

#[test]
fn what_cannot_begin_says_why_in_one_line() {
    let bench = Bench::exact();
    let told = |rest: &str, config: &str| {
        std::fs::write(bench.path("reprise.toml"), config).unwrap();
        let said = ran(bench.warm(None, Way::InProcess, rest));
        assert_eq!((said.status, said.errors.lines().count()), (1, 1));
        said.errors
    };
    let missing = told("--model m", "");
    assert!(missing.contains("questions: No such file"), "{missing}");
    bench.file(&questions(1));
    let demo = told("--model m", "");
    assert!(demo.contains("nothing to warm"), "{demo}");
}

#[test]
fn people_get_a_report_that_they_can_read() {
    let bench = Bench::exact();
    bench.file(&questions(2));
    let mut warm = bench.program("warm");
    warm.args(["--model", "m"]).arg(bench.path("questions"));
    let output = clean(&mut warm).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for row in [
        "lines         2\n",
        "hits          0 (free)\n",
        "paid          2\n",
    ] {
        assert!(text.contains(row), "{text}");
    }
}
