"""The figures of the copies, as a table and as JSON."""

import dataclasses
import json

import servers

MEBIBYTE = 1 << 20


@dataclasses.dataclass(frozen=True)
class Run:
    """What one run did and took."""

    name: str
    rows: int
    # To the tables' paths, whatever the answer.
    requests: int
    tokens: int
    unauthorized: int
    limited: int
    # The most requests of one path in any window of the limit's length.
    busiest: int
    seconds: float
    seconds_of_cpu: float
    peak_bytes: int


@dataclasses.dataclass(frozen=True)
class Copy:
    """What became of one database."""

    name: str
    styles: dict
    rows: int
    values: int
    differences: int
    database_bytes: int
    runs: list


def show(copies):
    """Prints a line for each run, and one for each database."""
    print(f"the limit: {servers.REQUESTS} requests in {servers.PER_SECONDS} s for each path")
    heads = ("requests", "tokens", "401", "429", "busiest", "seconds", "rows/s", "CPU s", "peak MiB")
    print(f"{'copy':<10}{'run':<11}{'rows':>9}" + "".join(f"{head:>10}" for head in heads))
    for copy in copies:
        for run in copy.runs:
            counts = (run.requests, run.tokens, run.unauthorized, run.limited, run.busiest)
            print(
                f"{copy.name:<10}{run.name:<11}{run.rows:>9}" + "".join(f"{count:>10}" for count in counts)
                + f"{run.seconds:>10.1f}{run.rows / run.seconds:>10.0f}{run.seconds_of_cpu:>10.1f}"
                + f"{run.peak_bytes / MEBIBYTE:>10.1f}"
            )
    for copy in copies:
        print(
            f"{copy.name}: {copy.rows:,} rows in {copy.database_bytes / MEBIBYTE:.1f} MiB, "
            f"{copy.values:,} values compared, {copy.differences} differ"
        )


def write_json(copies, path):
    limit = {"requests": servers.REQUESTS, "per_seconds": servers.PER_SECONDS}
    figures = {"limit": limit, "copies": [dataclasses.asdict(copy) for copy in copies]}
    path.write_text(json.dumps(figures, indent=2) + "\n")
