//! The mock upstream as a process: prints `listening on 127.0.0.1:PORT`, runs until its
//! standard input closes or it is told to terminate.

#[path = "mod.rs"]
mod mock;

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mock = mock::Mock::start()?;
    let mut out = io::stdout();
    writeln!(out, "listening on {}", mock.address())?;
    out.flush()?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}
