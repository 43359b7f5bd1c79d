//! Gateways as processes, each with a mock upstream and a data folder of its own. Those of one kind
//! are shared by the tests that run at the same time, and end with the last of them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::mock::Mock;

/// The upstream key: the gateway sends it, and no client may ever see it.
pub(crate) const KEY: &str = "sk-upstream-7f3a9c";

/// Longer than any step takes, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Quick second tries, so that a failing upstream fails fast.
const PLAIN: &str = "[retry]\nbase_ms = 1\n";

/// Names are claimed by patterns, one route falls back to another model, and patience is short.
const ROUTED: &str = r#"
[retry]
base_ms = 1

[deadlines]
first_byte_ms = 500

[[providers]]
name = "main"
base_url = "MOCK/"
api_key_env = "OPENAI_API_KEY"
models = ["mock-*"]

[[providers]]
name = "gone"
base_url = "http://127.0.0.1:1/v1"
models = ["gone"]

[[routes]]
model = "careful"
candidates = [{ provider = "main", model = "mock-status-500" }, { provider = "main", model = "mock-plain" }]

[[routes]]
model = "easy"
candidates = [{ provider = "main", model = "mock-status-500" }, { provider = "main", model = "mock-plain" }]
store_fallback = true

[[routes]]
model = "renamed"
candidates = [{ provider = "gone" }, { provider = "main", model = "mock-plain" }]

[[routes]]
model = "handy"
candidates = [{ provider = "main", model = "mock-tools" }]
store_tool_calls = true

[[routes]]
model = "discreet"
candidates = [{ provider = "main", model = "mock-echo" }]
store_personal = false

[[routes]]
model = "ticker"
candidates = [{ provider = "main", model = "mock-plain" }]
ttl_class = "time_sensitive"

[[routes]]
model = "clock"
candidates = [{ provider = "main", model = "mock-plain" }]
ttl_class = "never"
"#;

/// Namespaces that the tenants alpha and beta share, each in its own way.
const TENANTS: &str = r#"
[[namespaces]]
name = "handbook"
read = ["*"]
write = ["alpha"]

[[namespaces]]
name = "vault"
read = ["alpha"]
write = ["alpha"]

[[namespaces]]
name = "inbox"
read = ["alpha"]
write = ["*"]
"#;

/// A running gateway; it ends when dropped.
pub(crate) struct Gateway {
    child: Child,
    address: String,
    folder: TempDir,
    mock: Mock,
}

/// A gateway with two tenants and a key for each.
pub(crate) struct Tenants {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) alpha: String,
    pub(crate) beta: String,
}

/// A gateway of a kind, for as long as somebody uses it.
type Shared<T> = Mutex<Weak<T>>;

impl Gateway {
    /// One that talks to the mock and is configured no further.
    pub(crate) fn plain() -> Arc<Self> {
        static SHARED: Shared<Gateway> = Mutex::new(Weak::new());
        share(&SHARED, || Self::start(PLAIN))
    }

    /// One with routes, and with providers that claim only some names.
    pub(crate) fn routed() -> Arc<Self> {
        static SHARED: Shared<Gateway> = Mutex::new(Weak::new());
        share(&SHARED, || Self::start(ROUTED))
    }

    /// One of a test's own; `MOCK` in the configuration stands for the mock's base URL, and `ROOT` for that of its
    /// dialects beside OpenAI's.
    pub(crate) fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mock = Mock::start().unwrap();
        let config = config
            .replace("MOCK", &mock.base_url())
            .replace("ROOT", &mock.root_url());
        fs::write(folder.path().join("reprise.toml"), config).unwrap();
        let mut child = command(&folder)
            .args(["serve", "--bind", "127.0.0.1:0"])
            .env("OPENAI_BASE_URL", mock.base_url())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        let address = address.unwrap_or_else(|| panic!("{}", log())).to_owned();
        let gateway = Self {
            child,
            address,
            folder,
            mock,
        };
        gateway.wait_for_the_index();
        gateway
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn mock(&self) -> &Mock {
        &self.mock
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Tells it to stop, as an operator or a container would.
    pub(crate) fn stop(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// Makes a key; from the first one on every request needs one.
    pub(crate) fn key(&self, tenant: &str) -> String {
        let made = command(&self.folder)
            .args(["keys", "create", "--tenant", tenant, "--role", "app"])
            .output()
            .unwrap();
        let said = String::from_utf8(made.stderr).unwrap();
        assert!(made.status.success(), "{said}");
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    /// Sends bytes as they are and gives back all that comes, up to the end of the connection.
    pub(crate) fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Until then an empty memory is not told from one that is still being read.
    fn wait_for_the_index(&self) {
        let begun = Instant::now();
        let ask = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        while !self.raw(ask).contains("\"loaded\"") {
            assert!(begun.elapsed() < PATIENCE, "not ready: {}", self.log());
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Tenants {
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Shared<Tenants> = Mutex::new(Weak::new());
        share(&SHARED, Self::start)
    }

    /// As [`Tenants::shared`], of a test's own.
    pub(crate) fn start() -> Self {
        let gateway = Gateway::start(TENANTS);
        let (alpha, beta) = (gateway.key("alpha"), gateway.key("beta"));
        Self {
            gateway: Arc::new(gateway),
            alpha,
            beta,
        }
    }
}

fn share<T>(slot: &'static Shared<T>, start: impl FnOnce() -> T) -> Arc<T> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    slot.upgrade().unwrap_or_else(|| {
        let fresh = Arc::new(start());
        *slot = Arc::downgrade(&fresh);
        fresh
    })
}

/// The program in an environment that holds nothing of this machine's.
fn command(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprise"));
    command
        .current_dir(folder.path())
        .env_clear()
        .envs(std::env::vars().filter(|(name, _)| name == "ORT_DYLIB_PATH"))
        // A busy machine must not turn a hit into a miss.
        .env("REPRISE_EMBEDDING__DEADLINE_MS", "10000")
        .env("REPRISE_CACHE__LOOKUP_DEADLINE_MS", "10000")
        // By chance nothing happens in a test.
        .env("REPRISE_JUDGE__HITS", "0")
        .env("REPRISE_JUDGE__NEAR_MISSES", "0")
        .env("OPENAI_API_KEY", KEY)
        .env("REPRISE_DATA__DIR", folder.path().join("data"));
    command
}
