//! One writer an endpoint: other processes are told who that is, and the runs of one process queue.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    listing::{Gate, Window, endpoint, page, pages_asked, refusal, whole},
    support::{Api, Sandbox, now, wait_until},
};

const STORED: &str = "SELECT id, name, even FROM users ORDER BY id";

/// An API whose listing of users is held back by the gate from its second page on.
fn held_at_the_second_page(gate: &Arc<Gate>) -> Api {
    let gate = Arc::clone(gate);
    Api::serve(move |asked| {
        if asked.path == "/users" && asked.number("page") >= 2 {
            gate.pass();
        }
        page(asked, 3)
    })
}

fn sandbox(api: &Api, endpoints: &str) -> Sandbox {
    let mut sandbox = Sandbox::with_api(&api.url(), endpoints);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    sandbox
}

/// Adds a job to the configuration.
fn add_job(sandbox: &Sandbox, name: &str, schedule: &str, endpoints: &str) {
    let mut config = OpenOptions::new()
        .append(true)
        .open(sandbox.path().join("config.toml"))
        .expect("the sandbox has a configuration");
    write!(
        config,
        "[[job]]\nname = \"{name}\"\nschedule = \"{schedule}\"\nendpoints = [{endpoints}]\n"
    )
    .expect("a file can be written into the test's folder");
}

/// A text without what differs from run to run: the time of day.
fn without_time(text: &str) -> String {
    let is_time = |word: &str| word.len() == 8 && word.split(':').count() == 3;
    let words: Vec<&str> =
        text.split(' ').map(|word| if is_time(word) { "[TIME]" } else { word }).collect();
    words.join(" ")
}

#[test]
fn a_second_process_is_told_who_has_the_endpoint_and_goes_on_with_the_others() {
    let gate = Gate::new();
    let api = held_at_the_second_page(&gate);
    let endpoints = endpoint("users", "/users", "") + &endpoint("rooms", "/rooms", "");
    let sandbox = sandbox(&api, &endpoints);
    let first = sandbox.start(&["--run-now"]);
    wait_until("the first process is done with the rooms and holds the users", || {
        api.asked_for("/users").len() == 2 && first.stderr().contains("rooms  done")
    });

    let second = sandbox.run(&["--run-now"]).expect_status(75);
    let told = format!(
        "error: users unfinished: another process is syncing this endpoint: `mapiq-sync` (pid {}), job all, since [TIME] UTC, 1 page so far\n",
        first.pid()
    );
    assert!(without_time(&second.stderr).contains(&told), "{}", second.stderr);
    let ends = sandbox.lines(
        "SELECT result, message LIKE 'another process%pid%' FROM _sync_endpoint_runs WHERE run_id = 2 ORDER BY endpoint",
    );
    assert_eq!(ends, ["ok|", "paused|1"], "the rooms are done, the users left alone");

    gate.open();
    first.wait().expect_status(0);
    assert_eq!(sandbox.lines(STORED), whole(3));
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3]);
    assert_eq!(sandbox.lines("SELECT * FROM _sync_holders"), [""; 0], "nobody is at work");
}

#[test]
fn a_retry_of_rejects_holds_the_endpoint_as_a_run_does() {
    let gate = Gate::new();
    let api = held_at_the_second_page(&gate);
    let sandbox = sandbox(&api, &endpoint("users", "/users", ""));
    let first = sandbox.start(&["--run-now"]);
    wait_until("the second page is asked for", || api.asked_for("/users").len() == 2);
    sandbox.execute(
        "INSERT INTO _sync_rejects (endpoint, reason, record, digest, first_seen_at, last_seen_at, run_id) \
         VALUES ('users', 'a test', '{}', x'00', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 1)",
    );

    let retried = sandbox.run(&["rejects", "--retry"]).expect_status(75);
    let told = format!("this endpoint: `mapiq-sync` (pid {}), job all, since", first.pid());
    assert!(retried.stderr.contains(&told), "{}", retried.stderr);
    gate.open();
    first.wait().expect_status(0);
}

