"""What happens to the service in its life, one function each, in this order."""

import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import time

from container import ENVIRONMENT, Failed, wait_for
from service import API, SECRET, Service, Simulator, expect, expect_in

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS = []


def step(claim):
    """A function that makes the claim true, or fails."""
    def note(function):
        STEPS.append((claim, function))
        return function
    return note


class World:
    """What the steps share."""

    def __init__(self, container, runbook, package, upgrade):
        self.container = container
        self.runbook = runbook
        self.package = package
        self.upgrade = upgrade
        self.service = Service(container)
        self.once = Service(container, "mapiq-sync-once.service")
        self.simulator = Simulator(container)
        self.figures = {}

    def bring(self, package):
        """Puts a package where the administrator is."""
        home = self.container.path(ENVIRONMENT["HOME"])
        for old in home.glob("mapiq-sync_*.deb"):
            old.unlink()
        (home / package.name).write_bytes(package.read_bytes())

    def edit(self, path, *changes):
        """Edits a file as an administrator does: each change is a pattern of a line, and what it becomes."""
        file = self.container.path(path)
        text = file.read_text()
        for pattern, line in changes:
            text, times = re.subn(pattern, line, text, flags=re.M)
            if times == 0:
                raise Failed(f"{path} has no `{pattern}`")
        # In place: owner and permissions stay.
        file.write_text(text)

    def put_credentials(self, secret=SECRET):
        """As the runbook says."""
        self.runbook.run(self.container, "client-id", input="demo\n")
        self.runbook.run(self.container, "client-secret", input=f"{secret}\n")

    def configure(self, path="/etc/mapiq-sync/config.toml"):
        """The shipped configuration for the simulator, with a schedule that a test can wait for."""
        self.edit(path,
                  (r'^base_url = .*', f'base_url = "{API}"'),
                  (r'^token_url = .*', f'token_url = "{API}/oauth2/token"'),
                  (r'^requests = .*', "requests = 0"),
                  (r'^max_elapsed = .*', 'max_elapsed = "1s"'),
                  (r'^schedule = .*', 'schedule = "*/2 * * * * *"'))

    def shown(self, path):
        """Owner, group and permissions."""
        return self.container.run("stat", "--format=%U:%G %a", path).stdout.strip()


@step("the package installs on a fresh system, and starts nothing")
def install(world):
    world.bring(world.package)
    world.runbook.run(world.container, "install")
    expect("the configuration is", world.shown("/etc/mapiq-sync/config.toml"), "root:mapiq-sync 640")
    expect("the database's folder is", world.shown("/var/lib/mapiq-sync"), "mapiq-sync:mapiq-sync 750")
    for unit in ("mapiq-sync.service", "mapiq-sync-once.timer"):
        found = world.container.run("systemctl", "is-enabled", unit, status=1).stdout
        expect(f"{unit} is", found.strip(), "disabled")
    expect("the service is", world.service.state(), "inactive dead")
    expect("files of the package that differ", world.container.run("dpkg", "--verify", "mapiq-sync").stdout, "")
    for path in ("man/man1/mapiq-sync.1.gz", "bash-completion/completions/mapiq-sync",
                 "zsh/vendor-completions/_mapiq-sync", "doc/mapiq-sync/operations.md",
                 "doc/mapiq-sync/third-party-licenses.gz"):
        if not world.container.path(f"/usr/share/{path}").exists():
            raise Failed(f"the package has no /usr/share/{path}")
    world.simulator.install()


@step("a start without credentials says which are missing, and is not tried again")
def start_without_credentials(world):
    world.service.systemctl("start", status=1)
    expect("the service is", world.service.state(), "failed failed")
    expect("it ended with", world.service.show("ExecMainStatus"), "78")
    status = world.service.status()
    expect_in("the status", "no client id in any of", status)
    expect_in("the status", "client_secret (empty)", status)
    world.runbook.run(world.container, "again", status=1)


