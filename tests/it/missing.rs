//! Rows that the API no longer returns: marked as deleted only where that is sure.

mod guard;
mod histories;
mod reads;
mod stored;
mod windows;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    listing::Gate,
    support::{Answer, Api, Asked, Sandbox},
};

/// Records of a page.
const SIZE: usize = 2;

/// What a listing has at each moment: ids, each with the field `v` or `at`.
type Listed = Arc<Mutex<BTreeMap<i64, String>>>;

fn lock(listed: &Listed) -> MutexGuard<'_, BTreeMap<i64, String>> {
    listed.lock().expect("no test panics while it holds this")
}

/// A listing of these ids, all of the same content.
fn listing(ids: impl IntoIterator<Item = i64>) -> Listed {
    Arc::new(Mutex::new(ids.into_iter().map(|id| (id, "a".to_owned())).collect()))
}

/// The page of a listing that is asked for.
fn page(listed: &Listed, asked: &Asked) -> Answer {
    let listed = lock(listed);
    let records: Vec<String> = listed
        .iter()
        .skip((asked.number("page") - 1) * SIZE)
        .take(SIZE)
        .map(|(id, v)| format!(r#"{{"id":{id},"v":"{v}"}}"#))
        .collect();
    Answer::json(format!(r#"{{"items":[{}],"total":{}}}"#, records.join(","), listed.len()))
}

/// An API with that listing, in pages, that the test changes as it goes on.
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

/// Users, listed in pages; `more` are further lines of the endpoint.
fn users(api: &Api, more: &str) -> Sandbox {
    users_without_total(api, &format!("total = \"total\"\n{more}"))
}

fn users_without_total(api: &Api, more: &str) -> Sandbox {
    Sandbox::with_api(
        &api.url(),
        &format!(
            "[[endpoint]]\nname = \"users\"\npath = \"/users\"\nkey = [\"id\"]\nrecords = \"items\"\n\
             pagination = {{ style = \"page\" }}\n{more}\n"
        ),
    )
}

/// Which rows are marked as deleted, and by which run.
fn deleted(sandbox: &Sandbox, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT id, _run_id FROM {table} WHERE _deleted_at IS NOT NULL AND _deleted_at = _changed_at ORDER BY id"
    );
    sandbox.lines(&sql)
}

/// How many requests for pages there were so far.
fn asked(api: &Api, path: &str) -> usize {
    api.asked_for(path).len()
}

/// Nothing is remembered of a sweep that is over, and no row waits for another read.
#[track_caller]
fn assert_settled(sandbox: &Sandbox) {
    let left = "SELECT (SELECT count(*) FROM _sync_seen), (SELECT count(*) FROM _sync_missing)";
    assert_eq!(sandbox.lines(left), ["0|0"]);
}
