//! The values that have gone wrong in other programs, one by one.

use mapiq_sync::rows::{ColumnType, Transforms};

use crate::stored::{Stored, keyed, path};

const SCHEMA: &str = "SELECT name, type, pk FROM pragma_table_info('records') WHERE name NOT LIKE '\\_%' ESCAPE '\\'";

#[test]
fn a_text_with_a_nul_is_kept_whole_and_is_found_again() {
    let mut stored = Stored::begun(keyed(&["id"]));
    let page = [r#"{"id":"a\u0000b","v":"\u0000"}"#, r#"{"id":"a","v":"x\u0000y"}"#];
    assert_eq!(stored.stored(&page).new, 2);
    assert_eq!(stored.stored(&page).unchanged, 2);
    assert_eq!(
        stored.rows("SELECT hex(id), hex(v), length(CAST(id AS BLOB)) FROM records ORDER BY id"),
        ["'61'|'780079'|1", "'610062'|'00'|3"]
    );
}

#[test]
fn a_string_that_is_no_unicode_text_is_rejected_and_the_page_goes_on() {
    let mut stored = Stored::begun(keyed(&["id"]));
    let rows = stored.stored(&[
        r#"{"id":1,"v":"\ud800"}"#,
        r#"{"id":2,"v":"\ud83e\udd80"}"#,
        r#"{"id":"\udc00"}"#,
        r#"{"id":4,"\ud800":1}"#,
    ]);
    assert_eq!(rows.new, 1);
    assert_eq!(stored.rows("SELECT id, v FROM records"), ["2|'🦀'"]);
    assert_eq!(
        stored.rows("SELECT reason FROM _sync_rejects ORDER BY reject_id"),
        [
            "'field `v` holds a string that is no Unicode text'",
            "'field `id` holds a string that is no Unicode text'",
            r#"'a key is no Unicode text: "\ud800"'"#
        ]
    );
}

#[test]
fn a_key_is_one_however_its_number_is_spelled() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":1,"v":"a"}"#, r#"{"id":2.50,"v":"b"}"#]);
    assert_eq!(stored.stored(&[r#"{"id":1.0,"v":"a"}"#, r#"{"id":25e-1,"v":"b"}"#]).unchanged, 2);
    // From here on the column is TEXT, and the rows are found all the same.
    assert_eq!(stored.stored(&[r#"{"id":"x","v":"c"}"#]).new, 1);
    let rows = stored.stored(&[r#"{"id":1.0,"v":"d"}"#, r#"{"id":2.5,"v":"e"}"#]);
    assert_eq!((rows.new, rows.changed), (0, 2));
    assert_eq!(
        stored.rows("SELECT id, v FROM records ORDER BY id"),
        ["'1'|'d'", "'2.5'|'e'", "'x'|'c'"]
    );
}

/// An API that tells 1 from "1" within one key cannot be told from one that has changed its mind: TEXT holds one of them.
#[test]
fn a_key_that_is_a_number_and_a_string_of_the_same_digits_is_one_row_and_is_told_of() {
    let mut stored = Stored::begun(keyed(&["id"]));
    assert_eq!(stored.stored(&[r#"{"id":1,"v":"a"}"#]).new, 1);
    let rows = stored.stored(&[r#"{"id":"1","v":"b"}"#]);
    assert_eq!((rows.new, rows.changed, rows.conflicting), (0, 1, 1));
    assert_eq!(stored.rows("SELECT id, v FROM records"), ["'1'|'b'"]);
}

#[test]
fn an_integer_key_keeps_its_row_ids_when_it_becomes_real_and_then_text() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":7}"#, r#"{"id":-3}"#]);
    assert_eq!(stored.rows("SELECT _rowid_, id FROM records ORDER BY id"), ["-3|-3", "7|7"]);
    stored.stored(&[r#"{"id":0.5}"#]);
    assert_eq!(
        stored.rows("SELECT _rowid_, id FROM records ORDER BY id"),
        ["-3|-3.0", "8|0.5", "7|7.0"]
    );
    stored.stored(&[r#"{"id":"x"}"#]);
    assert_eq!(
        stored.rows("SELECT _rowid_, id FROM records ORDER BY id"),
        ["-3|'-3'", "8|'0.5'", "7|'7'", "9|'x'"]
    );
    assert_eq!(stored.rows("PRAGMA integrity_check"), ["'ok'"]);
}

#[test]
fn the_largest_integer_as_a_key_leaves_room_for_others() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":9223372036854775807}"#, r#"{"id":-9223372036854775808}"#]);
    assert_eq!(stored.stored(&[r#"{"id":1}"#]).new, 1);
    // The highest row id is taken: SQLite looks for a free one.
    assert_eq!(stored.stored(&[r#"{"id":"x"}"#, r#"{"id":"y"}"#]).new, 2);
    assert_eq!(
        stored.rows("SELECT id FROM records ORDER BY id"),
        ["'-9223372036854775808'", "'1'", "'9223372036854775807'", "'x'", "'y'"]
    );
}

#[test]
fn a_boolean_that_becomes_a_string_is_spelled_as_json_does() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":1,"v":true}"#, r#"{"id":2,"v":false}"#, r#"{"id":3,"v":null}"#]);
    assert_eq!(stored.rows("SELECT v FROM records ORDER BY id"), ["1", "0", "NULL"]);
    stored.stored(&[r#"{"id":4,"v":"yes"}"#]);
    assert_eq!(
        stored.rows("SELECT v FROM records ORDER BY id"),
        ["'true'", "'false'", "NULL", "'yes'"]
    );
}

#[test]
fn a_large_integer_that_meets_a_fraction_keeps_its_digits() {
    let (large, half) =
        (r#"{"id":1,"v":1152921504606846976,"w":9007199254740992}"#, r#"{"id":2,"v":0.5,"w":0.5}"#);
    for pages in [vec![vec![large, half]], vec![vec![half, large]], vec![vec![large], vec![half]]] {
        let mut stored = Stored::begun(keyed(&["id"]));
        for page in pages {
            stored.stored(&page);
        }
        assert_eq!(
            stored.rows("SELECT v, w FROM records ORDER BY id"),
            ["'1152921504606846976'|9007199254740992.0", "'0.5'|0.5"]
        );
    }
}

/// More rows than are spelled anew at once, in a key, with row ids on both sides of zero.
#[test]
fn every_double_of_a_large_table_is_spelled_anew() {
    let mut stored = Stored::begun(keyed(&["id"]));
    let records: Vec<String> =
        (-700..700).map(|id| format!(r#"{{"id":{id},"v":{}}}"#, f64::from(id) / 10.0)).collect();
    stored.stored(&records);
    stored.stored(&[r#"{"id":0.25}"#]);
    stored.stored(&[r#"{"id":"x","v":"y"}"#]);
    assert_eq!(
        stored.rows("SELECT count(*), count(DISTINCT id), count(DISTINCT v) FROM records"),
        ["1402|1402|1401"]
    );
    assert_eq!(
        stored
            .rows("SELECT id, v FROM records WHERE _rowid_ IN (-700, -1, 3, 699) ORDER BY _rowid_"),
        ["'-700'|'-70'", "'-1'|'-0.1'", "'3'|'0.3'", "'699'|'69.9'"]
    );
    assert_eq!(stored.rows("SELECT id FROM records WHERE id LIKE '?%' OR v LIKE '?%'"), [""; 0]);
}

#[test]
fn declared_types_decide_where_they_can_and_lose_nothing_where_they_cannot() {
    let types = [
        ("id", ColumnType::Text),
        ("badge", ColumnType::Text),
        ("count", ColumnType::Integer),
        ("share", ColumnType::Real),
        ("active", ColumnType::Boolean),
    ];
    let types = types.map(|(field, column)| (path(field), column)).to_vec();
    let mut stored = Stored::begun(Transforms { types, ..keyed(&["id"]) });
    stored.stored(&[
        r#"{"id":1,"badge":1.50,"count":"42","share":"2","active":"true"}"#,
        r#"{"id":"2","badge":true,"count":3.0,"share":5,"active":0}"#,
    ]);
    assert_eq!(
        stored.rows(SCHEMA),
        [
            "'id'|'TEXT'|1",
            "'badge'|'TEXT'|0",
            "'count'|'INTEGER'|0",
            "'share'|'REAL'|0",
            "'active'|'BOOLEAN'|0"
        ]
    );
    assert_eq!(
        stored.rows("SELECT id, badge, count, share, active FROM records"),
        ["'1'|'1.50'|42|2.0|1", "'2'|'true'|3|5.0|0"]
    );
    stored.stored(&[r#"{"id":3,"count":"007","share":"1,5","active":2}"#]);
    assert_eq!(
        stored.rows("SELECT id, badge, count, share, active FROM records"),
        ["'1'|'1.50'|'42'|'2'|'true'", "'2'|'true'|'3'|'5'|'false'", "'3'|NULL|'007'|'1,5'|'2'"]
    );
}

#[test]
fn a_type_declared_later_is_carried_out_on_what_is_stored() {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":1,"badge":7}"#, r#"{"id":2,"badge":8}"#]);
    stored
        .configure(Transforms { types: vec![(path("badge"), ColumnType::Text)], ..keyed(&["id"]) });
    stored.begin().expect("the run begins");
    assert_eq!(stored.stored(&[r#"{"id":1,"badge":"007"}"#]).changed, 1);
    assert_eq!(stored.rows("SELECT badge FROM records ORDER BY id"), ["'007'", "'8'"]);
}

#[test]
fn what_is_excluded_is_nowhere_in_the_file_and_open_ended_maps_stay_json() {
    let mut stored = Stored::begun(Transforms {
        exclude: vec![path("user.plate"), path("guests[].email")],
        json: vec![path("attributes")],
        ..keyed(&["id"])
    });
    stored.stored(&[
        r#"{"id":1,"user":{"plate":"SECRET-1","name":"Ada"},"guests":[{"email":"SECRET-2","n":1}],"attributes":{"k 1":[1.0]}}"#,
        r#"{"user":{"plate":"SECRET-3"},"guests":[{"email":"SECRET-4"}]}"#,
    ]);
    assert_eq!(
        stored.rows("SELECT user_name, guests, attributes FROM records"),
        [r#"'Ada'|'[{"n":1}]'|'{"k 1":[1.0]}'"#]
    );
    assert_eq!(stored.rows("SELECT record FROM _sync_rejects"), [r#"'{"user":{},"guests":[{}]}'"#]);
    for file in ["", "-wal"] {
        let path = format!("{}{file}", stored.database().display());
        let bytes = std::fs::read(path).expect("the database's files can be read");
        assert!(!bytes.windows(6).any(|window| window == b"SECRET"));
    }
    // What is left out does not count as a change.
    let again = r#"{"id":1,"user":{"plate":"SECRET-5","name":"Ada"},"guests":[{"email":"","n":1}],"attributes":{"k 1":[1.00]}}"#;
    assert_eq!(stored.stored(&[again]).unchanged, 1);
}

#[test]
fn names_that_collide_stay_apart_in_the_order_first_seen() {
    let mut stored = Stored::begun(keyed(&["rowid"]));
    stored.stored(&[
        r#"{"rowid":"k","user_id":1,"userId":2,"_rowid_":3,"_hash":4,"Select":5,"a":{"b":6},"a.b":7,"":8,"\u0000":9}"#,
    ]);
    stored.open();
    stored.begin().expect("the run begins");
    stored.stored(&[r#"{"UserID":10,"rowid":"k","user_id":11}"#]);
    assert_eq!(
        stored.rows("SELECT column_name, json_path FROM _sync_columns ORDER BY rowid"),
        [
            "'rowid'|'rowid'",
            "'user_id'|'user_id'",
            "'user_id__2'|'userId'",
            "'_rowid___2'|'_rowid_'",
            "'_hash__2'|'_hash'",
            "'select'|'Select'",
            "'a_b'|'a.b'",
            "'a_b__2'|'\"a.b\"'",
            "'field'|'\"\"'",
            "'field__2'|'\0'",
            "'user_id__3'|'UserID'",
        ]
    );
    assert_eq!(
        stored
            .rows("SELECT \"rowid\", user_id, user_id__2, user_id__3, _hash__2, a_b FROM records"),
        ["'k'|11|NULL|10|NULL|NULL"]
    );
}

#[test]
fn of_a_key_that_comes_twice_the_later_one_wins_within_a_page_and_across_pages() {
    let mut stored = Stored::begun(keyed(&["id"]));
    let rows =
        stored.stored(&[r#"{"id":1,"v":"a"}"#, r#"{"id":1,"v":"b"}"#, r#"{"id":1,"v":"b"}"#]);
    assert_eq!((rows.new, rows.changed, rows.unchanged, rows.conflicting), (1, 1, 1, 1));
    let rows = stored.stored(&[r#"{"id":1,"v":"c"}"#]);
    assert_eq!((rows.changed, rows.conflicting), (1, 1));
    stored.begin().expect("the run begins");
    let rows = stored.stored(&[r#"{"id":1,"v":"d"}"#]);
    assert_eq!((rows.changed, rows.conflicting), (1, 0));
    assert_eq!(stored.rows("SELECT v FROM records"), ["'d'"]);
}
