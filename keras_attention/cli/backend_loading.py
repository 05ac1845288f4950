"""Loading the backend without what it has to say about this machine."""

import os
import sys
import tempfile
from contextlib import contextmanager

from keras_attention.import_hooks import ImportHook


def load_backend():
    """Imports Keras and its backend; what they write is shown only if that fails.

    TensorFlow reports on processors and missing GPUs straight to standard error,
    before any setting of its own can stop it. Other backends import it later, for
    images or TensorBoard, or never: it is then silenced when its time comes.
    """
    if "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.stderr.isatty():
        print("loading Keras and its backend …", end="", file=sys.stderr, flush=True)
    with silence():
        import keras  # noqa: F401
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, SilentImport("tensorflow"))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


@contextmanager
def silence():
    """Keeps back what anybody writes to standard error, and tells it on an error."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as log:
        standard_error = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(standard_error, log.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


class SilentImport(ImportHook):
    """Has a module imported in silence, once."""

    def run(self, execute):
        self.remove()
        with silence():
            execute()
