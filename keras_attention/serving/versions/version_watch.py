"""Watches the folder of a model: which versions are wanted, whole, and still."""

import time

from keras_attention.serving.logs import get_logger
from keras_attention.serving.versions.version_folders import (
    look,
    missing,
    version_folders,
)

logger = get_logger(__name__)


class VersionWatch:
    """Looks at the disk for one model, and remembers what it saw.

    Args:
        name: str, of the model.
        options: `ServerOptions`.

    Attributes:
        trusting: bool. Takes what is whole for still, without a second look: for what
            lies there at first, and has hardly been copied just now.
    """

    def __init__(self, name, options):
        self.name = name
        self.trusting = True
        self._polls = options.poll_seconds > 0
        self._prefer_tflite = options.load.prefer_tflite_model
        # Without polling, what is being copied still has to be looked at twice.
        self._seconds = options.poll_seconds if self._polls else 1.0
        self._folders = None
        self._looks = {}  # at versions that may not be still: fingerprint, since when
        self._notes = set()  # what is odd at the moment; each is said once

    def forget(self):
        """Looks anew, even if there is no polling."""
        self._folders = None

    def delay(self):
        """Seconds until the next look, or None if none is needed."""
        return self._seconds if self._polls or self._looks else None

    def choose(self, config, loaded):
        """Says what shall be served.

        Args:
            config: `ModelConfig`.
            loaded: versions that are served: what happens to their files does not
                matter any more.

        Returns:
            `(wanted, may_unload)`: a dict of number to folder, highest first; and
            whether what is not wanted may go.
        """
        try:
            if self._folders is None or self._polls:
                self._folders = version_folders(config.base_path)
        except OSError as error:  # until it can be read again all stays as it is
            self._say([f"cannot read {config.base_path}: {error}"])
            return {}, False
        folders = self._folders
        whole, notes = dict(folders), []
        while True:
            wanted = config.policy.choose(whole)
            lacking = {
                number: "" if number in loaded else self._lacks(folders[number])
                for number in wanted
            }
            if not any(lacking.values()):
                break
            for number, lacks in lacking.items():
                if lacks:
                    notes.append(f"version {number} is not complete: {lacks}")
                    del whole[number]
        for number in config.policy.specific:
            if number not in folders:
                notes.append(f"version {number} is not in {config.base_path}")
        if not folders:
            notes.append(f"there are no versions in {config.base_path}")
        self._say(notes)
        for number in self._looks.keys() - set(wanted):
            del self._looks[number]
        # While the only version is on its way the old one stays, even if its folder
        # has gone.
        may_unload = bool(wanted) or not config.policy.choose(folders)
        return {number: folders[number] for number in wanted}, may_unload

    def fingerprint(self, number, folder):
        """What the folder holds, and whether it has been still.

        Returns:
            `(fingerprint, is_still)`. Still is what has not changed for as long as
            passes between two looks; `is_taken` ends the watch.
        """
        try:
            seen = look(folder)
        except OSError:  # it has just gone
            return (), False
        now = time.monotonic()
        fingerprint, since = self._looks.get(number, ((), now))
        if fingerprint != seen.fingerprint:
            since = now
        self._looks[number] = (seen.fingerprint, since)
        age = time.time() - seen.changed_at
        # Looks may come a little early; times of change may be rounded.
        is_still = now - since > 0.9 * self._seconds or age > self._seconds + 1.0
        return seen.fingerprint, self.trusting or is_still

    def is_taken(self, number):
        self._looks.pop(number, None)

    def _lacks(self, folder):
        return missing(folder, self._prefer_tflite)

    def _say(self, notes):
        """Logs what was not so at the last look."""
        for note in notes:
            if note not in self._notes:
                logger.warning("%s: %s", self.name, note)
        self._notes = set(notes)
