"""Requests that are larger than a server's max_batch_size, split into several."""

import re

from keras_attention.serving.wire.errors import Code, ServingError

# How a server with batching says its max_batch_size; it says it nowhere else.
_TOO_LONG = re.compile(
    r"Task size \d+ is larger than maximum (?:input )?batch size (\d+)"
)


def in_parts(values, send, limits, key):
    """The steps of a call with many values, each of which has a result of its own.

    All are sent at once until the server says how many it takes. That is kept, so that
    only one request is rejected.

    Args:
        values: list, or range of their numbers.
        send: function of some of the values that gives the steps of their request.
        limits: dict of key to int, the limits known so far.
        key: whose limit to keep.

    Returns:
        List of what the steps of each part return, in the order of the values.

    Raises:
        ServingError: any other error of a part, even of the last one.
    """
    results: list = []
    start = 0
    while True:
        rest = values[start:]
        part = rest[: limits.get(key, len(rest))]
        try:
            results.append((yield from send(part)))
        except ServingError as error:
            limit = _limit(error)
            if not 0 < limit < len(part):
                raise
            limits[key] = limit
            continue
        if len(part) == len(rest):
            return results
        start += len(part)


def _limit(error):
    """How many values a server takes, as its error says; 0 of any other error."""
    if error.code is not Code.INVALID_ARGUMENT:
        return 0
    found = _TOO_LONG.search(error.message)
    return int(found[1]) if found else 0
