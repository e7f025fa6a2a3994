-- A field for which its table has no room is a member of the JSON object in the table's column `_extra`: its line here has
-- that column's name and the type JSON. So it is the field's path that tells lines apart, and no longer the column's name.
CREATE TABLE _sync_columns_by_path (
    endpoint      TEXT NOT NULL,
    column_name   TEXT NOT NULL,
    json_path     TEXT NOT NULL,
    type          TEXT NOT NULL,        -- BOOLEAN | INTEGER | REAL | TEXT; JSON: the member of this path in that column
    json_types    TEXT NOT NULL,        -- what was sent so far: array,boolean,number,object,string; empty: nothing yet
    key_part      INTEGER,              -- 1, 2, …: its place in the key
    first_seen_at TEXT NOT NULL,
    PRIMARY KEY (endpoint, json_path)
);

INSERT INTO _sync_columns_by_path (_rowid_, endpoint, column_name, json_path, type, json_types, key_part, first_seen_at)
SELECT _rowid_, endpoint, column_name, json_path, type, json_types, key_part, first_seen_at FROM _sync_columns ORDER BY _rowid_;

DROP TABLE _sync_columns;
ALTER TABLE _sync_columns_by_path RENAME TO _sync_columns;

CREATE UNIQUE INDEX _sync_columns_name ON _sync_columns (endpoint, column_name) WHERE type <> 'JSON';
