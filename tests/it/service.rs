//! What tells how everything is doing, and what a person does to one endpoint by hand.

use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    listing::{endpoint, page, refusal},
    mounts::not_checked,
    support::{Answer, Api, Sandbox, wait_until},
};

/// An API whose users have two pages and whose rooms are refused for ten minutes, and a sandbox that has run once.
fn ran() -> (Api, Sandbox) {
    let api = Api::serve(|asked| match asked.path.as_str() {
        "/rooms" => refusal(600),
        _ => page(asked, 2),
    });
    let endpoints = endpoint("users", "/users", "rate_limit = { requests = 20, per = \"60s\" }")
        + &endpoint("rooms", "/rooms", "");
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__MAX_WAIT", "1s");
    sandbox.run(&["--run-now"]).expect_status(75);
    (api, sandbox)
}

/// What `status --json` tells, as its schema has it.
pub(crate) fn status(sandbox: &Sandbox) -> Value {
    let told = sandbox.run(&["status", "--json"]).expect_status(0).stdout;
    let told = serde_json::from_str(&told).expect("the status is JSON");
    let schema = include_str!("../../docs/schemas/status.json");
    let mut schema = serde_json::from_str(schema).expect("the schema is JSON");
    close(&mut schema);
    jsonschema::validate(&schema, &told).expect("it is as its schema says");
    told
}

/// Lets a schema allow of nothing that it does not name, though a later version may have more.
fn close(schema: &mut Value) {
    if let Value::Object(members) = schema {
        members.values_mut().for_each(close);
        if members.get("type") == Some(&"object".into()) {
            members.insert("additionalProperties".to_owned(), false.into());
        }
    }
}

#[test]
fn the_status_tells_what_is_fresh_what_is_paused_and_what_is_left_of_the_budget() {
    let (_api, sandbox) = ran();
    let status = status(&sandbox);
    let (users, rooms) = (&status["endpoints"][0], &status["endpoints"][1]);
    assert_eq!(users["endpoint"], "users");
    assert!(users["as_of"].is_string() && users["age_seconds"].as_i64() >= Some(0), "{users}");
    assert_eq!(users["last_run"]["result"], "ok");
    assert_eq!(users["last_run"]["rows_new"], 20);
    let sent = users["last_run"]["requests"].as_u64().expect("a number");
    assert_eq!(users["budget"]["left"].as_u64(), Some(20 - sent));
    assert_eq!(rooms["freshness"], "never");
    assert_eq!(rooms["last_run"]["result"], "paused");
    assert!(rooms["paused_until"].is_string(), "{rooms}");
    assert!(rooms["budget"]["left"].is_null(), "there is no limit");
    assert_eq!(status["jobs"][0]["last_run"]["trigger"], "run-now");
    assert!(status["jobs"][0]["next_run_at"].is_string());
    assert!(status["daemon"].is_null());

    let table = sandbox.run(&["status"]).expect_status(0).stdout;
    assert!(table.contains("rooms: not asked before"), "{table}");
    assert!(table.contains("mapiq-sync resume rooms"), "{table}");
}

#[test]
fn a_monitor_gets_one_line_and_the_status_of_a_plugin() {
    let (_api, sandbox) = ran();
    let never = sandbox.run(&["status", "--monitor", "--warning", "1h"]).expect_status(3).stdout;
    assert!(never.starts_with("MAPIQ-SYNC UNKNOWN - rooms was never read to its end ("), "{never}");
    assert_eq!(never.lines().count(), 1, "{never}");
    sandbox.execute("UPDATE _sync_sweeps SET result = 'complete', finished_at = started_at");
    let fresh = sandbox.run(&["status", "--monitor", "--warning", "1h"]).expect_status(0).stdout;
    assert!(fresh.starts_with("MAPIQ-SYNC OK - 2 endpoints are fresh"), "{fresh}");
    assert!(fresh.contains("s;3600;7200;0"), "{fresh}");
    let stale = |hours: u32| {
        sandbox.execute(&format!(
            "UPDATE _sync_sweeps SET started_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{hours} hours')"
        ));
    };
    stale(3);
    let args = ["status", "--monitor", "--warning", "2h", "--critical", "4h"];
    let warning = sandbox.run(&args).expect_status(1).stdout;
    assert!(warning.starts_with("MAPIQ-SYNC WARNING - "), "{warning}");
    stale(5);
    let critical = sandbox.run(&args).expect_status(2).stdout;
    assert!(critical.contains("users is of 5h00m ago"), "{critical}");

    let nothing = Sandbox::new().run(&["status", "--monitor"]).expect_status(3);
    assert!(
        nothing.stdout.starts_with("MAPIQ-SYNC UNKNOWN - the configuration"),
        "{}",
        nothing.stdout
    );
}

#[test]
fn the_status_tells_of_the_daemon_while_it_lives() {
    let (_api, sandbox) = ran();
    let daemon = sandbox.start(&[]);
    wait_until("the daemon is told of", || !status(&sandbox)["daemon"].is_null());
    let told = status(&sandbox);
    assert_eq!(told["daemon"]["process_id"].as_u64(), Some(daemon.pid().into()));
    daemon.signal(Signal::TERM);
    daemon.wait();
    assert!(status(&sandbox)["daemon"].is_null());
}

