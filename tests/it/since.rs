//! Changes only: what is asked for, since when, and when everything is asked for instead.

mod bounds;
mod everything;
mod histories;
mod missing;
mod simulator;
mod windows;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use chrono::{DateTime, Utc};

use crate::{
    listing::Gate,
    support::{Answer, Api, Asked, Sandbox},
};

/// Records of a page.
const SIZE: usize = 2;

/// When a record was changed that nobody has changed lately.
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

/// A record as the API has it.
#[derive(Clone, Debug)]
struct Item {
    v: String,
    /// When it was changed; a record that does not know is in no list of changes.
    updated: Option<DateTime<Utc>>,
}

type Listed = Arc<Mutex<BTreeMap<i64, Item>>>;

fn lock(listed: &Listed) -> MutexGuard<'_, BTreeMap<i64, Item>> {
    listed.lock().expect("no test panics while it holds this")
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().expect("the test's moment is valid")
}

/// Now, in whole seconds.
fn now() -> DateTime<Utc> {
    let now: String = rusqlite::Connection::open_in_memory()
        .and_then(|connection| {
            connection
                .query_row("SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now')", [], |row| row.get(0))
        })
        .expect("SQLite has a clock");
    utc(&now)
}

/// A listing of these ids, all changed long ago.
fn listing(ids: impl IntoIterator<Item = i64>) -> Listed {
    let item = Item { v: "a".to_owned(), updated: Some(utc(LONG_AGO)) };
    Arc::new(Mutex::new(ids.into_iter().map(|id| (id, item.clone())).collect()))
}

/// Adds a record, or changes it, now.
fn put(listed: &Listed, id: i64, v: &str) {
    lock(listed).insert(id, Item { v: v.to_owned(), updated: Some(now()) });
}

/// The page of a listing that is asked for: of all records, or of what has changed since.
fn page(listed: &Listed, asked: &Asked) -> Answer {
    let since = asked.query.get("updatedAfter").map(|since| utc(since));
    let listed = lock(listed);
    let found: Vec<_> = listed
        .iter()
        .filter(|(_, item)| since.is_none_or(|since| item.updated.is_some_and(|at| at > since)))
        .collect();
    let records: Vec<String> = found
        .iter()
        .skip((asked.number("page") - 1) * SIZE)
        .take(SIZE)
        .map(|(id, item)| format!(r#"{{"id":{id},"v":"{}"}}"#, item.v))
        .collect();
    Answer::json(format!(r#"{{"items":[{}],"total":{}}}"#, records.join(","), found.len()))
}

fn api(listed: &Listed) -> Api {
    let listed = Arc::clone(listed);
    Api::serve(move |asked| page(&listed, asked))
}

/// The same, but each answer waits at a gate.
fn gated(listed: &Listed, gate: &Arc<Gate>) -> Api {
    let (listed, gate) = (Arc::clone(listed), Arc::clone(gate));
    Api::serve(move |asked| {
        gate.pass();
        page(&listed, asked)
    })
}

/// Users, listed in pages, and asked for changes; `more` are further lines of the endpoint.
fn users(api: &Api, more: &str) -> Sandbox {
    Sandbox::with_api(
        &api.url(),
        &format!(
            "[[endpoint]]\nname = \"users\"\npath = \"/users\"\nkey = [\"id\"]\nrecords = \"items\"\ntotal = \"total\"\n\
             pagination = {{ style = \"page\" }}\nsince = {{ param = \"updatedAfter\" }}\n{more}\n"
        ),
    )
}

/// Since when each request for users has asked for changes, from the given one on; nothing: it has asked for everything.
fn asked_since(api: &Api, skip: usize) -> Vec<String> {
    let asked = api.asked_for("/users");
    asked.iter().skip(skip).map(|asked| asked.param("updatedAfter").to_owned()).collect()
}

/// How many requests for users there were so far.
fn asked(api: &Api) -> usize {
    api.asked_for("/users").len()
}

/// What the last sweep has asked for, as it is sent: since the given one was begun, less an hour. To the millisecond, since
/// several of them are begun within a second.
#[track_caller]
fn follows_on(sandbox: &Sandbox, sweep: i64) -> String {
    let sql = format!(
        "SELECT l.since = strftime('%Y-%m-%dT%H:%M:%fZ', s.started_at, '-1 hour'), strftime('%Y-%m-%dT%H:%M:%SZ', l.since) \
         FROM _sync_sweeps AS l, _sync_sweeps AS s WHERE s.sweep_id = {sweep} ORDER BY l.sweep_id DESC LIMIT 1"
    );
    let line = &sandbox.lines(&sql)[0];
    let (follows, since) = line.split_once('|').expect("there are two columns");
    assert_eq!(follows, "1", "the last sweep does not follow on sweep {sweep}");
    since.to_owned()
}

/// What is stored: `id|v`, with a mark where it is deleted.
fn stored(sandbox: &Sandbox) -> Vec<String> {
    sandbox.lines("SELECT id, v || iif(_deleted_at IS NULL, '', ' deleted') FROM users ORDER BY id")
}

/// Runs once, and gives what it has asked for.
fn run(sandbox: &Sandbox, api: &Api) -> Vec<String> {
    let before = asked(api);
    sandbox.run(&["--run-now"]).expect_status(0);
    asked_since(api, before)
}

/// Makes the next sweep a full one.
fn full_is_due(sandbox: &Sandbox) {
    sandbox.execute(
        "UPDATE _sync_coverage SET full_at = strftime('%Y-%m-%dT%H:%M:%fZ', full_at, '-8 days')",
    );
}
