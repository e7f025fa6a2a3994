//! Programs that read the database for long, or all the time: the log beside it is bounded, and no row is lost.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rusqlite::Connection;
use rustix::process::Signal;

use crate::{
    listing::{Gate, endpoint},
    support::{Answer, Api, Asked, Sandbox, wait_until},
};

/// A log that is larger is noticed; one that SQLite has cut back is not.
const NOTICED: u64 = 64 << 20;

/// Characters of each record, of which there is one a page.
const LENGTH: usize = 2_000_000;

/// Pages that make a log half as large again as one that is noticed.
const PAGES: usize = 50;

/// What is said of a log that is held.
const TOLD: &str = "a program keeps on reading an earlier state of the database";

/// The page that is asked for: one large record.
fn large(asked: &Asked) -> Answer {
    let page = asked.number("page");
    let text = format!("{page:07}").repeat(LENGTH / 7);
    Answer::json(format!(r#"{{"items":[{{"id":{page},"text":"{text}"}}],"total":{PAGES}}}"#))
}

/// Makes sure that every record is there as it was sent.
#[track_caller]
fn expect_all(sandbox: &Sandbox) {
    let whole = format!(
        "SELECT count(*), sum(text = replace(hex(zeroblob({})), '00', printf('%07d', id))) FROM users",
        LENGTH / 7
    );
    assert_eq!(sandbox.lines(&whole), [format!("{PAGES}|{PAGES}")]);
    assert_eq!(sandbox.lines("PRAGMA integrity_check"), ["ok"]);
}

fn log_size(sandbox: &Sandbox) -> u64 {
    let log = sandbox.path().join("mapiq.db-wal");
    fs::metadata(log).map_or(0, |found| found.len())
}

/// A program that keeps a transaction open in which it reads.
fn reader(sandbox: &Sandbox) -> Connection {
    let connection = Connection::open(sandbox.database()).expect("the database is there");
    connection.execute_batch("BEGIN").expect("a transaction begins");
    assert_eq!(rows(&connection), 0);
    connection
}

fn rows(connection: &Connection) -> i64 {
    connection
        .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
        .expect("the table is there")
}

/// A sandbox whose table is there, and empty.
fn sandbox(api: &Api, empty: &AtomicBool) -> Sandbox {
    let mut sandbox = Sandbox::with_api(&api.url(), &endpoint("users", "/users", ""));
    sandbox.set("RUST_LOG", "mapiq_sync=info");
    sandbox.set("MAPIQ_SYNC__API__TIMEOUT", "60s");
    sandbox.run(&["--run-now"]).expect_status(0);
    empty.store(false, Ordering::SeqCst);
    sandbox
}

fn no_records() -> Answer {
    Answer::json(r#"{"items":[],"total":0}"#)
}

/// An API whose listing is large by now, and a sandbox whose table is there, and empty.
fn served() -> (Api, Sandbox) {
    let empty = Arc::new(AtomicBool::new(true));
    let is_empty = Arc::clone(&empty);
    let api = Api::serve(
        move |asked| {
            if is_empty.load(Ordering::SeqCst) { no_records() } else { large(asked) }
        },
    );
    let sandbox = sandbox(&api, &empty);
    (api, sandbox)
}

#[test]
fn a_reader_that_holds_on_is_told_once_and_the_log_is_emptied_when_it_ends() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let empty = Arc::new(AtomicBool::new(true));
    let is_empty = Arc::clone(&empty);
    let api = Api::serve(move |asked| {
        if is_empty.load(Ordering::SeqCst) {
            return no_records();
        }
        if asked.number("page") >= PAGES - 1 {
            held.pass();
        }
        large(asked)
    });
    let sandbox = sandbox(&api, &empty);
    let reader = reader(&sandbox);
    // The last one to close the database would remove its log.
    let other = Connection::open(sandbox.database()).expect("the database is there");
    assert_eq!(rows(&other), 0);

    let run = sandbox.start(&["--run-now"]);
    wait_until("all pages but two are stored", || api.asked_for("/users").len() == PAGES);
    let grown = log_size(&sandbox);
    assert!(grown > NOTICED * 5 / 4, "the log has {grown} bytes");
    assert_eq!(run.stderr().matches(TOLD).count(), 1, "{}", run.stderr());
    assert_eq!(rows(&reader), 0, "the reader sees what it has seen");
    assert_eq!(rows(&other), i64::try_from(PAGES - 2).expect("a small number"));

    drop(reader);
    gate.allow(1);
    wait_until("the last page is asked for", || api.asked_for("/users").len() == PAGES + 1);
    let healed = log_size(&sandbox);
    assert!(healed < 1 << 20, "the log has {healed} bytes");
    gate.open();
    let ended = run.wait().expect_status(0);
    assert_eq!(ended.stderr.matches(TOLD).count(), 1, "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("nobody holds the database's log any more").count(), 1);
    assert!(log_size(&sandbox) < NOTICED);
    expect_all(&sandbox);
}

#[test]
fn a_reader_that_ends_after_the_last_page_leaves_a_log_that_the_next_run_cuts_back() {
    let (_api, sandbox) = served();
    let held = reader(&sandbox);
    let told = sandbox.run(&["--run-now"]).expect_status(0).stderr;
    assert_eq!(told.matches(TOLD).count(), 1, "{told}");
    let grown = log_size(&sandbox);
    assert!(grown > NOTICED * 5 / 4, "the log has {grown} bytes");
    assert_eq!(rows(&held), 0);

    // It ends, and others only look from time to time.
    held.execute_batch("COMMIT").expect("the transaction ends");
    sandbox.run(&["--run-now"]).expect_status(0);
    let healed = log_size(&sandbox);
    assert!(healed <= NOTICED, "the log has {healed} bytes");
    drop(held);
    expect_all(&sandbox);
}

#[test]
fn readers_that_take_turns_do_not_let_the_log_grow() {
    let (api, sandbox) = served();
    let done = AtomicBool::new(false);
    let largest = thread::scope(|scope| {
        for _ in 0..3 {
            let connection = Connection::open(sandbox.database()).expect("the database is there");
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    connection.execute_batch("BEGIN").expect("a transaction begins");
                    rows(&connection);
                    // As long as a query takes; the others begin and end meanwhile.
                    thread::sleep(Duration::from_millis(60));
                    connection.execute_batch("COMMIT").expect("the transaction ends");
                }
            });
        }
        let run = sandbox.start(&["--run-now"]);
        let done_pages = || api.asked_for("/users").len() > PAGES;
        wait_until("all pages are asked for", done_pages);
        let ended = run.wait();
        let largest = log_size(&sandbox);
        done.store(true, Ordering::SeqCst);
        assert!(!ended.stderr.contains(TOLD), "{}", ended.stderr);
        ended.expect_status(0);
        largest
    });
    assert!(largest <= NOTICED + NOTICED / 8, "the log has {largest} bytes");
    expect_all(&sandbox);
}

