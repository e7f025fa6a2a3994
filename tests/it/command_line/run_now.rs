//! `--run-now`: what it tells, and which jobs it runs.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use crate::{
    listing::Gate,
    support::{Answer, Api, Asked, Sandbox, wait_until},
};

/// Five reservations, two a page.
const RESERVATIONS: &str = "[[endpoint]]\nname = \"reservations\"\npath = \"/v2/reservations\"\nkey = [\"id\"]\n\
     records = \"items\"\ntotal = \"totalCount\"\n\
     pagination = { style = \"page\", page_param = \"page\", size_param = \"size\", size = 2, first = 1 }\n";

/// A page of five records.
fn page(asked: &Asked) -> Answer {
    let first = 2 * asked.number("page") - 1;
    let items: Vec<String> =
        (first..first + 2).filter(|id| *id <= 5).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    Answer::json(format!(r#"{{"items":[{}],"totalCount":5}}"#, items.join(",")))
}

/// A listing that is one array.
fn endpoint(name: &str) -> String {
    format!("[[endpoint]]\nname = \"{name}\"\npath = \"/v2/{name}\"\nkey = [\"id\"]\n")
}

/// Compares with a snapshot in which times and addresses do not matter.
macro_rules! assert_told {
    ($text:expr, @$snapshot:literal) => {{
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"waiting \d+ s", "waiting [N] s");
        settings.add_filter(r"\d\.\ds", "[T]s");
        settings.add_filter(r"127\.0\.0\.1(:\d+)?", "[HOST]");
        settings.bind(|| insta::assert_snapshot!($text, @$snapshot));
    }};
}

#[test]
fn progress_goes_to_stderr_and_the_summary_alone_to_stdout() {
    let api = Api::serve(page);
    let mut sandbox = Sandbox::with_api(&api.url(), RESERVATIONS);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "2");
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__PER", "3s");
    let run = sandbox.run(&["--run-now"]).expect_status(0);
    assert_told!(run.stderr, @r"
    reservations  page 1: 2 of 5 records, 2 new
    reservations  page 2: 4 of 5 records, 2 new
    waiting [N] s for the rate limit of reservations
    reservations  page 3: 5 of 5 records, 1 new
    reservations  done
    ");
    assert_told!(run.stdout, @r"
    endpoint      result  pages  new  changed  deleted  same  rejects  sent  time
    ------------  ------  -----  ---  -------  -------  ----  -------  ----  ----
    reservations  ok          3    5        0        0     0        0     3  [T]s
    ");

    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "0");
    let run = sandbox.run(&["--run-now"]).expect_status(0);
    assert_told!(run.stderr, @r"
    reservations  page 1: 2 of 5 records, 2 unchanged
    reservations  page 2: 4 of 5 records, 2 unchanged
    reservations  page 3: 5 of 5 records, 1 unchanged
    reservations  done
    ");
    assert_told!(run.stdout, @r"
    endpoint      result  pages  new  changed  deleted  same  rejects  sent  time
    ------------  ------  -----  ---  -------  -------  ----  -------  ----  ----
    reservations  ok          3    0        0        0     5        0     3  [T]s
    ");
}

#[test]
fn endpoints_stand_below_each_other() {
    let api = Api::serve(|_| Answer::json(r#"[{"id":1},{"id":2}]"#));
    let endpoints = format!("{}{}", endpoint("parking_reservations"), endpoint("users"));
    let sandbox = Sandbox::with_api(&api.url(), &endpoints);
    let run = sandbox.run(&["--run-now"]).expect_status(0);
    let mut lines: Vec<&str> = run.stderr.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    assert_told!(lines.join("\n"), @r"
    parking_reservations  done
    parking_reservations  page 1: 2 records, 2 new
    users                 done
    users                 page 1: 2 records, 2 new
    ");
    let cells: Vec<usize> =
        run.stdout.lines().map(|line| line.split_whitespace().count()).collect();
    assert_eq!(cells, [10; 4], "{}", run.stdout);
}

#[test]
fn a_page_tells_what_it_brought() {
    let changed = AtomicBool::new(false);
    let api = Api::serve(move |_| {
        if changed.swap(true, Ordering::SeqCst) {
            Answer::json(r#"[{"id":1},{"id":2,"name":"new name"},{"id":3},{"no":"key"}]"#)
        } else {
            Answer::json(r#"[{"id":1},{"id":2}]"#)
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users"));
    sandbox.run(&["--run-now"]).expect_status(0);
    let run = sandbox.run(&["--run-now"]).expect_status(65);
    assert_told!(run.stderr, @r"
    users  page 1: 4 records, 1 new, 1 changed, 1 unchanged, 1 rejected
    users  done

    users: new field `name`
    error: users: 1 record cannot be stored; see `SELECT reason, record FROM _sync_rejects WHERE endpoint = 'users'`
    ");
    assert_told!(run.stdout, @r"
    endpoint  result  pages  new  changed  deleted  same  rejects  sent  time
    --------  ------  -----  ---  -------  -------  ----  -------  ----  ----
    users     ok          1    1        1        0     1        1     1  [T]s
    ");
}

#[test]
fn a_refusal_by_the_rate_limit_is_one_line() {
    let refused = AtomicBool::new(false);
    let api = Api::serve(move |_| {
        if refused.swap(true, Ordering::SeqCst) {
            Answer::json(r#"[{"id":1}]"#)
        } else {
            let message =
                r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 1 seconds."}"#;
            Answer::status(429, message).with("retry-after", "1")
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users"));
    let run = sandbox.run(&["--run-now"]).expect_status(0);
    assert_told!(run.stderr, @r"
    waiting [N] s for users: the API has asked for a pause
    users  page 1: 1 record, 1 new
    users  done
    ");
}

#[test]
fn what_several_endpoints_failed_of_is_told_once() {
    // Nothing listens on port 1.
    let endpoints = format!("{}{}", endpoint("users"), endpoint("rooms"));
    let sandbox = Sandbox::with_api("http://127.0.0.1:1", &endpoints);
    let run = sandbox.run(&["--run-now"]).expect_status(69);
    let errors: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_told!(errors.join("\n"), @"error: users, rooms failed: cannot get an access token: no answer from the token endpoint: cannot reach [HOST]: no connection, look at the network, the firewall and api.proxy: Connection refused (os error 111)");
}

#[test]
fn a_stop_is_acknowledged_and_the_next_run_goes_on() {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve(move |asked| {
        if asked.number("page") == 2 {
            held.pass();
        }
        page(asked)
    });
    let mut sandbox = Sandbox::with_api(&api.url(), RESERVATIONS);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    let run = sandbox.start(&["--run-now"]);
    wait_until("the second page is asked for", || api.asked_for("/v2/reservations").len() == 2);
    run.signal(Signal::INT);
    wait_until("it says what it waits for", || run.stderr().contains("stopping once"));
    gate.open();
    let run = run.wait().expect_status(75);
    assert_told!(run.stderr, @r"
    reservations  page 1: 2 of 5 records, 2 new
    stopping once the pages in hand are stored (a second signal stops at once)
    reservations  page 2: 4 of 5 records, 2 new
    reservations  paused: stopped by a signal; the next run goes on

    error: reservations unfinished: stopped by a signal; the next run goes on
    ");
    let run = sandbox.run(&["--run-now"]).expect_status(0);
    assert_told!(run.stderr, @r"
    reservations  goes on after 2 pages that are stored already
    reservations  page 3: 5 of 5 records, 1 new
    reservations  done
    ");
}

#[test]
fn the_jobs_that_are_named_run_once_each() {
    let api = Api::serve(|_| Answer::json("[]"));
    let names = ["users", "rooms", "desks"];
    let sandbox = Sandbox::with_api(&api.url(), &names.map(endpoint).concat());
    let config = std::fs::read_to_string(sandbox.path().join("config.toml"))
        .expect("the sandbox has a configuration");
    let jobs = names.map(|name| {
        format!(
            "[[job]]\nname = \"the-{name}\"\nschedule = \"0 0 0 1 1 *\"\nendpoints = [\"{name}\"]\n"
        )
    });
    sandbox.write("config.toml", &format!("{config}{}", jobs.concat()));
    let run = |arguments: &[&str]| {
        let before = sandbox.count("SELECT coalesce(max(run_id), 0) FROM _sync_runs");
        sandbox.run(arguments).expect_status(0);
        sandbox.lines(&format!(
            "SELECT job FROM _sync_runs WHERE run_id > {before} AND result = 'ok' AND trigger = 'run-now' ORDER BY job"
        ))
    };
    sandbox.run(&["--run-now"]).expect_status(0);
    let all = sandbox.lines("SELECT job FROM _sync_runs ORDER BY job");
    assert_eq!(all, ["all", "the-desks", "the-rooms", "the-users"]);
    assert_eq!(run(&["--run-now", "--job", "the-rooms"]), ["the-rooms"]);
    let twice = ["--run-now", "--job", "the-users", "--job", "the-desks", "--job", "the-users"];
    assert_eq!(run(&twice), ["the-desks", "the-users"]);
}

#[test]
fn a_job_that_is_not_there_is_wrong_usage() {
    let api = Api::serve(|_| Answer::json("[]"));
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users"));
    let run = sandbox.run(&["--run-now", "--job", "al"]).expect_status(2);
    assert_told!(run.stderr, @r"
    error: there is no job `al`: the configuration has all

    For more, try `mapiq-sync --help`
    ");
    sandbox.run(&["--job", "all"]).expect_status(2).expect_stderr("--run-now");
    assert!(api.asked().is_empty());
    assert!(!sandbox.database().exists());
}
