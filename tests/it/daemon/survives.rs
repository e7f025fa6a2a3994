//! What must not end it.

use std::{
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use mapiq_sync::{
    app::App,
    config::{self, Environment},
    store::Trigger,
    sync::{Ending, EndpointError, Event},
};
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use super::{ServiceManager, USERS, one_user, started, wait_for_log, wait_for_runs};
use crate::{
    listing::Gate,
    support::{Answer, Api, Sandbox, token, wait_until},
};

#[test]
fn a_service_that_cannot_be_reached_at_the_start_is_synced_once_it_can_be() {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve_all(move |asked| {
        if asked.path == "/token" {
            held.pass();
            return token("token", 3600);
        }
        one_user()
    });
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "1s");
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_log(&daemon, "no access token yet: the first run tries again");
    wait_for_runs(&sandbox, 1, "failed");
    gate.open();
    wait_for_runs(&sandbox, 1, "ok");
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
}

#[test]
fn a_refused_connection_at_the_start_does_not_end_it() {
    // Nothing listens on port 1.
    let mut sandbox = Sandbox::with_api("http://127.0.0.1:1", USERS);
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 1, "failed");
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0).expect_stderr("the service could not be reached");
}

#[test]
fn credentials_that_are_refused_later_fail_the_run_and_the_next_one_tries_again() {
    let refused = Arc::new(AtomicBool::new(false));
    let is_refused = Arc::clone(&refused);
    let api = Api::serve_all(move |asked| match asked.path.as_str() {
        "/token" if is_refused.load(Ordering::SeqCst) => {
            Answer::status(401, r#"{"error":"invalid_client","error_description":"expired"}"#)
        }
        "/token" => token("token", 1),
        _ => one_user(),
    });
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 1, "ok");
    refused.store(true, Ordering::SeqCst);
    wait_for_runs(&sandbox, 2, "failed");
    refused.store(false, Ordering::SeqCst);
    let later = "SELECT count(*) FROM _sync_runs WHERE result = 'ok' AND run_id > \
                 (SELECT max(run_id) FROM _sync_runs WHERE result = 'failed')";
    wait_until("a later run is ok", || sandbox.count(later) > 0);
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0).expect_stderr("invalid_client: expired");
}

#[test]
fn a_database_that_cannot_be_written_for_a_while_fails_the_runs_alone() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 1, "ok");
    let other = rusqlite::Connection::open(sandbox.database()).expect("the database can be opened");
    let rename = |from: &str, to: &str| {
        other
            .execute_batch(&format!("ALTER TABLE {from} RENAME TO {to}"))
            .expect("a table can be renamed");
    };
    rename("_sync_runs", "hidden");
    wait_for_log(&daemon, "the run cannot start job.name=\"all\"");
    rename("hidden", "_sync_runs");
    let runs = sandbox.count("SELECT max(run_id) FROM _sync_runs");
    wait_until("another run is recorded", || {
        sandbox.count("SELECT max(run_id) FROM _sync_runs WHERE result = 'ok'") > runs
    });
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
}

/// A child that is killed with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("a child can be killed");
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_does_not_end_it() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let manager = ServiceManager::of(&mut sandbox);
    let child = sandbox.command(&[]).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut daemon = Killed(child);
    manager.wait_for("READY=1");
    drop(daemon.0.stderr.take());
    wait_for_runs(&sandbox, 2, "ok");
    let pid = rustix::process::Pid::from_child(&daemon.0);
    rustix::process::kill_process(pid, Signal::TERM).expect("a child can be signalled");
    let status = daemon.0.wait().expect("a child can be waited for");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_fault_of_the_program_in_one_endpoint_leaves_the_others_alone() {
    let api = Api::serve(|_| one_user());
    let rooms = USERS.replace("users", "rooms");
    let sandbox = Sandbox::with_api(&api.url(), &format!("{USERS}{rooms}"));
    let credentials = [("MAPIQ_CLIENT_ID", "client"), ("MAPIQ_CLIENT_SECRET", "secret")];
    let environment: Environment = credentials
        .into_iter()
        .chain([("STATE_DIRECTORY", sandbox.path().to_str().expect("a plain name"))])
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let config = config::load(&sandbox.path().join("config.toml"), &environment)
        .expect("the sandbox's configuration is a good one");
    let jobs = config.sync.jobs.clone();
    // The only code of somebody else's that an endpoint's run calls.
    let watcher = Arc::new(|event: &Event<'_>| {
        assert!(!matches!(event, Event::PageStored { endpoint: "users", .. }), "a fault");
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let reports = runtime.block_on(async {
        let app = App::build(config, watcher).await.expect("the program can be put together");
        let reports = app.run_once(&jobs, Trigger::RunNow, &CancellationToken::new()).await;
        app.close().await.expect("the database can be closed");
        reports.expect("the run's start can be recorded")
    });

    let endings: Vec<&Ending> =
        reports.iter().flat_map(|report| &report.endpoints).map(|report| &report.ending).collect();
    assert!(
        matches!(endings.as_slice(), [Ending::Failed(EndpointError::Panic(message)), Ending::Ok] if message == "a fault"),
        "{endings:?}"
    );
    assert_eq!(
        sandbox.lines("SELECT endpoint, result FROM _sync_endpoint_runs ORDER BY endpoint"),
        ["rooms|ok", "users|failed"]
    );
    assert_eq!(sandbox.lines("SELECT result FROM _sync_runs"), ["failed"]);
    // The page was stored before the fault: nothing of it is lost.
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 1);
}
