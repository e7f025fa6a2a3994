//! Whatever ends a run, the next one goes on from where it stopped, and nothing is lost.

mod states;
mod stuck;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    listing::{Gate, endpoint, page, pages_asked, whole},
    support::{Answer, Api, Sandbox, wait_until},
};

fn assert_sound(sandbox: &Sandbox) {
    assert_eq!(sandbox.lines("PRAGMA integrity_check"), ["ok"]);
}

#[test]
fn however_often_it_is_killed_the_tables_equal_the_listings() {
    const PAGES: usize = 40;
    const KILLS: usize = 12;
    const ENDPOINTS: [&str; 2] = ["users", "rooms"];
    let gates = ENDPOINTS.map(|_| Gate::new());
    let [users, rooms] = gates.clone();
    let api = Api::serve(move |asked| {
        if asked.path == "/users" {
            users.pass();
        } else {
            rooms.pass();
        }
        page(asked, PAGES)
    });
    let sandbox = Sandbox::with_api(
        &api.url(),
        &(endpoint("users", "/users", "") + &endpoint("rooms", "/rooms", "")),
    );

    for kill in 0..KILLS {
        let running = sandbox.start(&["--run-now"]);
        for gate in &gates {
            gate.allow(3);
        }
        // Every other time as soon as the last answer is out, which may be at any moment of its way into the table.
        let asked_on = kill % 2 == 0;
        wait_until("both endpoints have had their answers", || {
            gates
                .iter()
                .map(|gate| gate.waiting_and_allowed())
                .all(|(waiting, allowed)| allowed == 0 && (waiting == 1 || !asked_on))
        });
        running.signal(Signal::KILL);
        running.wait();
        for gate in &gates {
            gate.release();
        }
        assert_sound(&sandbox);
    }
    for gate in &gates {
        gate.open();
    }
    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("goes on after");

    for name in ENDPOINTS {
        assert_eq!(
            sandbox.lines(&format!("SELECT id, name, even FROM {name} ORDER BY id")),
            whole(PAGES)
        );
        let asked = pages_asked(&api, &format!("/{name}")).len();
        assert!(asked <= PAGES + KILLS, "{} pages of {name} asked for again", asked - PAGES);
    }
    assert_sound(&sandbox);
    let of_runs = "SELECT endpoint, count(*), sum(pages), sum(rows_new), sum(rows_changed + rows_unchanged), sum(result = 'ok') \
                   FROM _sync_endpoint_runs GROUP BY 1 ORDER BY 1";
    assert_eq!(
        sandbox.lines(of_runs),
        ["rooms|13|40|400|0|1", "users|13|40|400|0|1"],
        "every page is counted in the one run that stored it"
    );
    assert_eq!(
        sandbox.lines("SELECT DISTINCT result, message FROM _sync_endpoint_runs ORDER BY 1"),
        ["ok|", "paused|interrupted: its process ended"]
    );
    assert_eq!(
        sandbox.lines("SELECT result, count(*) FROM _sync_sweeps GROUP BY 1"),
        ["complete|2"]
    );
}

#[test]
fn a_process_that_is_killed_in_its_first_moments_leaves_a_database_that_opens() {
    let api = Api::serve(|asked| page(asked, 3));
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));

    for milliseconds in (0..80).step_by(5) {
        let running = sandbox.start(&["--run-now"]);
        // The moment is what the test is about: somewhere in the making of the file and its tables.
        thread::sleep(Duration::from_millis(milliseconds));
        running.signal(Signal::KILL);
        running.wait();
    }
    sandbox.run(&["--run-now"]).expect_status(0);

    assert_eq!(sandbox.lines("SELECT id, name, even FROM users ORDER BY id"), whole(3));
    assert_sound(&sandbox);
}

