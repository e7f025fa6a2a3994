-- How many ticks of the job's schedule came while the run was still at work, and were skipped.
ALTER TABLE _sync_runs ADD COLUMN ticks_skipped INTEGER NOT NULL DEFAULT 0;

-- 1: its process ended, or was asked to, before the run had come to its end; what it left is made up for at the daemon's next
-- start. Further words of `trigger`: catch-up (of a run that was missed), start (of the daemon), signal (SIGUSR1).
ALTER TABLE _sync_runs ADD COLUMN cut_short INTEGER NOT NULL DEFAULT 0;
