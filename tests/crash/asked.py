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
    """How many pages back the first request after a kill goes, within the read of the listing that the kill came into."""
    if not stored:
        # Only the first page can have been in hand.
        return int(before[-1:] == [query])
    distinct = set()
    for earlier in reversed(before):
        distinct.add(earlier)
        if earlier == query:
            return len(distinct)
        if is_first_page(earlier) and (is_first_slice(earlier, before) or start(earlier) == start(query)):
            # What came before belongs to another sweep, or to a pass through a listing that moved (rule 4).
            return 0
    return 0


def is_first_page(query):
    asked = urllib.parse.parse_qs(query)
    return asked.get("page", ["1"]) == ["1"] and asked.get("offset", ["0"]) == ["0"] and "cursor" not in asked


def is_first_slice(query, before):
    return start(query) == min(map(start, before))


def start(query):
    """Where a slice begins; nothing where there are none."""
    return urllib.parse.parse_qs(query).get("startDate", [""])[0]


class Test(unittest.TestCase):
    """`python3 tests/crash/asked.py`: the count itself counts."""

    def test_counts_back_to_the_same_request(self):
        pages = [f"page={number}" for number in (10, 11, 12, 1, 2, 3, 3, 4)]
        self.assertEqual(asked_again(pages, "page=5", 3), 0)
        self.assertEqual(asked_again(pages, "page=4", 3), 1)
        self.assertEqual(asked_again(pages, "page=3", 3), 2)
        self.assertEqual(asked_again(pages, "page=1", 3), 4)

    def test_ends_where_the_sweep_or_the_pass_began(self):
        pages = [f"page={number}" for number in (10, 11, 12, 1, 2, 3, 3, 4)]
        self.assertEqual(asked_again(pages, "page=12", 4), 0)
        self.assertEqual(asked_again(["page=12", "page=1"], "page=1", 0), 1)
        self.assertEqual(asked_again(pages, "page=1", 0), 0)

    def test_knows_slices(self):
        cursors = ("", "&cursor=a", "&cursor=b")
        slices = [f"startDate={day}{cursor}" for day in (1, 2, 3) for cursor in cursors]
        self.assertEqual(asked_again(slices, "startDate=3&cursor=b", 8), 1)
        self.assertEqual(asked_again(slices, "startDate=2", 8), 6)
        self.assertEqual(asked_again(slices, "startDate=1", 8), 9)
        self.assertEqual(asked_again(slices + slices[:2], "startDate=1&cursor=b", 2), 0)
        # The second slice is read once more from its beginning.
        self.assertEqual(asked_again([*slices[:6], slices[3]], "startDate=2&cursor=a", 7), 0)


if __name__ == "__main__":
    unittest.main()
