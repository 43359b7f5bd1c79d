//! Misses against a bare pass-through: CPU, and the time to a stream's first token. Every question is another one.

use crate::Fault;
use crate::load::{Connection, chat};
use crate::ort_run::Ort;
use crate::process::{SERVER_CORE, Server, role};
use crate::report::Row;
use crate::setup::{Contestant, Setup, alternate, median};

/// CPU of a miss in terms of the pass-through's.
const CPU_RATIO: f64 = 2.0;
/// How much later than through the pass-through a first token may come, µs, beside embedding and search.
const ADDED_US: f64 = 300.0;
/// Requests a second: many for a team, and less than half of what a core of the gateway can do.
const RATE: f64 = 2000.0;
/// Nothing but the same vector reaches it, so that no question hits another's answer.
const NO_NEIGHBOUR: &str = "x-reprise-threshold: 1\r\n";

pub(crate) fn run(setup: &Setup) -> Result<Vec<Row>, Fault> {
    let upstream = setup.upstream().to_string();
    let through = Server::start(role(SERVER_CORE, &["pass-through", &upstream])?)?;
    let mut rows = without_meaning(setup, &through)?;
    rows.extend(with_meaning(setup, &through)?);
    Ok(rows)
}

/// Counts questions, so that no two are alike.
struct Questions(usize);

impl Questions {
    fn next(&mut self) -> String {
        self.0 += 1;
        format!("How do I change the password of my account {:07}?", self.0)
    }
}

fn without_meaning(setup: &Setup, through: &Server) -> Result<Vec<Row>, Fault> {
    let data = tempfile::tempdir()?;
    let settings = everything(setup);
    let mut settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    settings.push(("REPRISE_CACHE__SEMANTIC", "false"));
    let gateway = setup.gateway(data.path(), &settings)?;
    let both = (&gateway, through);
    let mut questions = Questions(0);
    let mut rows = Vec::new();
    for load in loads(setup) {
        rows.push(cpu(setup, both, load, &mut questions)?);
    }
    for load in loads(setup) {
        let first = first_token(setup, both, (load, setup.timed), &mut || Ok(()))?;
        rows.push(Row::at_most(
            format!("p50 of a stream's first token, the same, {load}"),
            (first.added_us(), ADDED_US),
            first.to_string(),
            "≤ 0.3 ms over the bare pass-through",
        ));
    }
    Ok(rows)
}

/// How misses come.
#[derive(Clone, Copy)]
struct Load {
    connections: usize,
    /// Requests a second, all connections together; none where each asks again as soon as it is answered, so that the
    /// server always has something to do.
    rate: Option<f64>,
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.rate {
            None => write!(f, "{} connections", self.connections),
            Some(rate) => write!(
                f,
                "{} connections, {rate:.0} requests a second",
                self.connections
            ),
        }
    }
}

fn loads(setup: &Setup) -> Vec<Load> {
    let connections = setup.connections.iter();
    let full = connections.clone().map(|&connections| Load {
        connections,
        rate: None,
    });
    // One connection could not keep the rate.
    let many = connections.filter(|&&connections| connections > 1);
    let paced = many.map(|&connections| Load {
        connections,
        rate: Some(RATE),
    });
    full.chain(paced).collect()
}

fn cpu(
    setup: &Setup,
    (gateway, through): (&Server, &Server),
    load: Load,
    questions: &mut Questions,
) -> Result<Row, Fault> {
    let mut both = [
        Contestant::new(gateway, load.connections, Some("miss")).at(load.rate),
        Contestant::new(through, load.connections, None).at(load.rate),
    ];
    let count = load.rate.map_or(setup.requests, |_| setup.paced);
    alternate(&mut both, (setup.rounds, count), &mut || {
        chat(&questions.next(), false, "")
    })?;
    let (miss, pass) = (both[0].cpu_us(), both[1].cpu_us());
    let ratio = miss / pass;
    Ok(Row::at_most(
        format!("CPU of a miss, exact tier, routing, limits and breakers, {load}"),
        (ratio, CPU_RATIO),
        format!("{miss:.1} µs, pass-through {pass:.1} µs: {ratio:.2} ×"),
        "≤ 2 × the bare pass-through",
    ))
}

/// Settings under which a miss passes all that there is: a limit of each dimension, a chain of a group by weight and
/// one by latency over two providers with limits of their own, and their breakers.
fn everything(setup: &Setup) -> Vec<(&'static str, String)> {
    let base = format!("http://{}/v1", setup.upstream());
    let provider = |name: &str| {
        format!(
            "{{ name = \"{name}\", base_url = \"{base}\", max_concurrency = 1000, \
             requests_per_minute = 100000000, tokens_per_minute = 100000000000 }}"
        )
    };
    let limit = |per: &str| {
        format!(
            "{{ per = \"{per}\", requests_per_minute = 100000000, requests_per_day = 1000000000, \
             tokens_per_minute = 100000000000, tokens_per_day = 1000000000000, concurrency = 1000 }}"
        )
    };
    let limits = ["key", "team", "model", "endpoint", "global"].map(limit);
    vec![
        ("REPRISE_PROVIDERS", format!("[{}, {}]", provider("one"), provider("two"))),
        ("REPRISE_LIMITS", format!("[{}]", limits.join(", "))),
        (
            "REPRISE_GROUPS",
            "[{ name = \"weighted\", strategy = \"weighted\", members = [{ provider = \"one\", weight = 3 }, \
             { provider = \"two\" }] }, { name = \"quick\", strategy = \"latency\", members = \
             [{ provider = \"one\" }, { provider = \"two\" }] }]"
                .to_owned(),
        ),
        (
            "REPRISE_ROUTES",
            "[{ model = \"mock-*\", candidates = [{ group = \"weighted\" }, { group = \"quick\" }] }]"
                .to_owned(),
        ),
    ]
}

