//! A database that is damaged: it is told at the start where that is possible, else as soon as it is met, and from then on
//! nothing is written to it.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
};

use rusqlite::Connection;

use super::{ALL, USERS, contents, expect_all_users_after_mend, run, serve, users};
use crate::support::{Api, Sandbox};

/// An API, and a sandbox with all of its users in the database and a backup of it.
fn synced() -> (Api, Sandbox) {
    let api = serve(users);
    let sandbox = Sandbox::with_api(&api.url(), USERS);
    sandbox.run(&["--run-now"]).expect_status(0);
    sandbox.run(&["backup", "backup.db"]).expect_status(0);
    (api, sandbox)
}

/// Overwrites a part of the database, which nobody has open.
fn overwrite(sandbox: &Sandbox, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(sandbox.database());
    file.and_then(|file| file.write_all_at(bytes, at)).expect("the database is the test's own");
}

fn cut(sandbox: &Sandbox, bytes: u64) {
    let file = OpenOptions::new().write(true).open(sandbox.database());
    file.and_then(|file| file.set_len(bytes)).expect("the database is the test's own");
}

/// The database ends the runs and the daemon with 74 and these words, and neither it nor its folder changes. With the backup
/// in its place all goes on.
#[track_caller]
fn expect_told_and_untouched(api: &Api, sandbox: &Sandbox, told: &str) {
    let (before, asked) = (contents(sandbox.path()), api.asked().len());
    for arguments in [&["--run-now"][..], &[], &["backup", "backup.db"]] {
        let finished = sandbox.run(arguments).expect_status(74).expect_stderr(told);
        assert_eq!(finished.stdout, "");
        assert!(contents(sandbox.path()) == before, "the folder has changed");
    }
    assert_eq!(api.asked().len(), asked, "nothing is asked that could not be stored");
    restore(sandbox);
}

/// Puts the backup in the database's place, as the message says.
#[track_caller]
fn restore(sandbox: &Sandbox) {
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(sandbox.path().join(format!("mapiq.db{suffix}"))).ok();
    }
    fs::copy(sandbox.path().join("backup.db"), sandbox.database()).expect("it can be copied");
    expect_all_users_after_mend(sandbox);
}

/// Writes something to the database, and gives its log as a crash would have left it.
fn log_of_a_crash(sandbox: &Sandbox) -> Vec<u8> {
    let connection = Connection::open(sandbox.database()).expect("the database is there");
    connection.execute_batch("CREATE TABLE own AS SELECT 1").expect("it can be written");
    let log = fs::read(sandbox.path().join("mapiq.db-wal")).expect("the log is there");
    assert!(!log.is_empty());
    log
}

#[test]
fn a_file_that_is_cut_off_is_told_and_not_touched() {
    for length in [6000, 99, 40] {
        let (api, sandbox) = synced();
        let whole = fs::metadata(sandbox.database()).expect("the database is there").len();
        cut(&sandbox, length);
        let told = if length < 100 {
            format!("error: `mapiq.db` is damaged (it has {length} bytes, less than the header")
        } else {
            format!(
                "error: `mapiq.db` is damaged (it is cut off: it has {length} bytes of the {whole} that its header states)"
            )
        };
        expect_told_and_untouched(&api, &sandbox, &told);
    }
}

#[test]
fn a_header_or_a_schema_that_is_none_is_told_and_not_touched() {
    for (at, told) in [
        (16, "its header states a size of pages that there cannot be"),
        (100, "database disk image is malformed"),
    ] {
        let (api, sandbox) = synced();
        overwrite(&sandbox, at, &[0xa5; 2]);
        let told =
            format!("error: `mapiq.db` is damaged ({told}), and nothing more is written to it");
        expect_told_and_untouched(&api, &sandbox, &told);
    }
}

