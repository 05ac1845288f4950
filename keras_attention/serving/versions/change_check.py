"""Validates a configuration change: before anything is done, and afterwards."""

from keras_attention.serving.versions.route import VersionRoute, chooses_alike, may_wait
from keras_attention.serving.versions.version_folders import (
    NothingToServe,
    check_base_path,
    version_folders,
)
from keras_attention.serving.versions.version_policy import choose
from keras_attention.serving.wire.errors import Code, ServingError


def check_change(models, lifecycles, options):
    """Raises ServingError if a model or a label would be left without a version.

    What is unchanged is not checked, nor is what still serves while a change is in
    progress: reverting to it always works.

    Args:
        models: dict of name to `ServedModelConfig`, all that shall be served.
        lifecycles: dict of name to `ModelLifecycle`, what there is until now.
        options: `ServerOptions`.
    """
    for name, config in models.items():
        lifecycle = lifecycles.get(name)
        if lifecycle is None:
            _check(name, config, options, VersionRoute(), None)
        elif config not in (lifecycle.config, lifecycle.effective):
            _check(name, config, options, lifecycle.route, lifecycle.effective)


def check_in_effect(lifecycles):
    """Raises ServingError if a configuration could not take over, and says why.

    Args:
        lifecycles: list of `ModelLifecycle` that have tried.
    """
    lifecycles = [lifecycle for lifecycle in lifecycles if not lifecycle.is_in_effect()]
    failures = [
        f"{{{{name: {lifecycle.name} version: {v.number}}} due to error: "
        f"{v.error.code.name}: {v.error.message}}}, "
        for lifecycle in lifecycles
        for v in lifecycle.failures()
    ]
    if failures:  # in TensorFlow Serving's words
        raise ServingError(
            Code.UNKNOWN,
            f"{len(failures)} model(s) did not become available: "
            f"{{{''.join(failures)}}}",
        )
    for lifecycle in lifecycles:
        for number in lifecycle.config.version_labels.values():
            if number not in lifecycle.route.versions:
                raise _unavailable_label(lifecycle.name, number)
        raise ServingError(
            Code.UNAVAILABLE,
            f"the versions of model {lifecycle.name} in "
            f"{lifecycle.config.base_path} changed while they were loaded; the "
            f"previous ones keep serving",
        )


def waits(options):
    """Whether models may come to be where there are none yet."""
    return options.wait_for_models and options.poll_seconds > 0


def _check(name, config, options, route, effective):
    numbers = _would_serve(config, options, route)
    if effective is not None and chooses_alike(effective, config):
        # What stays for a label, or for want of another, does so all the same.
        numbers |= route.versions.keys()
    if not numbers and waits(options) and route.latest is None:
        return
    if not numbers:
        _refuse_nothing(name, config, options)
    for label, number in config.version_labels.items():
        if number in numbers:
            continue
        lenient = options.allow_labels_for_unavailable_versions
        if not may_wait(label, number, route.labels, lenient):
            chosen = ", ".join(map(str, sorted(numbers)))
            raise _unavailable_label(
                name, number, f"its policy chooses {chosen} from {config.base_path}"
            )


def _would_serve(config, options, route):
    try:
        folders = version_folders(config.base_path)
    except OSError:
        return set()
    loaded = {number: [version] for number, version in route.versions.items()}
    return choose(config, folders, loaded, options.load.other_files).numbers


def _refuse_nothing(name, config, options):
    """What lies on disk is for whoever runs the server, and stays off the wire."""
    try:
        check_base_path(name, config.base_path, options.load.other_files)
        found = ", ".join(map(str, sorted(version_folders(config.base_path))))
    except NothingToServe as error:
        raise ServingError(
            Code.INVALID_ARGUMENT, error.message, error.details
        ) from error
    except OSError as error:  # it has just gone
        found = str(error)
    raise ServingError(
        Code.INVALID_ARGUMENT,
        f"expected a version of model {name!r} in {config.base_path} to serve; its "
        f"policy chooses none of those that are complete; fix the policy, or "
        f"export that version first",
        f"found {found}",
    )


def _unavailable_label(name, number, hint=""):
    return ServingError(
        Code.FAILED_PRECONDITION,
        f"Request to assign label to version {number} of model {name}, "
        f"which is not currently available for inference",
        hint,
    )
