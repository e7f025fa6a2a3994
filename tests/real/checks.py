"""What every part of the script says when something is not as it has to be, and how long it waits for it."""

import time

# The longest that any single step may take before it counts as stuck: several times what the slowest takes.
PATIENCE = 600


class Deviation(Exception):
    """Something is not as it has to be; the message is for a person."""


def expect(condition, message):
    if not condition:
        raise Deviation(message)


def wait_for(what, poll):
    """Polls until there is something, and returns it."""
    end = time.monotonic() + PATIENCE
    while True:
        if found := poll():
            return found
        expect(time.monotonic() < end, f"waited {PATIENCE} s for {what}")
        time.sleep(0.02)
