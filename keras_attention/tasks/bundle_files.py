"""The files of a bundle: those needed are there, and are as they were written."""

import hashlib

from keras_attention.conversion.ctranslate2_names import FACTS
from keras_attention.tasks.bundle_config import CONFIG


def check_files(path, needed):
    """Raises ValueError if files, list of str, are missing in a folder, Path."""
    missing = [name for name in needed if not (path / name).is_file()]
    if missing:
        inside = path / "bundle"
        hint = f"; did you mean {inside}?" if (inside / CONFIG).exists() else ""
        if (path / FACTS).is_file():
            hint = '; it is one of CTranslate2, which engine="ctranslate2" loads'
        raise ValueError(f"{path} is not a bundle: it lacks {', '.join(missing)}{hint}")


def check_sums(path, sums):
    """Compares files with their checksums.

    Args:
        path: Path of the bundle.
        sums: dict of file name to SHA-256, as of `sha256_of`.

    Raises:
        ValueError: with the file that is damaged.
    """
    for name, expected in sums.items():
        found = sha256_of(path / name)
        if found != expected:
            raise ValueError(
                f"{path / name} is damaged: {CONFIG} gives it the SHA-256 "
                f"{expected:.64}, and it has {found}. Copy the bundle again; or, where "
                f'you changed the file yourself, take its line under "sha256" out of '
                f"{CONFIG}"
            )


def sha256_of(path):
    """The SHA-256 of a file, hexadecimal, as `sha256sum` prints it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
