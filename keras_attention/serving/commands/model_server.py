"""The script that stands in for tensorflow_model_server: same flags, same files."""

import logging
import os
import sys
from importlib import metadata

from keras_attention import __version__
from keras_attention.serving.commands.flag_syntax import (
    PROGRAM,
    FlagError,
    read_values,
    usage,
)
from keras_attention.serving.commands.flags import make_command
from keras_attention.serving.wire.errors import ServingError


def main(argv=None):
    """Serves what the flags say until it is told to stop; returns the exit code.

    Args:
        argv: list of str; the process's own arguments where None.
    """
    argv = sys.argv[1:] if argv is None else argv
    if "--help" in argv:
        print(usage())
        return 0
    try:
        values, given = read_values(argv)
    except FlagError as error:
        print(f"{error}\n{PROGRAM} --help lists all flags", file=sys.stderr)
        return 1
    if values["version"]:
        print("\n".join(_versions()))
        return 0
    try:
        _set_up_logging()
        *command, notes = make_command(values, given)
        for note in notes:
            print(note, file=sys.stderr)
        # Here: it imports TensorFlow, for which a mistake should not have to wait.
        from keras_attention.serving.commands import running

        if not running.run(*command):
            running.end_process()
    except (ValueError, OSError, ServingError) as error:
        print(f"Failed to start server. Error: {error}", file=sys.stderr)
        return 1
    return 0


def _versions():
    yield f"{PROGRAM}: {__version__}"
    yield f"TensorFlow ModelServer: {metadata.version('tensorflow-serving-api')}"
    yield f"TensorFlow Library: {metadata.version('tensorflow')}"


def _set_up_logging():
    """What the server does goes to standard error; so do others' warnings."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("keras_attention").setLevel(logging.INFO)
