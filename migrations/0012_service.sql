-- What is known of the daemon, for those who ask for its state.

-- The daemon that uses this file, in one line; none: none does. A line means something only while its process lives: one that
-- was killed leaves it behind.
CREATE TABLE _sync_daemon (
    process_id        INTEGER NOT NULL,
    process_namespace TEXT NOT NULL,    -- a process id means nothing in another one, such as another container's
    boot_id           TEXT NOT NULL,
    version           TEXT NOT NULL,
    started_at        TEXT NOT NULL
);

CREATE INDEX _sync_runs_by_job ON _sync_runs (job, run_id);
