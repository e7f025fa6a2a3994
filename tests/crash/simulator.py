"""The simulator of the binary under test, and what its control endpoints tell."""

import http.client
import json
import re
import subprocess
import urllib.parse

import plan
from checks import expect


class Simulator:
    """A simulator whose listings change between requests; it ends with the `with` block."""

    def __init__(self, binary, work, seed):
        flags = [f"--{name}={number}" for name, number in plan.DATA.items()]
        flags += [f"--limit={plan.REQUESTS}", f"--per={plan.PER_SECONDS}s", "--latency-ms=4", f"--seed={seed}"]
        for endpoint in plan.ENDPOINTS:
            flags += [f"--churn={endpoint.path}={endpoint.churn}", f"--style-for={endpoint.path}={endpoint.style}"]
        self._log = open(work / "simulator.log", "wb")
        self._process = subprocess.Popen(
            [binary, "simulate", *flags], cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log
        )
        ready = self._process.stdout.readline().decode()
        found = re.fullmatch(r"listening on (http://(.*))\n", ready)
        expect(found, f"the simulator did not start; see {work}/simulator.log")
        self.base, address = found.groups()
        self._connection = http.client.HTTPConnection(address, timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _ask(self, method, path, body=None):
        text = None if body is None else json.dumps(body)
        self._connection.request(method, f"/_simulator/{path}", text)
        response = self._connection.getresponse()
        answer = response.read()
        expect(response.status == 200, f"the simulator says {response.status} to {path}: {answer!r}")
        return json.loads(answer)

    def stats(self):
        """By path: how many requests, pages, 429s and so on."""
        return self._ask("GET", "stats")

    def requests_so_far(self):
        """How many requests have arrived, those for a token included."""
        stats = self.stats()
        return stats["token"]["requests"] + sum(counts["requests"] for counts in stats["endpoints"].values())

    def log(self, after):
        """The requests with a higher number than `after`."""
        answer = self._ask("GET", f"requests?after={after}")
        expect(answer["count"] - after <= 20_000, "more requests came than the simulator remembers")
        return answer["requests"]

    def set_faults(self, faults):
        """Puts these in the place of all that have not come to pass, and returns how many those were, by their spelling."""
        left = self._ask("GET", "faults")["faults"]
        self._ask("DELETE", "faults")
        if faults:
            self._ask("POST", "faults", faults)
        return left

    def set_rate(self, rate):
        self._ask("POST", "churn", {"rate": rate})

    def churn(self, path, after=0):
        """The oracle: what the listing has now, and what happened to it after a request."""
        return self._ask("GET", f"churn?path={urllib.parse.quote(path)}&from={after}")


class Oracle:
    """Which records were never absent, of one listing, kept up with the simulator."""

    def __init__(self, simulator, path):
        self._simulator, self._path = simulator, path
        now = simulator.churn(path)
        expect(now["answers"] == 0, "the listing was asked for before the test began")
        self.known = {record["id"] for record in now["records"]}
        self.ever_absent, self.moved = set(), set()
        self.events = 0
        self._heard = 0

    def listen(self):
        """Takes in what happened since, and returns the present records by id."""
        told = self._simulator.churn(self._path, self._heard)
        for event in told["history"]:
            self._heard = event["request"]
            self.events += 1
            if event["event"] == "delete":
                self.ever_absent.add(event["id"])
            elif event["event"] in ("move", "resort"):
                self.moved.add(event["id"])
            self.known.add(event["id"])
        return {record["id"]: record for record in told["records"]}