#[test]
fn what_the_holder_waits_for_is_told_as_long_as_it_does() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let refused = AtomicBool::new(false);
    let api = Api::serve(move |asked| {
        if asked.number("page") == 2 {
            if !refused.swap(true, Ordering::SeqCst) {
                return refusal(10);
            }
            held.pass();
        }
        page(asked, 2)
    });
    let sandbox = sandbox(&api, &endpoint("users", "/users", ""));
    let first = sandbox.start(&["--run-now"]);
    wait_until("the first process waits", || {
        first.stderr().contains("waiting 11 s for users")
            && sandbox.lines("SELECT waits_for FROM _sync_holders") == ["pause"]
    });
    let second = sandbox.run(&["--run-now"]).expect_status(75).stderr;
    let told = "since [TIME] UTC, 1 page so far, waits until [TIME] UTC (pause)\n";
    assert!(without_time(&second).contains(told), "{second}");

    wait_until("the pause is over", || api.asked_for("/users").len() == 3);
    let third = sandbox.run(&["--run-now"]).expect_status(75).stderr;
    assert!(without_time(&third).contains("since [TIME] UTC, 1 page so far\n"), "{third}");
    let waits = "SELECT waits_for IS NULL AND waits_until IS NULL FROM _sync_holders";
    assert_eq!(sandbox.lines(waits), ["1"]);
    gate.open();
    first.wait().expect_status(0);
    assert_eq!(sandbox.lines(STORED), whole(2));
}

#[test]
fn a_process_that_was_killed_is_not_named_and_its_line_is_overwritten() {
    let gate = Gate::new();
    let api = held_at_the_second_page(&gate);
    let sandbox = sandbox(&api, &endpoint("users", "/users", ""));
    let first = sandbox.start(&["--run-now"]);
    wait_until("the second page is asked for", || api.asked_for("/users").len() == 2);
    let killed = first.pid();
    first.signal(Signal::KILL);
    first.wait();
    gate.release();
    let holders = "SELECT process_id FROM _sync_holders";
    assert_eq!(sandbox.lines(holders), [killed.to_string()], "its line is left behind");

    // As one that has just begun, and has not said so yet.
    let lock = File::open(sandbox.path().join("mapiq.db-lock-users")).expect("the lock is there");
    lock.lock().expect("nobody else holds it");
    let told = sandbox.run(&["--run-now"]).expect_status(75).stderr;
    assert!(
        told.contains("error: users unfinished: another process is syncing this endpoint\n"),
        "{told}"
    );
    drop(lock);

    let next = sandbox.start(&["--run-now"]);
    wait_until("the next process is at work", || api.asked_for("/users").len() == 3);
    assert_eq!(sandbox.lines(holders), [next.pid().to_string()]);
    gate.open();
    next.wait().expect_status(0);
    assert_eq!(sandbox.lines(holders), [""; 0]);
    assert_eq!(sandbox.lines(STORED), whole(3));
}

#[test]
fn a_lock_that_is_only_looked_at_keeps_nobody_away() {
    let api = Api::serve(|asked| page(asked, 1));
    let sandbox = sandbox(&api, &endpoint("users", "/users", ""));
    sandbox.run(&["--run-now"]).expect_status(0);
    let lock = File::open(sandbox.path().join("mapiq.db-lock-users")).expect("the lock is there");
    lock.lock().expect("nobody else holds it");
    let run = sandbox.start(&["--run-now"]);
    // It begins an endpoint's run just before it looks at the lock.
    let begun = "SELECT count(*) FROM _sync_endpoint_runs";
    wait_until("the run comes to the lock", || sandbox.count(begun) == 2);
    drop(lock);
    run.wait().expect_status(0);
}

