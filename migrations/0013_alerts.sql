-- What was found to need a person, so that each is told once, whatever ends the process: what holds, and what has ended within the
-- last 30 days.

-- A stamp `…_began_at` or `…_ended_at` is when that was told by a channel; none: it was not, or there is no such channel. What has ended
-- before anybody was told of it is no line.
CREATE TABLE _sync_alerts (
    kind             TEXT NOT NULL,     -- failed, stale (of an endpoint) | credentials, unreachable (of all)
    subject          TEXT NOT NULL,     -- the endpoint; empty: all
    endpoints        TEXT NOT NULL,     -- those that it holds for, with commas
    since            TEXT NOT NULL,
    message          TEXT NOT NULL,
    ended_at         TEXT,              -- none: it holds
    webhook_began_at TEXT,
    webhook_ended_at TEXT,
    command_began_at TEXT,
    command_ended_at TEXT,
    PRIMARY KEY (kind, subject)
);
