"""The program under test: its configuration, and its processes."""

import os
import subprocess
import time

import plan

CONFIG = """\
[api]
base_url  = "{base}"
token_url = "{base}/oauth2/token"
timeout   = "2s"

[rate_limit]
requests = {requests}
per      = "{per_seconds}s"

[database]
path = "copy.db"

[[job]]
name      = "all"
schedule  = "* * * * * *"
endpoints = {names}
"""
ENDPOINT = """
[[endpoint]]
name    = "{endpoint.name}"
path    = "{endpoint.path}"
key     = ["id"]
records = "items"
{endpoint.settings}"""


class Client:
    """The binary with its configuration and its database in one folder."""

    def __init__(self, binary, work, base):
        self._binary, self._work = binary, work
        self.database = work / "copy.db"
        self.log = work / "client.log"
        names = [endpoint.name for endpoint in plan.ENDPOINTS]
        text = CONFIG.format(base=base, requests=plan.REQUESTS, per_seconds=plan.PER_SECONDS, names=names)
        text = text.replace("'", '"') + "".join(ENDPOINT.format(endpoint=endpoint) for endpoint in plan.ENDPOINTS)
        (work / "config.toml").write_text(text)
        # Without what would reach into the program.
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith("MAPIQ_") and not name.lower().endswith("_proxy") and name != "STATE_DIRECTORY"}
        self._environment = kept | {"MAPIQ_CLIENT_ID": "demo", "MAPIQ_CLIENT_SECRET": "demo"}

    def start(self, *arguments):
        """Starts it with these arguments; without any it is the daemon. It does not outlive the script."""
        with open(self.log, "ab") as log:
            log.write(f"-- {time.monotonic():.3f} {' '.join(arguments) or 'daemon'}\n".encode())
            log.flush()
            command = ["setpriv", "--pdeathsig", "KILL", self._binary, "--config", "config.toml", *arguments]
            return subprocess.Popen(
                command, cwd=self._work, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )

    def said(self):
        return self.log.read_text(errors="replace")
