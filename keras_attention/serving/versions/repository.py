"""All models that are served, and their versions."""

import threading
import time

from keras_attention.serving.callers import Caller
from keras_attention.serving.config import as_model_config
from keras_attention.serving.logs import get_logger
from keras_attention.serving.metrics import Metrics
from keras_attention.serving.options import ServerOptions
from keras_attention.serving.versions.change_check import (
    check_change,
    check_in_effect,
    waits,
)
from keras_attention.serving.versions.lifecycle import ModelLifecycle
from keras_attention.serving.versions.load_limit import LoadLimit
from keras_attention.serving.versions.route import VersionRoute
from keras_attention.serving.wire.errors import (
    Code,
    ServingError,
    invalid_argument,
    not_found,
)

logger = get_logger(__name__)

_NOTHING = VersionRoute()


class Repository:
    """Loads versions as they appear on disk and unloads what they replace.

    A new version is loaded before the old one goes. One that cannot be loaded is
    reported and tried again; the old one serves meanwhile. A model that serves is not
    left without a version, nor a label without its own, whatever becomes of the files.
    Every model lives in a thread of its own, and methods may be called from any.

    Args:
        models: dict of name to path of the folder with the versions, or
            `ServedModelConfig`.
        options: `ServerOptions`.
        metrics: `Metrics`.
        load: function of a folder, `LoadOptions`, `Metrics` and the model's name that
            returns a model; that of `serving.model`, and then its warm-up, by default.
    """

    def __init__(self, models, options=None, metrics=None, load=None):
        self.options = options or ServerOptions()
        self.metrics = metrics or Metrics()
        self._load = load or load_version
        self._first = {name: as_model_config(value) for name, value in models.items()}
        self._lifecycles: dict[str, ModelLifecycle] = {}  # replaced, never changed
        self._changed = threading.Condition()
        self._reloading = threading.Lock()
        self._loading: list[str] = []  # models for which those go that are dropped
        self._dropped: list[str] = []
        self._load_limit = LoadLimit(max(self.options.num_load_threads, 1))
        self._stopping = False

    def start(self):
        """Loads every model, then keeps watching.

        With `options.wait_for_models` this lasts until every model has a version.

        Raises:
            ValueError: if a model has no version that can be loaded.
        """
        try:
            if not waits(self.options):
                check_change(self._first, {}, self.options)
        except ServingError as error:
            raise ValueError(_at_start(error)) from error
        try:
            self._configure(self._first)
            self._wait_for(self._first)
            self._check_loaded()
            try:
                self._check_in_effect(self._first, self._first)
            except ServingError as error:
                raise ValueError(_at_start(error)) from error
        except BaseException:
            self.stop()
            raise

    def stop_waiting(self):
        """Ends `start` and `reload`, should they wait for models; refuses others."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def stop(self, timeout=30.0):
        """Stops watching and unloads everything, once the requests are done.

        Args:
            timeout: float. Seconds after which what is still in use is left as it is.

        Returns:
            bool. Whether everything is unloaded.
        """
        self.stop_waiting()
        ended = True
        deadline = time.monotonic() + timeout
        for lifecycle in self._lifecycles.values():
            if lifecycle.config is not None:
                lifecycle.configure(None)
        for name, lifecycle in self._lifecycles.items():
            if not lifecycle.join(max(deadline - time.monotonic(), 0.0)):
                logger.warning("%s is still in use and cannot be unloaded", name)
                ended = False
        return ended

    def use(self, name, version=None, label=""):
        """Holds a version while a request needs it, as in `with repository.use(...)`.

        Args:
            name: str.
            version: int, optional. The highest one that is available by default.
            label: str, optional. A name for a version, instead of its number.

        Returns:
            `Version`, a context manager; leave it, or it cannot be unloaded.

        Raises:
            ServingError: if there is no such model, version or label.
        """
        while True:
            lifecycle = self._lifecycles.get(name)
            route = _NOTHING if lifecycle is None else lifecycle.route
            number = _number_of(route, label) if label else version
            found = route.latest if number is None else route.versions.get(number)
            if found is None:
                raise _no_servable(name, number)
            if found.acquire():
                return found
            # It is just being unloaded; the route no longer leads there.

    def status(self, name, version=None, label=""):
        """The versions of a model, highest first, those that ended included.

        Returns:
            List of `(number, VersionState, ServingError or None)`.
        """
        lifecycle = self._lifecycles.get(name)
        if label:
            version = _number_of(
                _NOTHING if lifecycle is None else lifecycle.route, label
            )
        with self._changed:
            known = {} if lifecycle is None else lifecycle.known()
            if not known:
                raise not_found(f"Could not find any versions of model {name}")
            if version is not None and version not in known:
                raise not_found(f"Could not find version {version} of model {name}")
            numbers = sorted(known, reverse=True) if version is None else [version]
            return [(n, known[n].state, known[n].error) for n in numbers]

    def model_names(self):
        return sorted(
            name for name, lifecycle in self._lifecycles.items() if lifecycle.config
        )

    def has_known(self, name):
        """Whether this is the name of a model, or was one's."""
        return name in self._lifecycles

    def is_ready(self):
        """Whether every model has an available version."""
        lifecycles = self._lifecycles.values()
        return all(
            lifecycle.route.latest for lifecycle in lifecycles if lifecycle.config
        )

    def reload(self, models, timeout=None, caller=None):
        """Changes which models are served, and how; or nothing.

        All is validated first, against what lies on disk. Then each model switches to
        its new versions and labels at once, when all of them are loaded, and those that
        are not named any more go last. If something cannot be loaded, what it was to
        replace keeps serving with the labels it had, and loading is retried until
        another change comes. What is served stays only if it is what now lies in the
        base path: another folder is loaded, though its version has the same number.

        Args:
            models: dict of name to path or `ServedModelConfig`. What is not in it is
                unloaded.
            timeout: float, seconds to wait for what changed to be loaded; 0 does not
                wait, and does not raise if it cannot be.
            caller: `Caller`, optional. Once it has left nobody waits.

        Returns:
            When everything that changed is loaded.

        Raises:
            ServingError: if a path, a policy or a label is wrong: nothing is changed
                then. Or if something cannot be loaded. Or if loading takes too long:
                it goes on.
        """
        models = {name: as_model_config(value) for name, value in models.items()}
        with self._reloading:
            check_change(models, self._lifecycles, self.options)
            changed = self._configure(models)
        # Not under the lock: the next change may fix what this one waits for.
        if timeout != 0:
            if not self._wait_for(changed, timeout, caller):
                raise ServingError(
                    Code.DEADLINE_EXCEEDED, "The models are still being loaded"
                )
            self._check_in_effect(changed, models)

    def _configure(self, models):
        """Begins a change; returns the names of the models that it changes."""
        lifecycles = dict(self._lifecycles)
        for name in models.keys() - lifecycles.keys():
            lifecycles[name] = ModelLifecycle(
                name,
                self.options,
                self._load_one,
                self._load_limit,
                self._changed,
                self._drop,
            )
        with self._changed:
            if self._stopping:
                raise ServingError(Code.UNAVAILABLE, "the server is shutting down")
            self._lifecycles = lifecycles
            for name, config in models.items():
                lifecycles[name].configure(config)
            self._loading = [n for n in models if not lifecycles[n].is_in_effect()]
            self._dropped = [
                n for n in lifecycles if lifecycles[n].config and n not in models
            ]
            self._drop()
            return list(self._loading)

    def _drop(self):
        """Drops what is no longer configured, once what is has been loaded."""
        loaded = all(self._lifecycles[name].is_in_effect() for name in self._loading)
        for name in list(self._dropped):
            if loaded or self._lifecycles[name].route.latest is None:
                self._dropped.remove(name)
                self._lifecycles[name].configure(None)

    def _load_one(self, folder, name):
        return self._load(folder, self.options.load, self.metrics, name)

    def _wait_for(self, names, timeout=None, caller=None):
        """Waits until these models are loaded, or have failed to.

        Returns:
            bool. False if the time is up.
        """
        caller = caller or Caller()
        if timeout is None:
            timeout = caller.seconds()

        def is_done(lifecycle):
            if (
                not lifecycle.is_settled()
                or not waits(self.options)
                or lifecycle.config is None
            ):
                return lifecycle.is_settled()
            return lifecycle.route.latest is not None or lifecycle.has_given_up()

        def is_over():
            over = self._stopping or caller.is_gone()
            return over or all(is_done(lifecycle) for lifecycle in lifecycles)

        lifecycles = [self._lifecycles[name] for name in names]
        with caller.on_leave(self._look_again), self._changed:
            done = self._changed.wait_for(is_over, timeout)
            if self._stopping:
                raise ServingError(Code.UNAVAILABLE, "the server is shutting down")
        caller.check("The models are still being loaded")
        return done

    def _look_again(self):
        with self._changed:
            self._changed.notify_all()

    def _check_loaded(self):
        """Raises ValueError if there is a model without a version that serves."""
        for name, lifecycle in self._lifecycles.items():
            if lifecycle.route.latest is None:
                reasons = [
                    f"version {v.number}: {v.error}" for v in lifecycle.failures()
                ]
                raise ValueError(
                    f"expected a version of model {name!r} that can be loaded from "
                    f"{self._first[name].base_path}; "
                    + ("; ".join(reasons) or "its policy chooses none")
                )

    def _check_in_effect(self, names, models):
        with self._changed:
            lifecycles = [self._lifecycles[name] for name in sorted(names)]
            # What was changed once more meanwhile is somebody else's business.
            check_in_effect([v for v in lifecycles if v.config == models[v.name]])


def load_version(folder, options, metrics, name):
    """Loads a version from its folder and warms it up; returns the model."""
    # Here, because these import TensorFlow.
    from keras_attention.serving.models.loading import load_model
    from keras_attention.serving.models.warmup import run_warmup

    model = load_model(folder, options, metrics, name)
    if options.enable_warmup:
        try:
            run_warmup(model, options.num_warmup_iterations)
        except BaseException:
            model.close()
            raise
    return model


def _no_servable(name, number):
    request = f"Latest({name})" if number is None else f"Specific({name}, {number})"
    return not_found(f"Servable not found for request: {request}")


def _number_of(route, label):
    if label not in route.labels:
        raise invalid_argument(f"Unrecognized servable version label: {label}")
    return route.labels[label]


def _at_start(error):
    """What an error says to whoever starts the server."""
    if error.__cause__ is not None:
        return str(error.__cause__)
    if error.code is not Code.FAILED_PRECONDITION:
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return (
        f"{error.message}; fix the label, or let it wait for its version with "
        f"--allow_version_labels_for_unavailable_models"
    )
