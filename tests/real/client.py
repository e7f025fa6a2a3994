"""The program under test: its configuration, and its runs, with what they take of the machine."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess

import servers
from checks import expect, wait_for

CONFIG = """\
[api]
base_url  = "{base}"
token_url = "{base}{token_path}"
timeout   = "20s"

[rate_limit]
requests = {requests}
per      = "{per_seconds}s"

[database]
path = "copy.db"
"""
ENDPOINT = """
[[endpoint]]
name       = "{name}"
path       = "{path}"
key        = {key}
"""
# The settings of each page style. `_shape=array` answers the bare array, and its next URL in the header `Link`.
OBJECTS = """\
params     = {{ _shape = "objects", _size = "{page}" }}
records    = "rows"
total      = "filtered_table_rows_count"
"""
ARRAY = """\
params     = {{ _shape = "array", _size = "{page}" }}
"""
STYLES = {
    "cursor": OBJECTS + 'pagination = {{ style = "cursor", param = "_next", next = "next" }}\n',
    "next-url": OBJECTS + 'pagination = {{ style = "next-url", next = "next_url" }}\n',
    "link": ARRAY + 'pagination = {{ style = "link" }}\n',
    "none": ARRAY + 'pagination = {{ style = "none" }}\n',
}
JOB = """
[[job]]
name      = "flights"
schedule  = "0 0 3 * * *"
endpoints = {endpoints}
"""


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a run took."""

    seconds_of_cpu: float
    peak_bytes: int


class Client:
    """The binary with the configuration and the database in one folder."""

    def __init__(self, binary, work):
        self._binary = binary
        self._work = work
        self.database = work / "copy.db"

    def configure(self, base, tables, styles):
        """Writes the configuration; `styles` has the page style of each table."""
        text = CONFIG.format(
            base=base,
            token_path=servers.TOKEN_PATH,
            requests=servers.REQUESTS,
            per_seconds=servers.PER_SECONDS,
        )
        for name, style in styles.items():
            text += ENDPOINT.format(name=name, path=servers.path_of(name), key=json.dumps(tables[name].key))
            text += STYLES[style].format(page=servers.PAGE)
        (self._work / "config.toml").write_text(text + JOB.format(endpoints=json.dumps(list(styles))))

    def run(self, run):
        """Runs to its end, which has to be status 0."""
        with self._running(run) as process:
            usage = wait_for(f"the {run} run to end", process.ended)
        expect(process.status == 0, f"the {run} run ended with status {process.status}, not 0:\n{process.output()}")
        return usage

    def run_killed(self, run, what, enough):
        """Runs until `enough` says so, and kills it."""
        with self._running(run) as process:

            def stored_enough():
                expect(
                    not process.ended(),
                    f"the {run} run ended by itself, with status {process.status}:\n{process.output()}",
                )
                return enough()

            wait_for(what, stored_enough)
            process.kill()
            usage = wait_for(f"the {run} run to end", process.ended)
        killed = process.status == -signal.SIGKILL
        expect(killed, f"the {run} run ended with status {process.status} before it was killed")
        return usage

    @contextlib.contextmanager
    def _running(self, run):
        log_path = self._work / f"{run}.log"
        credentials = {"MAPIQ_CLIENT_ID": servers.CLIENT_ID, "MAPIQ_CLIENT_SECRET": servers.CLIENT_SECRET}
        with open(log_path, "wb") as log:
            process = subprocess.Popen(
                [self._binary, "--config", "config.toml", "--run-now"],
                cwd=self._work,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=servers.clean_environment() | credentials,
            )
        process = Process(process.pid, log_path)
        try:
            yield process
        finally:
            process.kill()
            wait_for("the client to end", process.ended)


class Process:
    """A child, awaited by `wait4`: nothing else tells the peak memory of one child."""

    def __init__(self, pid, log_path):
        self._pid = pid
        self._log_path = log_path
        self._usage = None
        self.status = None

    def ended(self):
        """What the process took, once it has ended."""
        if self._usage is None:
            pid, status, usage = os.wait4(self._pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                # Linux counts `ru_maxrss` in KiB.
                self._usage = Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
        return self._usage

    def kill(self):
        if not self.ended():
            os.kill(self._pid, signal.SIGKILL)

    def output(self):
        return self._log_path.read_text(errors="replace")
