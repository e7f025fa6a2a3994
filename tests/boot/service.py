"""What is asked about a service, its database, and the simulator of the API."""

import json
import sqlite3

from container import Failed, wait_for

PORT = 8080
SECRET = "demo-secret"
API = f"http://127.0.0.1:{PORT}"
# Asked with the machine's own Python, as the port is in its network.
ASK = """
import sys, urllib.request
url, body = sys.argv[1:]
print(urllib.request.urlopen(url, body.encode() or None).read().decode())
"""


def expect(what, found, wanted):
    """Two values are the same."""
    if found != wanted:
        raise Failed(f"{what}: {found!r}, not {wanted!r}")


def expect_in(what, part, text):
    """A text has a part."""
    if part not in text:
        raise Failed(f"{what} does not say `{part}`:\n{text}")


class Service:
    """A unit that runs the program, and its database."""

    def __init__(self, container, unit="mapiq-sync.service", database="/var/lib/mapiq-sync/mapiq.db"):
        self.container = container
        self.unit = unit
        self.database = database

    def show(self, *properties):
        """Some properties, as one value or as a list."""
        found = self.container.run("systemctl", "show", self.unit, "--property=" + ",".join(properties)).stdout
        values = dict(line.split("=", 1) for line in found.splitlines())
        wanted = [values.get(name, "") for name in properties]
        return wanted[0] if len(wanted) == 1 else wanted

    def state(self):
        """Such as `active running`."""
        return " ".join(self.show("ActiveState", "SubState"))

    def pid(self):
        """The main process, which must be there."""
        pid = int(self.show("MainPID"))
        if pid == 0:
            raise Failed(f"{self.unit} has no process: it is {self.state()}")
        return pid

    def systemctl(self, *arguments, status=0):
        """Something done to the unit."""
        return self.container.run("systemctl", *arguments, self.unit, status=status).stdout

    def wait_for_state(self, state):
        """Waits until it is, say, `failed failed`."""
        wait_for(f"{self.unit} to be {state}", lambda: self.state() == state)

    def status(self):
        """What `systemctl status` shows, which ends with 3 where the unit is not active."""
        return self.container.run("systemctl", "status", "--full", "--lines=20", self.unit, status=None).stdout

    def cursor(self):
        """The journal's end of now."""
        found = self.container.run("journalctl", "--lines=1", "--quiet", "--output=json").stdout
        return json.loads(found)["__CURSOR"]

    def journal(self, after=None, form="cat", priority="debug"):
        """What the unit has written, or what it has since, of that priority or a higher one."""
        self.container.run("journalctl", "--sync")
        since = [] if after is None else ["--after-cursor", after]
        return self.container.run("journalctl", "--unit", self.unit, f"--output={form}", f"--priority={priority}",
                                  "--quiet", *since).stdout

    def wait_for_journal(self, what, after):
        """Waits until the unit has written something."""
        wait_for(f"`{what}` in the journal of {self.unit}", lambda: what in self.journal(after))

    def rows(self, sql, *values):
        """What the database answers; nothing while it has no such table."""
        path = self.container.path(self.database)
        if not path.exists():
            return []
        try:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
            try:
                return connection.execute(sql, values).fetchall()
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise

    def count(self, sql, *values):
        """One number."""
        found = self.rows(sql, *values)
        return found[0][0] if found else 0

    def last_run(self):
        """The number of the run that was begun last."""
        return self.count("SELECT ifnull(max(run_id), 0) FROM _sync_runs")

    def wait_for_run(self, after=None, result="ok"):
        """Waits until a run later than `after` has ended so."""
        after = self.last_run() if after is None else after
        sql = "SELECT count(*) FROM _sync_runs WHERE run_id > ? AND result = ?"
        wait_for(f"a run of {self.unit} that is {result}", lambda: self.count(sql, after, result))


class Simulator:
    """The API, as a unit of its own with a copy of the program, since the package comes and goes."""

    PROGRAM = "/opt/simulator/mapiq-sync"
    UNIT = f"""[Unit]
Description=The API
[Service]
DynamicUser=yes
ExecStart={PROGRAM} simulate --port {PORT} --client-secret {SECRET} --limit 0 --latency-ms 100 --users 2000 --buildings 4 --reservations 600
[Install]
WantedBy=multi-user.target
"""

    def __init__(self, container):
        self.container = container

    def install(self):
        """Puts the unit, and the program of the package that is installed."""
        program = self.container.path(self.PROGRAM)
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_bytes(self.container.path("/usr/bin/mapiq-sync").read_bytes())
        program.chmod(0o755)
        self.container.path("/etc/systemd/system/simulator.service").write_text(self.UNIT)
        self.container.run("systemctl", "daemon-reload")
        self.container.run("systemctl", "enable", "--now", "--quiet", "simulator")
        self.wait()

    def start(self):
        """Lets it be reached."""
        self.container.run("systemctl", "start", "simulator")
        self.wait()

    def stop(self):
        """Lets it not be reached."""
        self.container.run("systemctl", "stop", "simulator")

    def wait(self):
        """Waits until it answers."""
        wait_for("an answer of the simulator", lambda: self._ask("/_simulator/stats", status=None).returncode == 0)

    def _ask(self, path, body="", status=0):
        return self.container.run("python3", "-c", ASK, API + path, body, status=status)

    def requests(self, path, after=0):
        """Those for a path, as it was asked for them."""
        return json.loads(self._ask(f"/_simulator/requests?path={path}&after={after}").stdout)["requests"]

    def fault(self, fault):
        """Lets something go wrong."""
        self._ask("/_simulator/faults", json.dumps(fault))
