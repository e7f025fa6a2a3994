//! What users add to the database of their own.

use crate::stored::{Stored, keyed};

/// Makes every column of another type, the key's too, so that the table is made anew.
const OTHER_TYPES: [&str; 1] = [r#"{"id":"x","v":"y","w":0.5}"#];

fn filled() -> Stored {
    let mut stored = Stored::begun(keyed(&["id"]));
    stored.stored(&[r#"{"id":1,"v":10,"w":1}"#, r#"{"id":2,"v":20,"w":2}"#]);
    stored
}

#[test]
fn a_table_that_is_made_anew_keeps_indexes_triggers_and_views() {
    const OWN: &str = "SELECT type, name, tbl_name, sql FROM sqlite_schema \
        WHERE tbl_name NOT LIKE '\\_%' ESCAPE '\\' AND sql IS NOT NULL AND name NOT IN ('records', 'sqlite_sequence') ORDER BY name";
    let mut stored = filled();
    stored.user(
        r#"CREATE INDEX by_v ON records (v);
        CREATE UNIQUE INDEX "by w" ON Records (abs(w), id DESC) WHERE w > 0;
        CREATE VIEW large AS SELECT id, v FROM records WHERE w > 0;
        CREATE VIEW largest AS SELECT max(id) AS id FROM large;
        CREATE VIEW broken AS SELECT a FROM nowhere;
        CREATE TABLE log (what);
        CREATE TABLE notes (record REFERENCES records (id), note);
        CREATE TRIGGER added AFTER INSERT ON records BEGIN INSERT INTO log VALUES ('new ' || new.id); END;
        CREATE TRIGGER changed AFTER UPDATE OF v ON "records" WHEN old.v IS NOT new.v
            BEGIN INSERT INTO log VALUES (old.v || ' to ' || new.v); END;
        CREATE TRIGGER noted AFTER INSERT ON notes BEGIN INSERT INTO log SELECT 'note on ' || v FROM records WHERE id = new.record; END;
        CREATE TRIGGER seen INSTEAD OF DELETE ON large BEGIN INSERT INTO log VALUES ('kept ' || old.id); END;"#,
    );
    let before = stored.rows(OWN);
    assert_eq!(before.len(), 11);

    stored.stored(&OTHER_TYPES);
    assert_eq!(stored.rows(OWN), before);
    assert_eq!(
        stored.rows(
            "SELECT name, type FROM pragma_table_info('records') WHERE name IN ('id', 'v', 'w')"
        ),
        ["'id'|'TEXT'", "'v'|'TEXT'", "'w'|'REAL'"]
    );
    // The copying of the rows is nobody's change: only the page's own row is one.
    assert_eq!(stored.rows("SELECT what FROM log"), ["'new x'"]);
    stored.stored(&[r#"{"id":"2","v":21,"w":2}"#]);
    stored.user("INSERT INTO notes VALUES ('x', ''); DELETE FROM large WHERE id = 'x';");
    assert_eq!(
        stored.rows("SELECT what FROM log"),
        ["'new x'", "'20 to 21'", "'note on y'", "'kept x'"]
    );
    assert_eq!(stored.rows("SELECT id FROM largest"), ["'x'"]);
    assert_eq!(
        stored.rows("SELECT v FROM records INDEXED BY by_v WHERE v > '2' ORDER BY v"),
        ["'21'", "'y'"]
    );
    assert_eq!(stored.rows("PRAGMA integrity_check"), ["'ok'"]);
    assert_eq!(stored.rows("SELECT name FROM sqlite_schema WHERE name LIKE '%rebuilt%'"), [""; 0]);
}

#[test]
fn columns_that_users_have_added_keep_their_values_and_their_names() {
    let mut stored = filled();
    stored.user(
        "ALTER TABLE records ADD COLUMN note TEXT COLLATE NOCASE DEFAULT 'none';
        ALTER TABLE records ADD COLUMN twice INTEGER AS (v * 2);
        CREATE INDEX by_twice ON records (twice);
        UPDATE records SET note = 'mine' WHERE id = 1;",
    );
    // The API begins to send a field of the same name.
    stored.stored(&[r#"{"id":1,"v":11,"Note":"theirs"}"#, r#"{"id":3,"v":30}"#]);
    assert_eq!(
        stored.rows("SELECT id, v, note, twice, note__2 FROM records ORDER BY id"),
        ["1|11|'mine'|22|'theirs'", "2|20|'none'|40|NULL", "3|30|'none'|60|NULL"]
    );
}

/// A table that is made anew would come back without them; so it is not, and somebody is told what to do.
#[test]
fn columns_that_users_have_added_are_not_lost_when_a_type_changes() {
    let mut stored = filled();
    stored.user("ALTER TABLE records ADD COLUMN note; UPDATE records SET note = 'mine'");
    let before = stored.rows("SELECT * FROM records");
    let error = stored.page(&OTHER_TYPES).expect_err("the columns must be moved first");
    assert_eq!(
        error.to_string(),
        "table `records` must be made anew, since the type of a field has changed, but has columns that are not this program's: note; move them to a table of their own"
    );
    assert!(!error.database_unusable());
    assert_eq!(stored.rows("SELECT * FROM records"), before);
    assert_eq!(stored.rows("SELECT type FROM _sync_columns"), ["'INTEGER'"; 3]);
    assert_eq!(stored.rows("SELECT pages FROM _sync_checkpoints"), ["1"]);

    stored.user(
        "CREATE TABLE notes AS SELECT id, note FROM records; ALTER TABLE records DROP COLUMN note",
    );
    assert_eq!(stored.stored(&OTHER_TYPES).new, 1);
}

/// Filled anew, it would be NULL in every row that has not changed since.
#[test]
fn a_column_that_users_have_dropped_is_an_error_until_the_table_is() {
    let mut stored = filled();
    stored.user("ALTER TABLE records DROP COLUMN v");
    let error = stored.page(&[r#"{"id":3,"v":30}"#]).expect_err("a column is missing");
    assert_eq!(
        error.to_string(),
        "table `records` no longer has the columns v: drop the table, and the next run fills it anew"
    );
    assert!(!error.database_unusable());
    assert!(stored.begin().is_err());
    stored.user("DROP TABLE records");
    stored.begin().expect("the run begins");
    assert_eq!(stored.stored(&[r#"{"id":3,"v":30}"#]).new, 1);
}

#[test]
fn a_unique_index_that_refuses_a_row_fails_the_endpoint_and_not_the_database() {
    let mut stored = filled();
    stored.user("CREATE UNIQUE INDEX once ON records (v)");
    let error = stored.page(&[r#"{"id":3,"v":30}"#, r#"{"id":4,"v":10}"#]).expect_err("v is twice");
    assert!(!error.database_unusable());
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(
        cause.as_deref(),
        Some(
            "UNIQUE constraint failed: records.v (a unique index or a trigger that is not this program's refuses it)"
        )
    );
    assert_eq!(stored.rows("SELECT count(*) FROM records"), ["2"]);
}

#[test]
fn rows_that_users_have_deleted_come_back() {
    let mut stored = filled();
    stored.user("DELETE FROM records WHERE id = 1");
    let rows = stored.stored(&[r#"{"id":1,"v":10,"w":1}"#, r#"{"id":2,"v":20,"w":2}"#]);
    assert_eq!((rows.new, rows.unchanged), (1, 1));
}