#[test]
fn what_to_do_about_a_damaged_file_is_told() {
    let (_api, sandbox) = synced();
    overwrite(&sandbox, 16, &[0xa5; 2]);
    let told = sandbox.run(&["--run-now"]).expect_status(74).stderr;
    insta::assert_snapshot!(told, @"error: `mapiq.db` is damaged (its header states a size of pages that there cannot be), and nothing more is written to it: stop what uses it, keep a copy of it with its `-wal`, and put the last backup in its place, or what `sqlite3 mapiq.db .recover` saves, or nothing: the next run makes a new one then");
}

#[test]
fn the_log_of_the_database_before_is_told_and_not_applied() {
    let (_api, sandbox) = synced();
    let log = log_of_a_crash(&sandbox);
    fs::copy(sandbox.path().join("backup.db"), sandbox.database()).expect("it can be copied");
    fs::write(sandbox.path().join("mapiq.db-wal"), log).expect("the folder is writable");
    let before = contents(sandbox.path());
    for arguments in [&["--run-now"][..], &[], &["backup", "backup.db"]] {
        sandbox
            .run(arguments)
            .expect_status(74)
            .expect_stderr("error: `mapiq.db-wal` is the log of another database than `mapiq.db`");
        assert!(contents(sandbox.path()) == before, "the folder has changed");
    }
    restore(&sandbox);
}

/// Damages the first page of the users' table, which is met only as they are stored.
fn damage_users(sandbox: &Sandbox) {
    let page = sandbox.count("SELECT rootpage FROM sqlite_schema WHERE name = 'users'");
    let at = u64::try_from(page - 1).expect("pages count from 1") * 4096;
    overwrite(sandbox, at, &[0xa5; 4096]);
}

#[test]
fn damage_that_is_met_in_a_run_ends_it_and_all_writing() {
    let (_api, sandbox) = synced();
    damage_users(&sandbox);
    let before = fs::read(sandbox.database()).expect("the database is there");
    let finished = run(&sandbox, &["--run-now"]).expect_status(74);
    let told = "users failed: cannot use the database: `mapiq.db` is damaged (cannot ";
    finished
        .expect_stderr(told)
        .expect_stderr("database disk image is malformed), and nothing more");
    let after = fs::read(sandbox.database()).expect("the database is there");
    assert!(after == before, "the file has changed");
    let ended = "SELECT count(*) FROM _sync_endpoint_runs WHERE result IS NULL";
    assert_eq!(sandbox.count(ended), 1, "not even how it ended is written");
    restore(&sandbox);
}

#[test]
fn damage_that_the_daemon_meets_ends_it() {
    let (_api, sandbox) = synced();
    damage_users(&sandbox);
    let before = fs::read(sandbox.database()).expect("the database is there");
    let told = "error: `mapiq.db` is damaged (cannot ";
    sandbox.run(&[]).expect_status(74).expect_stderr(told);
    let after = fs::read(sandbox.database()).expect("the database is there");
    assert!(after == before, "the file has changed");
    restore(&sandbox);
    assert_eq!(sandbox.count("SELECT count(*) FROM users"), ALL);
}

#[test]
fn the_log_that_a_crash_has_left_is_not_copied_into_a_damaged_file() {
    let (_api, sandbox) = synced();
    damage_users(&sandbox);
    let before = fs::read(sandbox.database()).expect("the database is there");
    let log = log_of_a_crash(&sandbox);
    fs::write(sandbox.database(), &before).expect("the folder is writable");
    fs::write(sandbox.path().join("mapiq.db-wal"), &log).expect("the folder is writable");
    for arguments in [&["--run-now"][..], &[], &["backup", "backup.db"]] {
        sandbox.run(arguments).expect_status(74).expect_stderr("`mapiq.db` is damaged (");
        let after = fs::read(sandbox.database()).expect("the database is there");
        assert!(after == before, "the file has changed");
        let after = fs::read(sandbox.path().join("mapiq.db-wal")).expect("the log is there");
        assert!(after.starts_with(&log), "the log has changed");
    }
    restore(&sandbox);
}
