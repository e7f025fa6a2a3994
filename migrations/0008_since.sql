-- Changes only: endpoints with `since`.

-- The moment since when a sweep asks for changes; NULL: it asks for everything.
ALTER TABLE _sync_sweeps ADD COLUMN since TEXT;

-- 1: with its last page it is noted in `_sync_coverage` what is known from then on. 0: its endpoint is never asked for changes
-- only, or not all that it was to return has come.
ALTER TABLE _sync_sweeps ADD COLUMN covers INTEGER NOT NULL DEFAULT 0;

-- `started_at` by the boot's own clock, in nanoseconds, and which boot that was; NULL in lines of an earlier version.
ALTER TABLE _sync_sweeps ADD COLUMN started_ns INTEGER;
ALTER TABLE _sync_sweeps ADD COLUMN boot_id TEXT;

-- The same of a slice: dates that no sweep has covered yet are asked for whole, also where the others are asked for changes.
ALTER TABLE _sync_checkpoints ADD COLUMN since TEXT;

-- What complete sweeps of an endpoint with `since` have covered: from then on it is enough to ask for changes. Delete the
-- line to have everything read once more.
CREATE TABLE _sync_coverage (
    endpoint    TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,          -- JSON: the settings of the last complete sweep
    lower       TEXT,                   -- the dates that it has covered, as in `_sync_checkpoints`; NULL: there is no window
    upper       TEXT,
    known_at    TEXT NOT NULL,          -- when it was begun: what has changed since then is still to be asked for
    known_ns    INTEGER NOT NULL,
    boot_id     TEXT NOT NULL,
    full_at     TEXT NOT NULL           -- when the last one was begun that has asked for everything
);
