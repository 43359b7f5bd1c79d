//! What all scenarios share: the sizes of rounds, the mock upstream, and how a gateway is started on a data folder.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use hdrhistogram::Histogram;

use crate::Fault;
use crate::load::{Connection, Round, paced, round};
use crate::process::{LOAD_CORE, SERVER_CORE, Server, pin_self, pinned, role};

/// Sizes of rounds, and the upstream that all gateways of a run ask.
pub(crate) struct Setup {
    /// Rounds of each contestant.
    pub(crate) rounds: usize,
    /// Requests of a round whose CPU time is taken; `/proc` counts in 10 ms.
    pub(crate) requests: usize,
    /// The same where they come at a rate.
    pub(crate) paced: usize,
    /// Requests of a round whose latency alone is taken.
    pub(crate) timed: usize,
    /// At how many connections a miss is measured.
    pub(crate) connections: Vec<usize>,
    mock: Server,
}

/// One server in the race, and what its rounds gave.
pub(crate) struct Contestant<'a> {
    server: &'a Server,
    connections: usize,
    outcome: Option<&'static str>,
    rate: Option<f64>,
    cpu_us: Vec<f64>,
    first_us: Vec<f64>,
    whole_us: Vec<f64>,
}

/// What each request of a contestant is.
pub(crate) type Requests<'a> = &'a mut dyn FnMut() -> Vec<u8>;

impl Setup {
    /// Pins this process to the load's core and starts the mock there.
    pub(crate) fn new(quick: bool, connections: Option<usize>) -> Result<Self, Fault> {
        pin_self(LOAD_CORE)?;
        let (rounds, requests, paced, timed) = if quick {
            (3, 5000, 2000, 500)
        } else {
            (5, 50_000, 10_000, 2000)
        };
        Ok(Self {
            rounds,
            requests,
            paced,
            timed,
            connections: connections.map_or_else(|| vec![1, 16, 64], |only| vec![only]),
            mock: Server::start(role(LOAD_CORE, &["mock"])?)?,
        })
    }

    /// Where the mock listens.
    pub(crate) fn upstream(&self) -> SocketAddr {
        self.mock.address()
    }

    /// The mock itself, as a contestant.
    pub(crate) fn mock(&self) -> &Server {
        &self.mock
    }

    /// A gateway that asks the mock, with these settings on top of the defaults.
    pub(crate) fn gateway(&self, data: &Path, settings: &[(&str, &str)]) -> Result<Server, Fault> {
        Server::start(self.gateway_command(data, settings))
    }

    /// The command that starts it.
    pub(crate) fn gateway_command(&self, data: &Path, settings: &[(&str, &str)]) -> Command {
        let mut command = pinned(SERVER_CORE, Path::new(env!("CARGO_BIN_EXE_reprise")));
        // Neither the bench's own variables nor anybody's settings may get in.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"REPRISE_") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--bind", "127.0.0.1:0", "--data"])
            .arg(data)
            // No reprise.toml of the working folder may get in.
            .current_dir(data)
            .env("OPENAI_API_KEY", "bench")
            .env("OPENAI_BASE_URL", format!("http://{}/v1", self.upstream()))
            .envs(settings.iter().copied());
        command
    }
}

impl<'a> Contestant<'a> {
    /// `connections` to `server`; `outcome` is what its cache must say.
    pub(crate) fn new(
        server: &'a Server,
        connections: usize,
        outcome: Option<&'static str>,
    ) -> Self {
        Self {
            server,
            connections,
            outcome,
            rate: None,
            cpu_us: Vec::new(),
            first_us: Vec::new(),
            whole_us: Vec::new(),
        }
    }

    /// The same where so many requests a second come; without a rate each connection asks as soon as it is answered.
    pub(crate) fn at(self, rate: Option<f64>) -> Self {
        Self { rate, ..self }
    }

    /// One round of `count` requests.
    pub(crate) fn run(&mut self, count: usize, requests: Requests<'_>) -> Result<(), Fault> {
        // Fresh ones for each round: a server closes those that idled while others ran.
        let open = |_| Connection::open(self.server.address());
        let mut connections = (0..self.connections)
            .map(open)
            .collect::<Result<Vec<_>, _>>()?;
        let ready: Vec<_> = match self.rate {
            Some(_) => (0..count).map(|_| requests()).collect(),
            None => Vec::new(),
        };
        let before = self.server.cpu_s()?;
        let Round { first, whole } = match self.rate {
            Some(rate) => paced(&mut connections, rate, self.outcome, &ready)?,
            None => round(&mut connections, count, self.outcome, requests)?,
        };
        let used = self.server.cpu_s()? - before;
        self.cpu_us.push(used * 1e6 / count as f64);
        self.first_us.push(median_us(&first));
        self.whole_us.push(median_us(&whole));
        Ok(())
    }

    /// CPU time of a request, µs.
    pub(crate) fn cpu_us(&self) -> f64 {
        median(&self.cpu_us)
    }

    /// Time to a stream's first token, p50 in µs.
    pub(crate) fn first_us(&self) -> f64 {
        median(&self.first_us)
    }

    /// Time to the last byte, p50 in µs.
    pub(crate) fn whole_us(&self) -> f64 {
        median(&self.whole_us)
    }

    /// Forgets what the rounds so far gave: they warmed it up.
    pub(crate) fn forget(&mut self) {
        self.cpu_us.clear();
        self.first_us.clear();
        self.whole_us.clear();
    }
}

/// Lets contestants run in turns, after one short round each that does not count.
pub(crate) fn alternate(
    contestants: &mut [Contestant<'_>],
    (rounds, count): (usize, usize),
    requests: Requests<'_>,
) -> Result<(), Fault> {
    for contestant in contestants.iter_mut() {
        contestant.run(count.div_ceil(10), requests)?;
        contestant.forget();
    }
    for _ in 0..rounds {
        for contestant in contestants.iter_mut() {
            contestant.run(count, requests)?;
        }
    }
    Ok(())
}

/// The middle one; of two the upper.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn median_us(histogram: &Histogram<u64>) -> f64 {
    histogram.value_at_quantile(0.5) as f64 / 1000.0
}
