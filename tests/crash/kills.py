"""When the program is killed: each kind waits for its moment, and is told when that has come."""

import contextlib
import os
import sqlite3
import time

# So long a moment is waited for; then the program is killed wherever it is.
PATIENCE = 3

# A third while the log grows, a third when a request arrives, a third at any time, at the start and while it is judged.
KINDS = ("log", "request", "start", "log", "request", "judging", "log", "request", "random", "log", "request", "random")


class Moment:
    """The moment of one kill."""

    def __init__(self, kind, random, client, simulator):
        self.kind = kind
        self._began = time.monotonic()
        self._poll = getattr(self, f"_when_{kind}")(random, client, simulator)

    def has_come(self):
        return next(self._poll)

    def is_late(self):
        return time.monotonic() - self._began > PATIENCE

    def _when_start(self, random, *_):
        return self._after(random.uniform(0, 0.06))

    def _when_random(self, random, *_):
        return self._after(random.uniform(0, 1.8))

    def _after(self, seconds):
        while True:
            yield time.monotonic() - self._began >= seconds

    def _when_log(self, random, client, _):
        """Once the write-ahead log has grown, or was written to from its beginning on, so many times."""
        log = client.database.with_name("copy.db-wal")
        left, before = random.randint(1, 200), state(log)
        while left > 0:
            yield False
            now = state(log)
            left -= now != before
            before = now
        spin(random.choice((0, 0, random.uniform(0, 0.002))))
        while True:
            yield True

    def _when_request(self, random, _, simulator):
        """Once so many requests have arrived."""
        wanted = simulator.requests_so_far() + random.randint(1, 60)
        while simulator.requests_so_far() < wanted:
            yield False
        spin(random.choice((0, 0, random.uniform(0, 0.008))))
        while True:
            yield True

    def _when_judging(self, random, client, _):
        """Around the last page of a sweep, and what is found missing with it."""
        before = sweeps(client.database)
        while (now := sweeps(client.database)) == before:
            yield False
            before = before or now
        spin(random.uniform(0, 0.02))
        while True:
            yield True


def state(log):
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(log)
        return status.st_size, status.st_mtime_ns


def sweeps(database):
    """How many first and second sweeps there were, and were finished."""
    with contextlib.suppress(sqlite3.OperationalError):
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=5)) as reader:
            return reader.execute("SELECT count(*), count(finished_at) FROM _sync_sweeps").fetchone()


def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
