//! Readers who leave, and files that are full.

use std::{
    fs::OpenOptions,
    process::{Command, Stdio},
};

use crate::support::{Answer, Api, Finished, Sandbox};

const USERS: &str = "[[endpoint]]\nname = \"users\"\npath = \"/v2/users\"\nkey = [\"id\"]\n";

fn api() -> Api {
    Api::serve(|_| Answer::json(r#"[{"id":1}]"#))
}

/// A pipe whose reader has left.
pub(super) fn broken() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    drop(reader);
    writer.into()
}

fn run(command: &mut Command) -> Finished {
    command.output().expect("the binary starts").into()
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let api = api();
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    for arguments in [&["--run-now"][..], &["--help"], &["--version"]] {
        let run = run(sandbox.command(arguments).stdout(broken()).stderr(Stdio::piped()));
        let run = run.expect_status(0);
        assert!(
            !run.stderr.contains("panicked") && !run.stderr.contains("error"),
            "{}",
            run.stderr
        );
    }
    assert_eq!(sandbox.lines("SELECT result FROM _sync_runs"), ["ok"]);
}

#[test]
fn a_closed_stderr_does_not_fail_a_run() {
    let api = api();
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.set("RUST_LOG", "trace");
    let run = run(sandbox.command(&["--run-now"]).stdout(Stdio::piped()).stderr(broken()));
    assert!(run.expect_status(0).stdout.contains("users     ok"));
}

#[test]
fn a_summary_that_cannot_be_written_is_an_error_though_the_run_is_done() {
    let api = api();
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has this device");
    let run = run(sandbox.command(&["--run-now"]).stdout(full).stderr(Stdio::piped()));
    run.expect_status(1).expect_stderr("error: cannot write to stdout");
    assert_eq!(sandbox.lines("SELECT result FROM _sync_runs"), ["ok"]);
}
