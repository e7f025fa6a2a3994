"""The real servers: Datasette with the tables, and nginx before it with a rate limit and a token check.

The tokens are the simulator's: nginx passes the token endpoint on to it, and asks it about every bearer token
(`auth_request`). The limit is nginx's own (`limit_req`), one bucket a path, and what nginx answered is counted by its
access log.
"""

import bisect
import collections
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from checks import PATIENCE, Deviation, expect, wait_for

PAGE = 1000
CLIENT_ID = "real-input"
CLIENT_SECRET = "a secret & its +signs"
SCOPE = "https://api.mapiq.com/public/.default"
TOKEN_PATH = "/oauth2/token"
# Shorter than a run, so that each run has to renew its token.
TOKEN_SECONDS = 2
# What the client is told. nginx holds it as a leaky bucket: room for REQUESTS, drained at the steady rate. Whoever
# keeps to REQUESTS in any window of PER_SECONDS never overflows it; whoever asks for one more does after some windows,
# unless slow answers give the bucket the time to drain: `Service.busiest` is the check that forgives nothing.
# The rate has to be one that nginx can hold. It cuts rates to thousandths of a request a second, so that its "20r/m" is
# 19.98 a minute, and the second twenty of a client that waits for its minute meets a 429.
REQUESTS = 9
PER_SECONDS = 3
# Numbers the requests that only mark a place in nginx's log.
MARKS = itertools.count(1)
NGINX = """\
daemon off;
# One process, which ends as a whole, and needs no other user.
master_process off;
pid nginx.pid;
error_log nginx-error.log notice;

events {{
    worker_connections 128;
}}

http {{
    log_format counts escape=json '{{"path":"$uri","status":"$status","limit":"$limit_req_status",'
        '"ended":$msec,"took":$request_time}}';
    access_log nginx-access.log counts;
    client_body_temp_path nginx-temp;
    proxy_temp_path nginx-temp;
    fastcgi_temp_path nginx-temp;
    uwsgi_temp_path nginx-temp;
    scgi_temp_path nginx-temp;
    # A page fits in, so that none goes through a file.
    proxy_buffers 16 64k;

    limit_req_zone $uri zone=paths:1m rate={rate}r/s;
    limit_req_status 429;

    server {{
        listen 127.0.0.1:{port};

        location / {{
            limit_req zone=paths burst={burst} nodelay;
            auth_request /_token;
            # Datasette makes its next URLs from it.
            proxy_set_header Host $http_host;
            proxy_set_header Authorization "";
            proxy_pass {datasette};
        }}

        location = /_token {{
            internal;
            proxy_pass {simulator}/v2/buildings?pageSize=1;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }}

        location = {token_path} {{
            proxy_pass {simulator}{token_path};
        }}
    }}
}}
"""


