"""Loading the backend without what it has to say about this machine."""

import os
import sys
import tempfile


def load_backend():
    """Imports Keras and its backend; what they write is shown only if that fails.

    TensorFlow reports on processors and missing GPUs straight to standard error,
    before any setting of its own can stop it.
    """
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.stderr.isatty():
        print("loading Keras and its backend …", end="", file=sys.stderr, flush=True)
    sys.stderr.flush()
    with tempfile.TemporaryFile() as log:
        standard_error = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            log.seek(0)
            os.write(standard_error, log.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
