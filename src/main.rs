//! The `reprise` program: reads its arguments and hands over.

use std::process::ExitCode;

fn main() -> ExitCode {
    reprise::app::cli::run()
}
