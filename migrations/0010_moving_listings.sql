-- How many listings (with a window: slices) moved each time that they were read, in a way that may have cost rows: what was
-- passed over comes with the next run, and nothing was marked as deleted by them.
ALTER TABLE _sync_endpoint_runs ADD COLUMN listings_moved INTEGER NOT NULL DEFAULT 0;
