//! A database that is deleted, moved or replaced while it is in use.

use std::{fs, path::Path};

use rustix::process::Signal;

use super::{USERS, held_back, one_user, started, wait_for_log, wait_for_runs};
use crate::{
    listing::{Gate, endpoint, page, whole},
    support::{Answer, Api, Running, Sandbox, wait_until},
};

const GONE: &str = "was deleted, moved or replaced while it was in use";
const OPENED: &str = "what is in its place is opened, or a new one made";

/// Waits until the daemon has opened what is at the path now, and has synced into it.
fn wait_until_it_goes_on(daemon: &Running, sandbox: &Sandbox) {
    wait_for_log(daemon, GONE);
    wait_for_log(daemon, OPENED);
    // A reader that comes while the file is made finds no table yet.
    wait_until("the new file has its tables", || {
        let opened = rusqlite::Connection::open_with_flags(
            sandbox.database(),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        );
        opened.is_ok_and(|database| {
            let users = database.query_row("SELECT count(*) FROM users", [], |row| row.get(0));
            users == Ok(1)
        })
    });
}

fn stopped(daemon: Running) -> String {
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0).stderr
}

/// A row count of a file that nobody has open.
fn users_in(path: &Path) -> i64 {
    rusqlite::Connection::open(path)
        .and_then(|file| file.query_row("SELECT count(*) FROM users", [], |row| row.get(0)))
        .expect("the file is a database with the table")
}

#[test]
fn a_deleted_database_fails_one_run_and_the_next_makes_a_new_one() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 2, "ok");

    fs::remove_file(sandbox.database()).expect("the database can be deleted");

    wait_until_it_goes_on(&daemon, &sandbox);
    let first = sandbox.lines("SELECT run_id, result FROM _sync_runs ORDER BY run_id LIMIT 1");
    assert!(first.iter().all(|run| run.starts_with("1|")), "the journal begins anew: {first:?}");
    let log = stopped(daemon);
    assert_eq!(log.matches(GONE).count(), 1, "it is told once:\n{log}");
    assert!(log.contains("the run cannot start job.name=\"all\""), "{log}");
    assert_eq!(sandbox.lines("PRAGMA integrity_check"), ["ok"]);
}

#[test]
fn a_moved_database_has_all_that_was_stored_and_is_left_alone() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 1, "ok");

    // Without the log that is left beside its old place.
    let away = sandbox.path().join("away.db");
    fs::rename(sandbox.database(), &away).expect("the database can be moved");
    wait_until_it_goes_on(&daemon, &sandbox);
    stopped(daemon);

    assert_eq!(users_in(&away), 1);
    assert_eq!(users_in(&sandbox.database()), 1);
}

#[test]
fn a_database_that_is_moved_back_at_once_is_gone_on_with() {
    let (gate, api, mut sandbox) = held_back();
    let (daemon, _manager) = started(&mut sandbox);
    wait_until("the page is asked for", || !api.asked_for("/v2/users").is_empty());
    let away = sandbox.path().join("away.db");
    fs::rename(sandbox.database(), &away).expect("the database can be moved");
    fs::rename(&away, sandbox.database()).expect("the database can be moved back");
    gate.open();
    wait_for_runs(&sandbox, 2, "ok");
    let log = stopped(daemon);
    assert!(!log.contains(GONE), "{log}");
}

#[test]
fn a_backup_that_is_put_in_its_place_is_gone_on_with() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.run(&["--run-now"]).expect_status(0);
    let backup = sandbox.path().join("backup.db");
    fs::copy(sandbox.database(), &backup).expect("a database that nobody has open can be copied");
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 4, "ok");
    let before = sandbox.count("SELECT max(run_id) FROM _sync_runs");

    fs::rename(&backup, sandbox.database()).expect("the backup can take its place");

    wait_until_it_goes_on(&daemon, &sandbox);
    wait_for_runs(&sandbox, 2, "ok");
    let first = sandbox.lines("SELECT trigger FROM _sync_runs ORDER BY run_id LIMIT 2");
    assert_eq!(first, ["run-now", "schedule"], "the backup's journal is gone on with");
    let log = stopped(daemon);
    assert_eq!(log.matches(GONE).count(), 1, "{log}");
    assert!(before >= 4);
    assert_eq!(sandbox.lines("PRAGMA integrity_check"), ["ok"]);
}

#[test]
fn another_programs_file_in_its_place_is_left_alone_and_told_at_every_run() {
    let api = Api::serve(|_| one_user());
    let mut sandbox = Sandbox::with_api(&api.url(), USERS);
    let (daemon, _manager) = started(&mut sandbox);
    wait_for_runs(&sandbox, 1, "ok");

    sandbox.write("theirs", "not a database, but somebody's");
    fs::rename(sandbox.path().join("theirs"), sandbox.database()).expect("a file can be moved");

    wait_for_log(&daemon, GONE);
    wait_until("it is told twice", || {
        daemon.stderr().matches("is not a SQLite database").count() >= 2
    });
    let theirs = fs::read_to_string(sandbox.database()).expect("the file is there");
    assert_eq!(theirs, "not a database, but somebody's");
    fs::remove_file(sandbox.database()).expect("the file can be deleted");
    wait_until_it_goes_on(&daemon, &sandbox);
    stopped(daemon);
}

#[test]
fn a_database_that_is_deleted_during_a_run_ends_it_with_74_at_the_next_page() {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve(move |asked| {
        if asked.number("page") == 2 {
            held.pass();
        }
        page(asked, 3)
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    let running = sandbox.start(&["--run-now"]);
    wait_until("the second page is asked for", || api.asked_for("/users").len() == 2);
    fs::remove_file(sandbox.database()).expect("the database can be deleted");
    gate.open();

    running.wait().expect_status(74).expect_stderr(GONE);

    assert_eq!(api.asked_for("/users").len(), 2, "nothing more is asked for");
    assert!(!sandbox.database().exists(), "nothing takes its place unseen");
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(sandbox.lines("SELECT id, name, even FROM users ORDER BY id"), whole(3));
}

#[test]
fn a_database_that_is_deleted_after_the_last_page_is_told_too() {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve(move |asked| {
        if asked.path == "/rooms" {
            held.pass();
            return Answer::status(400, "{}");
        }
        page(asked, 1)
    });
    let endpoints = endpoint("users", "/users", "") + &endpoint("rooms", "/rooms", "");
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoints);
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    let running = sandbox.start(&["--run-now"]);
    wait_until("the users are stored", || running.stderr().contains("users  done"));
    fs::remove_file(sandbox.database()).expect("the database can be deleted");
    gate.open();
    running.wait().expect_status(74).expect_stderr(GONE);
}
