-- The bookkeeping tables. Data tables grow from the data; these only change by migrations, forward only.
--
-- Stamps are UTC text, `YYYY-MM-DDTHH:MM:SS.sssZ`. Columns in `_ns` are nanoseconds of the boot clock, which is what the
-- limiter calculates with: the wall clock may jump.

-- "MpqS": tells this program's database from another's.
PRAGMA application_id = 1299214675;

-- One line a run of a job.
CREATE TABLE _sync_runs (
    run_id      INTEGER PRIMARY KEY AUTOINCREMENT,
    job         TEXT NOT NULL,
    trigger     TEXT NOT NULL,          -- run-now | schedule
    version     TEXT NOT NULL,          -- of the program
    started_at  TEXT NOT NULL,
    finished_at TEXT,
    result      TEXT                    -- ok | paused | failed; NULL while it runs, or where it was killed
);

-- One line an endpoint of a run. The counts grow with every page, in the page's own transaction.
CREATE TABLE _sync_endpoint_runs (
    run_id         INTEGER NOT NULL REFERENCES _sync_runs (run_id),
    endpoint       TEXT NOT NULL,
    sweep_id       INTEGER,
    started_at     TEXT NOT NULL,
    finished_at    TEXT,
    result         TEXT,                -- ok | paused | failed; NULL while it runs
    message        TEXT,                -- why it paused or failed
    pages          INTEGER NOT NULL DEFAULT 0,
    rows_new       INTEGER NOT NULL DEFAULT 0,
    rows_changed   INTEGER NOT NULL DEFAULT 0,
    rows_unchanged INTEGER NOT NULL DEFAULT 0,
    rows_deleted   INTEGER NOT NULL DEFAULT 0,
    rejected       INTEGER NOT NULL DEFAULT 0,
    requests       INTEGER NOT NULL DEFAULT 0,
    waited_ms      INTEGER NOT NULL DEFAULT 0,
    total_stated   INTEGER,             -- what the API said there are, where that differs from what was read
    total_read     INTEGER,
    PRIMARY KEY (run_id, endpoint)
);

CREATE INDEX _sync_endpoint_runs_by_endpoint ON _sync_endpoint_runs (endpoint, run_id);

-- One complete reading of an endpoint: fixed when it is planned, and finished by later runs where one run cannot.
CREATE TABLE _sync_sweeps (
    sweep_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint    TEXT NOT NULL,
    fingerprint TEXT NOT NULL,          -- JSON: the settings that it depends on
    read        INTEGER NOT NULL DEFAULT 1, -- 1: the first read; 2: candidates for deletion, asked once more
    started_at  TEXT NOT NULL,
    finished_at TEXT,
    result      TEXT                    -- complete | superseded; NULL while it is open
);

CREATE INDEX _sync_sweeps_open ON _sync_sweeps (endpoint) WHERE finished_at IS NULL;

-- How far each slice of a sweep has got; a snapshot is one slice without bounds.
CREATE TABLE _sync_checkpoints (
    sweep_id    INTEGER NOT NULL REFERENCES _sync_sweeps (sweep_id),
    slice       INTEGER NOT NULL,
    lower       TEXT,                   -- the slice's bounds, as asked
    upper       TEXT,
    state       TEXT,                   -- JSON: where the pagination stands; NULL: nothing asked yet
    pages       INTEGER NOT NULL DEFAULT 0,
    updated_at  TEXT NOT NULL,
    finished_at TEXT,                   -- set with the last page
    PRIMARY KEY (sweep_id, slice)
);

-- The rows that a sweep has seen, a blob of row ids a page; dropped once deletions are judged.
CREATE TABLE _sync_seen (
    sweep_id INTEGER NOT NULL REFERENCES _sync_sweeps (sweep_id),
    slice    INTEGER NOT NULL,
    page     INTEGER NOT NULL,
    row_ids  BLOB NOT NULL,
    PRIMARY KEY (sweep_id, slice, page)
);

-- The limiter's ledger, one line a request; all processes on this file share it.
CREATE TABLE _sync_requests (
    request_id     INTEGER PRIMARY KEY,
    limit_group    TEXT NOT NULL,
    endpoint       TEXT NOT NULL,
    run_id         INTEGER,
    reserved_at    TEXT NOT NULL,
    settled_at     TEXT,                -- NULL: no response yet, or the process died
    status         INTEGER,             -- HTTP; NULL: none arrived
    counts_from_at TEXT NOT NULL,       -- one period after this moment the slot is free again
    counts_from_ns INTEGER NOT NULL,
    boot_id        TEXT NOT NULL
);

CREATE INDEX _sync_requests_by_group ON _sync_requests (limit_group, counts_from_ns);

-- Until when a group must not be asked, because the API said so.
CREATE TABLE _sync_pauses (
    limit_group   TEXT PRIMARY KEY,
    reason        TEXT NOT NULL,
    set_at        TEXT NOT NULL,
    length_ms     INTEGER NOT NULL,
    not_before_at TEXT NOT NULL,
    not_before_ns INTEGER NOT NULL,
    boot_id       TEXT NOT NULL
);

-- Which JSON field each column of a data table holds.
CREATE TABLE _sync_columns (
    endpoint      TEXT NOT NULL,
    column_name   TEXT NOT NULL,
    json_path     TEXT NOT NULL,
    type          TEXT NOT NULL,        -- BOOLEAN | INTEGER | REAL | TEXT
    json_types    TEXT NOT NULL,        -- what was sent so far: array,boolean,number,object,string; empty: nothing yet
    key_part      INTEGER,              -- 1, 2, …: its place in the key
    first_seen_at TEXT NOT NULL,
    PRIMARY KEY (endpoint, column_name),
    UNIQUE (endpoint, json_path)
);

-- Records that could not be stored, each once.
CREATE TABLE _sync_rejects (
    reject_id     INTEGER PRIMARY KEY,
    endpoint      TEXT NOT NULL,
    reason        TEXT NOT NULL,
    record        TEXT NOT NULL,        -- JSON, without the excluded fields
    digest        BLOB NOT NULL,        -- of reason and record
    first_seen_at TEXT NOT NULL,
    last_seen_at  TEXT NOT NULL,
    run_id        INTEGER NOT NULL,     -- the run that last met it
    UNIQUE (endpoint, digest)
);
