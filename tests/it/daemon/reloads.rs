//! SIGHUP: the configuration, and the secrets beside it, as they are now.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use rustix::process::Signal;

use super::{ServiceManager, USERS, held_back, one_user, started, wait_for_log, wait_for_runs};
use crate::{
    listing::{Gate, endpoint, page, pages_asked},
    support::{Answer, Api, Running, Sandbox, token, wait_until},
};

/// An endpoint more, with a job of its own that ticks every second.
const ROOMS: &str = "[[endpoint]]\nname = \"rooms\"\npath = \"/v2/rooms\"\nkey = [\"id\"]\n\
     [[job]]\nname = \"rooms\"\nschedule = \"* * * * * *\"\nendpoints = [\"rooms\"]\n";

/// A schedule without a tick in a test, but for one at midnight of a leap day.
const NEVER: &str = "0 0 0 29 2 *";

fn config(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.path().join("config.toml")).expect("it is there")
}

/// Asks for a reload, and waits until it is done: the notices between the two.
fn reload(daemon: &Running, manager: &ServiceManager) {
    daemon.signal(Signal::HUP);
    let reloading = manager.wait_for_one_with("RELOADING=1");
    let stamp = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    assert!(stamp.is_some_and(|stamp| stamp.parse::<u64>().is_ok()), "{reloading}");
    manager.wait_for("READY=1");
}

fn stop(daemon: Running) -> String {
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0).stderr
}

#[test]
fn a_good_configuration_holds_from_now_on() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let (daemon, manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 1, "ok");
    // The old job comes to its end, the new one begins.
    let changed = config(&sandbox).replace("* * * * * *", NEVER) + ROOMS;
    sandbox.write("config.toml", &changed);
    reload(&daemon, &manager);
    let of = |job: &str| {
        sandbox.count(&format!(
            "SELECT count(*) FROM _sync_runs WHERE job = '{job}' AND result = 'ok'"
        ))
    };
    wait_until("the new job runs", || of("rooms") > 0);
    let old = of("all");
    wait_until("the new job runs on", || of("rooms") > 2);
    assert_eq!(of("all"), old);
    manager.wait_for_one_with("STATUS=2 jobs; ");
    let log = stop(daemon);
    assert!(
        log.contains("the new configuration holds for the runs that begin from now on jobs=2"),
        "{log}"
    );
}

#[test]
fn a_bad_configuration_is_refused_with_all_its_errors_and_the_old_one_goes_on() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let (daemon, manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 1, "ok");
    let good = config(&sandbox);
    let bad = good.replace("[retry]\n", "[retry]\nmax_elapse = \"1s\"\n") + "[nonsense]\n";
    sandbox.write("config.toml", &bad);
    reload(&daemon, &manager);
    wait_for_log(&daemon, "the configuration of before goes on errors=2");
    for error in [
        "unknown key `retry.max_elapse` (help: did you mean `max_elapsed`?)",
        "unknown key `nonsense`",
    ] {
        let told = daemon
            .stderr()
            .lines()
            .filter(|line| {
                line.contains("the new configuration is refused: ") && line.contains(error)
            })
            .count();
        assert_eq!(told, 1, "{error}:\n{}", daemon.stderr());
    }
    manager
        .wait_for_one_with("STATUS=the new configuration is refused, the old one goes on; 1 job; ");
    let runs = sandbox.count("SELECT count(*) FROM _sync_runs WHERE result = 'ok'");
    wait_for_runs(&sandbox, runs + 2, "ok");
    sandbox.write("config.toml", &good);
    reload(&daemon, &manager);
    manager.wait_for_one_with("STATUS=1 job; ");
    stop(daemon);
}

#[test]
fn what_takes_a_restart_is_refused_as_such() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let (daemon, manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 1, "ok");
    sandbox.write("config.toml", &format!("[database]\npath = \"other.db\"\n{}", config(&sandbox)));
    reload(&daemon, &manager);
    wait_for_log(
        &daemon,
        "the new configuration is refused: `database.path` has changed, which takes a restart",
    );
    let runs = sandbox.count("SELECT count(*) FROM _sync_runs WHERE result = 'ok'");
    wait_for_runs(&sandbox, runs + 2, "ok");
    stop(daemon);
    assert!(!sandbox.path().join("other.db").exists());
}

