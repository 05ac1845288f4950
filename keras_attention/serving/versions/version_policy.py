"""What a configuration chooses, of what lies on disk and of what is loaded."""

from pathlib import Path
from typing import NamedTuple

from keras_attention.serving.versions.version import Version
from keras_attention.serving.versions.version_folders import (
    missing,
    place,
    take_snapshot,
)


class Choice(NamedTuple):
    """What shall be served."""

    right: dict[int, Version] = {}
    """What is loaded already."""
    to_load: dict[int, Path] = {}
    """The folders of the others, highest number first."""
    notes: tuple[str, ...] = ()
    """What is odd about it."""

    @property
    def numbers(self):
        return self.right.keys() | self.to_load.keys()


def choose(config, folders, loaded, others=(), also=()):
    """Returns the `Choice` of a `ServedModelConfig`.

    A version that is loaded stays what it is, whatever happens to its files, until
    its folder is another one: that of another base path, one to which a link now
    leads, or one that took its place with other content.

    Args:
        config: `ServedModelConfig`.
        folders: dict of number to path, what `config.base_path` holds.
        loaded: dict of number to list of `Version`, all whose model is there.
        others: names of files one of which makes a version, as `model.tflite`.
        also: numbers to choose if they are there, whatever the policy says.
    """
    whole, notes = dict(folders), []
    while True:
        chosen = config.policy.choose(whole)
        unlisted = [n for n in set(also) if n in whole and n not in chosen]
        right, to_load, lacking = {}, {}, []
        for number in chosen + unlisted:
            versions, folder = loaded.get(number, ()), folders[number]
            version = next((v for v in versions if _is_in(v, folder)), None)
            lacks = "" if version else missing(folder, others)
            if lacks:
                notes.append(f"version {number} is not complete: {lacks}")
                # Another of the same base path stays while this one is on its way.
                here = (v for v in versions if v.folder.parent == config.base_path)
                version = next(here, None)
            if version is not None:
                right[number] = version
            elif lacks:
                lacking.append(number)
            else:
                to_load[number] = folder
        if not lacking:
            break
        for number in lacking:
            del whole[number]
    for number in unlisted:
        notes.append(f"version {number} stays for its label; the policy drops it")
    for number in config.policy.specific:
        if number not in folders:
            notes.append(f"version {number} is not in {config.base_path}")
    if not folders:
        notes.append(f"there are no versions in {config.base_path}")
    return Choice(right, to_load, tuple(dict.fromkeys(notes)))


def _is_in(version, folder):
    """Whether a version is what the folder holds, though perhaps changed since."""
    try:
        here = place(folder)
        if here == version.place:
            return True
        if here.path != version.place.path:
            return False
        # Moved away and back, or on a disk that was mounted anew?
        if take_snapshot(folder).fingerprint != version.fingerprint:
            return False
    except OSError:  # it has just gone
        return False
    version.place = here
    return True
