-- Windows: backfills by hand, and how much may be asked for at once.
--
-- `lower` and `upper` of `_sync_checkpoints` are local date-times of the job's time zone, `YYYY-MM-DDTHH:MM:SS`; a slice ends
-- just before `upper`. `trigger` of `_sync_runs` may be `backfill` too.

-- A sweep of dates that were asked for by hand, such as `2026-01-01/2026-03-31`, both included; NULL: a regular one.
ALTER TABLE _sync_sweeps ADD COLUMN backfill TEXT;

-- Set once the API has refused a slice as too wide: how wide the slices are since then, at most.
ALTER TABLE _sync_sweeps ADD COLUMN width_ms INTEGER;

-- How wide a slice the API takes, learnt from a sweep that came to its end after a wider one had been refused. It holds as
-- long as the endpoint asks in the same way; delete the line to have wider slices tried again.
CREATE TABLE _sync_widths (
    endpoint    TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,          -- JSON: the settings of that sweep
    width_ms    INTEGER NOT NULL,
    learnt_at   TEXT NOT NULL
);