#[test]
fn a_log_that_may_not_grow_any_further_pauses_the_runs_until_its_reader_has_ended() {
    let (api, sandbox) = served();
    sandbox.execute("CREATE TABLE own (bytes)");
    let reader = reader(&sandbox);
    // More than a gibibyte in the log, and in the file but the last of it.
    for _ in 0..11 {
        sandbox.execute("DELETE FROM own; INSERT INTO own VALUES (zeroblob(100000000))");
    }
    assert!(log_size(&sandbox) > 1 << 30);
    let asked = api.asked_for("/users").len();

    let told = sandbox.run(&["--run-now"]).expect_status(75).stderr;
    let pause = " MB, held since ";
    assert!(told.contains("error: users unfinished: the database's log has 1"), "{told}");
    assert!(told.contains(pause) && told.contains("end its transaction"), "{told}");
    let daemon = sandbox.start(&[]);
    wait_until("the daemon goes on, in vain", || daemon.stderr().matches(pause).count() >= 2);
    assert_eq!(daemon.stderr().matches(TOLD).count(), 1, "{}", daemon.stderr());
    assert_eq!(api.asked_for("/users").len(), asked, "nothing is asked that has no room");

    drop(reader);
    let done = "SELECT count(*) FROM _sync_runs WHERE trigger = 'schedule' AND result = 'ok'";
    wait_until("a run is done", || sandbox.count(done) >= 1);
    assert!(log_size(&sandbox) <= NOTICED + NOTICED / 8);
    daemon.signal(Signal::TERM);
    daemon.wait().expect_status(0);
    expect_all(&sandbox);
}
