//! What a request costs when the gateway answers it, against the least that could: a release gateway as a process on
//! core 0, load and mock upstream on core 1, baselines built into this program and run in the gateway's place.
//!
//! Rounds alternate between the contestants over equal keep-alive connections; a figure is the median of rounds. CPU
//! is user + system time of the server process out of `/proc`.
//!
//! Arguments: `--quick` for short rounds, `--only NAME` for one of `exact`, `miss`, `semantic`, `idle`, `start`,
//! `--connections N` for misses at so many alone.
//! `REPRISE_BENCH_VECTORS` (see `benches/support/question_vectors.rs`) fills the store of `start` with embeddings of real questions.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is what a bench is for"
)]

mod baseline;
#[path = "../support/dice.rs"]
mod dice;
mod exact;
mod idle;
mod load;
mod miss;
#[path = "../../tests/mock/mod.rs"]
mod mock;
mod ort_run;
mod process;
mod report;
mod semantic;
mod setup;
mod start;

use std::error::Error;

use report::Row;

type Fault = Box<dyn Error>;
type Scenario = fn(&setup::Setup) -> Result<Vec<Row>, Fault>;

const SCENARIOS: [(&str, Scenario); 5] = [
    ("exact", exact::run),
    ("miss", miss::run),
    ("semantic", semantic::run),
    ("idle", idle::run),
    ("start", start::run),
];

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--role", "bare"] => baseline::bare(),
        ["--role", "pass-through", upstream] => baseline::pass_through(upstream),
        ["--role", "ort"] => ort_run::serve(),
        ["--role", "mock"] => serve_mock(),
        _ => compare(&words),
    }
}

fn compare(words: &[&str]) -> Result<(), Fault> {
    let given = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1)
    };
    let only = given("--only");
    if let Some(name) = only
        && !SCENARIOS.iter().any(|(known, _)| known == name)
    {
        return Err(format!("there is no scenario `{name}`").into());
    }
    let connections = given("--connections").map(|n| n.parse()).transpose()?;
    let setup = setup::Setup::new(words.contains(&"--quick"), connections)?;
    println!("{}", report::HEAD);
    for (name, scenario) in SCENARIOS {
        if only.is_some_and(|only| *only != name) {
            continue;
        }
        eprintln!("overhead: {name} …");
        for row in scenario(&setup)? {
            println!("{row}");
        }
    }
    Ok(())
}

/// The mock upstream of the tests, as a process.
fn serve_mock() -> Result<(), Fault> {
    let mock = mock::Mock::start()?;
    process::announce(mock.address());
    Ok(())
}
