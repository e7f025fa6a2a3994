-- Missing rows: which rows the API no longer returns, as far as it is known.

-- 1: the rows of all its pages are in `_sync_seen`, so that it can be judged which are missing. `read` and this are fixed
-- with the sweep; what cannot be judged any more, such as a sweep that stood still for long, becomes 0.
ALTER TABLE _sync_sweeps ADD COLUMN judges INTEGER NOT NULL DEFAULT 0;

-- 1: not all rows that the slice returned are known: its listing has stated another total, or a record could not be stored
-- whose row may be there.
ALTER TABLE _sync_checkpoints ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0;

-- So many rows are missing that it waits for a person's yes whether they are to be marked; NULL once that is answered.
ALTER TABLE _sync_endpoint_runs ADD COLUMN deletions_waiting INTEGER;

-- Rows that a complete read did not return, and none has since: they are marked once another one does not return them either.
CREATE TABLE _sync_missing (
    endpoint TEXT PRIMARY KEY,
    row_ids  BLOB NOT NULL
);
