"""A machine to try things on: systemd-nspawn over an overlay of a root, which stays as it is."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import uuid

# How long anything may take that must happen.
PATIENCE = 60
# What systemd-nspawn ends with where the machine wants to be started again.
REBOOT = 133
# Every command in the machine begins with these alone.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/root",
    "DEBIAN_FRONTEND": "noninteractive",
    "SYSTEMD_PAGER": "",
    "SYSTEMD_COLORS": "0",
}


class Failed(Exception):
    """Something is not as it must be."""


def wait_for(what, holds, patience=PATIENCE):
    """Waits until `holds()` returns something true, and returns that."""
    end = time.monotonic() + patience
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f"{patience} s have not brought {what}")
        time.sleep(0.05)


def why_not():
    """Why no machine can be started here, or None."""
    if os.geteuid() != 0:
        return "it takes root"
    for tool in ("systemd-nspawn", "nsenter", "dpkg-deb"):
        if shutil.which(tool) is None:
            return f"there is no {tool}"
    if not pathlib.Path("/lib/systemd/systemd").exists():
        return "this system has no systemd to boot"
    return None


class Container:
    """One machine, its files, and its power button."""

    def __init__(self, base, work):
        self.work = work
        self.layers = work / "layers"
        self.root = work / "root"
        self.name = f"mapiq-boot-{os.getpid()}"
        self.process = None
        self.leader = None
        self.boots = 0
        self.cgroups = []
        for folder in (self.layers, self.root):
            folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.layers], check=True)
        upper, scratch = self.layers / "upper", self.layers / "scratch"
        upper.mkdir()
        scratch.mkdir()
        options = f"lowerdir={base},upperdir={upper},workdir={scratch}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)
        self._make_fresh()

    def _make_fresh(self):
        """Takes away what the root's own machine has started, and what would keep the package's scripts from doing so."""
        for links in (self.root / "etc/systemd/system").glob("*.wants"):
            shutil.rmtree(links)
        # The last two would only take time: man-db's index, and word to a desktop's updater.
        for name in ("usr/sbin/policy-rc.d", "etc/fstab", "var/lib/man-db/auto-update", "etc/apt/apt.conf.d/20packagekit"):
            (self.root / name).unlink(missing_ok=True)
        machine_id = self.root / "etc/machine-id"
        machine_id.unlink(missing_ok=True)
        # One of its own, and not "uninitialized", which would enable whatever the root has.
        machine_id.write_text(f"{uuid.uuid4().hex}\n")
        # The journal outlives a reboot, as an administrator would have it.
        shutil.rmtree(self.root / "var/log/journal", ignore_errors=True)
        (self.root / "var/log/journal").mkdir(parents=True)

    def boot(self):
        """Starts the machine, and waits until it is up."""
        self.boots += 1
        command = ["systemd-nspawn", "--quiet", f"--machine={self.name}", f"--directory={self.root}", "--register=no",
                   "--keep-unit", "--private-network", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
                   "--console=pipe", "--boot"]
        if pathlib.Path("/run/systemd/system").exists():
            command = ["systemd-run", "--quiet", "--scope", "--property=Delegate=yes", *command]
        with open(self.work / f"console-{self.boots}.log", "wb") as console:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                                            preexec_fn=self._enter_cgroup, start_new_session=True)
        self.leader = wait_for("the machine's first process", self._find_leader)
        wait_for("the end of its start", self._is_up)

    def _enter_cgroup(self):
        """Where no systemd runs, nspawn needs a group of its own in each hierarchy."""
        if pathlib.Path("/run/systemd/system").exists():
            return
        top = pathlib.Path("/sys/fs/cgroup")
        for hierarchy in (top / "systemd", top / "unified", top):
            if (hierarchy / "cgroup.procs").exists():
                group = hierarchy / self.name
                group.mkdir(exist_ok=True)
                (group / "cgroup.procs").write_text(str(os.getpid()))

    def _find_leader(self):
        if self.process.poll() is not None:
            raise Failed(f"systemd-nspawn ended with {self.process.returncode}")
        parents = [self.process.pid]
        while parents:
            parent = parents.pop()
            try:
                tasks = pathlib.Path(f"/proc/{parent}/task").iterdir()
                children = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
                status = pathlib.Path(f"/proc/{parent}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            numbers = re.search(r"^NSpid:\t(.*)$", status, re.M).group(1).split()
            if len(numbers) > 1 and numbers[-1] == "1" and "Name:\tsystemd\n" in status:
                return parent
            parents += children
        return None

    def _is_up(self):
        found = self.run("systemctl", "is-system-running", status=None)
        return found.stdout.strip() in ("running", "degraded")

    def run(self, *command, status=0, input=None):
        """Runs a command in the machine. Any other exit status than `status` is a failure, unless that is None."""
        enter = ["nsenter", f"--target={self.leader}", "--all", "--", "env", "--chdir=/root"]
        done = subprocess.run([*enter, *map(str, command)], env=ENVIRONMENT, input=input, text=True,
                              stdin=subprocess.DEVNULL if input is None else None,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if status is not None and done.returncode != status:
            shown = " ".join(map(str, command))
            raise Failed(f"{shown}\nended with {done.returncode}, not {status}:\n{done.stdout}")
        return done

    def path(self, path):
        """A path of the machine, from outside."""
        return self.root / path.lstrip("/")

    def reboot(self, while_off=lambda: None):
        """Starts the machine anew; what is to happen between happens while it is off."""
        self.run("systemctl", "--no-block", "reboot", status=None)
        ended = self.process.wait(PATIENCE)
        if ended != REBOOT:
            raise Failed(f"a reboot ended systemd-nspawn with {ended}, not {REBOOT}")
        while_off()
        self.boot()

    def stop(self):
        """Pulls the plug."""
        if self.process is not None and self.process.poll() is None:
            if self.leader:
                try:
                    os.kill(self.leader, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            else:
                self.process.kill()
            self.process.wait(PATIENCE)

    def remove(self):
        """Leaves nothing behind."""
        self.stop()
        for mounted in (self.root, self.layers):
            subprocess.run(["umount", "--lazy", mounted], check=False)
        for hierarchy in ("systemd", "unified", "."):
            group = pathlib.Path("/sys/fs/cgroup") / hierarchy / self.name
            for below in sorted(group.glob("**/"), reverse=True):
                try:
                    below.rmdir()
                except OSError:
                    pass
