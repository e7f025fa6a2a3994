"""The program under test: its configuration, and its runs, with what they take of the machine."""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
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
                servers.ended_with_this([self._binary, "--config", "config.toml", "--run-now"]),
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
    """A child, awaited by `wait4`, which tells the processor time of this one alone."""

    def __init__(self, pid, log_path):
        self._pid = pid
        self._log_path = log_path
        self._peak_bytes = 0
        self._usage = None
        self.status = None

    def ended(self):
        """What the process took, once it has ended."""
        if self._usage is None:
            self._note_peak()
            pid, status, usage = os.wait4(self._pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                self._usage = Usage(usage.ru_utime + usage.ru_stime, self._peak_bytes)
        return self._usage

    def _note_peak(self):
        """Asks the kernel for the peak so far; `ru_maxrss` would start at that of this script, its parent."""
        peak = re.search(r"^VmHWM:\s*(\d+) kB$", pathlib.Path(f"/proc/{self._pid}/status").read_text(), re.MULTILINE)
        if peak:  # not of one that has ended
            self._peak_bytes = int(peak[1]) * 1024

    def kill(self):
        if not self.ended():
            os.kill(self._pid, signal.SIGKILL)

    def output(self):
        return self._log_path.read_text(errors="replace")
