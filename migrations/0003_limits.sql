-- A paused endpoint is taken up again by a run with the trigger `resume`.

-- When an endpoint that a limit has paused may go on; NULL where it ended otherwise.
ALTER TABLE _sync_endpoint_runs ADD COLUMN not_before_at TEXT;
