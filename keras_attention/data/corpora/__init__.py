"""Corpora that come with the package; README.md says whose they are."""

import difflib
from pathlib import Path

FOLDER = Path(__file__).parent
FILES = {
    "help-en-de": "libreoffice-help.en-de.tsv.gz",
    "help-en-zh": "libreoffice-help.en-zh.tsv.gz",
    "bible-en-es": "bible-web-rv1909.en-es.tsv.gz",
}


def shipped_corpora() -> list[str]:
    """Names that `corpus_path` knows.

    Returns:
        list of str, such as "help-en-de": what the corpus is, source and target.

    Example:

    >>> shipped_corpora()
    ['help-en-de', 'help-en-zh', 'bible-en-es']
    """
    return list(FILES)


def corpus_path(name: str) -> Path:
    """Path of a shipped corpus: gzipped UTF-8, `source<TAB>target` on each line.

    Args:
        name: str. One of `shipped_corpora()`.

    Returns:
        Path, for `read_pairs`.

    Raises:
        ValueError: no such corpus; the message names those there are.

    Example:

    >>> corpus_path("help-en-de").name
    'libreoffice-help.en-de.tsv.gz'
    """
    if name not in FILES:
        close = difflib.get_close_matches(name, FILES, n=1)
        guess = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"corpus must be one of {', '.join(FILES)}; received {name!r}.{guess} "
            "For a file of your own, give its path instead."
        )
    return FOLDER / FILES[name]
