"""Reads the database with nothing but SQLite, and holds it against the oracle."""

import contextlib
import datetime
import json
import shutil
import sqlite3


@contextlib.contextmanager
def opened(path):
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60)) as database:
        yield database


@contextlib.contextmanager
def snapshot(database, folder):
    """A copy of the file and its log as the kill has left them: to open these would do the program's recovery for it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(f"{database}{suffix}", folder)
    with contextlib.closing(sqlite3.connect(folder / database.name)) as copy:
        yield copy


def has_table(copy, name):
    return copy.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", [name]).fetchone() is not None


def integrity(copy):
    verdicts = [verdict for (verdict,) in copy.execute("PRAGMA integrity_check")]
    return [] if verdicts == ["ok"] else verdicts


def open_sweeps(copy):
    """The pages stored of the first reads that go on, by endpoint. One whose last page is stored, but which was killed before
    it was judged, is followed by a whole one."""
    if not has_table(copy, "_sync_checkpoints"):
        return {}
    return dict(
        copy.execute(
            "SELECT endpoint, sum(pages) FROM _sync_sweeps JOIN _sync_checkpoints USING (sweep_id)"
            " WHERE _sync_sweeps.finished_at IS NULL AND read = 1"
            " GROUP BY endpoint HAVING count(_sync_checkpoints.finished_at) < count(*)"
        )
    )


def tombstones(copy, table):
    if not has_table(copy, table):
        return set()
    return {id for (id,) in copy.execute(f"SELECT id FROM {table} WHERE _deleted_at IS NOT NULL")}


def stored_pages(copy, table):
    return copy.execute("SELECT coalesce(sum(pages), 0) FROM _sync_endpoint_runs WHERE endpoint = ?", [table]).fetchone()[0]


def last_run(path):
    """The last run's counts of changes, added up."""
    with opened(path) as copy:
        return copy.execute(
            "SELECT coalesce(sum(rows_new + rows_changed + rows_deleted), 0) FROM _sync_endpoint_runs"
            " WHERE run_id = (SELECT max(run_id) FROM _sync_runs)"
        ).fetchone()[0]


def differences(copy, endpoint, records, oracle):
    """Compares every row and value with the records of the oracle; returns how many values, and by kind a line for each
    that differs."""
    found = {"lost": [], "doubled": [], "wrong values": [], "wrong tombstones": [], "not deleted": []}
    mapped = copy.execute(
        "SELECT json_path, column_name, type FROM _sync_columns WHERE endpoint = ?", [endpoint.name]
    ).fetchall()
    columns = ", ".join(column for _, column, _ in mapped)
    rows = {}
    for id, deleted_at, *values in copy.execute(f"SELECT id, _deleted_at, {columns} FROM {endpoint.name}"):
        if id in rows:
            found["doubled"].append(f"{endpoint.name} {id}")
        rows[id] = (deleted_at, values)
    compared = 0
    for id, record in records.items():
        if id not in rows:
            found["lost"].append(f"{endpoint.name} {id}")
            continue
        deleted_at, values = rows[id]
        if deleted_at is not None:
            found["wrong tombstones"].append(f"{endpoint.name} {id}: deleted at {deleted_at}")
        fields = flattened(record)
        paths = {path for path, *_ in mapped}
        found["wrong values"] += [f"{endpoint.name} {id}: no column for {path}" for path in fields.keys() - paths]
        for (path, _, kind), value in zip(mapped, values, strict=True):
            compared += 1
            wanted = as_stored(fields.get(path), kind)
            if type(value) is not type(wanted) or value != wanted:
                found["wrong values"].append(f"{endpoint.name} {id}: {path} is {value!r}, not {wanted!r}")
    dates = [record["date"] for record in records.values()] if endpoint.has_window else []
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    for id, (deleted_at, values) in rows.items():
        if id not in oracle.known:
            found["doubled"].append(f"{endpoint.name} {id}: made up")
        elif id not in records and deleted_at is None:
            # What lies before today, and before all that is returned, may have gone by the retention: it is not judged.
            date = next((value for (path, *_), value in zip(mapped, values) if path == "date"), None)
            if not (dates and date and date < min(min(dates), today)):
                found["not deleted"].append(f"{endpoint.name} {id} of {date}")
    return compared, found


def flattened(record, prefix=""):
    fields = {}
    for name, value in record.items():
        if isinstance(value, dict):
            fields |= flattened(value, f"{prefix}{name}.")
        elif value is not None:
            fields[prefix + name] = value
    return fields


def as_stored(value, kind):
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and kind == "REAL":
        return float(value)
    return value
