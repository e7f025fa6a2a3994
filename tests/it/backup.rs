//! `backup FILE`: a copy that is whole whatever happens meanwhile, or none at all.

mod refused;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rusqlite::Connection;
use rustix::process::Signal;

use crate::{
    listing::{Gate, endpoint, page, whole},
    support::{Api, Finished, Sandbox, wait_until},
};

/// An API of so many pages, and a sandbox with all of them in its database.
fn synced(pages: usize) -> (Api, Sandbox) {
    let api = Api::serve(move |asked| page(asked, pages));
    let sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.run(&["--run-now"]).expect_status(0);
    (api, sandbox)
}

/// The names in the sandbox's folder that have to do with a backup.
fn files(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path()).expect("the folder can be read");
    let names = entries.map(|entry| entry.expect("the folder can be read").file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| name.starts_with("backup"));
    names.sort();
    names
}

/// The first value of a query to a file that nobody has open.
fn ask(path: &Path, sql: &str) -> String {
    let connection = Connection::open(path).expect("the file is a database");
    let value = connection.query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0));
    match value.expect("the query can be answered") {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => panic!("{sql} answers {other:?}"),
    }
}

/// A table that takes a while to copy.
fn grow(sandbox: &Sandbox, megabytes: u32) {
    let connection = Connection::open(sandbox.database()).expect("the database is there");
    let sql = format!(
        "CREATE TABLE ballast AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {megabytes}) \
         SELECT i, randomblob(1000000) AS b FROM n"
    );
    connection.execute_batch(&sql).expect("the database can be written");
}

