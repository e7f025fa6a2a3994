//! What a shell is told to complete.

use std::process::Command;

use crate::support::Sandbox;

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

#[test]
fn every_shell_is_told_every_command_and_nothing_is_needed_for_that() {
    let mut sandbox = Sandbox::new();
    sandbox.unset("MAPIQ_CLIENT_ID");
    sandbox.unset("MAPIQ_CLIENT_SECRET");
    for shell in SHELLS {
        let script = sandbox.run(&["completions", shell]).expect_status(0);
        assert_eq!(script.stderr, "", "{shell}");
        for word in ["backup", "completions", "manual", "run-now", "log-format"] {
            assert!(script.stdout.contains(word), "{shell} is not told of `{word}`");
        }
    }
    sandbox.run(&["completions", "csh"]).expect_status(2).expect_stderr("possible values: bash");
}

/// The words that bash completes a command line to.
fn completed_by_bash(script: &str, words: &[&str]) -> Vec<String> {
    let asked = format!(
        "{script}\nCOMP_WORDS=({}) COMP_CWORD={}\n_mapiq__sync mapiq-sync '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len() - 1,
        words.last().expect("there is a word"),
        words.iter().rev().nth(1).expect("there are two words"),
    );
    let output = Command::new("bash").args(["--norc", "-c", &asked]).output().expect("bash starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    let script = Sandbox::new().run(&["completions", "bash"]).expect_status(0).stdout;
    assert_eq!(completed_by_bash(&script, &["mapiq-sync", "ba"]), ["backup"]);
    assert_eq!(completed_by_bash(&script, &["mapiq-sync", "--run"]), ["--run-now"]);
    let formats = completed_by_bash(&script, &["mapiq-sync", "--log-format", ""]);
    assert_eq!(formats, ["text", "json"]);
    let rejects = completed_by_bash(&script, &["mapiq-sync", "rejects", "--ret"]);
    assert_eq!(rejects, ["--retry"]);
}
