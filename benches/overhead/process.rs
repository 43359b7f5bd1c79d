//! Server processes pinned to a core: started, asked for their address, measured from `/proc`, ended. Knows nothing of
//! what they serve.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::Fault;

/// Where the contestants run.
pub(crate) const SERVER_CORE: &str = "0";
/// Where load and mock run.
pub(crate) const LOAD_CORE: &str = "1";

/// `/proc` counts in hundredths of a second on every Linux that we run on.
const TICKS: f64 = 100.0;

/// A running server; it ends when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// Kept open, so that the server may write to it.
    _out: BufReader<ChildStdout>,
}

/// A command that runs on one core, and not for longer than this process, however that ends.
pub(crate) fn pinned(core: &str, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "taskset", "-c", core])
        .arg(program);
    command
}

/// This program again, in another role.
pub(crate) fn role(core: &str, words: &[&str]) -> Result<Command, Fault> {
    let mut command = pinned(core, &std::env::current_exe()?);
    command.arg("--role").args(words);
    Ok(command)
}

/// Pins this process; threads started later follow.
pub(crate) fn pin_self(core: &str) -> Result<(), Fault> {
    let own = std::process::id().to_string();
    let status = Command::new("taskset")
        .args(["-c", "-p", core, &own])
        .stdout(Stdio::null())
        .status()
        .map_err(|e| format!("taskset (package util-linux): {e}"))?;
    status
        .success()
        .then_some(())
        .ok_or_else(|| format!("core {core} is not to be had: the bench needs two").into())
}

impl Server {
    /// Starts a server that says `listening on ADDRESS` on its standard output.
    pub(crate) fn start(mut command: Command) -> Result<Self, Fault> {
        let log = if std::env::var_os("REPRISE_BENCH_LOG").is_some() {
            Stdio::inherit()
        } else {
            Stdio::null()
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let mut out = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut line = String::new();
        out.read_line(&mut line)?;
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .map(|address| address.trim_start_matches("http://"))
            .and_then(|address| address.parse().ok());
        let Some(address) = address else {
            drop(child.kill());
            drop(child.wait());
            return Err(format!(
                "a server did not start: `{}`; REPRISE_BENCH_LOG=1 shows why",
                line.trim()
            )
            .into());
        };
        Ok(Self {
            child,
            address,
            _out: out,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// User and system time used so far, in seconds.
    pub(crate) fn cpu_s(&self) -> Result<f64, Fault> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The program's name is in brackets and may hold anything.
        let fields = stat.rsplit_once(") ").ok_or("odd /proc/PID/stat")?.1;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
    }

    /// Memory held now, in MiB: all of it, and the part that no file stands behind.
    pub(crate) fn memory_mib(&self) -> Result<(f64, f64), Fault> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let of = |name: &str| -> Result<f64, Fault> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next());
            Ok(kib.ok_or("odd /proc/PID/status")?.parse::<f64>()? / 1024.0)
        };
        Ok((of("VmRSS:")?, of("RssAnon:")?))
    }

    /// Tells it to stop and waits until it has.
    pub(crate) fn terminate(mut self) -> Result<(), Fault> {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM)?;
        let status = self.child.wait()?;
        status
            .success()
            .then_some(())
            .ok_or_else(|| format!("a server ended with {status}").into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Says on standard output where this process serves, then waits for its standard input to close.
pub(crate) fn announce(address: SocketAddr) {
    println!("listening on {address}");
    drop(std::io::stdout().flush());
    let mut rest = Vec::new();
    drop(std::io::stdin().lock().read_to_end(&mut rest));
}
