"""Whether a folder already holds what preparing would write."""

from keras_attention.data.prepared.store import META


def input_fingerprint(data):
    """A short name of what is read, None if it has none."""
    if data is None:
        return ""
    return data.fingerprint() if hasattr(data, "fingerprint") else None


def earlier_corpus(kind, folder, options, overwrite):
    """The corpus in `folder`, if it is the one that `options` would give.

    Args:
        kind: class with `open(folder)`, whose result has `meta["options"]`.
        folder: Path.
        options: dict, of what decides the result; `"input"` is None where nobody
            knows what would be read.
        overwrite: bool. Whether another corpus there may be replaced.

    Returns:
        An opened corpus, or None: write a new one.

    Raises:
        ValueError: another corpus that may not be replaced, or something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    try:
        corpus = kind.open(folder)
        earlier = corpus.meta["options"]
    except ValueError as error:
        if overwrite and (folder / META).exists():
            return None
        raise ValueError(
            f"{folder} holds something else than a prepared corpus, which is not "
            f"overwritten: choose another folder ({error})"
        ) from None
    changed = [name for name in options if earlier.get(name) != options[name]]
    if options["input"] is not None and not changed:
        return corpus
    if overwrite:
        return None
    raise ValueError(
        f"{folder} holds a corpus prepared with other options or from other data "
        f"(compared: {', '.join(changed) or 'unknown input'}): choose another folder, "
        "or pass overwrite=True to replace it"
    )
