//! What people read, and what it leaves behind: nothing.

use rustix::process::Signal;

use super::{endpoint, files, planned};
use crate::{
    listing::{self, Gate},
    support::{Answer, Api, Running, Sandbox, wait_until},
};

/// Compares with a snapshot in which the time does not matter.
macro_rules! assert_told {
    ($text:expr, @$snapshot:literal) => {{
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "[NEXT RUN]");
        settings.bind(|| insta::assert_snapshot!($text, @$snapshot));
    }};
}

/// The endpoint of a listing in numbered pages of two records, on a schedule of a run an hour, at 2 requests in a minute.
fn sandbox(api: &Api) -> Sandbox {
    let mut sandbox = Sandbox::with_api(&api.url(), &listing::endpoint("users", "/v2/users", ""));
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", "0 0 * * * *");
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "2");
    sandbox
}

#[test]
fn before_the_first_run_it_needs_no_database_no_credentials_and_no_api() {
    let api = Api::serve(|_| Answer::status(500, "must not be asked"));
    let mut sandbox = sandbox(&api);
    sandbox.unset("MAPIQ_CLIENT_ID");
    sandbox.unset("MAPIQ_CLIENT_SECRET");
    let before = files(sandbox.path());
    let plan = sandbox.run(&["plan"]).expect_status(0);
    assert_eq!(plan.stderr, "");
    assert_told!(plan.stdout, @r"
    job  endpoint  asks for    requests  how surely            takes
    ---  --------  ----------  --------  --------------------  -----
    all  users     everything         1  at least, never read   0.0s

    job  requests  takes  runs every  next run                 fits
    ---  --------  -----  ----------  -----------------------  ----
    all         1   0.0s       1h00m  [NEXT RUN]  yes
    ");
    assert_eq!(files(sandbox.path()), before);
    assert_eq!(api.asked().len(), 0);
}

#[test]
fn it_changes_no_file_of_a_database_that_lies_idle() {
    let api = Api::serve(|asked| listing::page(asked, 2));
    let sandbox = sandbox(&api);
    sandbox.run(&["--run-now"]).expect_status(0);
    let (before, asked) = (files(sandbox.path()), api.asked().len());
    for _ in 0..2 {
        planned(&sandbox, &[]);
    }
    assert_eq!(files(sandbox.path()), before);
    assert_eq!(api.asked().len(), asked);
}

#[test]
fn what_does_not_fit_is_told_with_its_limit_and_what_would_help() {
    let api = Api::serve(|asked| listing::page(asked, 2));
    let mut sandbox = sandbox(&api);
    sandbox.run(&["--run-now"]).expect_status(0);
    // As if that had been long ago, and ten pages.
    sandbox.execute(
        "DELETE FROM _sync_requests; UPDATE _sync_checkpoints SET pages = 10; UPDATE _sync_endpoint_runs SET pages = 10, requests = 10, finished_at = started_at",
    );
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", "0 */2 * * * *");
    let plan = sandbox.run(&["plan"]).expect_status(0);
    assert_told!(plan.stdout, @r"
    job  endpoint  asks for    requests  how surely        takes
    ---  --------  ----------  --------  ----------------  -----
    all  users     everything        10  known from run 1  4m00s

    job  requests  takes  runs every  next run                 fits
    ---  --------  -----  ----------  -----------------------  ----
    all        10  4m00s       2m00s  [NEXT RUN]  NO

    all does NOT fit: it takes 4m00s, and runs every 2m00s: it waits for the limit of /v2/users. What would help:
      - a schedule of at most one run in 4 min
      - larger pages of users (`pagination.size`, now the server's)
      - changes only of users (`since`), if its API can
    ");
    assert_eq!(planned(&sandbox, &[])["jobs"][0]["fits"], false);
}

#[test]
fn a_run_that_was_killed_is_gone_on_with() {
    let gate = Gate::new();
    let api = {
        let gate = std::sync::Arc::clone(&gate);
        Api::serve(move |asked| {
            gate.pass();
            listing::page(asked, 4)
        })
    };
    let mut sandbox = sandbox(&api);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "0");
    gate.allow(4);
    sandbox.run(&["--run-now"]).expect_status(0);
    gate.allow(1);
    let running = sandbox.start(&["--run-now"]);
    wait_until("the second page is asked for", || api.asked_for("/v2/users").len() == 6);
    running.signal(Signal::KILL);
    running.wait();
    let plan = planned(&sandbox, &[]);
    let users = endpoint(&plan, "users");
    assert_eq!((&users["begins"], &users["stored_pages"]), (&"goes on".into(), &1.into()));
    assert_eq!((&users["requests"], &users["certainty"]), (&3.into(), &"known".into()));
    gate.open();
    let told = sandbox.run(&["plan"]).expect_status(0).stdout;
    assert!(told.contains("all  users     the rest"), "{told}");
    assert!(told.contains("users: goes on after 1 page stored by an earlier run"), "{told}");
    let before = api.asked_for("/v2/users").len();
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(api.asked_for("/v2/users").len() - before, 3);
}

#[test]
fn it_works_beside_a_daemon_that_writes() {
    let api = Api::serve(|asked| listing::page(asked, 2));
    let mut sandbox = sandbox(&api);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "0");
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", "* * * * * *");
    let daemon = Running::of(&mut sandbox.command(&[]));
    wait_until("a run is done", || daemon.stderr().contains("run done"));
    for _ in 0..10 {
        let plan = planned(&sandbox, &[]);
        assert_eq!(endpoint(&plan, "users")["group"], "/v2/users");
    }
    wait_until("another run is done", || daemon.stderr().matches("run done").count() > 1);
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
}

#[test]
fn what_it_cannot_work_with_is_told_by_its_status() {
    let api = Api::serve(|asked| listing::page(asked, 1));
    let sandbox = sandbox(&api);
    sandbox
        .run(&["plan", "--job", "none"])
        .expect_status(2)
        .expect_stderr("error: there is no job `none`: the configuration has all");
    sandbox.write("mapiq.db", "no database, but a text that is long enough to be looked at");
    sandbox.run(&["plan"]).expect_status(74).expect_stderr("is not a SQLite database");
    sandbox.write("config.toml", "[api]\nnone = 1\n");
    sandbox.run(&["plan"]).expect_status(78).expect_stderr("unknown key `api.none`");
}
