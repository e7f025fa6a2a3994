//! What the service manager hears.

use rustix::process::Signal;

use super::{ServiceManager, USERS, held_back, started};
use crate::{
    listing::{endpoint, page},
    support::{Answer, Api, Sandbox, wait_until},
};

#[test]
fn it_says_that_it_is_ready_what_it_does_and_that_it_stops() {
    let (gate, api, mut sandbox) = held_back();
    let manager = ServiceManager::of(&mut sandbox);
    let daemon = sandbox.start(&[]);

    assert_eq!(manager.next(), "READY=1");
    let idle = manager.wait_for_one_with("STATUS=1 job; idle");
    assert!(idle.contains("; next: all at 20"), "{idle}");
    manager.wait_for("STATUS=1 job; users: begins");
    wait_until("the page is asked for", || !api.asked_for("/v2/users").is_empty());
    daemon.signal(Signal::TERM);
    // While the page in hand is still waited for: a manager counts the time that a stop takes from here.
    manager.wait_for("STOPPING=1");
    gate.open();
    daemon.wait().expect_status(0);
}

#[test]
fn the_status_tells_the_page_and_what_is_waited_for() {
    let api = Api::serve(|asked| page(asked, 5));
    let endpoint = endpoint("users", "/users", "rate_limit = { requests = 2, per = \"5m\" }");
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint);
    let (daemon, manager) = started(&mut sandbox);
    let waits = manager.wait_for_one_with("STATUS=1 job; users: page 2, waits ");
    let seconds = |notice: &str| {
        let seconds = notice.rsplit_once("waits ").and_then(|(_, rest)| rest.strip_suffix(" s"));
        seconds.and_then(|seconds| seconds.parse::<u64>().ok()).expect("a number of seconds")
    };
    assert!((200..=300).contains(&seconds(&waits)), "{waits}");
    // It is kept up to date, though nothing happens.
    let later = manager.wait_for_one_with("STATUS=1 job; users: page 2, waits ");
    assert!(seconds(&later) < seconds(&waits), "{later} after {waits}");
    daemon.signal(Signal::TERM);
    manager.wait_for("STATUS=stopping: the pages in hand are finished");
    daemon.wait().expect_status(0);
}

#[test]
fn wrong_credentials_end_it_once_it_is_ready() {
    let api = Api::serve_all(|_| Answer::status(401, r#"{"error":"invalid_client"}"#));
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let (daemon, manager) = started(&mut sandbox);
    manager.wait_for("STOPPING=1");
    let finished = daemon.wait().expect_status(77);
    insta::assert_snapshot!(
        finished.stderr.lines().filter(|line| !line.contains(" INFO ")).collect::<Vec<_>>().join("\n"),
        @r"
        error: cannot get an access token
          caused by: the token endpoint refuses the credentials: invalid_client (HTTP 401); are the client id and the secret right and still valid?
        "
    );
    // Once more with credentials read afresh, and not in every run that the schedule asks for.
    assert_eq!(api.asked_for("/token").len(), 2);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_runs"), 0);
}