@step("configured, it is tried once, and starts: active once it is ready")
def start(world):
    world.put_credentials()
    for name in ("client_id", "client_secret"):
        expect(f"{name} is", world.shown(f"/etc/mapiq-sync/{name}"), "root:root 600")
    world.configure()
    world.runbook.run(world.container, "try")
    world.runbook.run(world.container, "start")
    world.runbook.run(world.container, "look")
    expect("the service is", world.service.state(), "active running")
    began, active = world.service.show("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    world.figures["start_to_ready_ms"] = (int(active) - int(began)) / 1000
    world.service.wait_for_run()
    expect("users in the database", world.service.count("SELECT count(*) FROM users"), 2000)
    expect("a restart is tried after", world.service.show("RestartUSec"), "30s")
    expect("the journal shows the secret", SECRET in world.service.journal(), False)
    entries = [json.loads(line) for line in world.service.journal(form="json").splitlines()]
    fields = {(entry["PRIORITY"], entry["MAPIQ_RESULT"]) for entry in entries if "MAPIQ_RUN_ID" in entry}
    expect("runs in the journal, by its fields", fields, {("6", "ok")})


@step("an analyst of its group reads the database, and nobody else")
def analyst(world):
    run = world.container.run
    run("useradd", "analyst")
    run("useradd", "stranger")
    world.runbook.run(world.container, "analyst", analyst="analyst")
    world.edit("/etc/mapiq-sync/config.toml", (r'^mode = .*', 'mode = "0640"'))
    world.service.systemctl("restart")
    world.service.wait_for_run()
    read = ["head", "--bytes=15", world.service.database]
    expect("the analyst reads", run("runuser", "--user=analyst", "--", *read).stdout, "SQLite format 3")
    run("runuser", "--user=stranger", "--", *read, status=1)
    run("runuser", "--user=analyst", "--", "cat", "/etc/mapiq-sync/client_secret", status=1)


@step("kill -9 in the middle of a listing: it is started again, and goes on behind the last page")
def kill(world):
    service = world.service
    # Half a minute would be waited for here; that the package waits so long was looked at above.
    override = world.container.path("/etc/systemd/system/mapiq-sync.service.d/test.conf")
    override.parent.mkdir(exist_ok=True)
    override.write_text("[Service]\nRestartSec=1s\n")
    world.container.run("systemctl", "daemon-reload")
    pages = ("SELECT c.pages, c.sweep_id FROM _sync_checkpoints c JOIN _sync_sweeps s USING (sweep_id) "
             "WHERE s.endpoint = 'users' AND s.finished_at IS NULL AND c.pages BETWEEN 3 AND 6")
    read, sweep = wait_for("a listing that is half read", lambda: service.rows(pages))[0]
    asked = max(request["number"] for request in world.simulator.requests("/v2/users"))
    pid = service.pid()
    world.container.run("kill", "-KILL", pid)
    wait_for("another process", lambda: service.show("ActiveState", "NRestarts") == ["active", "1"])
    expect("it has the process of before", service.pid() == pid, False)
    finished = "SELECT count(*) FROM _sync_sweeps WHERE sweep_id = ? AND result = 'complete'"
    wait_for("the end of that listing", lambda: service.count(finished, sweep))
    after = world.simulator.requests("/v2/users", asked)
    first = int(re.search(r"page=(\d+)", after[0]["query"]).group(1))
    if first < read:
        raise Failed(f"page {first} was asked for again, though {read} had been read")
    expect("the database is", service.rows("PRAGMA integrity_check"), [("ok",)])
    expect("users in the database", service.count("SELECT count(*) FROM users WHERE _deleted_at IS NULL"), 2000)


@step("a reload: a good configuration applies to the next runs, a bad one is refused and the old one goes on")
def reload(world):
    service = world.service
    pid = service.pid()
    config = world.container.path("/etc/mapiq-sync/config.toml")
    good = config.read_text() + """
[[endpoint]]
name = "parking_lots"
path = "/v2/parking-lots"
key = ["id"]
records = "items"
[[job]]
name = "parking"
schedule = "*/2 * * * * *"
endpoints = ["parking_lots"]
"""
    config.write_text(good)
    world.runbook.run(world.container, "reload")
    wait_for("the table of the endpoint that was added", lambda: service.count("SELECT count(*) FROM parking_lots"))
    cursor = service.cursor()
    config.write_text(good + "[nonsense]\n")
    world.runbook.run(world.container, "reload")
    service.wait_for_journal("nonsense", cursor)
    expect("the process is", service.pid(), pid)
    service.wait_for_run()
    config.write_text(good)
    world.runbook.run(world.container, "reload")
    return None


@step("the API is away: runs fail, somebody is told once, the daemon goes on, and recovers alone")
def outage(world):
    service = world.service
    config = world.container.path("/etc/mapiq-sync/config.toml")
    config.write_text(config.read_text() + """
[alerts]
command = ["/bin/sh", "-c", "echo $MAPIQ_SYNC_ALERT_EVENT $MAPIQ_SYNC_ALERT_KIND >>/var/lib/mapiq-sync/told"]
""")
    expect_in("the check", "told, and of its end", world.runbook.run(world.container, "test-alert").stdout)
    began = service.cursor()
    # A receiver that is not there harms nothing.
    world.runbook.run(world.container, "webhook", input=f"{API}/no-such-hook\n")
    service.wait_for_run()
    told = world.container.path("/var/lib/mapiq-sync/told")
    pid = service.pid()
    world.simulator.stop()
    service.wait_for_run(result="failed")
    # Nor does a start need it.
    service.systemctl("restart")
    pid = service.pid()
    service.wait_for_run(result="failed")
    expect("the service is", service.state(), "active running")
    world.simulator.start()
    service.wait_for_run()
    expect("the process is", service.pid(), pid)
    # Data that is synced every two seconds is stale after six, and an endpoint that was cut short has failed.
    words = lambda: [line for line in told.read_text().splitlines() if "unreachable" in line]
    wait_for("word of the end", lambda: len(words()) > 1)
    service.wait_for_run()
    expect("what was told", words(), ["began unreachable", "ended unreachable"])
    service.wait_for_journal("nobody was told of an alert", began)
    expect("the journal shows the hook", "no-such-hook" in service.journal(began), False)
    world.container.path("/etc/mapiq-sync/alert_webhook").unlink()


@step("a secret that is refused: it ends with 77, stays so, and the status says why")
def wrong_secret(world):
    service = world.service
    cursor = service.cursor()
    # It is refused at the first request, which may be before or after the status is shown.
    world.runbook.run(world.container, "rotate", input="another\n", status=None)
    service.wait_for_state("failed failed")
    expect("it ended with", service.show("ExecMainStatus", "Result", "NRestarts"), ["77", "exit-code", "0"])
    status = service.status()
    expect_in("the status", "invalid_client", status)
    expect_in("the status", "status=77", status)
    expect_in("the errors of the journal", "invalid_client", service.journal(cursor, priority="err"))
    world.runbook.run(world.container, "rotate", input=f"{SECRET}\n")
    service.wait_for_run()


@step("a database that cannot be opened: it is tried again until it can")
def database(world):
    service = world.service
    world.container.run("chown", "root:", service.database)
    world.container.run("chmod", "600", service.database)
    service.systemctl("restart", status=1)
    wait_for("another try", lambda: int(service.show("NRestarts")) >= 2)
    wait_for("its end with 74", lambda: service.show("ExecMainStatus") == "74")
    world.container.run("chown", "mapiq-sync:", service.database)
    service.wait_for_state("active running")
    service.wait_for_run()


@step("tries that come to nothing end as failed, and somebody is told")
def gives_up(world):
    service = world.service
    world.container.path("/etc/systemd/system/tell-me@.service").write_text(
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo %i >>/var/tmp/told'\n")
    world.runbook.run(world.container, "on-failure")
    override = world.container.path("/etc/systemd/system/mapiq-sync.service.d/test.conf")
    override.write_text("[Unit]\nStartLimitBurst=3\n[Service]\nRestartSec=100ms\n")
    world.container.run("systemctl", "daemon-reload")
    world.container.run("chown", "root:", service.database)
    service.systemctl("restart", status=1)
    service.wait_for_state("failed failed")
    told = world.container.path("/var/tmp/told")
    wait_for("word of it", told.exists)
    expect("who was told of is", told.read_text(), "mapiq-sync.service\n")
    world.container.run("chown", "mapiq-sync:", service.database)
    override.unlink()
    world.container.run("systemctl", "daemon-reload")
    world.runbook.run(world.container, "again")
    service.wait_for_run()
    world.runbook.run(world.container, "room")


@step("a hash key is handed over, and fields are hashed")
def hash_key(world):
    world.edit("/etc/mapiq-sync/config.toml", (r'^# hash = \["email"\]', 'hash = ["email"]'))
    world.runbook.run(world.container, "hash-key")
    hashed = "SELECT count(*) FROM users WHERE length(email) = 32 AND email NOT LIKE '%@%'"
    wait_for("the hash of every user's address", lambda: world.service.count(hashed) == 2000)


@step("what needs a hand: rejects, deletions, one job")
def hand(world):
    # Beside the daemon, an endpoint that it is at work on would be left to it (75).
    world.service.systemctl("stop")
    world.runbook.run(world.container, "hand")
    world.service.systemctl("start")


@step("two tenants run beside each other, and neither reads the other's files")
def tenants(world):
    run = world.container.run
    for tenant in ("acme", "globex"):
        world.runbook.run(world.container, "tenant", tenant=tenant)
        folder = f"/etc/mapiq-sync/tenants/{tenant}"
        for name, value in (("client_id", "demo"), ("client_secret", SECRET)):
            run("install", "-m", "0600", "/dev/stdin", f"{folder}/{name}", input=value)
        world.edit(f"{folder}/config.toml", (r'^hash = .*', ""))
        world.runbook.run(world.container, "tenant-start", tenant=tenant)
    services = [tenant_service(world, tenant) for tenant in ("acme", "globex")]
    for service in services:
        wait_for(f"all users in {service.database}", lambda: service.count("SELECT count(*) FROM users") == 2000)
    for path in (services[1].database, "/etc/mapiq-sync/tenants/globex/config.toml",
                 "/etc/mapiq-sync/tenants/globex/client_secret"):
        run("runuser", "--user=mapiq-sync-acme", "--", "cat", path, status=1)
    world.runbook.run(world.container, "tenant-end", tenant="globex")
    expect("the tenant that was given up is", services[1].state(), "inactive dead")
    services[0].wait_for_run()


def tenant_service(world, tenant):
    """The daemon of a tenant."""
    return Service(world.container, f"mapiq-sync@{tenant}.service",
                   f"/var/lib/mapiq-sync-tenants/{tenant}/mapiq.db")


@step("it starts with the machine, makes up for a run that was missed, once, and goes on")
def reboot(world):
    service = world.service
    # Half an hour away, whenever this is.
    minute = (time.gmtime().tm_min + 30) % 60
    config = world.container.path("/etc/mapiq-sync/config.toml")
    config.write_text(config.read_text() + f"""
[[job]]
name = "hourly"
schedule = "0 {minute} * * * *"
endpoints = ["buildings"]
""")
    world.runbook.run(world.container, "reload")
    hourly = "SELECT count(*) FROM _sync_runs WHERE job = 'hourly' AND trigger = ? AND result = 'ok'"
    world.container.run("systemctl", "kill", "--signal=USR1", "mapiq-sync")
    wait_for("a run of the hourly job, by the signal", lambda: service.count(hourly, "signal"))
    last = service.last_run()

    def five_hours_pass():
        with sqlite3.connect(world.container.path(service.database)) as database:
            database.execute("UPDATE _sync_runs SET started_at = strftime('%Y-%m-%dT%H:%M:%fZ', started_at, '-5 hours'), "
                             "finished_at = strftime('%Y-%m-%dT%H:%M:%fZ', finished_at, '-5 hours')")
        database.close()

    world.container.reboot(five_hours_pass)
    service.wait_for_state("active running")
    service.wait_for_run(last)
    wait_for("the run that was missed", lambda: service.count(hourly, "catch-up"))
    service.wait_for_run()
    expect("runs that made up for it", service.count(hourly, "catch-up"), 1)
    expect("the database is", service.rows("PRAGMA integrity_check"), [("ok",)])


@step("an upgrade in place keeps the configuration, and starts anew what runs")
def upgrade(world):
    service, tenant = world.service, tenant_service(world, "acme")
    before = world.container.path("/etc/mapiq-sync/config.toml").read_text()
    pids = [service.pid(), tenant.pid()]
    last = service.last_run()
    world.bring(world.upgrade)
    # The shipped configuration has changed too: dpkg asks, and Enter keeps what there is.
    world.runbook.run(world.container, "upgrade", input="\n")
    version = world.container.run("dpkg-query", "--show", "--showformat=${Version}", "mapiq-sync").stdout
    expect("the version is", version, package_version(world.upgrade))
    expect("the configuration", world.container.path("/etc/mapiq-sync/config.toml").read_text(), before)
    expect("the configuration is", world.shown("/etc/mapiq-sync/config.toml"), "root:mapiq-sync 640")
    for unit, pid in zip((service, tenant), pids):
        expect(f"{unit.unit} is", unit.state(), "active running")
        expect(f"{unit.unit} has the process of before", unit.pid() == pid, False)
    service.wait_for_run(last)
    for unit in ("mapiq-sync-once.timer", "mapiq-sync-once.service"):
        expect(f"{unit} is", Service(world.container, unit).show("ActiveState"), "inactive")


def package_version(package):
    """The version that a package says it has."""
    return subprocess.run(["dpkg-deb", "--field", package, "Version"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


@step("a backup, a damaged file, and the backup in its place")
def backup(world):
    service = world.service
    world.runbook.run(world.container, "backup")
    world.runbook.run(world.container, "damaged")
    expect("the database is there", world.container.path(service.database).exists(), False)
    world.runbook.run(world.container, "restore")
    expect("users in the database", service.count("SELECT count(*) FROM users WHERE _deleted_at IS NULL"), 2000)
    service.wait_for_run()


@step("the timer instead of the daemon: runs, and what is unfinished is no failure")
def timer(world):
    once = world.once
    override = world.container.path("/etc/systemd/system/mapiq-sync-once.timer.d/test.conf")
    override.parent.mkdir()
    override.write_text("[Timer]\nOnCalendar=\nOnCalendar=*:*:0/2\nRandomizedDelaySec=0\n")
    world.container.run("systemctl", "daemon-reload")
    world.service.systemctl("stop")
    last = once.last_run()
    world.runbook.run(world.container, "timer")
    once.wait_for_run(last)
    world.container.run("systemctl", "disable", "--now", "mapiq-sync-once.timer")
    wait_for("the end of its run", lambda: once.show("ActiveState") in ("inactive", "failed"))
    world.runbook.run(world.container, "once")
    # Longer than `max_wait`: it is left to a later run. A tenant that asks the same API could be the one that is refused.
    tenant = tenant_service(world, "acme")
    tenant.systemctl("stop")
    world.simulator.fault({"path": "/v2/buildings", "kind": "429", "wait": 3600, "times": 1})
    cursor = once.cursor()
    world.runbook.run(world.container, "once")
    expect_in("the journal", "buildings unfinished", once.journal(cursor))
    expect("it is", once.state(), "inactive dead")
    tenant.systemctl("start")


@step("it moves to another host with its data, and a removal keeps what is yours until the purge")
def move(world):
    service = world.service
    world.runbook.run(world.container, "move-away")
    last = service.last_run()
    world.runbook.run(world.container, "remove", input="y\n")
    expect("the tenant is", tenant_service(world, "acme").show("ActiveState"), "inactive")
    for path in ("/etc/mapiq-sync/config.toml", "/etc/mapiq-sync/client_secret", service.database):
        if not world.container.path(path).exists():
            raise Failed(f"the removal took {path}")
    purge(world)
    # Another host, where the user has another number.
    world.container.run("userdel", "mapiq-sync")
    world.container.run("useradd", "--system", "first-come")
    world.runbook.run(world.container, "install")
    world.runbook.run(world.container, "move-in")
    service.wait_for_state("active running")
    service.wait_for_run(last)


@step("removed and purged, it leaves nothing")
def purge(world):
    world.runbook.run(world.container, "remove", input="y\n")
    world.runbook.run(world.container, "purge", input="y\n")
    nothing_is_left(world)


@step("without the package, from source: installed, started, removed")
def from_source(world):
    container, service, folder = world.container, world.service, "/srv/source"
    # As on a machine that has never had the package.
    container.run("userdel", "mapiq-sync")
    source = container.path(folder)
    shutil.copytree(ROOT / "systemd", source / "systemd")
    shutil.copy(ROOT / "config.toml", source)
    # A binary elsewhere, as that of `packaging/static` is.
    install = {"source": folder, "binary": Simulator.PROGRAM}
    world.runbook.run(container, "from-source", **install)
    expect("the configuration is", world.shown("/etc/mapiq-sync/config.toml"), "root:mapiq-sync 640")
    world.put_credentials()
    world.configure()
    world.runbook.run(container, "try")
    world.runbook.run(container, "start")
    world.runbook.run(container, "on-failure")
    service.wait_for_run()
    # The same commands upgrade it.
    configured, pid = container.path("/etc/mapiq-sync/config.toml").read_text(), service.pid()
    world.runbook.run(container, "from-source", **install)
    expect("the configuration", container.path("/etc/mapiq-sync/config.toml").read_text(), configured)
    expect("it has the process of before", service.pid() == pid, False)
    container.run("systemctl", "start", "mapiq-sync-once.timer")
    world.runbook.run(container, "from-source-end")
    nothing_is_left(world)
    # With a folder that is not there, nothing is done.
    world.runbook.run(container, "from-source", status=1, source="/srv/no-such-folder")
    nothing_is_left(world)


def nothing_is_left(world):
    """No file of the program, nor a unit that systemd knows."""
    found = world.container.run("find", "/etc", "/usr", "/var", "/run", "-xdev", "-name", "*mapiq*",
                                "-not", "-path", "/var/log/*", "-not", "-path", "/run/log/*",
                                "-not", "-path", "/var/backups/*").stdout.splitlines()
    expect("left behind", found, [])
    left = world.container.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "mapiq-sync*").stdout
    expect("units that systemd still knows", left, "")
