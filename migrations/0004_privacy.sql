-- What is left out and hashed of each endpoint's records in what is stored: the next run carries out what has been added.
CREATE TABLE _sync_privacy (
    endpoint   TEXT PRIMARY KEY,
    applied    TEXT NOT NULL,           -- JSON: exclude, hash, json, types, and what tells the key of the hashes from others
    changed_at TEXT NOT NULL
);

-- One line while removed values may still be in the file's free space or in its log.
CREATE TABLE _sync_erasure (
    step  TEXT NOT NULL,                -- vacuum: the file must be written anew; truncate: the log must be emptied
    since TEXT NOT NULL
);