#[test]
fn past_runs_are_listed_and_filtered() {
    let (_api, sandbox) = ran();
    sandbox.run(&["--run-now"]).expect_status(75);
    let lines = |arguments: &[&str]| {
        let told = sandbox.run(arguments).expect_status(0).stdout;
        let line = |line: &str| serde_json::from_str::<Value>(line).expect("a line is JSON");
        told.lines().map(line).collect::<Vec<_>>()
    };
    let all = lines(&["runs", "--json"]);
    let run = |line: &Value| line["run_id"].as_i64();
    assert_eq!(all.iter().map(run).collect::<Vec<_>>(), [Some(2), Some(2), Some(1), Some(1)]);
    assert_eq!(lines(&["runs", "--json", "--limit", "1"]).len(), 1);
    let ok = lines(&["runs", "--json", "--result", "ok"]);
    assert!(ok.len() == 2 && ok.iter().all(|line| line["endpoint"] == "users"), "{ok:?}");
    assert_eq!(lines(&["runs", "--json", "--endpoint", "rooms", "--job", "all"]).len(), 2);
    assert_eq!(lines(&["runs", "--json", "--result", "failed"]).len(), 0);
    let table = sandbox.run(&["runs"]).expect_status(0).stdout;
    assert!(table.contains("the rate limit asks for a wait until"), "{table}");
    sandbox.run(&["runs", "--endpoint", "nobody"]).expect_status(2);
}

#[test]
fn a_pause_is_cleared_by_hand() {
    let (_api, sandbox) = ran();
    let told = sandbox.run(&["resume", "rooms"]).expect_status(0).stdout;
    assert!(told.contains("cleared the pause of `/rooms`, until "), "{told}");
    assert!(told.contains("mapiq-sync --run-now --job all"), "{told}");
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_pauses"), 0);
    let told = sandbox.run(&["resume", "rooms"]).expect_status(0).stdout;
    assert_eq!(told.trim_end(), "no pause holds for rooms");
    sandbox.run(&["resume", "nobody"]).expect_status(2);
}

#[test]
fn a_table_with_another_key_is_put_aside_and_made_anew() {
    let (_api, sandbox) = ran();
    sandbox.execute("CREATE INDEX mine ON users (name)");
    let config = fs::read_to_string(sandbox.path().join("config.toml")).expect("it is there");
    sandbox.write("config.toml", &config.replacen("key = [\"id\"]", "key = [\"name\"]", 1));
    let refused = sandbox.run(&["--run-now"]).expect_status(1);
    assert!(refused.stderr.contains("mapiq-sync rebuild users"), "{}", refused.stderr);

    sandbox.run(&["rebuild", "users"]).expect_status(2);
    let told = sandbox.run(&["rebuild", "users", "--yes"]).expect_status(0).stdout;
    assert!(told.starts_with("users: its 20 rows are kept in the table `_old_users_"), "{told}");
    let kept = sandbox
        .lines("SELECT name FROM sqlite_schema WHERE name GLOB '_old_users_*' AND type = 'table'");
    assert_eq!(kept.len(), 1);
    assert_eq!(sandbox.count(&format!("SELECT count(*) FROM {}", kept[0])), 20);
    let index = "SELECT tbl_name FROM sqlite_schema WHERE name = 'mine'";
    assert_eq!(sandbox.lines(index), kept, "the user's index went along");
    assert_eq!(status(&sandbox)["endpoints"][0]["freshness"], "never");

    sandbox.run(&["--run-now"]).expect_status(75);
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), 20);
    assert_eq!(sandbox.lines("SELECT name FROM pragma_table_info('users') WHERE pk = 1"), ["name"]);
    let told = sandbox.run(&["rebuild", "users", "--yes"]).expect_status(0).stdout;
    assert!(told.contains("_2`"), "a second one of the same day has a name of its own: {told}");
    let told = sandbox.run(&["rebuild", "users", "--yes"]).expect_status(0).stdout;
    assert_eq!(told.trim_end(), "users: there is no table yet, the next run makes it");
}

#[test]
fn what_is_not_there_yet_is_told() {
    let api = Api::serve(|_| Answer::status(500, ""));
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    for command in ["status", "runs"] {
        sandbox.run(&[command]).expect_status(74).expect_stderr("yet: the first run makes it");
    }
    assert!(!sandbox.database().exists(), "who only looks makes none");
}

#[test]
fn what_root_makes_in_the_folder_of_a_service_belongs_to_the_service() {
    const SERVICE: u32 = 61_234;
    if !rustix::process::geteuid().is_root() {
        not_checked("since only root gives files away: files that root makes for a service");
        return;
    }
    let api = Api::serve(|asked| page(asked, 1));
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    let folder = sandbox.path().join("state");
    fs::create_dir(&folder).expect("the folder is writable");
    chown(&folder, Some(SERVICE), Some(SERVICE)).expect("root gives a folder away");
    sandbox.set("MAPIQ_SYNC__DATABASE__PATH", "state/mapiq.db");
    let database = folder.join("mapiq.db");

    sandbox.run(&["--run-now"]).expect_status(0);
    let files = fs::read_dir(&folder).expect("the folder is readable").map(|file| {
        let file = file.expect("the folder is readable");
        let found = file.metadata().expect("the file is there");
        (file.file_name(), found.uid(), found.gid())
    });
    let files: Vec<_> = files.collect();
    assert!(database.exists() && files.len() > 2, "{files:?}");
    assert!(
        files.iter().all(|(_, user, group)| (*user, *group) == (SERVICE, SERVICE)),
        "{files:?}"
    );
}
