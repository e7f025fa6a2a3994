//! What is remembered of a sweep, and what becomes of it.

use super::{api, asked, assert_settled, deleted, listing, lock, users};
use crate::stored::{Stored, keyed};

#[test]
fn rows_that_are_to_stay_are_neither_remembered_nor_marked() {
    let listed = listing(1..=4);
    let api = api(&listed);
    let mut sandbox = users(&api, "on_missing = \"keep\"");
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).remove(&4);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(asked(&api, "/users"), 4);
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
    assert_eq!(sandbox.lines("SELECT DISTINCT judges FROM _sync_sweeps"), ["0"]);

    // Told otherwise, it begins anew.
    sandbox.set("MAPIQ_SYNC__ENDPOINT__USERS__ON_MISSING", "mark");
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users"), ["4|3"]);
    assert_settled(&sandbox);
}

#[test]
fn a_row_that_a_user_removes_is_not_missing() {
    let listed = listing(1..=4);
    let api = api(&listed);
    let sandbox = users(&api, "");
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).remove(&4);
    sandbox.execute("DELETE FROM users WHERE id = 4");
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(asked(&api, "/users"), 2 + 2, "nothing is asked for once more");
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
    assert_settled(&sandbox);
}

#[test]
fn a_table_that_was_dropped_forgets_what_was_missing() {
    let listed = listing(1..=9);
    let api = api(&listed);
    let sandbox = users(&api, "rate_limit = { requests = 3, per = \"50ms\" }");
    sandbox.run(&["--run-now"]).expect_status(0);
    lock(&listed).remove(&9);
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(sandbox.count("SELECT count(*) FROM _sync_missing"), 1);
    sandbox.execute("DROP TABLE users");
    sandbox.run(&["--run-now"]).expect_status(0);
    assert_eq!(deleted(&sandbox, "users"), [""; 0]);
    assert_settled(&sandbox);
}

/// The row ids that the sweep's pages are remembered with.
fn remembered(stored: &Stored) -> Vec<i64> {
    let rows = stored.connection();
    let mut pages = rows
        .prepare("SELECT row_ids FROM _sync_seen ORDER BY sweep_id, slice, page")
        .expect("the table is there");
    let blobs: Vec<Vec<u8>> = pages
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .expect("the pages can be read");
    let mut ids = Vec::new();
    for blob in blobs {
        let set = roaring::RoaringTreemap::deserialize_from(&blob[..]).expect("it is a set");
        ids.extend(set.iter().map(|id| id.cast_signed() ^ i64::MIN));
    }
    ids
}

#[test]
fn new_changed_and_unchanged_rows_are_remembered_by_any_id() {
    let mut stored = Stored::begun(keyed(&["id"]));
    // An INTEGER key is the row's id itself.
    let ids = [i64::MIN, -1, 0, 7, i64::MAX];
    let record = |id: i64, v: &str| format!(r#"{{"id":{id},"v":"{v}"}}"#);
    stored.stored(&ids.map(|id| record(id, "a")));
    stored.stored(&[record(-1, "a"), record(7, "b"), record(8, "a"), record(8, "c")]);
    assert_eq!(remembered(&stored), [&ids[..], &[-1, 7, 8]].concat());
}

#[test]
fn row_ids_stay_valid_when_the_file_is_written_anew_between_two_pages() {
    let mut stored = Stored::begun(keyed(&["id"]));
    let record = |id: &str| format!(r#"{{"id":"{id}"}}"#);
    stored.stored(&["a", "b", "c", "d"].map(record));
    stored.user("DELETE FROM records WHERE id IN ('a', 'c')");
    stored.begin().expect("another run begins");
    stored.stored(&[record("b")]);
    stored.user("VACUUM");
    stored.stored(&[record("d"), record("e")]);
    let of_rows: Vec<String> =
        stored.rows("SELECT _rowid_ FROM records WHERE id IN ('b', 'd', 'e')");
    let ids: Vec<String> = remembered(&stored).iter().map(ToString::to_string).collect();
    assert!(ids.ends_with(&of_rows), "{ids:?} are not {of_rows:?}");
}
