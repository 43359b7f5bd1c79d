//! What the tests have in common: a mock, a data folder, the program, a gateway that runs.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reprise::provider::local::{Local, LocalReply};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mock::Mock;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_reprise");

/// How a run reaches its gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    InProcess,
    Socket,
    Url,
}

pub(crate) const ALL: [Way; 3] = [Way::InProcess, Way::Socket, Way::Url];

/// A data folder, a configuration whose only provider is a mock, and the mock.
pub(crate) struct Bench {
    pub(crate) mock: Mock,
    dir: TempDir,
}

impl Bench {
    /// Without the semantic tier, so that alike questions of a test are different ones.
    pub(crate) fn exact() -> Self {
        Self::new("[cache]\nsemantic = false\n")
    }

    pub(crate) fn new(settings: &str) -> Self {
        let mock = Mock::start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            r#"{settings}
[retry]
max_attempts = 1

[[providers]]
name = "mock"
kind = "openai"
base_url = "{}"
models = ["*"]

# A dollar for each token of an answer.
[[prices]]
model = "mock-priced"
input = 0.0
output = 1000000.0

[[prices]]
model = "gpt-4o-mini"
input = 0.15
output = 0.60
"#,
            mock.base_url()
        );
        let bench = Self { mock, dir };
        std::fs::write(bench.path("reprise.toml"), config).unwrap();
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn calls(&self) -> u64 {
        self.mock.seen().count()
    }

    /// A file of these lines.
    pub(crate) fn file(&self, lines: &[String]) -> PathBuf {
        let path = self.path("questions");
        std::fs::write(&path, lines.join("\n")).unwrap();
        path
    }

    /// `reprise` with nothing of this process's environment in it.
    pub(crate) fn program(&self, command: &str) -> Command {
        let mut program = Command::new(PROGRAM);
        clean(&mut program).arg(command);
        self.settle(&mut program);
        program
    }

    /// Tells a command where the configuration and the data are.
    pub(crate) fn settle(&self, program: &mut Command) {
        program.current_dir(self.dir.path());
        program.arg("--data").arg(self.path("data"));
        program.arg("--config").arg(self.path("reprise.toml"));
    }

    /// A gateway for the way, if it needs one.
    pub(crate) fn gateway(&self, way: Way) -> Option<Gateway> {
        (way != Way::InProcess).then(|| Gateway::start(self))
    }

    /// `reprise warm` of a file on a way.
    pub(crate) fn warm(&self, gateway: Option<&Gateway>, way: Way, rest: &str) -> Command {
        let mut warm = self.program("warm");
        warm.args(rest.split_whitespace()).arg("--json");
        if let (Way::Url, Some(gateway)) = (way, gateway) {
            warm.args(["--url", &gateway.url]);
        }
        warm.arg(self.path("questions"));
        warm
    }
}

pub(crate) fn clean(program: &mut Command) -> &mut Command {
    program.env_clear();
    // By chance nothing happens in a test.
    program.env("REPRISE_JUDGE__HITS", "0");
    program.env("REPRISE_JUDGE__NEAR_MISSES", "0");
    for name in ["PATH", "ORT_DYLIB_PATH", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            program.env(name, value);
        }
    }
    program
}

/// A gateway that runs; ended with the value.
pub(crate) struct Gateway {
    pub(crate) url: String,
    process: Child,
}

impl Gateway {
    pub(crate) fn start(bench: &Bench) -> Self {
        let mut serve = bench.program("serve");
        serve.args(["--bind", "127.0.0.1:0"]);
        let mut process = serve
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ");
        let url = url.unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { url, process }
    }

    /// Asks as a client would.
    pub(crate) fn ask(&self, model: &str, question: &str) -> LocalReply {
        let body = json!({"model": model, "messages": [{"role": "user", "content": question}]});
        let local = Local::by_url(&self.url, None).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let path = "/v1/chat/completions";
        let post = "POST".parse().unwrap();
        runtime
            .block_on(local.send(post, path, Some(body.to_string().into()), &[]))
            .unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        signal(&self.process, Signal::TERM);
        let _ = self.process.wait();
    }
}

/// `count` questions that differ.
pub(crate) fn questions(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("number {i}")).collect()
}

/// What a run that ended said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) report: Value,
    pub(crate) errors: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn counts(&self, wanted: &[(&str, u64)]) {
        for (name, count) in wanted {
            assert_eq!(self.report[name], *count, "{name}: {}", self.text());
        }
    }

    pub(crate) fn text(&self) -> String {
        format!("status {} {}\n{}", self.status, self.report, self.errors)
    }
}

pub(crate) fn ran(mut command: Command) -> Said {
    said(command.stdin(Stdio::null()).output().unwrap())
}

pub(crate) fn said(output: Output) -> Said {
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    Said {
        status: output.status.code().unwrap_or(-1),
        report: serde_json::from_str(&text).unwrap_or_default(),
        errors,
    }
}

/// Starts a run and waits until the mock has been called `calls` times.
pub(crate) fn begun(bench: &Bench, mut command: Command, calls: u64) -> Child {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while bench.calls() < calls {
        assert!(begun.elapsed() < Duration::from_secs(30), "not begun");
        std::thread::yield_now();
    }
    child
}

pub(crate) fn signal(process: &Child, signal: Signal) {
    kill_process(Pid::from_child(process), signal).unwrap();
}

/// Feeds text to a command's stdin.
pub(crate) fn fed(mut command: Command, text: &str) -> Said {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    said(child.wait_with_output().unwrap())
}