#[test]
fn a_backup_needs_no_credentials_and_tells_what_it_has() {
    let (_api, mut sandbox) = synced(3);
    sandbox.unset("MAPIQ_CLIENT_ID");
    sandbox.unset("MAPIQ_CLIENT_SECRET");
    sandbox.set("MAPIQ_SYNC__DATABASE__MODE", "0640");
    let told = sandbox.run(&["backup", "backup.db"]).expect_status(0).stdout;
    insta::with_settings!({filters => [(r"[0-9.]+ [kM]B", "[SIZE]"), (r"began .* ago", "began [AGE] ago")]}, {
        insta::assert_snapshot!(told, @r"
        table  rows
        -----  ----
        users    30

        backup.db: a whole copy of mapiq.db, 1 table, [SIZE]; its newest run began [AGE] ago
        ");
    });
    let backup = sandbox.path().join("backup.db");
    let mode = fs::metadata(&backup).expect("the backup is there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    assert_eq!(files(&sandbox), ["backup.db"]);
    assert_eq!(ask(&backup, "PRAGMA integrity_check"), "ok");
    assert_eq!(ask(&backup, "PRAGMA journal_mode"), "delete", "a reader need not write beside it");
}

#[test]
fn a_backup_put_in_the_databases_place_is_gone_on_with() {
    let (api, sandbox) = synced(3);
    sandbox.run(&["backup", "backup.db"]).expect_status(0);
    fs::remove_file(sandbox.database()).expect("the database can be removed");
    fs::rename(sandbox.path().join("backup.db"), sandbox.database()).expect("it can be moved");

    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(sandbox.lines("SELECT id, name, even FROM users ORDER BY id"), whole(3));
    let runs = "SELECT run_id, rows_new, rows_unchanged FROM _sync_endpoint_runs ORDER BY run_id";
    assert_eq!(sandbox.lines(runs), ["1|30|0", "2|0|30"], "the journal goes on, no row is written");
    assert_eq!(api.asked_for("/users").len(), 6);
}

#[test]
fn a_backup_waits_for_no_writer_and_has_what_was_committed() {
    let gate = Gate::new();
    let held = gate.clone();
    let api = Api::serve(move |asked| {
        if asked.number("page") == 3 {
            held.pass();
        }
        page(asked, 4)
    });
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    let run = sandbox.start(&["--run-now"]);
    wait_until("the third page is asked for", || api.asked_for("/users").len() == 3);
    let mut writer = Connection::open(sandbox.database()).expect("the database is there");
    let transaction = writer
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .expect("nobody writes now");
    transaction.execute("DELETE FROM users", []).expect("the table is there");

    sandbox.run(&["backup", "backup.db"]).expect_status(0);

    assert_eq!(ask(&sandbox.path().join("backup.db"), "SELECT count(*) FROM users"), "20");
    transaction.rollback().expect("it can be rolled back");
    drop(writer);
    gate.open();
    run.wait().expect_status(0);
    assert_eq!(sandbox.lines("SELECT id, name, even FROM users ORDER BY id"), whole(4));
}

#[test]
fn nobody_who_writes_waits_for_a_backup_and_each_has_whole_transactions() {
    let (_api, sandbox) = synced(1);
    grow(&sandbox, 20);
    let mut writer = Connection::open(sandbox.database()).expect("the database is there");
    writer.execute_batch("CREATE TABLE one (i); CREATE TABLE two (i);").expect("it can be written");
    // A statement that would have to wait fails.
    writer.busy_timeout(std::time::Duration::ZERO).expect("it is the test's connection");
    let done = AtomicBool::new(false);
    let backup = sandbox.path().join("backup.db");
    thread::scope(|scope| {
        let written = scope.spawn(|| -> rusqlite::Result<u64> {
            let mut commits = 0;
            while !done.load(Ordering::SeqCst) {
                let transaction = writer.transaction()?;
                transaction.execute("INSERT INTO one VALUES (1)", [])?;
                transaction.execute("INSERT INTO two VALUES (1)", [])?;
                transaction.commit()?;
                commits += 1;
            }
            Ok(commits)
        });
        let mut counts = Vec::new();
        for _ in 0..5 {
            let finished = sandbox.run(&["backup", "backup.db"]);
            let differ = "SELECT (SELECT count(*) FROM one) - (SELECT count(*) FROM two)";
            let count: u64 = finished
                .status
                .filter(|status| *status == 0)
                .map(|_| {
                    assert_eq!(ask(&backup, differ), "0", "half a transaction");
                    ask(&backup, "SELECT count(*) FROM one").parse().expect("a count")
                })
                .unwrap_or_default();
            counts.push((finished.status, count));
        }
        done.store(true, Ordering::SeqCst);
        let commits = written.join().expect("the writer does not panic");
        let commits = commits.expect("no commit has to wait");
        assert!(counts.iter().all(|(status, _)| *status == Some(0)), "{counts:?}");
        assert!(counts.is_sorted_by(|a, b| a.1 < b.1), "it was written meanwhile: {counts:?}");
        assert!(counts.iter().all(|(_, count)| *count <= commits), "{counts:?} of {commits}");
    });
}

#[test]
fn an_earlier_backup_is_replaced_and_a_link_to_it_stays_one() {
    let (_api, sandbox) = synced(1);
    let (backup, link) = (sandbox.path().join("backup-1.db"), sandbox.path().join("backup.db"));
    sandbox.run(&["backup", "backup-1.db"]).expect_status(0);
    sandbox.run(&["--run-now"]).expect_status(0);
    symlink("backup-1.db", &link).expect("a link can be made");
    sandbox.run(&["backup", "backup.db"]).expect_status(0);
    assert_eq!(ask(&backup, "SELECT count(*) FROM _sync_runs"), "2");
    assert!(fs::symlink_metadata(&link).expect("the link is there").is_symlink());
    assert_eq!(files(&sandbox), ["backup-1.db", "backup.db"]);
}

#[test]
fn a_signal_ends_a_backup_and_leaves_the_earlier_one_and_nothing_else() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_api, sandbox) = synced(1);
        sandbox.run(&["backup", "backup.db"]).expect_status(0);
        let before = fs::read(sandbox.path().join("backup.db")).expect("the backup is there");
        grow(&sandbox, 200);
        let running = sandbox.start(&["backup", "backup.db"]);
        let is_under_way = || {
            let part = files(&sandbox).into_iter().find(|name| name.contains(".part"));
            let part = part.and_then(|part| fs::metadata(sandbox.path().join(part)).ok());
            part.is_some_and(|part| part.len() > 1_000_000)
        };
        wait_until("the copy is under way", is_under_way);
        running.signal(signal);
        running.wait().expect_status(75).expect_stderr("error: stopped by a signal");
        assert_eq!(files(&sandbox), ["backup.db"]);
        let after = fs::read(sandbox.path().join("backup.db")).expect("the backup is there");
        assert!(after == before, "the earlier backup has changed");
    }
}

#[test]
fn a_backup_that_cannot_be_written_leaves_the_earlier_one_and_nothing_else() {
    let (_api, sandbox) = synced(1);
    sandbox.run(&["backup", "backup.db"]).expect_status(0);
    let before = fs::read(sandbox.path().join("backup.db")).expect("the backup is there");
    grow(&sandbox, 2);
    // In units of 512 bytes: as a quota would, the system lets no file grow further.
    let usual = sandbox.command(&["backup", "backup.db"]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 2000; exec \"$@\"", "sh"]);
    command.arg(usual.get_program()).args(usual.get_args()).current_dir(sandbox.path());
    command.env_clear().env("PATH", "/usr/bin:/bin");
    let finished = Finished::from(command.output().expect("sh starts"));
    finished
        .expect_status(74)
        .expect_stderr("error: `mapiq.db`: cannot copy the database")
        .expect_stderr("is a quota used up");
    assert_eq!(files(&sandbox), ["backup.db"]);
    let after = fs::read(sandbox.path().join("backup.db")).expect("the backup is there");
    assert!(after == before, "the earlier backup has changed");
}
