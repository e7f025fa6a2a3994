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

#[test]
fn columns_that_users_have_added_are_kept_where_a_table_is_made_anew() {
    const OWN: &str = "SELECT name, type, \"notnull\", dflt_value, hidden FROM pragma_table_xinfo('records') \
        WHERE name NOT IN ('id', 'v', 'w', 'more') AND name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY cid";
    let mut stored = filled();
    stored.user(
        "PRAGMA foreign_keys = OFF;
        ALTER TABLE records ADD COLUMN \"a note, (mine)\" VARCHAR(9) COLLATE NOCASE NOT NULL DEFAULT /* , or ( */ 'none';
        ALTER TABLE records ADD COLUMN [doubled] AS (w * 2);
        ALTER TABLE records ADD COLUMN twice INTEGER GENERATED ALWAYS AS (v || v) VIRTUAL;
        ALTER TABLE records ADD COLUMN checked CHECK (checked <> ',') REFERENCES nowhere (x);
        CREATE INDEX by_twice ON records (twice, \"a note, (mine)\");
        UPDATE records SET \"a note, (mine)\" = 'mine', checked = x'00' WHERE id = 1;",
    );
    let before = stored.rows(OWN);
    assert_eq!(before.len(), 4);

    stored.stored(&OTHER_TYPES);
    assert_eq!(stored.rows(OWN), before);
    assert_eq!(
        stored.rows(
            "SELECT id, v, \"a note, (mine)\", doubled, twice, checked FROM records ORDER BY _rowid_"
        ),
        ["'1'|'10'|'mine'|2.0|1010|[00]", "'2'|'20'|'none'|4.0|2020|NULL", "'x'|'y'|'none'|1.0|'yy'|NULL"]
    );
    assert_eq!(
        stored.rows("SELECT id FROM records INDEXED BY by_twice WHERE twice = 2020 AND \"a note, (mine)\" = 'NONE'"),
        ["'2'"]
    );
    stored.stored(&[r#"{"id":"x","v":"z","more":1}"#]);
    assert_eq!(stored.rows("SELECT twice FROM records WHERE more = 1"), ["'zz'"]);
    assert_eq!(stored.rows("PRAGMA integrity_check"), ["'ok'"]);
}

/// A table that cannot be made anew as it was is left as it is, and somebody is told what to do.
#[test]
fn columns_that_cannot_be_made_anew_as_they_were_are_not_lost() {
    let mut stored = filled();
    // The new type would not keep to what the user has asked of the values.
    stored.user("ALTER TABLE records ADD COLUMN note CHECK (typeof(v) = 'integer'); UPDATE records SET note = 'mine'");
    let before = stored.rows("SELECT * FROM records");
    let error = stored.page(&OTHER_TYPES).expect_err("the column must be moved first");
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

#[test]
fn a_trigger_settles_its_conflicts_in_its_own_way() {
    let mut stored = filled();
    stored.user(
        "CREATE TABLE rooms (v UNIQUE);
        CREATE TRIGGER added AFTER INSERT ON Records BEGIN INSERT OR IGNORE INTO rooms VALUES (new.v); END;",
    );
    let rows = stored.stored(&[r#"{"id":3,"v":30}"#, r#"{"id":4,"v":30}"#]);
    assert_eq!(rows.new, 2);
    assert_eq!(stored.rows("SELECT v FROM rooms"), ["30"]);
}
