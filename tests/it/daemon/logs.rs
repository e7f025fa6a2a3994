//! What it logs, and where it looks for what it needs.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::process::Signal;
use serde_json::Value;

use super::{USERS, one_user, started, wait_for_log, wait_for_runs};
use crate::{
    listing::refusal,
    support::{Answer, Api, Sandbox, token, wait_until},
};

/// The daemon's log of two runs or more, with the number of runs.
fn logged(rust_log: Option<&str>, arguments: &[&str]) -> (String, usize) {
    let api = Api::serve_all(|asked| match asked.path.as_str() {
        "/token" => token("t0ken-of-the-test", 3600),
        _ => Answer::json(r#"[{"id":1,"name":"Lovelace"}]"#),
    });
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    if let Some(filter) = rust_log {
        sandbox.set("RUST_LOG", filter);
    }
    let daemon = sandbox.start(arguments);
    wait_until("two pages are asked for", || api.asked_for("/v2/users").len() >= 2);
    wait_for_runs(&sandbox, 2, "ok");
    daemon.signal(Signal::TERM);
    let finished = daemon.wait().expect_status(0);
    assert_eq!(finished.stdout, "");
    let runs = sandbox.count("SELECT count(*) FROM _sync_runs");
    (finished.stderr, usize::try_from(runs).expect("a count is not negative"))
}

#[test]
fn a_run_is_one_line_between_the_start_and_the_stop() {
    let (log, runs) = logged(None, &[]);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[TIME]");
    settings.add_filter(r"duration_ms=\d+", "duration_ms=[MS]");
    settings.add_filter(r"version=\S+", "version=[VERSION]");
    let lines: Vec<&str> = log.lines().collect();
    let story =
        [lines.first(), lines.get(1), lines.get(2), lines.iter().rev().nth(1), lines.last()];
    let story: Vec<&str> = story.into_iter().flatten().copied().collect();
    settings.bind(|| insta::assert_snapshot!(story.join("\n"), @r#"
    [TIME]  INFO mapiq_sync::app::serve: ready: the jobs run on their schedules version=[VERSION] jobs=1
    [TIME]  INFO mapiq_sync::app::logging: run done job.name="all" run.id=1 trigger="schedule" result="ok" pages=1 rows.new=1 rows.changed=0 rows.unchanged=0 rows.deleted=0 rejected=0 requests=1 duration_ms=[MS]
    [TIME]  INFO mapiq_sync::app::logging: run done job.name="all" run.id=2 trigger="schedule" result="ok" pages=1 rows.new=0 rows.changed=0 rows.unchanged=1 rows.deleted=0 rejected=0 requests=1 duration_ms=[MS]
    [TIME]  INFO mapiq_sync::daemon::signals: asked to stop: finishing what is in hand signal="SIGTERM"
    [TIME]  INFO mapiq_sync::app::serve: stopping: the pages in hand are finished runs=0
    "#));
    assert_eq!(lines.len(), runs + 3, "{log}");
}

#[test]
fn json_is_one_object_a_line_with_numbers_as_numbers() {
    let (log, runs) = logged(None, &["--log-format", "json"]);
    let events: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let runs_logged: Vec<&Value> =
        events.iter().filter(|event| event["message"] == "run done").collect();
    assert_eq!(runs_logged.len(), runs);
    let first = runs_logged.first().expect("at least two runs were waited for");
    assert_eq!(first["level"], "INFO");
    assert_eq!(first["job.name"], "all");
    assert_eq!(first["result"], "ok");
    let numbers = [
        ("run.id", 1),
        ("pages", 1),
        ("rows.new", 1),
        ("rows.changed", 0),
        ("rows.unchanged", 0),
        ("rows.deleted", 0),
        ("rejected", 0),
        ("requests", 1),
    ];
    for (name, number) in numbers {
        assert_eq!(first[name], number, "{name} in {first}");
    }
    assert!(first["duration_ms"].is_u64(), "{first}");
}

#[test]
fn rust_log_is_honoured() {
    assert_eq!(logged(Some("off"), &[]).0, "");
    assert!(logged(Some("mapiq_sync=debug"), &[]).0.contains("page stored"));
}

#[test]
fn neither_secret_nor_token_nor_record_is_in_the_log_at_its_most_talkative() {
    const ALL: &str = "trace,hyper=trace,hyper_util=trace,h2=trace,reqwest=trace,rustls=trace,sqlx=trace,tokio_cron_scheduler=trace";
    for format in ["text", "json"] {
        let (log, _) = logged(Some(ALL), &["--log-format", format]);
        for library in ["reqwest", "hyper", "mapiq_sync"] {
            assert!(log.contains(library), "{library} would tell if there was something to tell");
        }
        assert_tells_nothing(&log);
    }
    let log = interactive(ALL);
    assert!(log.contains("hyper"), "the libraries are heard");
    assert_tells_nothing(&log);
}

#[track_caller]
fn assert_tells_nothing(log: &str) {
    for secret in ["hunter2", "t0ken", "Lovelace"] {
        let told: Vec<&str> = log.lines().filter(|line| line.contains(secret)).collect();
        assert_eq!(told, [""; 0], "{secret}");
    }
}

/// What a run by hand prints to stderr, where one endpoint's limit refuses once, one fails, and one record has no key.
fn interactive(rust_log: &str) -> String {
    let refused = AtomicBool::new(false);
    let api = Api::serve_all(move |asked| match asked.path.as_str() {
        "/token" => token("t0ken-of-the-test", 3600),
        "/v2/users" if !refused.swap(true, Ordering::SeqCst) => refusal(1),
        "/v2/rooms" => Answer::status(500, "[{\"name\":\"not told\"}]"),
        _ => Answer::json(r#"[{"id":1,"name":"Lovelace"},{"id":null,"name":"Lovelace"}]"#),
    });
    let rooms = USERS.replace("users", "rooms");
    let mut sandbox = Sandbox::with_api(&api.url(), &format!("{USERS}{rooms}"));
    sandbox.set("RUST_LOG", rust_log);
    sandbox.run(&["--run-now", "--log-format", "json"]).expect_status(1).stderr
}

#[test]
fn what_is_logged_of_an_endpoint_says_in_which_run_of_which_job() {
    let api = Api::serve(|_| Answer::status(400, "{}"));
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let manager = super::ServiceManager::of(&mut sandbox);
    let daemon = sandbox.start(&["--log-format", "json"]);
    manager.wait_for("READY=1");
    wait_for_runs(&sandbox, 1, "failed");
    daemon.signal(Signal::TERM);
    let log = daemon.wait().expect_status(0).stderr;
    let runs = sandbox.count("SELECT count(*) FROM _sync_runs");

    let events: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let errors: Vec<&Value> = events.iter().filter(|event| event["level"] == "ERROR").collect();
    assert_eq!(i64::try_from(errors.len()), Ok(runs), "a failure is logged once:\n{log}");
    let error = errors.first().expect("a run has failed");
    assert_eq!(error["message"], "endpoint failed");
    assert_eq!(error["endpoint.name"], "users");
    let run = serde_json::json!({ "name": "run", "run.id": 1, "job.name": "all" });
    let endpoint = serde_json::json!({ "name": "endpoint", "endpoint.name": "users" });
    assert_eq!(error["spans"], serde_json::json!([run, endpoint]));
}

#[test]
fn every_event_of_a_troubled_run_has_fields_with_units() {
    let log = logged_trouble();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[TIME]");
    settings.add_filter(r"until [0-9:]+ UTC", "until [TIME] UTC");
    settings.add_filter(r"duration_ms=\d+", "duration_ms=[MS]");
    let story: Vec<&str> = log.lines().filter(|line| line.contains("app::logging")).collect();
    settings.bind(|| insta::assert_snapshot!(story.join("\n"), @r#"
    [TIME]  WARN run{run.id=1 job.name="all"}:endpoint{endpoint.name="users"}: mapiq_sync::app::logging: the API refuses by its rate limit endpoint.name="users" limit.group="/v2/users" problem="HTTP 429 Too Many Requests: Rate limit is exceeded. Try again in 59 seconds" pause_ms=60000 refusals=1
    [TIME]  WARN run{run.id=1 job.name="all"}:endpoint{endpoint.name="users"}: mapiq_sync::app::logging: endpoint paused: the rate limit asks for a wait until [TIME] UTC (1 min), longer than `rate_limit.max_wait`; the next run goes on endpoint.name="users" pages=1 limit.not_before="[TIME]"
    [TIME]  WARN run{run.id=1 job.name="all"}:endpoint{endpoint.name="users"}: mapiq_sync::app::logging: records cannot be stored: see _sync_rejects endpoint.name="users" records=1
    [TIME]  INFO mapiq_sync::app::logging: run done job.name="all" run.id=1 trigger="schedule" result="paused" pages=1 rows.new=1 rows.changed=0 rows.unchanged=0 rows.deleted=0 rejected=1 requests=2 duration_ms=[MS]
    "#));
}

/// The log of a daemon's only run: an endpoint is paused by its limit, and has had a record without a key before.
fn logged_trouble() -> String {
    let api = Api::serve(|asked| match asked.number("page") {
        1 => Answer::json(r#"{"items":[{"id":1},{"id":null}],"total":4}"#),
        _ => refusal(59),
    });
    let paged = format!(
        "{USERS}records = \"items\"\ntotal = \"total\"\npagination = {{ style = \"page\" }}\n"
    );
    let mut sandbox = Sandbox::with_api(&api.url(), &paged);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "1s");
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_log(&daemon, "run done");
    // Its ticks would begin it anew, and be refused without asking.
    daemon.signal(Signal::TERM);
    let log = daemon.wait().expect_status(0).stderr;
    let first: Vec<&str> = log.lines().take_while(|line| !line.contains("run.id=2")).collect();
    first.join("\n")
}

#[test]
fn it_finds_everything_where_the_service_manager_puts_it() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let folder = |name: &str| {
        let folder = sandbox.path().join(name);
        fs::create_dir(&folder).expect("a folder can be made in the test's folder");
        folder
    };
    let (etc, state, credentials) = (folder("etc"), folder("state"), folder("credentials"));
    fs::rename(sandbox.path().join("config.toml"), etc.join("sync.toml"))
        .expect("the configuration can be moved");
    sandbox.write("credentials/client_id", "the-client\n");
    sandbox.write("credentials/client_secret", "the-secret\n");
    for name in ["MAPIQ_CLIENT_ID", "MAPIQ_CLIENT_SECRET"] {
        sandbox.unset(name);
    }
    for (name, path) in [
        ("MAPIQ_SYNC_CONFIG", etc.join("sync.toml")),
        ("STATE_DIRECTORY", state.clone()),
        ("CREDENTIALS_DIRECTORY", credentials),
    ] {
        sandbox.set(name, path.to_str().expect("the test's folder has a plain name"));
    }
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_log(&daemon, "run done");
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);

    let form = api.asked_for("/token").first().map(|asked| asked.body.clone()).unwrap_or_default();
    assert!(form.contains("client_id=the-client&client_secret=the-secret"), "{form}");
    assert!(state.join("mapiq.db").exists());
    assert!(!sandbox.database().exists());
}

#[test]
fn new_fields_are_one_warning_a_run() {
    let api = Api::serve_all({
        let asked = AtomicBool::new(false);
        move |request| match request.path.as_str() {
            "/token" => token("t0ken-of-the-test", 3600),
            _ if !asked.swap(true, Ordering::Relaxed) => Answer::json(r#"[{"id":1}]"#),
            _ => Answer::json(r#"[{"id":1,"name":"Lovelace","floor":1}]"#),
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    let daemon = sandbox.start(&[]);
    wait_until("three pages are asked for", || api.asked_for("/v2/users").len() >= 3);
    wait_for_runs(&sandbox, 3, "ok");
    daemon.signal(Signal::TERM);
    let log = daemon.wait().expect_status(0).stderr;
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(
        warnings[0].ends_with(
            "the shape of the records has changed: see _sync_schema_changes endpoint.name=\"users\" fields=\"new field `name`; new field `floor`\""
        ),
        "{log}"
    );
    assert!(!log.contains("Lovelace"), "{log}");
}
