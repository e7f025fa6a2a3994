-- Who is at work on an endpoint. A line means something only while the endpoint's lock file (`…-lock-ENDPOINT`) is locked, and
-- the process lives: one that was killed leaves its line, which the next one overwrites.
CREATE TABLE _sync_holders (
    endpoint          TEXT PRIMARY KEY,
    run_id            INTEGER NOT NULL, -- its job is in _sync_runs, its pages so far are in _sync_endpoint_runs
    process_id        INTEGER NOT NULL,
    process_namespace TEXT NOT NULL,    -- a process id means nothing in another one, such as another container's
    boot_id           TEXT NOT NULL,
    since             TEXT NOT NULL,
    waits_for         TEXT,             -- rate limit | pause | next try; NULL: for nothing, or not for long
    waits_until       TEXT
);

-- When the file was last found to be whole. A check that finds damage leaves no line: nothing is written to such a file.
CREATE TABLE _sync_checks (
    kind        TEXT PRIMARY KEY,       -- quick_check
    finished_at TEXT NOT NULL,
    duration_ms INTEGER NOT NULL
);
