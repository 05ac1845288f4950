"""The lifecycle of one model's versions, in a thread of its own.

    folder appears ─► settled? ─► START ─► LOADING ─► AVAILABLE ─► UNLOADING ─► END
                                    │         │ ▲                                ▲
                            load limit       fails, again after a while ─────────┘

With a thread for each model a slow load blocks no other. The thread does one thing at a
time and polls the disk in between, so that what it does next is always what
the disk and the configuration now say.

A configuration takes over at once, versions and labels together, when all that it asks
for is loaded. Until then, or if that fails, what serves goes on as it was.
"""

import threading
import time

from keras_attention.serving.logs import get_logger
from keras_attention.serving.versions.load_attempt import attempt
from keras_attention.serving.versions.route import (
    Served,
    VersionRoute,
    can_assign,
    chooses_alike,
    take_over,
)
from keras_attention.serving.versions.version import Version, VersionState
from keras_attention.serving.versions.version_folders import place
from keras_attention.serving.versions.version_policy import Choice
from keras_attention.serving.versions.version_watch import VersionWatch

logger = get_logger(__name__)


class ModelLifecycle:
    """Keeps one model in step with its folder and its `ServedModelConfig`.

    Args:
        name: str.
        options: `ServerOptions`.
        load: function of a folder and a name that returns a model.
        load_limit: `LoadLimit`, shared by all models.
        changed: `threading.Condition`, shared: held for changes, told of each.
        on_effect: function, called with `changed` held when a configuration took over.
    """

    def __init__(
        self, name, options, load, load_limit, changed, on_effect=lambda: None
    ):
        self.name = name
        self.options = options
        self.config = None  # what shall be served; None for nothing
        self.versions: dict[int, Version] = {}  # the last ones of all numbers ever
        self.route = VersionRoute()
        self._served = Served()
        self._to_load: set[int] = set()  # at the last poll
        self._leaving: list[Version] = []  # until their last requests are done
        self._lenient = options.allow_labels_for_unavailable_versions
        self._load_model = load
        self._load_limit = load_limit
        self._changed = changed
        self._on_effect = on_effect
        self._wake = threading.Event()
        self._thread = None
        self._requested = self._done = 0  # configurations, and those that were acted on
        self._watch = VersionWatch(name, options)
        self._waits = False  # for the load limit, or for a folder to be still
        self._as_one = False  # as `take_over` says
        self._tries_anew = False  # what has failed

    def configure(self, config):
        """Sets what shall be served; None for nothing. Returns at once."""
        with self._changed:
            if config is None:
                self._served = self._served._replace(effective=None)
            elif config != self.effective:
                self._begin_change(config)
            self._watch.forget()
            self.config = config
            self._requested += 1
            self._publish()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name=f"model-{self.name}", daemon=True
                )
                self._thread.start()
        self._wake.set()

    def _begin_change(self, config):
        if self.config is None or self.config.base_path != config.base_path:
            self._watch.trusting = True
        is_same = self.effective is not None and chooses_alike(self.effective, config)
        self._as_one = bool(self._served.versions) and not is_same
        if is_same and can_assign(
            self._served, config, self._served.versions, self._lenient
        ):  # labels need not wait for a version that is just being loaded
            self._served = self._served._replace(effective=config)
            return
        self._tries_anew = True

    @property
    def effective(self):
        """The `ServedModelConfig` that took over last, or None."""
        return self._served.effective

    def is_settled(self):
        """Whether all that the configuration asks for was loaded, or tried once."""
        return self._done == self._requested

    def is_in_effect(self):
        """Whether the configuration has taken over."""
        return self.config is not None and self.config == self.effective

    def failures(self):
        """The versions that are wanted and could not be loaded."""
        tried = [self.versions[n] for n in self._to_load if n in self.versions]
        return [version for version in tried if version.error is not None]

    def has_given_up(self):
        """Whether there is nothing to serve and no hope left without a change."""
        failures = self.failures()
        return (
            self.is_settled()
            and self.route.latest is None
            and bool(failures)
            and all(version.retry_at is None for version in failures)
        )

    def known(self):
        """Dict of number to the version that a request for it meets, or met last."""
        return self.versions | self._served.versions

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
                logger.exception("%s: could not poll for versions", self.name)
                delay = max(self.options.poll_seconds, 1.0)
                self._done = self._requested
            with self._changed:
                alive = self._served.versions or self._leaving
                ends = self.config is None and self.is_settled() and not alive
                if ends:
                    self._thread = None
                self._changed.notify_all()
                if ends:
                    return
            self._wake.wait(delay)

    def _step(self):
        """Does one thing; returns the seconds until the next poll, None for never."""
        requested, config = self._requested, self.config
        if self._tries_anew:
            self._tries_anew = False
            for version in self.failures():
                version.fingerprint = ()
        self._end_idle()
        choice = self._choose(config)
        self._waits = False
        if choice is not None:
            self._to_load = set(choice.to_load)
            self._serve(config, choice)
            self._end_unwanted(choice)
            for number, folder in choice.to_load.items():
                if self.config is not config or self._try_to_load(number, folder):
                    return 0.0
        if not self._waits:
            self._watch.trusting = False
            with self._changed:
                self._done = requested
        return self._delay()

    def _choose(self, config):
        if config is None:
            return Choice()
        loaded: dict[int, list[Version]] = {}
        for version in (*self._served.versions.values(), *self.versions.values()):
            if version.model is not None:
                loaded.setdefault(version.number, []).append(version)
        # What the policy chose once stays while a label means it.
        states = (VersionState.START, VersionState.LOADING, VersionState.AVAILABLE)
        also = [
            number
            for number in config.version_labels.values()
            if number in self._served.versions
            or (number in self.versions and self.versions[number].state in states)
        ]
        return self._watch.choose(config, loaded, also)

    def _delay(self):
        """Seconds until there may be something to do without anybody's asking."""
        if self.config is None:
            return None
        now = time.monotonic()
        retries = [v.retry_at for v in self.versions.values() if v.retry_at is not None]
        delays = [max(retry_at - now, 0.0) for retry_at in retries]
        if self._waits:  # the load limit wakes the thread
            delays = []
        delays += [self._watch.delay()]
        return min((d for d in delays if d is not None), default=None)

    def _try_to_load(self, number, folder):
        """Loads a version if it is time to; returns whether it tried."""
        version = self.versions.get(number)
        fingerprint, is_still = self._watch.fingerprint(folder)
        if (
            version is None
            or version.model is not None  # another one
            or (version.folder, version.fingerprint) != (folder, fingerprint)
        ):
            if not is_still:
                self._waits |= self.config != self.effective
                return False
            try:
                version = self._replace(number, folder, fingerprint)
            except OSError:  # it has just gone
                return False
        elif version.error is not None:  # it will probably fail again
            self._watch.is_taken(folder)
            if version.retry_at is None or version.retry_at > time.monotonic():
                return False
        if not self._load_limit.acquire(self._wake):
            self._waits = True
            return False
        try:
            self._watch.is_taken(folder)
            attempt(version, self.name, self._load_model, self.options, self._changed)
        finally:
            self._load_limit.release()
        return True

    def _replace(self, number, folder, fingerprint):
        version = Version(number, folder, place(folder), fingerprint, self._wake.set)
        old = self.versions.get(number)
        with self._changed:
            self.versions[number] = version
            self._changed.notify_all()
        if old is not None and old.state in (VersionState.START, VersionState.LOADING):
            self._end(old)
        return version

    def _serve(self, config, choice):
        """Switches to what is chosen, all at once, if nothing that is needed lacks."""
        old = self._served
        if config is None:
            new = Served()
        else:
            new = take_over(old, config, choice, self._as_one, self._lenient)
        come = [v for n, v in new.versions.items() if old.versions.get(n) is not v]
        gone = [v for n, v in old.versions.items() if new.versions.get(n) is not v]
        if new == old:
            return
        with self._changed:
            if self.config is not config:  # it has just changed
                return
            for version in come:
                version.open()
            self._leaving = [v for v in self._leaving + gone if v not in come]
            self._served = new
            # Requests find the others before those that are gone refuse them.
            self._publish()
            for version in gone:
                version.begin_unloading()
            if new.effective != old.effective:
                self._on_effect()
        for version in come:
            logger.info("%s: version %d is served", self.name, version.number)
        self._end_idle()

    def _publish(self):
        """Replaces the route by what is served now."""
        self.route = VersionRoute() if self.config is None else self._served.route()
        self._changed.notify_all()

    def _end_unwanted(self, choice):
        """Forgets what is not loaded yet and no longer wanted, and its failures."""
        for number, version in list(self.versions.items()):
            serving = self._served.versions.get(number)
            right = choice.right.get(number)
            if number in choice.to_load or version is serving or version is right:
                continue
            if version.error is not None:
                version.fingerprint = ()  # should it be wanted again, it is tried again
            if version.state in (VersionState.START, VersionState.LOADING):
                self._end(version)
            if serving is not None:
                self.versions[number] = serving

    def _end_idle(self):
        for version in [v for v in self._leaving if v.is_idle()]:
            self._end(version)
            self._leaving.remove(version)
            logger.info("%s: version %d is unloaded", self.name, version.number)

    def _end(self, version):
        try:
            version.end()
        except Exception:  # it is out of the way at least
            logger.exception("%s: version %d", self.name, version.number)
        with self._changed:
            self._changed.notify_all()