#[test]
fn two_jobs_of_one_process_sweep_an_endpoint_one_after_the_other() {
    let gate = Gate::new();
    let api = held_at_the_second_page(&gate);
    let sandbox = sandbox(&api, &endpoint("users", "/users", ""));
    add_job(&sandbox, "other", "* * * * * *", "\"users\"");
    let run = sandbox.start(&["--run-now"]);
    let says = "waits for job all, which is at work on it";
    wait_until("the second job waits", || {
        run.stderr().contains(says) && api.asked_for("/users").len() == 2
    });
    let open = "SELECT run_id FROM _sync_endpoint_runs WHERE finished_at IS NULL";
    assert_eq!(sandbox.lines(open), ["1", "2"], "who waits is not taken for interrupted");

    gate.open();
    let finished = run.wait().expect_status(0);
    assert_eq!(finished.stderr.matches(says).count(), 1, "{}", finished.stderr);
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 1, 2, 3], "each its own sweep");
    let runs = "SELECT r.job, e.result, e.rows_new, e.rows_unchanged FROM _sync_endpoint_runs AS e \
                JOIN _sync_runs AS r USING (run_id) ORDER BY run_id";
    assert_eq!(sandbox.lines(runs), ["all|ok|30|0", "other|ok|0|30"]);
    assert_eq!(sandbox.lines(STORED), whole(3));
}

#[test]
fn a_signal_ends_the_wait_for_another_job_at_once() {
    let gate = Gate::new();
    let api = held_at_the_second_page(&gate);
    let sandbox = sandbox(&api, &endpoint("users", "/users", ""));
    add_job(&sandbox, "other", "* * * * * *", "\"users\"");
    let run = sandbox.start(&["--run-now"]);
    wait_until("the second job waits", || {
        run.stderr().contains("waits for job all") && api.asked_for("/users").len() == 2
    });
    run.signal(Signal::TERM);
    // The first is in the middle of its page, which the gate holds: only who waits can end.
    let ended = "SELECT r.job, e.message FROM _sync_endpoint_runs AS e JOIN _sync_runs AS r USING (run_id) \
                 WHERE e.finished_at IS NOT NULL";
    wait_until("the wait has ended", || !sandbox.lines(ended).is_empty());
    assert_eq!(sandbox.lines(ended), ["other|stopped by a signal; the next run goes on"]);
    gate.open();
    run.wait().expect_status(75);
    assert_eq!(api.asked_for("/users").len(), 2);
}

#[test]
fn two_jobs_of_the_daemon_with_the_same_endpoints_never_wait_for_each_other() {
    let users = Gate::new();
    let rooms = Gate::new();
    let (held, other_held) = (Arc::clone(&users), Arc::clone(&rooms));
    let api = Api::serve(move |asked| {
        if asked.path == "/users" {
            held.pass();
        } else {
            other_held.pass();
        }
        page(asked, 1)
    });
    // One budget for all, so that the wait for a slot is held by some of them as well.
    let limit = "rate_limit = { requests = 5, per = \"2s\", group = \"one\" }";
    let endpoints = endpoint("users", "/users", limit) + &endpoint("rooms", "/rooms", limit);
    let sandbox = sandbox(&api, &endpoints);
    add_job(&sandbox, "reverse", "* * * * * *", "\"rooms\", \"users\"");
    let daemon = sandbox.start(&[]);
    // Each job has the other's next endpoint in hand or before it, whichever came first.
    for (endpoint, held) in [("users", &users), ("rooms", &rooms)] {
        let waits = format!("endpoint.name=\"{endpoint}\"");
        wait_until("one job waits for the other", || {
            let log = daemon.stderr();
            held.waiting_and_allowed().0 == 1
                && log.lines().any(|line| line.contains("waits for job") && line.contains(&waits))
        });
    }
    users.open();
    rooms.open();
    for job in ["all", "reverse"] {
        let done = format!("SELECT count(*) FROM _sync_runs WHERE job = '{job}' AND result = 'ok'");
        wait_until("both jobs come to their ends, again and again", || sandbox.count(&done) >= 3);
    }
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
}

#[test]
fn jobs_that_queue_share_one_budget() {
    let limit = "rate_limit = { requests = 2, per = \"1s\" }";
    let window = Window::new(2, Duration::from_secs(1));
    let counted = Arc::clone(&window);
    let api = Api::serve(move |asked| counted.answer(|| page(asked, 3)));
    let sandbox = sandbox(&api, &endpoint("users", "/users", limit));
    add_job(&sandbox, "other", "* * * * * *", "\"users\"");
    let began = now();
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(window.busiest(), 2, "no request was refused");
    assert!(began.elapsed() >= Duration::from_secs(2), "six requests at two a second");
    let refused = "SELECT count(*) FROM _sync_requests WHERE status = 429";
    assert_eq!(sandbox.count(refused), 0);
}
