//! The tables beside their values: what users add to them, who reads them meanwhile, and what cannot be stored.

mod order;
mod users;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rusqlite::Connection;

use crate::{
    stored::{Stored, keyed},
    support::{Answer, Api, Sandbox},
};

/// Two endpoints, of one page each.
const TWO: &str = r#"
[[endpoint]]
name = "users"
path = "/users"
key = ["id"]
[[endpoint]]
name = "rooms"
path = "/rooms"
key = ["id"]
"#;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file is there").permissions().mode() & 0o7777
}

fn beside(path: &Path, suffix: &str) -> std::path::PathBuf {
    format!("{}{suffix}", path.display()).into()
}

/// Records `from..from + 10` with a value each, spelled by `value`.
fn ten(from: usize, value: impl Fn(usize) -> String) -> Vec<String> {
    (from..from + 10).map(|id| format!(r#"{{"id":{id},"v":{}}}"#, value(id))).collect()
}

#[test]
fn a_table_is_there_while_it_is_empty_and_its_key_takes_its_type_from_the_first_rows() {
    const SCHEMA: &str = "SELECT name, type, pk FROM pragma_table_info('records')";
    let mut stored = Stored::begun(keyed(&["at.hour", "origin"]));
    let bookkeeping = [
        "'_first_seen_at'|'TEXT'|0",
        "'_changed_at'|'TEXT'|0",
        "'_deleted_at'|'TEXT'|0",
        "'_run_id'|'INTEGER'|0",
        "'_hash'|'BLOB'|0",
    ];
    stored.stored::<&str>(&[]);
    let key = ["'at_hour'|'TEXT'|1", "'origin'|'TEXT'|2"];
    assert_eq!(stored.rows(SCHEMA), [&key[..], &bookkeeping].concat());
    assert_eq!(
        stored.rows("SELECT column_name, type, json_types, key_part FROM _sync_columns"),
        ["'at_hour'|'TEXT'|''|1", "'origin'|'TEXT'|''|2"]
    );

    stored.open();
    stored.begin().expect("the run begins");
    stored.stored(&[r#"{"origin":"JFK","at":{"hour":5}}"#]);
    let key = ["'at_hour'|'INTEGER'|1", "'origin'|'TEXT'|2"];
    assert_eq!(stored.rows(SCHEMA), [&key[..], &bookkeeping].concat());
    assert_eq!(
        stored.rows("SELECT column_name, type, json_types, key_part FROM _sync_columns"),
        ["'at_hour'|'INTEGER'|'number'|1", "'origin'|'TEXT'|'string'|2"]
    );
}

/// Both processes know the table from its empty days; the one must notice what the other has stored, though that has
/// changed nothing of the schema.
#[test]
fn what_another_process_has_stored_is_noticed() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored::<&str>(&[]);
    let mut other = stored.another();
    other.begin().expect("the other's run begins");
    other.stored(&[r#"{"id":"007"}"#]);

    stored.stored(&[r#"{"id":7}"#]);
    assert_eq!(stored.rows("SELECT id FROM records ORDER BY id"), ["'007'", "'7'"]);
    assert_eq!(
        stored.rows("SELECT type, json_types FROM _sync_columns"),
        ["'TEXT'|'number,string'"]
    );
}

#[test]
fn an_open_reader_sees_its_moment_and_holds_nobody_up() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&ten(0, |id| id.to_string()));
    let reader = stored.connection();
    let count = || {
        reader
            .query_row("SELECT count(*), typeof(max(v)) FROM records", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .expect("a reader never waits")
    };
    reader.execute_batch("BEGIN").expect("a transaction begins");
    assert_eq!(count(), (10, "integer".to_owned()));
    stored.stored(&ten(10, |id| id.to_string()));
    // The table is made anew beneath the reader.
    stored.stored(&ten(20, |id| format!("\"{id}\"")));
    assert_eq!(count(), (10, "integer".to_owned()));
    reader.execute_batch("COMMIT").expect("the transaction ends");
    assert_eq!(count(), (30, "text".to_owned()));
}

#[test]
fn a_reader_never_sees_half_a_page() {
    /// Enough pages for the reader to look between some of them, however the machine is loaded.
    const MANY: usize = 2000;
    let mut stored = Stored::begun(keyed(&["id"]));
    let database = stored.database();
    let done = AtomicBool::new(false);
    let seen = Mutex::new(BTreeSet::new());
    let see = |count: i64| seen.lock().expect("nobody panics with it").insert(count);
    let distinct = || seen.lock().expect("nobody panics with it").len();
    thread::scope(|scope| {
        scope.spawn(|| {
            let reader = Connection::open(&database).expect("the database can be opened");
            while !done.load(Ordering::Relaxed) {
                let count = reader.query_row("SELECT count(*) FROM records", [], |row| row.get(0));
                see(count.expect("a reader never waits"));
            }
        });
        for page in 0..MANY {
            // Now and then a column that must be added, or the table made anew.
            let rows = ten(page * 10, |id| match page {
                5 => format!("{id}.5"),
                9 => format!("\"{id}\""),
                _ => format!("{id},\"w{}\":1", page / 4),
            });
            stored.stored(&rows);
            if page > 20 && distinct() > 3 {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let seen = seen.into_inner().expect("nobody panics with it");
    assert!(seen.len() > 3, "the reader has looked only {} times", seen.len());
    assert!(seen.iter().all(|count| count % 10 == 0), "{seen:?}");
}

#[test]
fn the_files_are_the_users_alone_and_the_log_is_written_ahead() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":1}"#]);
    for suffix in ["", "-wal", "-shm", "-lock"] {
        assert_eq!(mode(&beside(&stored.database(), suffix)), 0o600, "{suffix}");
    }
    assert_eq!(stored.rows("PRAGMA journal_mode"), ["'wal'"]);

    // A mode that was changed meanwhile is set again, on the files that another process has open too.
    for suffix in ["", "-wal", "-shm"] {
        let file = beside(&stored.database(), suffix);
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("it is ours");
    }
    let _other = stored.another();
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(&beside(&stored.database(), suffix)), 0o600, "{suffix}");
    }
}

#[test]
fn another_programs_database_is_left_as_it_is() {
    let sandbox = Sandbox::with_api("http://127.0.0.1:9", TWO);
    let foreign = Connection::open(sandbox.database()).expect("a database can be made");
    foreign.execute_batch("CREATE TABLE theirs (a)").expect("valid SQL");
    drop(foreign);
    fs::set_permissions(sandbox.database(), fs::Permissions::from_mode(0o644)).expect("ours");
    let before = fs::read(sandbox.database()).expect("it can be read");

    sandbox.run(&["--run-now"]).expect_status(74).expect_stderr("another program's database");
    assert_eq!(fs::read(sandbox.database()).expect("it can be read"), before);
    assert_eq!(mode(&sandbox.database()), 0o644);
}

#[test]
fn a_table_that_was_dropped_is_made_and_filled_anew() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":1,"v":"a"}"#]);
    stored.user("DROP TABLE records");
    let error = stored.page(&[r#"{"id":2}"#]).expect_err("there is no table");
    assert_eq!(
        error.to_string(),
        "table `records` was dropped while it was being filled: the next run makes it anew"
    );
    assert!(!error.database_unusable());

    // The sweep's first page went with the table, so the sweep must not go on at its second.
    stored.begin().expect("the run begins");
    assert_eq!(
        stored.rows("SELECT sweep_id, result FROM _sync_sweeps"),
        ["1|'superseded'", "2|NULL"]
    );
    assert_eq!(stored.rows("SELECT pages FROM _sync_checkpoints WHERE sweep_id = 2"), ["0"]);
    assert_eq!(stored.stored(&[r#"{"id":1,"v":"a"}"#]).new, 1);
    assert_eq!(stored.rows("SELECT column_name FROM _sync_columns"), ["'id'", "'v'"]);
}

#[test]
fn a_name_that_is_taken_fails_its_endpoint_alone() {
    for (make, kind) in [("VIEW Users AS SELECT 1", "view"), ("TABLE users (a)", "table")] {
        let api = Api::serve(|_| Answer::json(r#"[{"id":1}]"#));
        let sandbox = Sandbox::with_api(&api.url(), TWO);
        sandbox.run(&["--run-now"]).expect_status(0);
        let user = Connection::open(sandbox.database()).expect("the database can be opened");
        user.execute_batch(&format!("DROP TABLE users; CREATE {make}")).expect("valid SQL");
        drop(user);

        let finished = sandbox.run(&["--run-now"]).expect_status(1).expect_stderr(&format!(
            "there is a {kind} named `users` that is not this program's: rename it, or the endpoint"
        ));
        assert!(finished.stdout.contains("rooms     ok"), "{}", finished.stdout);
    }
}

#[test]
fn another_key_is_an_error_until_the_table_is_dropped() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":1,"day":"x"}"#]);
    stored.configure(keyed(&["id", "day"]));
    let error = stored.begin().expect_err("the table has another key");
    assert_eq!(
        error.to_string(),
        "table `records` was made with the key id, the configuration now says id, day: set the key back, rename the endpoint, or have the table made anew, with its rows kept under another name: mapiq-sync rebuild records"
    );
    assert!(!error.database_unusable());
    stored.user("DROP TABLE records");
    stored.begin().expect("the run begins");
    assert_eq!(stored.stored(&[r#"{"id":1,"day":"x"}"#]).new, 1);
    assert_eq!(stored.rows("SELECT id, day FROM records"), ["1|'x'"]);
}

#[test]
fn of_a_page_that_finds_no_room_beside_users_columns_nothing_is_stored() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":1}"#]);
    let added: Vec<String> =
        (0..1993).map(|own| format!("ALTER TABLE records ADD COLUMN own{own};")).collect();
    stored.user(&format!("BEGIN; {} COMMIT", added.concat()));
    assert_eq!(stored.stored(&[r#"{"id":2}"#]).new, 1);
    let error = stored.page(&[r#"{"id":3}"#, r#"{"id":4,"v":1}"#]).expect_err("SQLite has a limit");
    assert_eq!(
        error.to_string(),
        "table `records` would need 2000 columns, and can have 1999: move columns that are not this program's to a table of their own"
    );
    assert!(!error.database_unusable());
    assert_eq!(stored.rows("SELECT id FROM records"), ["1", "2"]);
    assert_eq!(stored.rows("SELECT column_name FROM _sync_columns"), ["'id'"]);
    assert_eq!(stored.rows("SELECT pages FROM _sync_checkpoints"), ["2"]);

    // One column less, and what finds no room goes into the column for that.
    stored.user("ALTER TABLE records DROP COLUMN own7");
    assert_eq!(stored.stored(&[r#"{"id":4,"v":1}"#]).new, 1);
    assert_eq!(stored.rows("SELECT id, _extra FROM records WHERE id = 4"), [r#"4|'{"v":1}'"#]);
}
