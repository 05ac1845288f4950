"""The life of one model's versions, lived by a thread of its own.

    folder appears ─► settled? ─► START ─► LOADING ─► AVAILABLE ─► UNLOADING ─► END
                                    │         │ ▲                                ▲
                            a free slot      fails, again after a while ─────────┘

A thread for each model lets a slow load hold up nobody else. The thread does one thing
at a time and looks at the disk in between, so that what it does next is always what
the disk and the configuration now say.
"""

import contextlib
import threading
import time
from typing import NamedTuple

from keras_attention.serving.errors import Code, ServingError
from keras_attention.serving.logs import get_logger
from keras_attention.serving.versions.version import State, Version
from keras_attention.serving.versions.version_folders import look
from keras_attention.serving.versions.version_watch import VersionWatch

logger = get_logger(__name__)


class Route(NamedTuple):
    """Where requests go. It is replaced, never changed: reading needs no lock."""

    latest: Version | None = None
    versions: dict[int, Version] = {}
    labels: dict[str, int] = {}


class ModelLife:
    """Keeps one model in step with its folder and its `ModelConfig`.

    Args:
        name: str.
        options: `ServerOptions`.
        load: function of a folder and a name that returns a model.
        slots: `LoadSlots`, shared by all models.
        changed: `threading.Condition`, shared: held for changes, told of each.
    """

    def __init__(self, name, options, load, slots, changed):
        self.name = name
        self.options = options
        self.config = None  # None: nothing shall be served
        self.versions: dict[int, Version] = {}  # all that ever were
        self.route = Route()
        self._load_model = load
        self._slots = slots
        self._changed = changed
        self._wake = threading.Event()
        self._thread = None
        self._asked = self._done = 0  # configurations, and those that were acted on
        self._watch = VersionWatch(name, options)
        self._waits_for_slot = False

    def configure(self, config):
        """Sets what shall be served; None for nothing. Returns at once."""
        with self._changed:
            if self.config is None:
                self._watch.trusting = True
            self._watch.forget()
            self.config = config
            self._asked += 1
            self._publish()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name=f"model-{self.name}", daemon=True
                )
                self._thread.start()
        self._wake.set()

    def is_settled(self):
        """Whether all that the configuration asks for was loaded, or tried once."""
        return self._done == self._asked

    def failures(self):
        """The versions that are wanted and could not be loaded."""
        return [v for v in list(self.versions.values()) if v.error is not None]

    def has_given_up(self):
        """Whether there is nothing to serve and no hope left without a change."""
        failures = self.failures()
        return (
            self.is_settled()
            and self.route.latest is None
            and bool(failures)
            and all(version.retry_at is None for version in failures)
        )

    def join(self, timeout):
        """Waits until everything is unloaded; returns whether it is."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _run(self):
        while True:
            self._wake.clear()
            try:
                delay = self._step()
            except Exception:  # the disk may do anything; keep serving
                logger.exception("%s: could not look for versions", self.name)
                delay = max(self.options.poll_seconds, 1.0)
                self._done = self._asked
            with self._changed:
                alive = self._in(State.AVAILABLE, State.UNLOADING)
                ends = self.config is None and not alive
                if ends:  # it may have been asked to since it last looked
                    self._thread = None
                    self._done = self._asked
                self._changed.notify_all()
                if ends:
                    return
            self._wake.wait(delay)

    def _in(self, *states):
        return [v for v in self.versions.values() if v.state in states]

    def _step(self):
        """Does one thing; returns the seconds until the next look, None for never."""
        asked, config = self._asked, self.config
        self._end_idle()
        if config is None:
            wanted, may_unload = {}, True
        else:
            served = [v.number for v in self._in(State.AVAILABLE)]
            wanted, may_unload = self._watch.choose(config, served)
        self._forget_failures(wanted)
        if may_unload:
            self._unload_all_but(wanted)
        self._waits_for_slot = False
        for number, folder in wanted.items():
            if self._try_to_load(number, folder):
                return 0.0
        if not self._waits_for_slot:  # else a slot wakes the thread
            self._watch.trusting = False
            with self._changed:
                self._done = asked
        return self._delay()

    def _delay(self):
        """Seconds until there may be something to do without anybody's asking."""
        if self.config is None:
            return None
        delays = [self._watch.delay()]
        if not self._waits_for_slot:
            now = time.monotonic()
            delays += [
                max(version.retry_at - now, 0.0)
                for version in self.versions.values()
                if version.retry_at is not None
            ]
        return min((d for d in delays if d is not None), default=None)

    def _try_to_load(self, number, folder):
        """Loads a version if it is time to; returns whether it tried."""
        version = self.versions.get(number)
        if version is not None and version.state in (State.AVAILABLE, State.UNLOADING):
            return False
        fingerprint, is_still = self._watch.fingerprint(number, folder)
        if version is None or version.fingerprint != fingerprint:
            if not is_still:
                return False
            version = Version(number, folder, fingerprint, self._wake.set)
            with self._changed:
                self.versions[number] = version
                self._changed.notify_all()
        elif version.error is not None:  # it will probably fail again
            self._watch.is_taken(number)
            if version.retry_at is None or version.retry_at > time.monotonic():
                return False
        if not self._slots.take(self._wake):
            self._waits_for_slot = True
            return False
        try:
            self._load(version)
        finally:
            self._slots.give_back()
        return True

    def _load(self, version):
        with self._changed:
            version.state, version.retry_at = State.LOADING, None
            version.attempts += 1
            self._changed.notify_all()
        self._watch.is_taken(version.number)
        began = time.monotonic()
        try:
            model = self._load_model(version.folder, self.name)
            self._check_unchanged(version, model)
        except Exception as error:
            self._fail(version, error)
            return
        with self._changed:
            version.open(model)
            self._publish()
        logger.info(
            "%s: version %d is served, after %.1f s of loading",
            self.name,
            version.number,
            time.monotonic() - began,
        )

    def _check_unchanged(self, version, model):
        """Raises ServingError if what was loaded was still being written."""
        with contextlib.suppress(OSError):
            if look(version.folder).fingerprint == version.fingerprint:
                return
        model.close()
        raise ServingError(Code.UNAVAILABLE, "its files changed while it was loaded")

    def _fail(self, version, error):
        if not isinstance(error, ServingError):
            error = ServingError(Code.INTERNAL, str(error) or type(error).__name__)
        retries = self.options.max_load_retries
        with self._changed:
            version.error = error
            if version.attempts <= retries:
                wait = max(self.options.load_retry_seconds, 0.0)
                version.retry_at = time.monotonic() + wait
            else:
                version.end()
            self._changed.notify_all()
        logger.error(
            "%s: version %d fails (attempt %d of %d): %s",
            self.name,
            version.number,
            version.attempts,
            retries + 1,
            error,
        )

    def _forget_failures(self, wanted):
        """What failed and is no longer wanted is not tried again."""
        for number in self.versions.keys() - wanted.keys():
            version = self.versions[number]
            if version.error is not None:
                version.fingerprint = ()  # should it be wanted again, it is tried again
            if version.state in (State.START, State.LOADING):
                with self._changed:
                    version.end()
                    self._changed.notify_all()

    def _unload_all_but(self, wanted):
        """Lets go of what is no longer wanted, once something else serves instead."""
        served = self._in(State.AVAILABLE)
        obsolete = [v for v in served if v.number not in wanted]
        if wanted and len(obsolete) == len(served):
            return
        for version in obsolete:
            with self._changed:
                # Requests find the others before this one refuses them.
                self._publish(without=version)
                version.begin_unloading()
                self._changed.notify_all()
        self._end_idle()

    def _end_idle(self):
        for version in self._in(State.UNLOADING):
            if not version.is_idle():
                continue
            try:
                version.end()
            except Exception:  # it is out of the way at least
                logger.exception("%s: version %d", self.name, version.number)
            with self._changed:
                self._changed.notify_all()
            logger.info("%s: version %d is unloaded", self.name, version.number)

    def _publish(self, without=None):
        """Replaces the route by what is available now."""
        route = Route()
        if self.config is not None:
            versions = {
                number: version
                for number, version in self.versions.items()
                if version.state is State.AVAILABLE and version is not without
            }
            latest = versions[max(versions)] if versions else None
            route = Route(latest, versions, self.config.version_labels)
        self.route = route
        self._changed.notify_all()
