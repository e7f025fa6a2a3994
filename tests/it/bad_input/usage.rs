//! Wrong usage: status 2, before anything is touched.

use super::{USERS, expect_all_users_after_mend, expect_only, run, serve, users};
use crate::support::Sandbox;

#[test]
fn wrong_usage_ends_with_2_and_touches_nothing() {
    let api = serve(users);
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    for (arguments, told) in [
        (&["--frobnicate"][..], "unexpected argument '--frobnicate' found"),
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["--job", "all"], "--run-now"),
        (&["--run-now", "--job", "none"], "there is no job `none`: the configuration has all"),
        (&["--run-now", "demo"], "`--run-now` goes without a command"),
        (&["--log-format", "xml"], "[possible values: text, json]"),
    ] {
        let finished = run(&sandbox, arguments).expect_status(2).expect_stderr(told);
        assert!(finished.stderr.contains("--help"), "{}", finished.stderr);
        assert_eq!(finished.stdout, "");
    }
    expect_only(&sandbox, &["config.toml"]);
    assert!(api.asked().is_empty());
    expect_all_users_after_mend(&sandbox);
}