#[test]
fn a_secret_that_was_replaced_in_its_file_is_used_from_now_on() {
    let valid = Arc::new(Mutex::new("first".to_owned()));
    let known = Arc::clone(&valid);
    let api = Api::serve_all(move |asked| {
        let secret = known.lock().expect("no test panics while it holds this").clone();
        match asked.path.as_str() {
            "/token" if asked.body.contains(&format!("client_secret={secret}")) => {
                token(&format!("token-of-{secret}"), 3600)
            }
            "/token" => Answer::status(401, r#"{"error":"invalid_client"}"#),
            _ => one_user(),
        }
    });
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.unset("MAPIQ_CLIENT_SECRET");
    sandbox.write("secret", "first\n");
    let with_file = config(&sandbox).replacen("[api]", "[api]\nclient_secret_file = \"secret\"", 1);
    sandbox.write("config.toml", &with_file);
    let (daemon, manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 1, "ok");
    // The old token is good for an hour still: without the reload nothing would be asked.
    sandbox.write("secret", "second\n");
    "second".clone_into(&mut *valid.lock().expect("no test panics while it holds this"));
    reload(&daemon, &manager);
    let with = |token: &str| {
        let header = format!("Bearer {token}");
        api.asked_for("/v2/users")
            .iter()
            .filter(|asked| {
                asked.headers.get("authorization").is_some_and(|value| *value == *header)
            })
            .count()
    };
    wait_until("the new token is used", || with("token-of-second") > 0);
    assert!(with("token-of-first") > 0);
    assert_eq!(api.asked_for("/token").len(), 2);
    // One that is gone is no reason to go on without.
    fs::remove_file(sandbox.path().join("secret")).expect("it is there");
    reload(&daemon, &manager);
    wait_for_log(&daemon, "the new configuration is refused: no client secret");
    let log = stop(daemon);
    assert!(!log.contains("second"), "{log}");
}

#[test]
fn an_endpoint_that_is_removed_while_it_runs_comes_to_its_end() {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve(move |asked| {
        if asked.path == "/users" && asked.number("page") == 2 {
            held.pass();
        }
        if asked.path == "/users" { page(asked, 3) } else { one_user() }
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    let (daemon, manager) = started(&mut sandbox);
    wait_until("the second page is asked for", || pages_asked(&api, "/users").len() == 2);
    let all = config(&sandbox);
    let (settings, _) = all.split_once("[[endpoint]]").expect("there is one");
    sandbox.write("config.toml", &format!("{settings}{ROOMS}"));
    reload(&daemon, &manager);
    wait_until("the new job runs", || !api.asked_for("/v2/rooms").is_empty());
    gate.open();
    let users = "SELECT result FROM _sync_endpoint_runs WHERE endpoint = 'users'";
    wait_until("the users are done", || sandbox.lines(users) == ["ok"]);
    let rooms = api.asked_for("/v2/rooms").len();
    wait_until("the new job runs on", || api.asked_for("/v2/rooms").len() >= rooms + 2);
    stop(daemon);
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3]);
}

#[test]
fn a_run_of_the_new_configuration_waits_for_one_of_the_old_on_the_same_endpoint() {
    let (gate, api, mut sandbox) = held_back();
    let (daemon, manager) = started(&mut sandbox);
    wait_until("the page is asked for", || !api.asked_for("/v2/users").is_empty());
    sandbox.write("config.toml", &config(&sandbox).replace("name = \"all\"", "name = \"other\""));
    reload(&daemon, &manager);
    wait_for_log(&daemon, "waits for job all, which is at work on it");
    assert_eq!(api.asked_for("/v2/users").len(), 1);
    gate.open();
    wait_for_runs(&sandbox, 2, "ok");
    stop(daemon);
    let jobs = sandbox.lines("SELECT job, result FROM _sync_runs ORDER BY run_id LIMIT 2");
    assert_eq!(jobs, ["all|ok", "other|ok"]);
}
