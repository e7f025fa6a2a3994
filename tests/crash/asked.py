"""Counts from the server's log which pages were asked for again after a kill."""

import unittest
import urllib.parse

import plan

# More requests than any sweep makes.
REMEMBERED = 200


class Asked:
    """The requests to each endpoint, between kills."""

    def __init__(self):
        self.again = dict.fromkeys((endpoint.name for endpoint in plan.ENDPOINTS), 0)
        # The most pages that one kill has cost one endpoint, and where.
        self.worst = (0, "")
        self._before = {endpoint.name: [] for endpoint in plan.ENDPOINTS}
        # The pages stored of the sweep that each endpoint was in at the last kill.
        self._stored = {}
        self._heard = 0

    def killed(self, number, simulator, stored):
        """Takes in the requests since the last kill; `stored` has the pages of the sweeps that are open now."""
        requests = simulator.log(self._heard)
        for endpoint in plan.ENDPOINTS:
            queries = [request["query"] for request in requests if request["path"] == endpoint.path]
            if not queries:
                continue
            before = self._before[endpoint.name]
            again = asked_again(before, queries[0], self._stored.get(endpoint.name, 0))
            self.again[endpoint.name] += again
            self.worst = max(self.worst, (again, f"{endpoint.name} after kill {number}"))
            self._before[endpoint.name] = (before + queries)[-REMEMBERED:]
            self._stored.pop(endpoint.name, None)
        # Of an endpoint that was not asked for since, the sweep is still the one that it was.
        self._stored |= stored
        self._heard = max((request["number"] for request in requests), default=self._heard)


def asked_again(before, query, stored):
    """How many pages back the first request after a kill goes, within the sweep that was open at the kill."""
    distinct = []
    for earlier in reversed(before):
        if earlier not in distinct:
            distinct.append(earlier)
        if len(distinct) > stored + 1:
            return 0
        if earlier == query:
            # Where no page was in hand, the earliest of these belongs to the sweep before; but a sweep begins at its first.
            is_within = len(distinct) <= max(stored, 1) or is_first(query, before)
            return len(distinct) if is_within else 0
    return 0


def is_first(query, before):
    """Whether a request asks for the beginning of a sweep: the first page, of the first slice."""
    asked = urllib.parse.parse_qs(query)
    starts = [start for earlier in before for start in urllib.parse.parse_qs(earlier).get("startDate", [])]
    is_first_page = asked.get("page", ["1"]) == ["1"] and asked.get("offset", ["0"]) == ["0"] and "cursor" not in asked
    return is_first_page and asked.get("startDate", [""]) == [min(starts, default="")]


class Test(unittest.TestCase):
    """`python3 tests/crash/asked.py`: the count itself counts."""

    def test_counts_back_to_the_same_request(self):
        pages = [f"page={number}" for number in (11, 12, 1, 2, 3, 3, 4)]
        # Three pages are stored, the fourth was in hand.
        self.assertEqual(asked_again(pages, "page=5", 3), 0)
        self.assertEqual(asked_again(pages, "page=4", 3), 1)
        self.assertEqual(asked_again(pages, "page=3", 3), 2)
        self.assertEqual(asked_again(pages, "page=1", 3), 4)
        # Four pages are stored, none was in hand: the twelfth is of the sweep before.
        self.assertEqual(asked_again(pages, "page=12", 4), 0)
        # No sweep was open: only the first page can have been in hand.
        self.assertEqual(asked_again(["page=12", "page=1"], "page=1", 0), 1)
        self.assertEqual(asked_again(pages, "page=1", 0), 0)


if __name__ == "__main__":
    unittest.main()
