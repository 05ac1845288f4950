"""Questions that are longer than what a server runs at once, asked in parts."""

import re

from keras_attention.serving.wire.errors import Code, ServingError

# How a server that batches says its max_batch_size; it says it nowhere else.
_TOO_LONG = re.compile(
    r"Task size \d+ is larger than maximum (?:input )?batch size (\d+)"
)


def in_parts(values, ask, limits, key):
    """The steps of a question of many values, of which each is answered by itself.

    All are asked for at once until the server says how many it takes. That is kept, so
    that it refuses once only.

    Args:
        values: list or array.
        ask: function of some of the values that gives the steps of asking for them.
        limits: dict of key to int, what servers said before.
        key: whose limit to keep.

    Returns:
        List of what the steps of each part return, in the order of the values.

    Raises:
        ServingError: what else a server refuses, and be it of the last part.
    """
    answers: list = []
    start = 0
    while True:
        rest = values[start:]
        part = rest[: limits.get(key, len(rest))]
        try:
            answers.append((yield from ask(part)))
        except ServingError as error:
            limit = _limit(error)
            if not 0 < limit < len(part):
                raise
            limits[key] = limit
            continue
        if len(part) == len(rest):
            return answers
        start += len(part)


def _limit(error):
    """How many values a server takes, as its refusal says; 0 of any other refusal."""
    if error.code is not Code.INVALID_ARGUMENT:
        return 0
    found = _TOO_LONG.search(error.message)
    return int(found[1]) if found else 0
