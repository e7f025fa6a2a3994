"""What is copied, and how its listings change."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One table, its listing, and what befalls that between two requests."""

    name: str
    path: str
    style: str
    churn: str
    # The part of its block in the configuration that is its own.
    settings: str

    @property
    def has_window(self):
        return "window" in self.settings


# As many come as go, so that the listings keep their size; `resort` is what page numbers cannot win against.
COME_AND_GO = "insert+return+delete+delete+change+change"
WINDOW = """\
[endpoint.window]
from_param = "startDate"
to_param   = "endDate"
field      = "date"
back       = "80d"
ahead      = "20d"
slice      = "25d"
format     = "%Y-%m-%d"
end        = "inclusive"
"""

ENDPOINTS = (
    Endpoint(
        "users", "/v2/users", "page", f"0.6,kinds={COME_AND_GO}+resort",
        'total = "totalCount"\npagination = { style = "page", page_param = "page", size_param = "pageSize", size = 25 }\n',
    ),
    Endpoint(
        "parking_lots", "/v2/parking-lots", "offset", f"0.6,kinds={COME_AND_GO}",
        'total = "totalCount"\n'
        'pagination = { style = "offset", offset_param = "offset", limit_param = "limit", limit = 15 }\n',
    ),
    Endpoint(
        "check_ins", "/v2/check-ins", "cursor", f"0.6,kinds={COME_AND_GO}+resort",
        'params = { pageSize = "40" }\npagination = { style = "cursor", param = "cursor", next = "nextCursor" }\n',
    ),
    Endpoint(
        "reservations", "/v2/reservations", "page", f"0.6,kinds={COME_AND_GO}+move",
        'total = "totalCount"\npagination = { style = "page", page_param = "page", size_param = "pageSize", size = 50 }\n'
        + WINDOW,
    ),
    Endpoint(
        "parking_reservations", "/v2/parking-reservations", "next-url", f"0.6,kinds={COME_AND_GO}+move",
        'params = { pageSize = "40" }\npagination = { style = "next-url", next = "nextUrl" }\n' + WINDOW,
    ),
)

# Small listings: what is wanted is many sweeps, not many rows. A parking lot a building.
DATA = {"users": 300, "buildings": 90, "reservations": 600, "parking-reservations": 300}

# The limit that the simulator enforces and that the program is told.
REQUESTS, PER_SECONDS = 20, 1

# What goes wrong, but for the kills. The first ones damage an answer that the server has counted as a page.
DAMAGES = ("reset-middle", "reset-end", "close-middle", "close-end", "cut-json")
REFUSALS = ("500", "502", "503", "reset-before", "close-before", "html", "401", "429,wait=1", "503,told=header,wait=1")
