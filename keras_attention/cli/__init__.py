"""The command line: parses, calls one function, prints.

Commands import what they need when they run: `keras-attention --help` is instant.
"""

import os
import sys

from keras_attention.cli.utf8 import in_utf8_mode, write_utf8
from keras_attention.os_errors import STANDARD_OUTPUT, say, writing


def main(argv=None):
    """Runs one command; returns its exit code.

    Args:
        argv: list of str; the process's own arguments where None.
    """
    if argv is None:
        in_utf8_mode()
    write_utf8()
    try:
        with writing(STANDARD_OUTPUT):
            code = _run(argv)
            # Short output is written only now.
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever reads has had enough, as in `| head`.
        _write_no_more()
        return 1
    except OSError as error:
        print(f"error: {say(error)}", file=sys.stderr)
        if error.filename == STANDARD_OUTPUT:
            _write_no_more()
        return 1


def _run(argv):
    from keras_attention.cli.app import app

    try:
        app(args=argv, prog_name="keras-attention")
    except SystemExit as end:  # how a command line's own errors and help end
        return end.code if isinstance(end.code, int) else 1
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _write_no_more():
    """At its end, Python would try once more to write what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
