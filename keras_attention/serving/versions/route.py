"""Where the requests for one model go, and when they may go elsewhere."""

from typing import NamedTuple

from keras_attention.serving.config import ServedModelConfig
from keras_attention.serving.versions.version import Version


class VersionRoute(NamedTuple):
    """It is replaced, never changed: reading needs no lock.

    A label is of one of the versions, unless the operator lets labels wait for theirs.
    """

    latest: Version | None = None
    versions: dict[int, Version] = {}
    labels: dict[str, int] = {}


class Served(NamedTuple):
    """What serves one model."""

    versions: dict[int, Version] = {}
    effective: ServedModelConfig | None = None
    """What took over last: its labels are those in use."""

    @property
    def labels(self):
        return self.effective.version_labels if self.effective else {}

    def route(self):
        if not self.versions:
            return VersionRoute()
        return VersionRoute(
            self.versions[max(self.versions)], self.versions, self.labels
        )


def take_over(served, config, choice, as_one, lenient):
    """Returns the `Served` that follows, versions and labels together.

    Args:
        served: `Served`.
        config: `ServedModelConfig`.
        choice: `Choice` of that configuration.
        as_one: bool. If the configuration is not in effect yet, nothing changes until
            all that it chooses is loaded, its labels' versions too. Else what is
            loaded serves at once.
        lenient: bool. New labels may wait for their versions.
    """
    if not choice.right:  # a model is never left without a version
        return served
    assigns = can_assign(served, config, choice.right, lenient)
    if as_one and config != served.effective and (choice.to_load or not assigns):
        return served
    if assigns:
        served = served._replace(effective=config)
    # What a label means is never taken from it; what is replaced stays until then.
    stays = choice.to_load.keys() | set(served.labels.values())
    versions = {n: v for n, v in served.versions.items() if n in stays}
    return served._replace(versions=versions | choice.right)


def can_assign(served, config, available, lenient):
    """Whether the labels of a `ServedModelConfig` may take the place of those in use.

    Args:
        served: `Served`.
        config: `ServedModelConfig`.
        available: numbers that are loaded from its base path.
        lenient: bool. New labels may wait for their versions.
    """
    old = served.effective
    kept = served.labels if old and old.base_path == config.base_path else {}
    return all(
        number in available
        or kept.get(label) == number
        or may_wait(label, number, served.labels, lenient)
        for label, number in config.version_labels.items()
    )


def chooses_alike(one, other):
    """Whether two `ServedModelConfig`s differ in labels at most."""
    return (one.base_path, one.policy) == (other.base_path, other.policy)


def may_wait(label, number, in_use, lenient):
    """Whether a label is allowed though its version is not there.

    One that is in use is not: it would be taken from a version that is there.

    Args:
        label: str.
        number: int.
        in_use: dict of label to number, what labels mean until now.
        lenient: bool. Whether any may.
    """
    return lenient and in_use.get(label, number) == number
