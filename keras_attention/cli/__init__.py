"""The command line: parses, calls one function, prints.

Commands import what they need when they run: `keras-attention --help` is instant.
"""

import os
import sys

from keras_attention.cli.utf8 import in_utf8_mode, write_utf8


def main(argv=None):
    """Runs one command; returns its exit code.

    Args:
        argv: list of str; the process's own arguments where None.
    """
    if argv is None:
        in_utf8_mode()
    write_utf8()
    try:
        code = _run(argv)
        # Short output is written only now.
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever reads has had enough, as in `| head`; Python would flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(argv):
    from keras_attention.cli.app import app

    try:
        app(args=argv, prog_name="keras-attention")
    except SystemExit as end:  # how a command line's own errors and help end
        return end.code if isinstance(end.code, int) else 1
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