@dataclasses.dataclass(frozen=True)
class Service:
    """What the client is to copy from: its address, and the log that tells what it was asked."""

    base: str
    access_log: os.PathLike

    def answered(self):
        """Every request that nginx has answered: its path, its status, and when it arrived in milliseconds."""
        # nginx writes a request's line once it has answered, one request after the other: where the line of this one is,
        # none before it is missing.
        mark = f"/mark/{next(MARKS)}"
        ask(f"{self.base}{mark}")
        wait_for(f"nginx to log {mark}", lambda: f'"{mark}"' in pathlib.Path(self.access_log).read_text(encoding="utf-8"))
        with open(self.access_log, encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                limited = entry["limit"] == "REJECTED"
                expect(limited == (entry["status"] == "429"), f"a 429 that is not nginx's own: {line}")
                yield entry["path"], entry["status"], round((entry["ended"] - entry["took"]) * 1000)

    def counts(self):
        """How often nginx has answered with which status so far, by path."""
        counts = collections.defaultdict(collections.Counter)
        for path, status, _ in self.answered():
            counts[path][status] += 1
        return counts

    def busiest(self, path):
        """The most requests that arrived in any window of the limit's length; the bucket, which drains, allows more."""
        arrivals = sorted(arrived for other, _, arrived in self.answered() if other == path)
        return max(
            (bisect.bisect_left(arrivals, start + PER_SECONDS * 1000) - i for i, start in enumerate(arrivals)),
            default=0,
        )


def path_of(table):
    return f"/source/{table}.json"


@contextlib.contextmanager
def serving(environment, source, binary, work):
    """Serves the source on loopback behind nginx; yields the service, and ends the servers."""
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    expect(nginx, "no nginx: install Debian's package nginx-light")
    with contextlib.ExitStack() as stack:
        command = [environment / "bin/datasette", "serve", "--immutable", source, "--host", "127.0.0.1", "--port", "0"]
        command += ["--setting", "max_returned_rows", str(PAGE), "--setting", "suggest_facets", "off"]
        # Its default is a second, which a busy machine may take to count the rows.
        command += ["--setting", "sql_time_limit_ms", "20000"]
        datasette = stack.enter_context(server("datasette", command, work, r"Uvicorn running on (http://\S+)"))

        command = [binary, "simulate", "--limit", "0", "--token-lifetime", f"{TOKEN_SECONDS}s"]
        command += ["--token-numbers-as-strings", "--users", "0", "--buildings", "1"]
        command += ["--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET, "--scope", SCOPE]
        simulator = stack.enter_context(server("simulator", command, work, r"listening on (http://\S+)"))

        port = free_port()
        rate, rest = divmod(REQUESTS, PER_SECONDS)
        expect(rest == 0, "nginx is to have a whole number of requests a second, which it holds exactly")
        (work / "nginx-temp").mkdir()
        (work / "nginx.conf").write_text(
            NGINX.format(
                port=port,
                rate=rate,
                burst=REQUESTS - 1,
                datasette=datasette,
                simulator=simulator,
                token_path=TOKEN_PATH,
            )
        )
        command = [nginx, "-p", f"{work}/", "-e", "nginx-error.log", "-c", "nginx.conf"]
        base = f"http://127.0.0.1:{port}"
        stack.enter_context(server("nginx", command, work, lambda: answers(base) and base))
        service = Service(base, work / "nginx-access.log")
        check_gate(service)
        yield service


@contextlib.contextmanager
def server(name, command, work, ready):
    """Runs a server until the caller is done; yields its address: from its output by a pattern, or from a function."""
    log_path = work / f"{name}.log"
    with open(log_path, "wb") as log:
        process = subprocess.Popen(
            ended_with_this(command),
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=clean_environment(),
        )

    def address():
        expect(process.poll() is None, f"{name} ended with status {process.returncode}: {log_path.read_text()}")
        if callable(ready):
            return ready()
        found = re.search(ready, log_path.read_text())
        return found and found[1]

    try:
        yield wait_for(f"{name} to listen", address)
    finally:
        process.kill()
        process.wait()


def ended_with_this(command):
    """The command so that, whatever becomes of this script, its process does not outlive it."""
    return ["setpriv", "--pdeathsig", "KILL", *command]


def clean_environment():
    """The environment without what would reach into the program: its own settings, and proxies before loopback."""
    taken = ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MAPIQ_") and not name.lower().endswith("_proxy") and name not in taken
    }


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(base):
    with contextlib.suppress(OSError):
        ask(f"{base}/_ready")
        return True
    return False


# Loopback is asked directly, whatever proxy the environment names.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url, form=None, token=None):
    """Asks for `url`, with `form` by POST; returns the status and the body of the answer."""
    request = urllib.request.Request(url, data=form and urllib.parse.urlencode(form).encode())
    if token:
        request.add_header("authorization", f"Bearer {token}")
    try:
        with OPENER.open(request, timeout=PATIENCE) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def check_gate(service):
    """Shows that the gate holds, so that "no 429" says something; on paths that the copy does not use."""
    form = {"grant_type": "client_credentials", "scope": SCOPE, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    status, answer = ask(f"{service.base}{TOKEN_PATH}", form | {"client_secret": "wrong"})
    expect(status == 401, f"the gate answers {status} to a wrong secret, not 401: {answer}")
    status, answer = ask(f"{service.base}{TOKEN_PATH}", form)
    expect(status == 200, f"the gate answers {status} to the right secret: {answer}")
    status, answer = ask(f"{service.base}/-/versions.json", token=json.loads(answer)["access_token"])
    expect(status == 200, f"the gate answers {status} to a token of its own: {answer}")
    # The limit comes before the token check, and a refusal is the fastest answer.
    statuses = [ask(f"{service.base}/source.json")[0] for _ in range(2 * REQUESTS)]
    expect(set(statuses[:REQUESTS]) == {401}, f"the gate answers {statuses} to requests without a token, not 401")
    expect(429 in statuses, f"the gate's limit of {REQUESTS} does not hold: {statuses}")
    if service.counts()["/source.json"]["429"] != statuses.count(429):
        raise Deviation(f"nginx's log does not tell its 429s: {dict(service.counts()['/source.json'])}")
