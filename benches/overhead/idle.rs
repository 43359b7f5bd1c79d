//! Memory that the gateway holds when nothing happens, its model loaded and used once.

use std::time::Duration;

use crate::Fault;
use crate::load::{Connection, chat};
use crate::report::Row;
use crate::setup::Setup;

/// MiB.
const MOST: f64 = 150.0;

pub(crate) fn run(setup: &Setup) -> Result<Vec<Row>, Fault> {
    let data = tempfile::tempdir()?;
    let gateway = setup.gateway(data.path(), &[])?;
    let mut connection = Connection::open(gateway.address())?;
    connection.ask(&chat("How do I reset my password?", false, ""))?;
    connection.ask(&chat("How can I reset my password?", false, ""))?;
    // Until the background threads have been round once.
    std::thread::sleep(Duration::from_secs(6));
    let (all, own) = gateway.memory_mib()?;
    Ok(vec![Row::at_most(
        "idle memory with the model",
        (all, MOST),
        format!("{all:.0} MiB resident, {own:.0} MiB of them without a file behind"),
        "≤ 150 MiB",
    )])
}
