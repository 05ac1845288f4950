"""Watches the folder of a model: which versions are wanted, complete and unchanging."""

import time

from keras_attention.serving.logs import get_logger
from keras_attention.serving.versions.version_folders import (
    take_snapshot,
    version_folders,
)
from keras_attention.serving.versions.version_policy import choose

logger = get_logger(__name__)


class VersionWatch:
    """Polls the disk for one model, and remembers what it saw.

    Args:
        name: str, of the model.
        options: `ServerOptions`.

    Attributes:
        trusting: bool. Takes what is complete for unchanging, without a second poll:
            for what lies there at first, and has hardly been copied just now.
    """

    def __init__(self, name, options):
        self.name = name
        self.trusting = True
        self._polls = options.poll_seconds > 0
        self._others = options.load.other_files
        # Without polling, what is being copied still has to be looked at twice.
        self._seconds = options.poll_seconds if self._polls else 1.0
        self._folders = None
        self._snapshots = {}  # of folders that may be changing: fingerprint, since when
        self._notes = set()  # what is odd at the moment; each is said once

    def forget(self):
        """Polls once more, even if there is no polling."""
        self._folders = None

    def delay(self):
        """Seconds until the next poll, or None if none is needed."""
        return self._seconds if self._polls or self._snapshots else None

    def choose(self, config, loaded, also=()):
        """Returns the `Choice` of what shall be served, or None if nobody can tell.

        Args:
            config: `ServedModelConfig`.
            loaded: dict of number to list of `Version`.
            also: numbers to choose if they are there, whatever the policy says.
        """
        try:
            if self._folders is None or self._polls:
                self._folders = version_folders(config.base_path)
        except OSError as error:  # until it can be read again all stays as it is
            self._say([f"cannot read {config.base_path}: {error}"])
            return None
        for number in loaded.keys() - self._folders.keys():
            for version in loaded[number]:  # the disk may give its inode to another
                version.place = version.place._replace(inode=None)
        choice = choose(config, self._folders, loaded, self._others, also)
        self._say(choice.notes)
        for folder in self._snapshots.keys() - set(choice.to_load.values()):
            del self._snapshots[folder]
        return choice

    def fingerprint(self, folder):
        """What the folder holds, and whether it has been still.

        Returns:
            `(fingerprint, is_still)`. Still is what has not changed for as long as
            passes between two polls; `is_taken` ends the watch.
        """
        try:
            seen = take_snapshot(folder)
        except OSError:  # it has just gone
            return (), False
        now = time.monotonic()
        fingerprint, since = self._snapshots.get(folder, ((), now))
        if fingerprint != seen.fingerprint:
            since = now
        self._snapshots[folder] = (seen.fingerprint, since)
        age = time.time() - seen.changed_at
        # Polls may come a little early; times of change may be rounded.
        is_still = now - since > 0.9 * self._seconds or age > self._seconds + 1.0
        return seen.fingerprint, self.trusting or is_still

    def is_taken(self, folder):
        self._snapshots.pop(folder, None)

    def _say(self, notes):
        """Logs what was not so at the last poll."""
        for note in notes:
            if note not in self._notes:
                logger.warning("%s: %s", self.name, note)
        self._notes = set(notes)
