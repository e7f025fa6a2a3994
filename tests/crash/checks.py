"""What every part of the script says when something is not as it has to be."""


class Deviation(Exception):
    """The test cannot go on; the message is for a person."""


def expect(condition, message):
    if not condition:
        raise Deviation(message)
