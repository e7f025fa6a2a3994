-- How the shape of an endpoint's records has changed since it was first read whole, one line a change.
CREATE TABLE _sync_schema_changes (
    change_id   INTEGER PRIMARY KEY,
    changed_at  TEXT NOT NULL,
    run_id      INTEGER NOT NULL,       -- the run that met it
    endpoint    TEXT NOT NULL,
    change      TEXT NOT NULL,          -- new field | no room | changed type | rebuilt column | vanished field | field is back
    json_path   TEXT NOT NULL,          -- the field, as in _sync_columns
    column_name TEXT NOT NULL,
    before      TEXT,                   -- JSON types; of a rebuilt column: its type
    after       TEXT,
    example     TEXT                    -- a value as JSON, its beginning; NULL where it may be personal, or there is none
);

CREATE INDEX _sync_schema_changes_by_endpoint ON _sync_schema_changes (endpoint, run_id);

-- The fields that the endpoint's complete sweeps bring. With its key here an endpoint was read whole once: what comes from
-- then on is a change.
CREATE TABLE _sync_presence (
    endpoint  TEXT NOT NULL,
    json_path TEXT NOT NULL,
    state     TEXT NOT NULL,            -- present | vanished
    PRIMARY KEY (endpoint, json_path)
) WITHOUT ROWID;

INSERT INTO _sync_presence (endpoint, json_path, state)
SELECT endpoint, json_path, 'present' FROM _sync_columns AS c WHERE key_part IS NOT NULL AND json_types <> ''
AND EXISTS (SELECT 1 FROM _sync_sweeps AS s WHERE s.endpoint = c.endpoint AND s.result = 'complete');

-- Where a record was met that could not be stored: the dates that were asked for, such as
-- `2026-01-01T00:00:00/2026-01-08T00:00:00` (NULL: there is no window), and the page of that listing, from 1. NULL in lines
-- of an earlier version. `trigger` of `_sync_runs` may be `retry` too.
ALTER TABLE _sync_rejects ADD COLUMN slice TEXT;
ALTER TABLE _sync_rejects ADD COLUMN page INTEGER;

CREATE INDEX _sync_rejects_by_age ON _sync_rejects (endpoint, last_seen_at);