#[test]
fn a_kill_in_the_rebuild_of_a_column_leaves_the_old_one_or_the_new_one() {
    const ROWS: usize = 2_000;
    let of_text = Arc::new(AtomicUsize::new(0));
    let api = Api::serve({
        let of_text = Arc::clone(&of_text);
        move |asked| {
            let records: Vec<String> = if asked.number("page") == 1 {
                (1..=ROWS).map(|id| format!(r#"{{"id":{id},"floor":{id}}}"#)).collect()
            } else {
                of_text.fetch_add(1, Ordering::SeqCst);
                vec![format!(r#"{{"id":{},"floor":"ground"}}"#, ROWS + 1)]
            };
            Answer::json(format!(r#"{{"items":[{}],"total":{}}}"#, records.join(","), ROWS + 1))
        }
    });
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    let state = "SELECT count(*), group_concat(DISTINCT typeof(floor)), count(DISTINCT CAST(floor AS TEXT)), \
                 (SELECT type FROM _sync_columns WHERE column_name = 'floor') FROM users";
    let (before, after) =
        (format!("{ROWS}|integer|{ROWS}|INTEGER"), format!("{0}|text|{0}|TEXT", ROWS + 1));

    let mut ended = None;
    for kill in 0..100 {
        let asked = of_text.load(Ordering::SeqCst);
        let running = sandbox.start(&["--run-now"]);
        wait_until("the page with a text is asked for", || of_text.load(Ordering::SeqCst) > asked);
        // Each a little later than the one before, until the process has come to its end by itself.
        thread::sleep(Duration::from_millis(3 * kill));
        running.signal(Signal::KILL);
        ended = running.wait().status;
        assert_sound(&sandbox);
        let found = sandbox.lines(state);
        assert!(found == [before.as_str()] || found == [after.as_str()], "{found:?}");
        if ended.is_some() {
            break;
        }
    }
    assert_eq!(ended, Some(0));
    assert_eq!(sandbox.lines(state), [after]);
}

/// Lets a run store two pages of the users and kills it in the third.
fn interrupted(api: &Api, gate: &Gate, sandbox: &Sandbox) {
    gate.allow(2);
    let running = sandbox.start(&["--run-now"]);
    wait_until("the third page is asked for", || api.asked_for("/users").len() == 3);
    running.signal(Signal::KILL);
    running.wait();
    gate.open();
}

#[test]
fn other_settings_start_the_sweep_over_and_are_named() {
    let gate = Gate::new();
    let api = Api::serve({
        let gate = Arc::clone(&gate);
        move |asked| {
            gate.pass();
            page(asked, 4)
        }
    });
    let params =
        |value: &str| endpoint("users", "/users", &format!("params = {{ include = \"{value}\" }}"));
    let sandbox = Sandbox::with_api(&api.url(), &params("active"));
    interrupted(&api, &gate, &sandbox);
    let other = Sandbox::with_api(&api.url(), &params("all"));
    std::fs::copy(other.path().join("config.toml"), sandbox.path().join("config.toml"))
        .expect("the configuration can be replaced");

    sandbox
        .run(&["--run-now"])
        .expect_status(0)
        .expect_stderr("users  starts over: `params` changed since the last run");

    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 1, 2, 3, 4]);
    let asked = api.asked_for("/users");
    assert!(asked.iter().skip(3).all(|asked| asked.param("include") == "all"));
    assert_eq!(sandbox.lines("SELECT result FROM _sync_sweeps"), ["superseded", "complete"]);
    assert_eq!(sandbox.lines("SELECT id, name, even FROM users ORDER BY id"), whole(4));
}

#[test]
fn a_limit_that_changes_does_not_start_the_sweep_over() {
    let gate = Gate::new();
    let api = Api::serve({
        let gate = Arc::clone(&gate);
        move |asked| {
            gate.pass();
            page(asked, 4)
        }
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    interrupted(&api, &gate, &sandbox);
    sandbox.set("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "50");

    sandbox.run(&["--run-now"]).expect_status(0).expect_stderr("users  goes on after 2 pages");

    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3, 3, 4]);
}

#[test]
fn a_cursor_that_the_server_no_longer_takes_starts_the_sweep_over() {
    for status in [400, 404, 410] {
        // The cursors of before the interruption are forgotten by then.
        let (forgotten, gate) = (Arc::new(AtomicBool::new(false)), Gate::new());
        let api = Api::serve({
            let (forgotten, gate) = (Arc::clone(&forgotten), Arc::clone(&gate));
            move |asked| {
                gate.pass();
                let era = if forgotten.load(Ordering::SeqCst) { "new" } else { "old" };
                let number = match asked.param("cursor").split_once('-') {
                    None => 1,
                    Some((then, number)) if then == era => number.parse().unwrap_or(0),
                    Some(_) => return Answer::status(status, r#"{"title":"Unknown cursor"}"#),
                };
                let next =
                    if number < 4 { format!("\"{era}-{}\"", number + 1) } else { "null".into() };
                Answer::json(format!(r#"{{"items":[{{"id":{number}}}],"next":{next}}}"#))
            }
        });
        let sandbox = Sandbox::with_api(
            &api.url(),
            "[[endpoint]]\nname = \"users\"\npath = \"/users\"\nkey = [\"id\"]\nrecords = \"items\"\n\
             pagination = { style = \"cursor\", param = \"cursor\", next = \"next\" }",
        );
        interrupted(&api, &gate, &sandbox);
        forgotten.store(true, Ordering::SeqCst);

        let finished = sandbox.run(&["--run-now"]).expect_status(0);

        finished
            .expect_stderr("users  starts over: the API no longer takes the place where the last run has stopped")
            .expect_stderr("Unknown cursor");
        let cursors: Vec<_> =
            api.asked_for("/users").iter().map(|asked| asked.param("cursor").to_owned()).collect();
        assert_eq!(
            cursors,
            ["", "old-2", "old-3", "old-3", "", "new-2", "new-3", "new-4"],
            "with {status}"
        );
        assert_eq!(sandbox.lines("SELECT id FROM users ORDER BY id"), ["1", "2", "3", "4"]);
    }
}

#[test]
fn an_endpoint_that_another_process_syncs_is_left_to_it_and_the_others_go_on() {
    let gate = Gate::new();
    let api = Api::serve({
        let gate = Arc::clone(&gate);
        move |asked| {
            if asked.path == "/users" {
                gate.pass();
            }
            page(asked, 3)
        }
    });
    let sandbox = Sandbox::with_api(
        &api.url(),
        &(endpoint("users", "/users", "") + &endpoint("rooms", "/rooms", "")),
    );
    gate.allow(1);
    let first = sandbox.start(&["--run-now"]);
    wait_until("the first process is at work on the users and done with the rooms", || {
        api.asked_for("/users").len() == 2 && first.stderr().contains("rooms  done")
    });

    sandbox
        .run(&["--run-now"])
        .expect_status(75)
        .expect_stderr("users unfinished: another process is syncing this endpoint");
    gate.open();
    first.wait().expect_status(0);

    let ends = "SELECT run_id, endpoint, result, pages FROM _sync_endpoint_runs ORDER BY 1, 2";
    assert_eq!(
        sandbox.lines(ends),
        ["1|rooms|ok|3", "1|users|ok|3", "2|rooms|ok|3", "2|users|paused|0"]
    );
    assert_eq!(pages_asked(&api, "/users"), [1, 2, 3]);
}
