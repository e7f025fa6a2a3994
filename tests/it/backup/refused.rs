//! What a backup must not replace, and what there is no backup of.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use rusqlite::Connection;

use super::{ask, files, synced};
use crate::support::Sandbox;

/// Is refused with 2 and these words, and the file in its place stays as it is.
#[track_caller]
fn expect_refused(sandbox: &Sandbox, name: &str, told: &str) {
    let path = sandbox.path().join(name);
    let before = fs::read(&path).ok();
    sandbox.run(&["backup", name]).expect_status(2).expect_stderr(told);
    assert!(fs::read(&path).ok() == before, "{name} has changed");
    assert_eq!(ask(&sandbox.database(), "SELECT count(*) FROM users"), "10");
    assert!(files(sandbox).iter().all(|name| !name.contains(".part")), "{:?}", files(sandbox));
}

#[test]
fn the_database_itself_is_refused_by_whatever_name() {
    let (_api, sandbox) = synced(1);
    symlink("mapiq.db", sandbox.path().join("link.db")).expect("a link can be made");
    fs::hard_link(sandbox.database(), sandbox.path().join("hard.db")).expect("it can be linked");
    let absolute = sandbox.database();
    let absolute = absolute.to_str().expect("the test's folder has a plain name");
    for name in ["mapiq.db", "./mapiq.db", absolute, "link.db", "hard.db"] {
        let told = format!("error: `{name}` is the database itself, or belongs to it");
        expect_refused(&sandbox, name, &told);
    }
}

#[test]
fn what_sqlite_would_take_for_the_databases_own_is_refused() {
    let (_api, sandbox) = synced(1);
    for name in ["mapiq.db-wal", "mapiq.db-shm", "mapiq.db-journal", "mapiq.db-lock-next"] {
        expect_refused(&sandbox, name, "is the database itself, or belongs to it");
        assert!(!sandbox.path().join(name).exists(), "{name} was made");
    }
    expect_refused(&sandbox, "mapiq.db-lock", "is there already");
}

#[test]
fn what_is_no_backup_is_refused_and_kept() {
    let (_api, sandbox) = synced(1);
    sandbox.write("notes.txt", &"these are notes\n".repeat(100));
    sandbox.write("empty", "");
    fs::create_dir(sandbox.path().join("folder")).expect("the folder is writable");
    symlink("nowhere", sandbox.path().join("dangling")).expect("a link can be made");
    let foreign = Connection::open(sandbox.path().join("foreign.db")).expect("it can be made");
    foreign.execute_batch("CREATE TABLE t (i)").expect("the SQL is valid");
    drop(foreign);
    for name in ["notes.txt", "empty", "folder", "dangling", "foreign.db"] {
        let told = format!("error: `{name}` is there already, and is no backup of such a database");
        expect_refused(&sandbox, name, &told);
    }
    assert!(!sandbox.path().join("nowhere").exists());
}

#[test]
fn an_earlier_backup_that_is_in_use_is_refused_and_kept() {
    let (_api, sandbox) = synced(1);
    sandbox.run(&["backup", "backup.db"]).expect_status(0);
    let user = Connection::open(sandbox.path().join("backup.db")).expect("the backup is there");
    user.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE own (i)").expect("it is writable");
    // SQLite would apply that log to the new backup.
    expect_refused(&sandbox, "backup.db", "backup.db-wal` is there");
    drop(user);
    sandbox.run(&["backup", "backup.db"]).expect_status(0);
    assert_eq!(ask(&sandbox.path().join("backup.db"), "PRAGMA integrity_check"), "ok");
}

#[test]
fn a_database_that_is_not_there_is_told() {
    let (_api, sandbox) = synced(1);
    for spoil in [|path| fs::remove_file(path), |path| fs::write(path, "")] {
        spoil(sandbox.database()).expect("the database is the test's own");
        sandbox
            .run(&["backup", "backup.db"])
            .expect_status(74)
            .expect_stderr("error: there is no database `mapiq.db` yet");
        assert_eq!(files(&sandbox), [""; 0]);
    }
}

#[test]
fn another_programs_database_is_not_copied() {
    let (_api, mut sandbox) = synced(1);
    sandbox.set("MAPIQ_SYNC__DATABASE__PATH", "notes.txt");
    sandbox.write("notes.txt", "these are notes\n");
    sandbox
        .run(&["backup", "backup.db"])
        .expect_status(74)
        .expect_stderr("is not a SQLite database");
    assert_eq!(files(&sandbox), [""; 0]);
}

#[test]
fn a_folder_that_is_not_there_or_cannot_be_written_is_told() {
    let (_api, sandbox) = synced(1);
    sandbox.run(&["backup", "elsewhere/backup.db"]).expect_status(74).expect_stderr(
        "error: cannot write the backup `elsewhere/backup.db`: its folder must exist",
    );
    if rustix::process::geteuid().is_root() {
        // Permission bits do not bind root, but nobody makes a file there.
        sandbox.run(&["backup", "/proc/backup.db"]).expect_status(74);
        return;
    }
    let folder = sandbox.path().join("elsewhere");
    fs::create_dir(&folder).expect("the folder is writable");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).expect("it is the test's own");
    sandbox
        .run(&["backup", "elsewhere/backup.db"])
        .expect_status(74)
        .expect_stderr("caused by: Permission denied");
}
