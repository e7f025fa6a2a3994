//! Wrong configuration and missing credentials: status 78, before anything is touched.

use std::fs;

use super::{USERS, expect_all_users_after_mend, expect_only, run, run_plainly, serve, users};
use crate::support::{Api, Sandbox};

/// A sandbox whose configuration is right, and its API.
fn right() -> (Api, Sandbox) {
    let api = serve(users);
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    (api, sandbox)
}

/// Puts a mistake into the right configuration; returns the right one.
fn spoil(sandbox: &Sandbox, from: &str, to: &str) -> String {
    let right = fs::read_to_string(sandbox.path().join("config.toml")).expect("it is there");
    assert!(right.contains(from), "{right}");
    sandbox.write("config.toml", &right.replacen(from, to, 1));
    right
}

/// Ends with 78 and these words, the daemon too; nothing is made, nothing is asked, and the mended configuration works.
#[track_caller]
fn expect_refused_until_mended(from: &str, to: &str, told: &[&str]) {
    let (api, sandbox) = right();
    let right = spoil(&sandbox, from, to);
    for arguments in [&["--run-now"][..], &[]] {
        let mut finished = run(&sandbox, arguments).expect_status(78);
        for words in told {
            finished = finished.expect_stderr(words);
        }
        assert_eq!(finished.stdout, "");
    }
    expect_only(&sandbox, &["config.toml"]);
    assert!(api.asked().is_empty());
    sandbox.write("config.toml", &right);
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn no_configuration_tells_how_to_name_one() {
    let sandbox = Sandbox::new();
    let told = run_plainly(&sandbox, &["--run-now"]).expect_status(78).stderr;
    insta::assert_snapshot!(told, @"
    error: the configuration has an error

    config.toml: cannot be read: No such file or directory (os error 2)
      = help: name a readable file with `--config FILE` or MAPIQ_SYNC_CONFIG
    ");
    let told = run(&sandbox, &["--config", "mapiq/my.toml"]).expect_status(78).stderr;
    assert!(told.contains("mapiq/my.toml"), "{told}");
    expect_only(&sandbox, &[]);
}

#[test]
fn wrong_toml_is_shown_with_its_line() {
    expect_refused_until_mended(
        r#"timeout = "5s""#,
        "timeout = 5s",
        &["config.toml:4:11: ", "4 | timeout = 5s", "help: put it between double quotes"],
    );
}

#[test]
fn an_unknown_key_is_shown_with_the_one_that_was_meant() {
    expect_refused_until_mended(
        "records =",
        "record =",
        &["config.toml:14:1: unknown key `endpoint.users.record`", "help: did you mean `records`?"],
    );
}

#[test]
fn a_cron_of_five_fields_gets_the_one_of_six() {
    expect_refused_until_mended(
        r#""* * * * * *""#,
        r#""*/15 * * * *""#,
        &["`job.all.schedule` has five fields", r#"help: write "0 */15 * * * *""#],
    );
}

#[test]
fn a_cron_that_is_none_is_shown() {
    expect_refused_until_mended(
        r#""* * * * * *""#,
        r#""every day at nine""#,
        &["`job.all.schedule`", "every day at nine", "help: "],
    );
}

#[test]
fn a_certificate_file_that_is_not_there_is_named() {
    expect_refused_until_mended(
        "[api]",
        "[api]\nca_file = \"authority.pem\"",
        &["cannot read api.ca_file authority.pem", "No such file"],
    );
}

#[test]
fn all_errors_of_one_load_are_told_together() {
    let (_api, mut sandbox) = right();
    spoil(&sandbox, r#"max_elapsed = "1s""#, "max_elapsed = \"1s\"\ndelay = 5");
    spoil(&sandbox, "key = [\"id\"]\n", "");
    spoil(&sandbox, r#""* * * * * *""#, r#""* * * * *""#);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__PER", "minute");
    let told = run_plainly(&sandbox, &["--run-now"]).expect_status(78).stderr;
    insta::assert_snapshot!(told, @r#"
    error: the configuration has 4 errors

    config.toml:9:1: unknown key `retry.delay`
      |
    9 | delay = 5
      | ^^^^^
      = help: known here: max_elapsed

    config.toml:11:1: `endpoint.users.key` is missing
       |
    11 | [[endpoint]]
       | ^^^^^^^^^^^^
       = help: add key = ["id"]

    config.toml:19:12: `job.all.schedule` has five fields, and seconds come first here
       |
    19 | schedule = "* * * * *"
       |            ^^^^^^^^^^^
       = help: write "0 * * * * *"

    MAPIQ_SYNC__RATE_LIMIT__PER: `rate_limit.per` must be a duration, not `minute`
      = help: a whole number and one of ms, s, m, h, d, without a space: "500ms", "60s", "10m"
    "#);
    expect_only(&sandbox, &["config.toml"]);
}

#[test]
fn a_wrong_environment_value_names_its_variable() {
    let (api, mut sandbox) = right();
    for (variable, value, told) in [
        ("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "soon", "must be a duration"),
        ("MAPIQ_SYNC__RETRY__MAX_ELAPSE", "5s", "did you mean"),
        ("MAPIQ_SYNC__ENDPOINT__ROOMS__PATH", "/v2/rooms", "rooms"),
    ] {
        sandbox.set(variable, value);
        run(&sandbox, &["--run-now"])
            .expect_status(78)
            .expect_stderr(&format!("\n{variable}: "))
            .expect_stderr(told);
        sandbox.unset(variable);
    }
    expect_only(&sandbox, &["config.toml"]);
    assert!(api.asked().is_empty());
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_missing_secret_names_every_place_it_may_be_in() {
    let (api, mut sandbox) = right();
    // Empty counts as absent.
    sandbox.set("MAPIQ_CLIENT_SECRET", "");
    for arguments in [&["--run-now"][..], &[]] {
        run(&sandbox, arguments)
            .expect_status(78)
            .expect_stderr("no client secret in any of MAPIQ_CLIENT_SECRET")
            .expect_stderr("$CREDENTIALS_DIRECTORY/client_secret")
            .expect_stderr("api.client_secret_file in config.toml");
    }
    expect_only(&sandbox, &["config.toml"]);
    assert!(api.asked().is_empty());
    sandbox.set("MAPIQ_CLIENT_SECRET", "hunter2-secret");
    expect_all_users_after_mend(&sandbox);
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_shown() {
    expect_refused_until_mended(
        "[api]",
        "[api]\nclient_secret = \"hunter2-secret\"",
        &["unknown key `api.client_secret`", "set MAPIQ_CLIENT_SECRET"],
    );
}
