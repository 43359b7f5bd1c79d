//! The gateway as a process in a data folder of its own. Every process started here ends
//! with the value that holds it, by its own id.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::http::{Reply, try_send};
use crate::mock::Mock;

/// What the provider's key is in all these tests; it must never show up anywhere.
pub(crate) const UPSTREAM_KEY: &str = "sk-upstream-secret-of-the-tests";

/// Longer than a start or an end takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A data folder and the environment of what runs on it.
pub(crate) struct Place {
    temp: Option<tempfile::TempDir>,
    pub(crate) data: PathBuf,
    env: BTreeMap<String, String>,
}

impl Place {
    /// A fresh folder; questions go to `mock`, and only equal ones hit.
    pub(crate) fn new(mock: &Mock) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let data = temp.path().join("data");
        Self {
            temp: Some(temp),
            ..Self::at(data, mock)
        }
    }

    /// As [`Place::new`], in a folder that somebody else cares for.
    pub(crate) fn at(data: PathBuf, mock: &Mock) -> Self {
        let place = Self {
            temp: None,
            data,
            env: BTreeMap::new(),
        };
        place
            .with("OPENAI_API_KEY", UPSTREAM_KEY)
            .with("OPENAI_BASE_URL", &mock.base_url())
            .with("REPRISE_SERVER__WORKERS", "2")
            .with("REPRISE_SERVER__DRAIN_NOTICE_MS", "0")
            .with("REPRISE_STORE__FLUSH_EVERY_MS", "100")
            // A busy machine must not turn a hit into a miss.
            .with("REPRISE_CACHE__LOOKUP_DEADLINE_MS", "10000")
            .with("REPRISE_EMBEDDING__ENABLED", "false")
            // By chance nothing happens in a test.
            .with("REPRISE_JUDGE__HITS", "0")
            .with("REPRISE_JUDGE__NEAR_MISSES", "0")
            // One number that a test can move; the probability has tests of its own.
            .with("REPRISE_CACHE__DECIDE", "threshold")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Equal in meaning is enough.
    pub(crate) fn semantic(self) -> Self {
        self.with("REPRISE_EMBEDDING__ENABLED", "true")
            .with("REPRISE_EMBEDDING__DEADLINE_MS", "10000")
            .with("REPRISE_VERIFIER__DEADLINE_MS", "10000")
    }

    /// A wording much like another is enough, of which the tests know that it is.
    pub(crate) fn alike(self) -> Self {
        self.semantic().with("REPRISE_CACHE__THRESHOLD", "0.8")
    }

    /// A place for files beside the data folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.temp.as_ref().unwrap().path().join(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reprise"));
        command.args(arguments).arg("--data").arg(&self.data);
        command.env_clear();
        if let Ok(path) = std::env::var("ORT_DYLIB_PATH") {
            command.env("ORT_DYLIB_PATH", path);
        }
        command.envs(&self.env);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Makes a key.
    pub(crate) fn key(&self, tenant: &str, role: &str) -> String {
        let made = self.run(&["keys", "create", "--tenant", tenant, "--role", role]);
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    /// What a command that fails says on stderr, by line.
    pub(crate) fn refusal(&self, arguments: &[&str]) -> Vec<String> {
        let ended = self.run(arguments);
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.stdout.is_empty(), "{ended:?}");
        let text = String::from_utf8(ended.stderr).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn start(&self) -> Gateway {
        self.start_at("127.0.0.1:0")
    }

    pub(crate) fn start_at(&self, bind: &str) -> Gateway {
        self.spawn(self.command(&["serve", "--bind", bind]))
    }

    pub(crate) fn try_start(&self) -> Result<Gateway, Ended> {
        self.try_start_at("127.0.0.1:0")
    }

    pub(crate) fn try_start_at(&self, bind: &str) -> Result<Gateway, Ended> {
        Self::watched(self.command(&["serve", "--bind", bind]))
    }

    /// Starts what serves by such a command.
    pub(crate) fn spawn(&self, command: Command) -> Gateway {
        match Self::watched(command) {
            Ok(gateway) => gateway,
            Err(ended) => panic!("the gateway did not start: {ended:?}"),
        }
    }

    fn watched(mut command: Command) -> Result<Gateway, Ended> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Gateway::watch(command.spawn().unwrap())
    }
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl Ended {
    /// The one line that says why, checked to be the last one of a start that was refused.
    pub(crate) fn line(&self) -> &str {
        assert_eq!(self.status.code(), Some(1), "{self:?}");
        let line = self.stderr.trim_end().lines().last().unwrap_or_default();
        assert!(line.starts_with("reprise: "), "{self:?}");
        line
    }
}

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: SocketAddr,
    told: Mutex<mpsc::Receiver<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Gateway {
    fn watch(mut child: Child) -> Result<Self, Ended> {
        let stderr = Arc::new(Mutex::new(String::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (tell, told) = mpsc::channel();
        let heard = stderr.clone();
        let mut readers = vec![std::thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            // Nobody may be listening any more.
            lines.for_each(|line| drop(tell.send(line)));
        })];
        readers.push(std::thread::spawn(move || gather(err, &heard)));
        let line = match told.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("neither up nor ended"),
        };
        let address = line.as_deref().and_then(|line| {
            let address = line.strip_prefix("listening on http://")?;
            address.parse::<SocketAddr>().ok()
        });
        let mut gateway = Self {
            child,
            address: address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into()),
            told: Mutex::new(told),
            stderr,
            readers,
        };
        if gateway.address.ip().is_unspecified() {
            gateway.address.set_ip([127, 0, 0, 1].into());
        }
        match address {
            Some(_) => Ok(gateway),
            None => Err(gateway.ended()),
        }
    }

    /// The next line that it says on stdout after its address.
    pub(crate) fn next_line(&self) -> String {
        let told = self.told.lock().unwrap();
        told.recv_timeout(PATIENCE).expect("no other line")
    }

    /// Sends one request.
    pub(crate) fn send(
        &self,
        request: (&str, &str),
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Reply {
        try_send(self.address, request, headers, body).unwrap()
    }

    pub(crate) fn get(&self, path: &str, key: Option<&str>) -> Reply {
        let bearer = bearer(key);
        self.send(("GET", path), &headers(&bearer), None)
    }

    /// Asks a question.
    pub(crate) fn ask(&self, question: &str, key: Option<&str>) -> Reply {
        let bearer = bearer(key);
        let headers = headers(&bearer);
        self.send(CHAT, &headers, Some(&chat("mock-plain", question)))
    }

    /// Asks until the answer is `wanted`: answers are stored after they were given.
    pub(crate) fn ask_until(&self, wanted: &str, question: &str, key: Option<&str>) -> Reply {
        eventually(|| Some(self.ask(question, key)).filter(|r| r.cache() == wanted))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Waits until it has ended.
    pub(crate) fn ended(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("still running: {}", self.log()),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let stderr = self.log();
        Ended { status, stderr }
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        let ended = self.ended();
        assert!(ended.status.success(), "{ended:?}");
        ended
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Already over is just as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) const CHAT: (&str, &str) = ("POST", "/v1/chat/completions");

/// The body of a chat request.
pub(crate) fn chat(model: &str, question: &str) -> String {
    json!({"model": model, "messages": [{"role": "user", "content": question}]}).to_string()
}

/// As [`chat`], streamed.
pub(crate) fn streamed(model: &str, question: &str) -> String {
    let message = json!({"role": "user", "content": question});
    json!({"model": model, "stream": true, "messages": [message]}).to_string()
}

pub(crate) fn bearer(key: Option<&str>) -> Option<String> {
    key.map(|key| format!("Bearer {key}"))
}

pub(crate) fn headers(bearer: &Option<String>) -> Vec<(&str, &str)> {
    let bearer = bearer.as_deref();
    bearer.map(|b| ("authorization", b)).into_iter().collect()
}

/// Tries until there is something; for what another process does in its own time.
pub(crate) fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE / 4;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Every file under a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A copy of a folder's files.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap())?;
        std::fs::copy(&path, target)?;
    }
    Ok(())
}

/// The same numbers each time: splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

/// Rounds of a long test: its short form, unless the environment asks for more.
pub(crate) fn rounds(name: &str, short: u64) -> u64 {
    let asked = std::env::var(name).ok().and_then(|n| n.parse().ok());
    asked.unwrap_or(short)
}

/// The lines of the audit trail, without their hashes.
pub(crate) fn audit_trail(data: &Path) -> Vec<Value> {
    let logs = files(&data.join("audit"));
    let logs = logs
        .iter()
        .filter(|p| p.extension().is_some_and(|e| e == "log"));
    let text: String = logs.map(|p| std::fs::read_to_string(p).unwrap()).collect();
    let json = text.lines().map(|line| &line[line.find('{').unwrap()..]);
    json.map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn gather(mut from: impl Read, to: &Mutex<String>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        to.lock()
            .unwrap()
            .push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}
