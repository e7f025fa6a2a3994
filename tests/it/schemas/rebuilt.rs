//! A large table that is copied because a column changes its type, and who is at the database meanwhile.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use rusqlite::Connection;

use crate::support::{Answer, Api, Sandbox, wait_until};

/// What the program logs before it copies a table.
const COPIES: &str = "the table is copied";

const ENDPOINTS: &str = r#"
[[endpoint]]
name = "records"
path = "/records"
key = ["id"]
on_missing = "keep"
[[endpoint]]
name = "rooms"
path = "/rooms"
key = ["id"]
on_missing = "keep"
"#;

/// A job for each endpoint.
const JOBS: &str = r#"
[[job]]
name = "large"
schedule = "0 0 0 1 1 *"
endpoints = ["records"]
[[job]]
name = "small"
schedule = "0 0 0 1 1 *"
endpoints = ["rooms"]
"#;

/// An API whose records have numbers until it has been asked for them once, and a text then; and a table filled with
/// numbers already.
fn filled(rows: u32) -> (Api, Sandbox) {
    let asked = AtomicBool::new(false);
    let api = Api::serve(move |request| match &*request.path {
        "/records" if asked.swap(true, Ordering::Relaxed) => {
            Answer::json(r#"[{"id":"k1","v":"text","w":"one"}]"#)
        }
        _ => Answer::json(r#"[{"id":"k1","v":0,"w":"one"}]"#),
    });
    let mut sandbox = Sandbox::with_api(&api.url(), ENDPOINTS);
    let config = fs::read_to_string(sandbox.path().join("config.toml")).expect("it was written");
    sandbox.write("config.toml", &(config + JOBS));
    sandbox.set("RUST_LOG", "warn,mapiq_sync=info");
    sandbox.run(&["--run-now", "--job", "large"]).expect_status(0);
    // In no order of the keys, as identifiers are.
    connection(&sandbox)
        .execute_batch(&format!(
            "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
            INSERT INTO records (id, v, w, _first_seen_at, _changed_at, _run_id, _hash)
            SELECT hex(randomblob(16)), i, 'some text', '', '', 1, x'' FROM n"
        ))
        .expect("the table can be filled");
    (api, sandbox)
}

/// A connection that waits for nobody.
fn connection(sandbox: &Sandbox) -> Connection {
    let connection = Connection::open(sandbox.database()).expect("the database can be opened");
    connection.busy_timeout(Duration::ZERO).expect("a connection can be told not to wait");
    connection
}

/// How many rows there are, of how many types their values are, which, and what they add up to.
fn look(reader: &Connection) -> (u32, u32, String, i64) {
    const LOOK: &str = "SELECT count(*), count(DISTINCT typeof(v)), min(typeof(v)), sum(CAST(v AS INTEGER)) FROM records";
    let row =
        reader.query_row(LOOK, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    row.expect("a reader never waits, and never fails")
}

/// Ends what waits for it, though the test may fail.
struct Ended<'e>(&'e AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn readers_see_a_large_table_whole_before_and_after_it_is_copied_and_writers_wait() {
    const ROWS: u32 = 50_000;
    let (_api, sandbox) = filled(ROWS);
    let sum = (2..=i64::from(ROWS)).sum();
    let before = (ROWS, 1, "integer".to_owned(), sum);
    let after = (ROWS, 1, "text".to_owned(), sum);

    let holder = connection(&sandbox);
    holder.execute_batch("BEGIN").expect("a transaction begins");
    assert_eq!(look(&holder), before);
    let run = sandbox.start(&["--run-now", "--job", "large"]);
    let done = AtomicBool::new(false);
    let looks = thread::scope(|scope| {
        let poller = scope.spawn(|| {
            let reader = connection(&sandbox);
            let mut looks = Vec::new();
            while !done.load(Ordering::Relaxed) {
                looks.push(look(&reader));
            }
            looks
        });
        let ended = Ended(&done);
        wait_until("the table is copied", || run.stderr().contains(COPIES));
        // A second process, with pages and reservations of its own, comes in the middle of it.
        sandbox.run(&["--run-now", "--job", "small"]).expect_status(0);
        let told = run.wait().expect_status(0);
        drop(ended);
        assert!(told.stderr.contains("table.rows=50000"), "{}", told.stderr);
        poller.join().expect("the reader does not fail")
    });
    assert!(looks.iter().all(|look| *look == before || *look == after));
    assert!(looks.contains(&before), "the reader has looked {} times", looks.len());
    assert_eq!(look(&holder), before);
    holder.execute_batch("COMMIT").expect("the transaction ends");
    assert_eq!(look(&holder), after);
    assert_eq!(sandbox.count("SELECT count(*) FROM rooms"), 1);
    assert_eq!(
        sandbox.lines("SELECT v FROM records WHERE _rowid_ IN (1, 2, 50000)"),
        ["text", "2", "50000"]
    );
}

#[test]
fn a_kill_while_the_table_is_copied_leaves_the_old_one_whole_and_the_next_run_completes_it() {
    const ROWS: u32 = 200_000;
    let (_api, sandbox) = filled(ROWS);
    let run = sandbox.start(&["--run-now", "--job", "large"]);
    wait_until("the table is copied", || run.stderr().contains(COPIES));
    run.signal(rustix::process::Signal::KILL);
    assert_eq!(run.wait().status, None);

    let types = "SELECT (SELECT type FROM pragma_table_info('records') WHERE name = 'v'), type, json_types \
        FROM _sync_columns WHERE column_name = 'v'";
    let sum = (2..=i64::from(ROWS)).sum();
    assert_eq!(look(&connection(&sandbox)), (ROWS, 1, "integer".to_owned(), sum));
    assert_eq!(sandbox.lines(types), ["INTEGER|INTEGER|number"]);
    assert_eq!(
        sandbox.lines("SELECT name FROM sqlite_schema WHERE name LIKE '%rebuilt%'"),
        [""; 0]
    );
    assert_eq!(sandbox.lines("PRAGMA integrity_check"), ["ok"]);

    let told = sandbox.run(&["--run-now", "--job", "large"]).expect_status(0);
    assert!(
        told.stderr.contains("table.rows=200000") && told.stderr.contains("WARN"),
        "{}",
        told.stderr
    );
    assert_eq!(look(&connection(&sandbox)), (ROWS, 1, "text".to_owned(), sum));
    assert_eq!(sandbox.lines(types), ["TEXT|TEXT|number,string"]);
    assert_eq!(sandbox.lines("PRAGMA integrity_check"), ["ok"]);
}
