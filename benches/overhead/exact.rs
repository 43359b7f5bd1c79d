//! Exact hits against a bare server that parses, hashes and answers.

use crate::Fault;
use crate::load::{Connection, chat};
use crate::process::{SERVER_CORE, Server, role};
use crate::report::Row;
use crate::setup::{Contestant, Setup, alternate};

const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// Requests that are repeated in turn.
const DISTINCT: usize = 100;
/// CPU of a hit in terms of the bare server's.
const CPU_RATIO: f64 = 3.0;
/// p50 of a hit at one connection above the bare server's, µs.
const ADDED_US: f64 = 60.0;

pub(crate) fn run(setup: &Setup) -> Result<Vec<Row>, Fault> {
    let data = tempfile::tempdir()?;
    let gateway = setup.gateway(data.path(), &[])?;
    let bare = Server::start(role(SERVER_CORE, &["bare"])?)?;
    let bodies: Vec<_> = (0..DISTINCT)
        .map(|number| {
            chat(
                &format!("How do I change the password of my account {number:07}?"),
                false,
                "",
            )
        })
        .collect();
    // By the exact path alone: the first requests must not hit each other by meaning.
    let mut first = Connection::open(gateway.address())?;
    for number in 0..DISTINCT {
        let question = format!("How do I change the password of my account {number:07}?");
        first.ask(&chat(&question, false, "x-reprise-cache: exact\r\n"))?;
    }
    let mut turn = bodies.iter().cycle();
    let mut next = || turn.next().cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for connections in CONNECTIONS {
        let mut both = [
            Contestant::new(&gateway, connections, Some("hit-exact")),
            Contestant::new(&bare, connections, None),
        ];
        alternate(&mut both, (setup.rounds, setup.requests), &mut next)?;
        let [hit, bare] = both;
        rows.push(cpu(connections, hit.cpu_us(), bare.cpu_us()));
        if connections == 1 {
            rows.push(latency(hit.whole_us(), bare.whole_us()));
        }
    }
    Ok(rows)
}

fn cpu(connections: usize, hit: f64, bare: f64) -> Row {
    let ratio = hit / bare;
    Row::at_most(
        format!("CPU of an exact hit, connections: {connections}"),
        (ratio, CPU_RATIO),
        format!("{hit:.1} µs, bare server {bare:.1} µs: {ratio:.2} ×"),
        "≤ 3 × the bare server",
    )
}

fn latency(hit: f64, bare: f64) -> Row {
    let added = hit - bare;
    Row::at_most(
        "p50 of an exact hit, 1 connection",
        (added, ADDED_US),
        format!("{hit:.0} µs, bare server {bare:.0} µs: + {added:.0} µs"),
        "≤ bare server + 60 µs",
    )
}
