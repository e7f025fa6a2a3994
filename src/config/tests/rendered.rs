use proptest::{collection, prelude::*};

use super::*;

#[test]
fn an_empty_file_lacks_endpoints_and_jobs() {
    insta::assert_snapshot!(shown("", &[]), @r"
    the configuration has 2 errors

    config.toml: there is no endpoint
      = help: write its keys below a line `[[endpoint]]`, one for each endpoint

    config.toml: there is no job
      = help: write its keys below a line `[[job]]`, one for each job
    ");
}

#[test]
fn all_errors_of_one_load_come_together_in_the_order_of_the_file() {
    let text = r#"[rate_limit]
pre = "60s"
requests = "20"

[[endpoint]]
name = "users"
path = "v2/users"
pagination = { style = "page", offset_param = "skip" }

[[endpoint]]
name = "users"
path = "/v2/users"
key = ["id"]
on_missing = "mark"

[[job]]
name = "directory"
schedule = "*/15 * * * *"
timezone = "Amsterdam"
endpoints = ["users", "rooms"]
"#;
    insta::assert_snapshot!(shown(text, &[("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "5")]), @r#"
    the configuration has 10 errors

    config.toml:2:1: unknown key `rate_limit.pre`
      |
    2 | pre = "60s"
      | ^^^
      = help: did you mean `per`?

    config.toml:3:12: `rate_limit.requests` must be a whole number, not a string
      |
    3 | requests = "20"
      |            ^^^^
      = help: write digits only, without quotes

    config.toml:5:1: `endpoint.users.key` is missing
      |
    5 | [[endpoint]]
      | ^^^^^^^^^^^^
      = help: add key = ["id"]

    config.toml:7:8: `endpoint.users.path` must begin with one `/`
      |
    7 | path = "v2/users"
      |        ^^^^^^^^^^
      = help: write the path only, such as "/v2/reservations": the host is `api.base_url`

    config.toml:8:32: `endpoint.users.pagination.offset_param` belongs to the style `offset`, and this endpoint's is `page`
      |
    8 | pagination = { style = "page", offset_param = "skip" }
      |                                ^^^^^^^^^^^^
      = help: leave it out, or choose that style

    config.toml:11:8: `endpoint.users.name` is the name of another endpoint too
       |
    11 | name = "users"
       |        ^^^^^^^
       = help: choose another name

    config.toml:18:12: `job.directory.schedule` has five fields, and seconds come first here
       |
    18 | schedule = "*/15 * * * *"
       |            ^^^^^^^^^^^^^^
       = help: write "0 */15 * * * *"

    config.toml:19:12: `job.directory.timezone` must be a time zone, not `Amsterdam`
       |
    19 | timezone = "Amsterdam"
       |            ^^^^^^^^^^^
       = help: did you mean "Europe/Amsterdam"?

    config.toml:20:23: there is no endpoint `rooms`
       |
    20 | endpoints = ["users", "rooms"]
       |                       ^^^^^^^
       = help: known here: users

    MAPIQ_SYNC__RETRY__MAX_ELAPSED: `retry.max_elapsed` must be a duration with its unit, not 5
      = help: write "5s"
    "#);
}

#[test]
fn a_syntax_error_hides_no_other_error_and_causes_none() {
    let text = r#"[rate_limit]
per = 60s
pre = "60s"

[[endpoint]]
name = users
path = "/v2/users"
key = ["id"]

[[job]]
name = "directory"
schedule = "0 0 5 * * *"
endpoints = ["users"]
"#;
    insta::assert_snapshot!(shown(text, &[]), @r#"
    the configuration has 3 errors

    config.toml:2:7: a string must be quoted
      |
    2 | per = 60s
      |       ^^^
      = help: put it between double quotes

    config.toml:3:1: unknown key `rate_limit.pre`
      |
    3 | pre = "60s"
      | ^^^
      = help: did you mean `per`?

    config.toml:6:8: a string must be quoted
      |
    6 | name = users
      |        ^^^^^
      = help: put it between double quotes
    "#);
}

#[test]
fn after_a_broken_head_of_a_table_nothing_is_guessed() {
    insta::assert_snapshot!(shown("colour = 1\n[rate_limit\nper = \"60s\"\ncolor = 2\n", &[]), @r#"
    the configuration has 2 errors

    config.toml:1:1: unknown key `colour`
      |
    1 | colour = 1
      | ^^^^^^
      = help: known here: api, retry, rejects, database, monitor, alerts, rate_limit, endpoint, job

    config.toml:2:12: unclosed table, expected `]`
      |
    2 | [rate_limit
      |            ^
    "#);
}

#[test]
fn a_secret_in_the_file_is_not_shown() {
    let text =
        format!("[api]\nclient_secret = \"hunter2\"\nbase_url = \"https://u:hunter3@h\"{LEAST}");
    insta::assert_snapshot!(shown(&text, &[]), @r#"
    the configuration has 2 errors

    config.toml:2:1: unknown key `api.client_secret`
      |
    2 | client_secret…
      | ^^^^^^^^^^^^^
      = help: a secret does not belong into this file: set MAPIQ_CLIENT_SECRET, or name a file that holds it with `client_secret_file`

    config.toml:3:12: `api.base_url` must not have a user or a password in it
      |
    3 | base_url = "https://…
      |            ^^^^^^^^^^
      = help: give the client's credentials by MAPIQ_CLIENT_ID and MAPIQ_CLIENT_SECRET
    "#);
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(
        lines in collection::vec(
            prop_oneof![
                Just("[api]".to_owned()),
                Just("[rate_limit".to_owned()),
                Just("[[endpoint]]".to_owned()),
                Just("[[job]]".to_owned()),
                Just("key = [\"é\", ".to_owned()),
                Just("client_secret = é\"\"\"".to_owned()),
                "(name|path|key|params|api\\.x|pagination\\.style) ?= ?[\"'\\[{]?[a-zé.1 ]{0,5}[\"'\\]}]?",
                ".{0,12}",
            ],
            0..8,
        ),
        value in ".{0,6}",
    ) {
        let variables = [
            ("MAPIQ_SYNC__ENDPOINT__é__PATH", value.as_str()),
            ("MAPIQ_SYNC__API__BASE_URL", value.as_str()),
        ];
        if let Err(errors) = load(&lines.join("\n"), &variables) {
            prop_assert!(errors.iter().count() > 0);
            prop_assert!(errors.to_string().starts_with("the configuration has"));
        }
    }
}
