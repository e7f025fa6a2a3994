"""Puts Datasette behind what the Mapiq API has in front of it: a token endpoint, a bearer check, a rate limit.

A Datasette plugin. The environment variable `GATE` holds its settings as JSON: `client_id`, `client_secret`,
`scope`, `token_seconds`, `requests` and `per_seconds`. The limit is a sliding window by path, and strict: what the
client gets wrong by a millisecond is a 429 in `/_stats`.
"""

import collections
import json
import os
import secrets
import sys
import threading
import time
import urllib.parse

from datasette import hookimpl

TOKEN_PATH = "/token"
STATS_PATH = "/_stats"


class Gate:
    """An ASGI application around another."""

    def __init__(self, app, settings):
        self.app = app
        self.settings = settings
        # The end of each token's life, by token, on the monotonic clock.
        self.tokens = {}
        # The arrivals of the last period, by path.
        self.arrivals = collections.defaultdict(collections.deque)
        self.stats = {"tokens": 0, "refused": 0, "paths": {}}

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == STATS_PATH:
            await answer(send, 200, self.stats)
        elif scope["path"] == TOKEN_PATH:
            await self.token(scope, receive, send)
        else:
            await self.guard(scope, receive, send)

    async def token(self, scope, receive, send):
        """Answers the client-credentials grant: both credentials in the form, the numbers as strings."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = dict(scope["headers"])
        if scope["method"] != "POST" or headers.get(b"content-type") != b"application/x-www-form-urlencoded":
            self.stats["refused"] += 1
            await answer(send, 400, {"error": "invalid_request"})
            return
        wanted = {
            "grant_type": "client_credentials",
            "scope": self.settings["scope"],
            "client_id": self.settings["client_id"],
            "client_secret": self.settings["client_secret"],
        }
        if b"authorization" in headers or dict(urllib.parse.parse_qsl(body.decode())) != wanted:
            self.stats["refused"] += 1
            await answer(send, 401, {"error": "invalid_client"})
            return
        life = self.settings["token_seconds"]
        token = secrets.token_urlsafe(24)
        self.tokens[token] = time.monotonic() + life
        self.stats["tokens"] += 1
        now = int(time.time())
        await answer(
            send,
            200,
            {
                "access_token": token,
                "token_type": "Bearer",
                "not_before": str(now),
                "expires_in": str(life),
                "expires_on": str(now + life),
                "resource": "https://api.mapiq.com/public",
            },
        )

    async def guard(self, scope, receive, send):
        """Counts a request, and lets it through when its token lives and its path has budget."""
        path = scope["path"]
        counts = self.stats["paths"].setdefault(path, {"requests": 0, "401": 0, "429": 0})
        counts["requests"] += 1
        now = time.monotonic()
        kind, _, token = dict(scope["headers"]).get(b"authorization", b"").decode().partition(" ")
        if kind != "Bearer" or self.tokens.get(token, now) <= now:
            counts["401"] += 1
            await answer(send, 401, {"statusCode": 401, "message": "Unauthorized. Access token is missing or invalid."})
            return
        window, per = self.arrivals[path], self.settings["per_seconds"]
        while window and window[0] <= now - per:
            window.popleft()
        if len(window) >= self.settings["requests"]:
            counts["429"] += 1
            wait = int(window[0] + per - now) + 1
            message = f"Rate limit is exceeded. Try again in {wait} seconds."
            await answer(send, 429, {"statusCode": 429, "message": message})
            return
        window.append(now)
        await self.app(scope, receive, send)


async def answer(send, status, body):
    """Sends `body` as JSON."""
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def end_with_parent():
    """Ends this process when its standard input does: whatever becomes of the script, no server outlives it."""
    sys.stdin.buffer.read()
    os._exit(0)


@hookimpl
def asgi_wrapper(datasette):
    threading.Thread(target=end_with_parent, daemon=True).start()
    return lambda app: Gate(app, json.loads(os.environ["GATE"]))
