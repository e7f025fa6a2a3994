//! Who is told of what needs a person, and how often: through the real binary, to a real receiver and a real command.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    listing::{Gate, endpoint, page},
    service,
    support::{Answer, Api, Asked, Running, Sandbox, token, wait_until},
};

/// An API whose endpoints fail by name, and a receiver of alerts.
struct World {
    api: Api,
    receiver: Api,
    /// Paths that are not found.
    missing: Arc<Mutex<Vec<&'static str>>>,
    /// Whether the secret is refused.
    refuses: Arc<AtomicBool>,
    /// What the receiver answers.
    answers: Arc<AtomicU16>,
    sandbox: Sandbox,
}

impl World {
    fn new() -> Self {
        let missing = Arc::new(Mutex::new(Vec::new()));
        let refuses = Arc::new(AtomicBool::new(false));
        let answers = Arc::new(AtomicU16::new(200));
        let (gone, wrong, status) = (missing.clone(), refuses.clone(), answers.clone());
        let api = Api::serve_all(move |asked| match asked.path.as_str() {
            "/token" if wrong.load(Ordering::SeqCst) => {
                Answer::status(401, r#"{"error":"invalid_client"}"#)
            }
            "/token" => token("a-token", 3600),
            path if lock(&gone).contains(&path) => Answer::status(404, "{}"),
            _ => page(asked, 1),
        });
        let receiver = Api::serve_all(move |_| Answer::status(status.load(Ordering::SeqCst), ""));
        // The job is due every second, and data is stale after three times else.
        let of = |name, path| endpoint(name, path, "stale_after = \"1h\"");
        let endpoints = of("users", "/users") + &of("rooms", "/rooms");
        let sandbox = Sandbox::with_api(&api.url(), &endpoints);
        let world = Self { api, receiver, missing, refuses, answers, sandbox };
        world.configure(&format!("[alerts]\nwebhook = \"{}/hook/s3cret\"\n", world.receiver.url()));
        world
    }

    /// Adds to the configuration.
    fn configure(&self, text: &str) {
        let path = self.sandbox.path().join("config.toml");
        let before = fs::read_to_string(&path).expect("it is there");
        fs::write(path, before + text).expect("the folder is writable");
    }

    fn lose(&self, paths: &[&'static str]) {
        *lock(&self.missing) = paths.to_vec();
    }

    /// What the receiver got: event, kind and endpoint of each.
    fn told(&self) -> Vec<String> {
        self.receiver.asked().iter().map(summary).collect()
    }

    fn wait_for(&self, told: &[&str]) {
        wait_until(&format!("{told:?} is told"), || self.told() == told);
    }

    /// Waits until the API was asked for so many pages more.
    fn wait_for_pages(&self, path: &str, more: usize) {
        let before = self.api.asked_for(path).len();
        wait_until("more pages are asked for", || self.api.asked_for(path).len() >= before + more);
    }

    fn stop(daemon: Running) -> String {
        daemon.signal(Signal::TERM);
        daemon.wait().expect_status(0).stderr
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().expect("no test panics while it holds this")
}

fn summary(asked: &Asked) -> String {
    let alert = alert(&asked.body);
    let text = |name: &str| alert[name].as_str().unwrap_or("-").to_owned();
    format!("{} {} {}", text("event"), text("kind"), text("endpoint"))
}

/// An alert, as its schema has it.
fn alert(body: &str) -> Value {
    let schema = include_str!("../../docs/schemas/alert.json");
    let schema = serde_json::from_str(schema).expect("the schema is JSON");
    let alert = serde_json::from_str(body).expect("an alert is JSON");
    jsonschema::validate(&schema, &alert).expect("an alert is as its schema says");
    alert
}

#[test]
fn a_failure_is_told_once_over_many_runs_a_kill_and_a_single_run_and_so_is_the_recovery() {
    let world = World::new();
    world.lose(&["/users"]);
    let daemon = world.sandbox.start(&[]);
    world.wait_for(&["began failed users"]);
    world.wait_for_pages("/users", 2);
    daemon.signal(Signal::KILL);
    daemon.wait();
    world.sandbox.run(&["--run-now"]).expect_status(1);
    let daemon = world.sandbox.start(&[]);
    world.wait_for_pages("/users", 2);
    assert_eq!(world.told(), ["began failed users"]);
    world.lose(&[]);
    world.wait_for(&["began failed users", "ended failed users"]);
    world.wait_for_pages("/users", 1);
    let log = World::stop(daemon);
    assert_eq!(world.told().len(), 2);

    let asked = world.receiver.asked();
    let began = alert(&asked.first().expect("one was told").body);
    let text = began["text"].as_str().expect("a text");
    assert!(text.contains("users failed: ") && text.contains("404"), "{text}");
    assert_eq!(asked.first().map(|asked| asked.path.as_str()), Some("/hook/s3cret"));
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn a_single_run_tells_too_and_its_status_stays() {
    let world = World::new();
    world.lose(&["/rooms"]);
    world.sandbox.run(&["--run-now"]).expect_status(1);
    world.lose(&[]);
    world.sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(world.told(), ["began failed rooms", "ended failed rooms"]);
}

#[test]
fn a_receiver_that_fails_harms_nothing_and_is_told_later() {
    let world = World::new();
    world.answers.store(500, Ordering::SeqCst);
    world.lose(&["/users"]);
    let run = world.sandbox.run(&["--run-now"]).expect_status(1);
    let run = run.expect_stderr("nobody was told of an alert");
    assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    world.answers.store(204, Ordering::SeqCst);
    world.sandbox.run(&["--run-now"]).expect_status(1);
    world.sandbox.run(&["--run-now"]).expect_status(1);
    // The first of these it has refused.
    assert_eq!(world.told(), ["began failed users", "began failed users"]);
}

#[test]
fn a_receiver_that_hangs_holds_up_neither_the_runs_nor_the_stop() {
    let world = World::new();
    let gate = Gate::new();
    let held = gate.clone();
    let hanging = Api::serve_all(move |_| {
        held.pass();
        Answer::status(200, "")
    });
    let config = world.sandbox.path().join("config.toml");
    let text = fs::read_to_string(&config).expect("it is there");
    fs::write(&config, text.replace(&world.receiver.url(), &hanging.url())).expect("writable");
    world.lose(&["/users"]);
    let daemon = world.sandbox.start(&[]);
    wait_until("the receiver is asked", || !hanging.asked().is_empty());
    world.wait_for_pages("/rooms", 2);
    World::stop(daemon);
    // Asked once more at the stop, at most, for what was heard since.
    let times = hanging.asked().len();
    gate.open();
    assert!(times <= 2, "{times}");
}

#[test]
fn refused_credentials_are_one_alert_and_so_is_a_service_that_is_away() {
    let world = World::new();
    world.refuses.store(true, Ordering::SeqCst);
    for arguments in [&[][..], &["--run-now"], &[]] {
        world.sandbox.run(arguments).expect_status(77);
    }
    assert_eq!(world.told(), ["began credentials -"]);
    world.refuses.store(false, Ordering::SeqCst);
    world.sandbox.run(&["--run-now"]).expect_status(0);
    let told = ["began credentials -", "ended credentials -"];
    assert_eq!(world.told(), told);

    let mut world = world;
    world.sandbox.set("MAPIQ_SYNC__API__BASE_URL", "http://127.0.0.1:1");
    world.sandbox.run(&["--run-now"]).expect_status(69);
    world.sandbox.run(&["--run-now"]).expect_status(69);
    world.sandbox.unset("MAPIQ_SYNC__API__BASE_URL");
    world.sandbox.run(&["--run-now"]).expect_status(0);
    let told = [&told[..], &["began unreachable -", "ended unreachable -"]].concat();
    assert_eq!(world.told(), told);
}

#[test]
fn data_that_gets_old_is_told_once_and_that_it_is_fresh_again() {
    let world = World::new();
    world.sandbox.run(&["--run-now", "--job", "all"]).expect_status(0);
    assert_eq!(world.told(), [""; 0]);
    let hours_ago = "UPDATE _sync_sweeps SET started_at = '2020-01-01T00:00:00.000Z', \
                     finished_at = '2020-01-01T00:00:01.000Z' WHERE endpoint = 'users'";
    world.sandbox.execute(hours_ago);
    world.lose(&["/users"]);
    world.sandbox.run(&["--run-now"]).expect_status(1);
    world.sandbox.run(&["--run-now"]).expect_status(1);
    assert_eq!(world.told(), ["began failed users", "began stale users"]);
    world.lose(&[]);
    world.sandbox.run(&["--run-now"]).expect_status(0);
    let mut told = world.told().split_off(2);
    told.sort();
    assert_eq!(told, ["ended failed users", "ended stale users"]);
}

#[test]
fn a_database_that_cannot_be_used_is_told_once_though_nothing_can_be_stored_in_it() {
    let world = World::new();
    world.sandbox.run(&["--run-now"]).expect_status(0);
    fs::write(world.sandbox.database(), "no database at all").expect("it can be written to");
    for arguments in [&["--run-now"][..], &[], &[]] {
        world.sandbox.run(arguments).expect_status(74);
    }
    assert_eq!(world.told(), ["began database -"]);
    // Put aside with all that has its name, as the runbook has it.
    let aside = world.sandbox.path().join("damaged");
    fs::create_dir(&aside).expect("the folder is writable");
    for entry in fs::read_dir(world.sandbox.path()).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        if entry.file_name().to_string_lossy().starts_with("mapiq.db") {
            fs::rename(entry.path(), aside.join(entry.file_name())).expect("it is ours");
        }
    }
    world.sandbox.run(&["--run-now"]).expect_status(0);
    world.sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(world.told(), ["began database -", "ended database -"]);
}

#[test]
fn the_status_has_what_holds_until_it_is_over_whoever_is_told() {
    let world = World::new();
    let status = || world.sandbox.run(&["status"]).expect_status(0).stdout;
    let alerts = || service::status(&world.sandbox)["alerts"].clone();
    world.lose(&["/users"]);
    world.answers.store(500, Ordering::SeqCst);
    world.sandbox.run(&["--run-now"]).expect_status(1);
    assert!(status().contains("UTC, nobody told"), "{}", status());
    world.answers.store(200, Ordering::SeqCst);
    world.sandbox.run(&["--run-now"]).expect_status(1);
    let shown = status();
    assert!(shown.contains("\nalert: failed (users) since "), "{shown}");
    assert!(shown.contains("UTC, webhook told at "), "{shown}");
    let alert = &alerts()[0];
    assert_eq!((&alert["kind"], &alert["endpoint"]), (&"failed".into(), &"users".into()));
    assert!(alert["message"].as_str().is_some_and(|text| text.contains("404")), "{alert}");
    assert!(alert["webhook_told_at"].is_string() && alert["command_told_at"].is_null(), "{alert}");

    world.lose(&[]);
    world.sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(alerts(), Value::Array(Vec::new()));
    assert!(!status().contains("alert"), "{}", status());

    world.refuses.store(true, Ordering::SeqCst);
    world.sandbox.run(&[]).expect_status(77);
    let shown = status();
    assert!(
        shown.contains("\nalert: credentials since ") && shown.contains("invalid_client"),
        "{shown}"
    );
    world.refuses.store(false, Ordering::SeqCst);

    // It is as true where nobody is told of it any more.
    world.lose(&["/users"]);
    world.sandbox.run(&["--run-now"]).expect_status(1);
    let config = world.sandbox.path().join("config.toml");
    let text = fs::read_to_string(&config).expect("it is there");
    let (without, _) = text.split_once("[alerts]").expect("there are some");
    fs::write(&config, without).expect("the folder is writable");
    world.lose(&["/rooms"]);
    world.sandbox.run(&["--run-now"]).expect_status(1);
    let shown = status();
    assert!(!shown.contains("alert: failed (users)"), "{shown}");
    assert!(shown.contains("alert: failed (rooms) since ") && shown.contains("UTC, nobody told"));
}

#[test]
fn a_command_gets_the_alert_and_no_secret_and_is_ended_with_all_that_it_has_started() {
    let world = World::new();
    let script = world.sandbox.path().join("tell");
    let text = "#!/bin/sh\ncat >>\"$1\"; echo >>\"$1\"; env >>\"$1.environment\"\n\
                if [ -e \"$1.hang\" ]; then sleep 600 & wait; fi\n\
                [ ! -e \"$1.fail\" ] || { echo first >&2; echo no mail today >&2; exit 3; }\n";
    fs::write(&script, text).expect("the folder is writable");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let told = world.sandbox.path().join("told");
    world.configure(&format!(
        "command = [\"{}\", \"{}\"]\ntimeout = \"1s\"\n",
        script.display(),
        told.display()
    ));
    let beside = |suffix: &str| world.sandbox.path().join(format!("told{suffix}"));
    let alerts = || {
        let text = fs::read_to_string(&told).unwrap_or_default();
        text.lines().map(|line| alert(line)["event"].clone()).collect::<Vec<_>>()
    };

    world.lose(&["/users"]);
    fs::write(beside(".fail"), "").expect("the folder is writable");
    let run = world.sandbox.run(&["--run-now"]).expect_status(1);
    let run = run.expect_stderr("no mail today").expect_stderr("exit status: 3");
    assert!(run.stderr.contains("alert.channel=\"command\""), "{}", run.stderr);
    fs::remove_file(beside(".fail")).expect("it is there");
    fs::write(beside(".hang"), "").expect("the folder is writable");
    world.sandbox.run(&["--run-now"]).expect_status(1).expect_stderr("alerts.timeout");
    fs::remove_file(beside(".hang")).expect("it is there");
    world.sandbox.run(&["--run-now"]).expect_status(1);
    world.sandbox.run(&["--run-now"]).expect_status(1);
    // Two that failed, and the one that did not.
    assert_eq!(alerts(), ["began", "began", "began"]);
    assert_eq!(world.told(), ["began failed users"], "the webhook was told at once");

    let environment = fs::read_to_string(beside(".environment")).expect("it was run");
    assert!(environment.contains("MAPIQ_SYNC_ALERT_KIND=failed\n"), "{environment}");
    assert!(environment.contains("MAPIQ_SYNC_ALERT_ENDPOINT=users\n"), "{environment}");
    assert!(!environment.contains("CLIENT_SECRET") && !environment.contains("s3cret"));
}

#[test]
fn a_reload_tells_others_from_then_on() {
    let world = World::new();
    let daemon = world.sandbox.start(&[]);
    world.wait_for_pages("/users", 1);
    let other = Api::serve_all(|_| Answer::status(200, ""));
    let config = world.sandbox.path().join("config.toml");
    let text = fs::read_to_string(&config).expect("it is there");
    fs::write(&config, text.replace(&world.receiver.url(), &other.url())).expect("writable");
    daemon.signal(Signal::HUP);
    wait_until("the new configuration holds", || daemon.stderr().contains("holds for the runs"));
    world.lose(&["/rooms"]);
    wait_until("the other one is told", || !other.asked().is_empty());
    World::stop(daemon);
    assert_eq!(other.asked().iter().map(summary).collect::<Vec<_>>(), ["began failed rooms"]);
    assert_eq!(world.told(), [""; 0]);
}
