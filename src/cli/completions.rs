//! `completions SHELL`: what a shell needs to complete the program's arguments.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Arguments, ExitStatus, fail, print_result};

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell; its manual says where the file belongs
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(args: &CompletionsArgs) -> ExitStatus {
    let mut script = Vec::new();
    // Not to stdout itself: whoever has gone ends this with a panic there.
    clap_complete::generate(args.shell, &mut Arguments::command(), super::NAME, &mut script);
    // clap_complete 4.6 spells the name of a program with a hyphen in two ways in bash's script, and so completes no command's
    // options.
    let script = String::from_utf8_lossy(&script).replace("mapiq__subcmd__sync", "mapiq__sync");
    match print_result(script.trim_end()) {
        Ok(()) => ExitStatus::Done,
        Err(error) => fail(ExitStatus::Failed, &error),
    }
}
