//! A place that a run has stopped at, and that no later run gets past.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::interrupted;
use crate::{
    listing::Gate,
    support::{Answer, Api, Asked, Sandbox},
};

const CURSORS: &str = "[[endpoint]]\nname = \"users\"\npath = \"/users\"\nkey = [\"id\"]\nrecords = \"items\"\n\
     pagination = { style = \"cursor\", param = \"cursor\", next = \"next\" }";

/// One of four pages; the cursors of another era are answered in some other way.
fn answer(asked: &Asked, era: &str, other: impl FnOnce() -> Answer) -> Answer {
    let number = match asked.param("cursor").split_once('-') {
        None => 1,
        Some((then, number)) if then == era => number.parse().unwrap_or(0),
        Some(_) => return other(),
    };
    let next = if number < 4 { format!("\"{era}-{}\"", number + 1) } else { "null".into() };
    Answer::json(format!(r#"{{"items":[{{"id":{number},"era":"{era}"}}],"next":{next}}}"#))
}

/// As if a day and an hour had passed since the last page.
fn a_day_passes(sandbox: &Sandbox) {
    rusqlite::Connection::open(sandbox.database())
        .and_then(|file| {
            file.execute_batch(
                "UPDATE _sync_checkpoints SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', updated_at, '-25 hours'); \
                 UPDATE _sync_sweeps SET started_at = strftime('%Y-%m-%dT%H:%M:%fZ', started_at, '-25 hours')",
            )
        })
        .expect("a sweep can be made older");
}

#[test]
fn a_cursor_that_fails_in_another_way_than_by_a_400_is_given_up_after_a_day() {
    type Other = fn() -> Answer;
    let ways: [(Other, &str); 4] = [
        (|| Answer::status(500, "{}"), "HTTP 500"),
        (|| Answer::status(403, "{}"), "HTTP 403"),
        (|| Answer::status(401, "{}"), "HTTP 401"),
        (|| Answer::json("<html>signed out</html>"), "the response is not JSON"),
    ];
    for (other, told) in ways {
        let (forgotten, gate) = (Arc::new(AtomicBool::new(false)), Gate::new());
        let api = Api::serve({
            let (forgotten, gate) = (Arc::clone(&forgotten), Arc::clone(&gate));
            move |asked| {
                gate.pass();
                let era = if forgotten.load(Ordering::SeqCst) { "new" } else { "old" };
                answer(asked, era, other)
            }
        });
        let mut sandbox = Sandbox::with_api(&api.url(), CURSORS);
        sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "0s");
        interrupted(&api, &gate, &sandbox);
        forgotten.store(true, Ordering::SeqCst);

        // It may be an outage: what was read is not given up at once.
        sandbox.run(&["--run-now"]).expect_status(1).expect_stderr(told);
        assert_eq!(sandbox.count("SELECT count(*) FROM users"), 2);
        a_day_passes(&sandbox);

        sandbox
            .run(&["--run-now"])
            .expect_status(0)
            .expect_stderr("users  starts over: no page could be read for a day where the last run has stopped (page 3")
            .expect_stderr(told);

        assert_eq!(
            sandbox.lines("SELECT id, era FROM users ORDER BY id"),
            ["1|new", "2|new", "3|new", "4|new"]
        );
        assert_eq!(sandbox.lines("SELECT result FROM _sync_sweeps"), ["superseded", "complete"]);
    }
}

#[test]
fn a_listing_that_has_rested_for_a_day_goes_on_where_nothing_fails() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let api = Api::serve(move |asked| {
        held.pass();
        answer(asked, "old", || Answer::status(400, "{}"))
    });
    let sandbox = Sandbox::with_api(&api.url(), CURSORS);
    interrupted(&api, &gate, &sandbox);
    a_day_passes(&sandbox);

    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("users  goes on after 2 pages");

    let cursors: Vec<_> =
        api.asked_for("/users").iter().map(|asked| asked.param("cursor").to_owned()).collect();
    assert_eq!(cursors, ["", "old-2", "old-3", "old-3", "old-4"]);
}

#[test]
fn a_page_that_always_fails_fails_after_a_day_too_once_the_others_are_read_again() {
    let changed = Arc::new(AtomicBool::new(false));
    let api = Api::serve({
        let changed = Arc::clone(&changed);
        move |asked| {
            if asked.param("cursor") == "old-3" {
                return Answer::status(500, "{}");
            }
            let name = if changed.load(Ordering::SeqCst) { "Grace" } else { "Ada" };
            let (id, next) = if asked.param("cursor") == "old-2" { (2, 3) } else { (1, 2) };
            Answer::json(format!(
                r#"{{"items":[{{"id":{id},"name":"{name}"}}],"next":"old-{next}"}}"#
            ))
        }
    });
    let mut sandbox = Sandbox::with_api(&api.url(), CURSORS);
    sandbox.set("MAPIQ_SYNC__RETRY__MAX_ELAPSED", "0s");
    sandbox.run(&["--run-now"]).expect_status(1);
    changed.store(true, Ordering::SeqCst);
    a_day_passes(&sandbox);

    sandbox.run(&["--run-now"]).expect_status(1).expect_stderr("page 3: HTTP 500");

    assert_eq!(sandbox.lines("SELECT name FROM users"), ["Grace", "Grace"]);
    let asked = api.asked_for("/users").len();
    assert_eq!(asked, 3 + 1 + 3, "it starts over once a run");
}
