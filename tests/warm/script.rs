//! `scripts/warm.sh`, as cron runs it.

use std::fs::{self, File};
use std::process::{Command, Output};

use crate::support::{Bench, PROGRAM, clean, questions};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/warm.sh");

fn script(bench: &Bench, program: &str) -> Output {
    let mut script = Command::new(SCRIPT);
    clean(&mut script)
        .env("REPRISE_BIN", program)
        .env("REPRISE_DATA", bench.path("data"))
        .current_dir("/")
        .arg(bench.file(&questions(3)))
        .args(["--model", "m", "--config"])
        .arg(bench.path("reprise.toml"));
    script.output().unwrap()
}

fn errors(output: &Output) -> String {
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn it_warms_from_any_directory_and_gives_cron_nothing_to_mail() {
    let bench = Bench::exact();
    let output = script(&bench, PROGRAM);
    assert!(output.status.success());
    assert_eq!(errors(&output), "");
    let text = fs::read_to_string(bench.path("data/warm/last.log")).unwrap();
    assert!(text.contains("paid          3"), "{text}");
    assert_eq!(bench.calls(), 3);
}

#[test]
fn it_does_nothing_while_an_earlier_run_is_under_way() {
    let bench = Bench::exact();
    fs::create_dir_all(bench.path("data/warm")).unwrap();
    let lock = File::create(bench.path("data/warm/cron.lock")).unwrap();
    lock.lock().unwrap();
    let output = script(&bench, PROGRAM);
    let text = errors(&output);
    assert!(output.status.success() && text.lines().count() == 1);
    assert!(text.contains("still under way"), "{text}");
    assert_eq!(bench.calls(), 0);
    drop(lock);
    script(&bench, PROGRAM);
    assert_eq!(bench.calls(), 3);
}

#[test]
fn a_missing_program_is_one_clear_line() {
    let bench = Bench::exact();
    let output = script(&bench, "/nowhere/reprise");
    let text = errors(&output);
    assert!(!output.status.success());
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("the program is missing"), "{text}");
}

#[test]
fn it_ends_with_the_programs_status_and_says_what_failed() {
    let bench = Bench::exact();
    fs::write(bench.path("reprise.toml"), "nonsense = 1").unwrap();
    let output = script(&bench, PROGRAM);
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("nonsense") && text.contains("status 1"),
        "{text}"
    );
}
