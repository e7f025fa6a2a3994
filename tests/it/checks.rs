//! The daily check of the whole file, which finds damage that no run meets.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
};

use rustix::process::Signal;

use crate::{
    listing::{endpoint, page, whole},
    support::{Api, Sandbox, wait_until},
};

/// Never within a test.
const NEVER: &str = "0 0 0 29 2 *";

const CHECKS: &str = "SELECT kind FROM _sync_checks";

/// An API, and a sandbox with its users and a table of the user's own, whose first run was days ago.
fn aged() -> (Api, Sandbox) {
    let api = Api::serve(|asked| page(asked, 2));
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("RUST_LOG", "mapiq_sync=debug");
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(sandbox.lines(CHECKS), [""; 0], "a new file needs no check at once");
    sandbox.execute(
        "UPDATE _sync_runs SET started_at = '2026-01-01T00:00:00.000Z'; \
         CREATE TABLE own AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
         SELECT i, hex(zeroblob(100)) AS text FROM n",
    );
    (api, sandbox)
}

/// Overwrites a page in the middle of the file, one of the user's own table, which nobody has open; gives the file's bytes.
fn damage(sandbox: &Sandbox) -> Vec<u8> {
    let pages = sandbox.count("PRAGMA page_count");
    let root = sandbox.count("SELECT rootpage FROM sqlite_schema WHERE name = 'own'");
    let middle = u64::try_from(root + (pages - root) / 2).expect("pages count from 1");
    let file = OpenOptions::new().write(true).open(sandbox.database());
    file.and_then(|file| file.write_all_at(&[0xa5; 4096], (middle - 1) * 4096))
        .expect("the database is the test's own");
    bytes(sandbox)
}

fn bytes(sandbox: &Sandbox) -> Vec<u8> {
    fs::read(sandbox.database()).expect("the database is there")
}

#[test]
fn a_run_checks_the_file_once_a_day() {
    let (_api, sandbox) = aged();
    let last = "SELECT finished_at, duration_ms >= 0 FROM _sync_checks";
    sandbox.run(&["--run-now"]).expect_status(0);
    let first = sandbox.lines(last);
    assert_eq!(first.len(), 1);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(sandbox.lines(last), first, "not with every run");
    sandbox.execute("UPDATE _sync_checks SET finished_at = '2026-01-02T00:00:00.000Z'");
    sandbox.run(&["--run-now"]).expect_status(0);
    assert!(sandbox.lines(last) > first);
}

#[test]
fn damage_that_no_run_meets_is_found_and_nothing_is_written_after() {
    let (_api, sandbox) = aged();
    let before = damage(&sandbox);
    let ended = sandbox.run(&["--run-now"]).expect_status(74);
    assert!(ended.stdout.contains("users     ok"), "{}", ended.stdout);
    let told = "error: `mapiq.db` is damaged (a check has found: Tree ";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    assert!(ended.stderr.contains("and nothing more is written to it: stop what uses it"));
    assert!(bytes(&sandbox) == before, "the file has changed");
    assert_eq!(sandbox.lines(CHECKS), [""; 0]);
    assert_eq!(sandbox.lines("SELECT id, name, even FROM users ORDER BY id"), whole(2));
}

#[test]
fn the_daemon_checks_the_file_and_goes_on() {
    let (_api, mut sandbox) = aged();
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", NEVER);
    let daemon = sandbox.start(&[]);
    wait_until("the file is checked", || sandbox.lines(CHECKS) == ["quick_check"]);
    wait_until("that is told", || {
        daemon.stderr().contains("the database was checked: it is whole")
    });
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
}

#[test]
fn damage_that_the_daemon_finds_by_its_check_ends_it() {
    let (_api, mut sandbox) = aged();
    sandbox.set("MAPIQ_SYNC__JOB__ALL__SCHEDULE", NEVER);
    let before = damage(&sandbox);
    let told = "error: `mapiq.db` is damaged (a check has found: Tree ";
    sandbox.run(&[]).expect_status(74).expect_stderr(told);
    assert!(bytes(&sandbox) == before, "the file has changed");
    // Whoever puts a sound file in its place goes on.
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(sandbox.path().join(format!("mapiq.db{suffix}"))).ok();
    }
    sandbox.run(&["--run-now"]).expect_status(0);
}

#[test]
fn where_damage_was_met_nothing_is_begun_until_the_file_is_another() {
    let (api, sandbox) = aged();
    let sound = bytes(&sandbox);
    let before = damage(&sandbox);
    sandbox.run(&["--run-now"]).expect_status(74);
    let asked = api.asked().len();
    let told = "`mapiq.db` is damaged (a run has met this before, as `mapiq.db-damaged` notes: a check has found: Tree ";
    for arguments in [&[][..], &["--run-now"]] {
        sandbox.run(arguments).expect_status(74).expect_stderr(told);
    }
    let checked = sandbox.run(&["check"]).expect_status(74);
    let words = checked.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("is damaged (a run has met this before"), "{}", checked.stdout);
    assert_eq!(api.asked().len(), asked, "the API is not asked");
    assert!(bytes(&sandbox) == before, "the file has changed");

    fs::write(sandbox.database(), sound).expect("the database is the test's own");
    sandbox.run(&["check"]).expect_status(0);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert!(!sandbox.path().join("mapiq.db-damaged").exists(), "what was noted is over");
}

#[test]
fn what_a_users_own_table_forbids_is_no_damage() {
    let (_api, sandbox) = aged();
    sandbox.execute(
        "CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO rooms VALUES (1, NULL); \
         PRAGMA writable_schema = ON; \
         UPDATE sqlite_schema SET sql = replace(sql, 'name TEXT', 'name TEXT NOT NULL') WHERE name = 'rooms'; \
         PRAGMA writable_schema = RESET",
    );
    assert_eq!(sandbox.lines("PRAGMA quick_check"), ["NULL value in rooms.name"]);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(sandbox.lines(CHECKS), ["quick_check"]);
}
