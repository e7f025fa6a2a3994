"""Reads a copy with nothing but SQLite, and compares it with the CSV files."""

import contextlib
import hashlib
import sqlite3

from checks import PATIENCE, expect

MISSING_COLUMN = "(no such column)"


@contextlib.contextmanager
def opened(path):
    """Opens a database for reading."""
    uri = path.as_uri() + "?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as database:
        yield database


def stored(path, names):
    """How many rows each table of a copy has."""
    with opened(path) as copy:
        return {name: copy.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def differences(path, tables):
    """Compares every value of every row with the source; returns how many values, and a line for each that differs."""
    compared, found = 0, []
    with opened(path) as copy:
        (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
        expect(verdict == "ok", f"the copy's integrity check says: {verdict}")
        for table in tables.values():
            found += [f"{table.name}: {line}" for line in shape_differences(copy, table)]
            count, lines = value_differences(copy, table)
            compared += count
            found += [f"{table.name} {line}" for line in lines]
    return compared, found


def value_differences(copy, table):
    """Looks up every row of the source by its key, and compares its values and their storage classes."""
    there = {name for _, name, *_ in copy.execute(f"PRAGMA table_info({table.name})")}
    columns = ", ".join(name if name in there else f"'{MISSING_COLUMN}'" for name in table.columns)
    places = [table.columns.index(name) for name in table.key]
    condition = " AND ".join(f"{name} = ?" for name in table.key)
    query = f"SELECT {columns}, _deleted_at FROM {table.name} WHERE {condition}"
    compared, found, missing = 0, [], 0
    for wanted in table:
        key = tuple(wanted[place] for place in places)
        row = copy.execute(query, key).fetchone()
        if row is None:
            missing += 1
            found.append(f"{key}: not in the copy")
            continue
        *got, deleted_at = row
        if deleted_at is not None:
            found.append(f"{key}: marked as deleted at {deleted_at}")
        compared += len(got)
        for name, value, copied in zip(table.columns, wanted, got, strict=True):
            # SQLite's storage classes are Python's types: NULL, INTEGER, REAL, TEXT, and bytes for a BLOB.
            if type(copied) is not type(value) or copied != value:
                found.append(f"{key}: {name} is {copied!r}, not {value!r}")
    (rows,) = copy.execute(f"SELECT count(*) FROM {table.name}").fetchone()
    if rows != table.rows - missing:
        keys = {tuple(row[place] for place in places) for row in table}
        surplus = [row for row in copy.execute(f"SELECT {', '.join(table.key)} FROM {table.name}") if row not in keys]
        found.append(f"has {rows} rows, and {len(surplus)} of them are not in the source: {surplus[:5]}")
    return compared, found


def shape_differences(copy, table):
    """Compares the declared key and columns with the source's, those of `_sync_columns` too."""
    declared = {name: (kind, place) for _, name, kind, _, _, place in copy.execute(f"PRAGMA table_info({table.name})")}
    key = sorted((name for name, (_, place) in declared.items() if place), key=lambda name: declared[name][1])
    if key != table.key:
        yield f"the primary key is {key}, not {table.key}"
    got = {name: kind for name, (kind, _) in declared.items() if not name.startswith("_")}
    if got != table.kinds:
        yield f"the columns are {got}, not {table.kinds}"
    mapped = copy.execute(
        "SELECT json_path, column_name, type, key_part FROM _sync_columns WHERE endpoint = ?", [table.name]
    )
    key_part = {name: place for place, name in enumerate(table.key, start=1)}
    wanted = {(name, name, kind, key_part.get(name)) for name, kind in table.kinds.items()}
    if surprising := set(mapped) ^ wanted:
        yield f"_sync_columns and the source differ in {sorted(surprising, key=str)}"


def fingerprints(path, names):
    """A digest of every row as it stands, its stamps and its run included, by table and row id."""
    with opened(path) as copy:
        return {
            name: {
                row[0]: hashlib.blake2b(repr(row).encode(), digest_size=8).digest()
                for row in copy.execute(f"SELECT rowid, * FROM {name}")
            }
            for name in names
        }


def journal(path):
    """What the journal says of the last run's endpoints, by name."""
    with opened(path) as copy:
        copy.row_factory = sqlite3.Row
        last = "SELECT * FROM _sync_endpoint_runs WHERE run_id = (SELECT max(run_id) FROM _sync_runs)"
        return {row["endpoint"]: dict(row) for row in copy.execute(last)}


def size_of(path):
    """The bytes of a database, its write-ahead log included."""
    parts = (path, path.with_name(f"{path.name}-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())
