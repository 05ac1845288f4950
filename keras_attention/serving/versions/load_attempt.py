"""One attempt to load a version."""

import contextlib
import time

from keras_attention.serving.logs import get_logger
from keras_attention.serving.versions.version import VersionState
from keras_attention.serving.versions.version_folders import take_snapshot
from keras_attention.serving.wire.errors import Code, ServingError

logger = get_logger(__name__)


def attempt(version, name, load, options, changed):
    """Loads a version, or notes why not and when to try again.

    Args:
        version: `Version`.
        name: str, of the model.
        load: function of a folder and a name that returns a model.
        options: `ServerOptions`.
        changed: `threading.Condition`, held for changes, told of each.
    """
    with changed:
        version.state, version.retry_at = VersionState.LOADING, None
        version.attempts += 1
        changed.notify_all()
    began = time.monotonic()
    try:
        model = load(version.folder, name)
        _check_unchanged(version, model)
    except Exception as error:
        _fail(version, name, error, options, changed)
        return
    with changed:
        version.keep(model)
    seconds = time.monotonic() - began
    logger.info("%s: version %d is loaded, in %.1f s", name, version.number, seconds)


def _check_unchanged(version, model):
    """Raises ServingError if what was loaded was still being written."""
    with contextlib.suppress(OSError):
        if take_snapshot(version.folder).fingerprint == version.fingerprint:
            return
    model.close()
    raise ServingError(Code.UNAVAILABLE, "its files changed while it was loaded")


def _fail(version, name, error, options, changed):
    if not isinstance(error, ServingError):
        error = ServingError(Code.INTERNAL, str(error) or type(error).__name__)
    retries = options.max_load_retries
    with changed:
        version.error = error
        if version.attempts <= retries:
            wait = max(options.load_retry_seconds, 0.0)
            version.retry_at = time.monotonic() + wait
        else:
            version.end()
        changed.notify_all()
    logger.error(
        "%s: version %d failed to load (attempt %d of %d): %s",
        name,
        version.number,
        version.attempts,
        retries + 1,
        error,
    )
