"""Logging that clients cannot forge: what they sent is truncated and escaped."""

import logging
import re
import traceback

# Of a value in a line of a log, or in a label of a metric.
MAX_FIELD = 256
_MAX_ARGUMENT = 4096
_MAX_TRACEBACK = 20_000
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def cut(text, most=MAX_FIELD):
    """A text of at most so many characters, and three dots if it was longer."""
    return text if len(text) <= most else f"{text[:most]}..."


def get_logger(name):
    """The logger of a module, whose records nobody can forge.

    The names of models and the messages of errors hold what clients sent. A new line in
    them is indented, so that it cannot pass for the next record; other control
    characters, which could rewrite a terminal, are spelled out.
    """
    logger = logging.getLogger(name)
    if not any(isinstance(each, _Sanitizer) for each in logger.filters):
        logger.addFilter(_Sanitizer())
    return logger


class _Sanitizer(logging.Filter):
    def filter(self, record):
        if isinstance(record.args, tuple):
            record.args = tuple(map(_argument, record.args))
        if record.exc_info and record.exc_info[0] is not None:
            text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
            # Formatters take it as it is, where there is one.
            record.exc_text = "    " + _sanitize(text, _MAX_TRACEBACK)
        return True


def _argument(value):
    return value if isinstance(value, int | float) else _sanitize(str(value))


def _sanitize(text, most=_MAX_ARGUMENT):
    text = _CONTROL.sub(lambda match: repr(match[0])[1:-1], cut(text, most))
    return text.replace("\n", "\n    ")