fn with_meaning(setup: &Setup, through: &Server) -> Result<Vec<Row>, Fault> {
    let data = tempfile::tempdir()?;
    let gateway = setup.gateway(data.path(), &[])?;
    // An empty scope is a miss without an embedding: give it something to be compared with.
    Connection::open(gateway.address())?.ask(&chat("How tall is the tower?", false, ""))?;
    let count = setup.timed.min(500);
    let mut questions = Questions(0);
    let texts: Vec<_> = (0..count).map(|_| questions.next()).collect();
    let mut ort = Ort::start()?;
    let mut runs = Vec::new();
    let alone = Load {
        connections: 1,
        rate: None,
    };
    let first = first_token(setup, (&gateway, through), (alone, count), &mut || {
        runs.push(ort.p50_us(&texts)?);
        Ok(())
    })?;
    let (embedding, search) = (median(&runs), search_us(&gateway)?);
    let limit = embedding + search + ADDED_US;
    let cold = after_embedding(through, &mut ort, &texts)? - first.direct;
    Ok(vec![Row::at_most(
        "p50 of a stream's first token, semantic tier on, 1 connection",
        (first.added_us(), limit),
        format!(
            "{first}, {cold:.0} µs right after an embedding on its core; one embedding {embedding:.0} µs, search {search:.0} µs"
        ),
        "≤ embedding + search + 0.3 ms over the bare pass-through",
    )])
}

/// p50 of a stream's first token through the bare pass-through when an embedding has just run on its core, as it has
/// when a miss goes on, µs: the weights alone are larger than the caches, so that everything after it starts cold.
fn after_embedding(through: &Server, ort: &mut Ort, texts: &[String]) -> Result<f64, Fault> {
    let mut connection = Connection::open(through.address())?;
    let mut times = Vec::new();
    for text in texts {
        ort.p50_us(std::slice::from_ref(text))?;
        let reply = connection.ask(&chat(text, true, NO_NEIGHBOUR))?;
        times.push(reply.first.as_secs_f64() * 1e6);
    }
    Ok(median(&times))
}

/// The mean of all searches so far, as the gateway counts them, µs.
fn search_us(gateway: &Server) -> Result<f64, Fault> {
    let metrics = Connection::open(gateway.address())?.get("/metrics")?;
    let of = |what: &str| -> Result<f64, Fault> {
        let name = format!("reprise_stage_seconds_{what}{{stage=\"search\"}} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
        Ok(value.ok_or("no searches in /metrics")?.parse()?)
    };
    Ok(of("sum")? / of("count")? * 1e6)
}

/// p50 of the first token by each way, µs.
struct FirstToken {
    gateway: f64,
    through: f64,
    direct: f64,
}

impl FirstToken {
    fn added_us(&self) -> f64 {
        self.gateway - self.through
    }
}

impl std::fmt::Display for FirstToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (added, through) = (self.added_us(), self.through - self.direct);
        let whole = self.gateway;
        write!(
            f,
            "{whole:.0} µs, {added:.0} µs over the pass-through, which adds {through:.0} µs to asking the provider itself"
        )
    }
}

/// `between` runs after each round of the three, on a machine as quiet as theirs.
fn first_token(
    setup: &Setup,
    (gateway, through): (&Server, &Server),
    (load, count): (Load, usize),
    between: &mut dyn FnMut() -> Result<(), Fault>,
) -> Result<FirstToken, Fault> {
    // Numbers that no other rounds reach.
    let paced = usize::from(load.rate.is_some());
    let mut questions = Questions(2_000_000 + (2 * load.connections + paced) * 50_000);
    let mut next = || chat(&questions.next(), true, NO_NEIGHBOUR);
    let mut three = [
        Contestant::new(gateway, load.connections, Some("miss")),
        Contestant::new(through, load.connections, None),
        Contestant::new(setup.mock(), load.connections, None),
    ]
    .map(|contestant| contestant.at(load.rate));
    alternate(&mut three, (0, count), &mut next)?;
    for _ in 0..setup.rounds {
        for contestant in &mut three {
            contestant.run(count, &mut next)?;
        }
        between()?;
    }
    let [gateway, through, direct] = three.map(|contestant| contestant.first_us());
    Ok(FirstToken {
        gateway,
        through,
        direct,
    })
}
