//! The binary: arguments in, exit status out.

use std::process::ExitCode;

use clap::Parser;
use mapiq_sync::cli::{self, Arguments};

fn main() -> ExitCode {
    cli::keep_memory_private();
    // clap ends wrong usage with status 2 itself.
    cli::run(Arguments::parse())
}
