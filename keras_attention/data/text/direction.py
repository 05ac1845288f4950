"""From which language to which: what a corpus's name says, and whether it is meant."""

import re
from pathlib import Path

from keras_attention.data.corpora import FILES

_LANGUAGE = r"([a-z]{2}(?:[-_][A-Z][A-Za-z]{1,3})?)"
# As in "news.en-de.tsv.gz". In JSON lines, keys choose the sides.
_FILE = re.compile(rf"\.{_LANGUAGE}-{_LANGUAGE}\.(?:tsv|txt)(?:\.gz)?$")


def corpus_languages(corpus: str | Path, swap: bool = False) -> tuple[str, str]:
    """Source and target language of a corpus, by its name.

    Args:
        corpus: str. Name of a shipped corpus, or path of a file.
        swap: bool. Whether its sides are exchanged.

    Returns:
        `(source, target)`, ISO codes; two empty strings where the name does not say.

    Example:

    >>> corpus_languages("help-en-de", swap=True)
    ('de', 'en')
    >>> corpus_languages("texts/news.en-zh-CN.tsv.gz")
    ('en', 'zh-CN')
    >>> corpus_languages("pairs.tsv")
    ('', '')
    """
    found = _FILE.search(FILES.get(str(corpus), Path(corpus).name))
    source, target = found.groups() if found else ("", "")
    return (target, source) if swap else (source, target)


def fill_languages(corpus, source_language, target_language, swap=False):
    """The languages as given; those that are empty, as the corpus's name says.

    Example:

    >>> fill_languages("bible-en-es", "", "es-ES")
    ('en', 'es-ES')
    """
    source, target = corpus_languages(corpus, swap)
    return source_language or source, target_language or target


def check_direction(corpus, source_language, target_language, swap=False):
    """Refuses languages that contradict the name of the corpus.

    Regions are not compared: "zh-CN" and "zh_TW" are both "zh". An empty language is
    not checked, nor is a corpus whose name says nothing.

    Args:
        corpus: str. Name of a shipped corpus, or path of a file.
        source_language: str. ISO code, or empty.
        target_language: str. ISO code, or empty.
        swap: bool. Whether the sides of the corpus are exchanged.

    Raises:
        ValueError: the corpus has no such language, or goes another way; the message
            says what to set.
    """
    source, target = corpus_languages(corpus, swap)
    if not source or _agree(source_language, target_language, source, target):
        return
    for key, language in (("source", source_language), ("target", target_language)):
        if _base(language) not in ("", _base(source), _base(target)):
            raise ValueError(
                f"data.corpus {corpus!r} has the languages {source} and {target}; "
                f"received data.{key}_language={language!r}: set it to one of them, "
                "or choose another corpus"
            )
    right = f'data.source_language="{source}" and data.target_language="{target}"'
    if not _agree(source_language, target_language, target, source):
        fix = f"set {right}"
    else:
        fix = "leave data.swap out" if swap else "set data.swap=true"
        both = source_language and target_language
        languages = "exchange data.source_language and data.target_language"
        fix += f", or {languages}" if both else f", or set {right}"
    said = f"from {source_language}" if source_language else ""
    said = f"{said} to {target_language}".strip() if target_language else said
    raise ValueError(
        f"data.corpus {corpus!r}{' with data.swap=true' if swap else ''} goes from "
        f"{source} to {target}, and the recipe says {said}: {fix}"
    )


def contradict(one: str, other: str) -> bool:
    """Whether two codes are of two languages, as far as they tell.

    Regions are not compared. Of codes that have not two letters, "deu" may be "de", and
    "mul" or "ROMANCE" are several; an empty one says nothing.

    Example:

    >>> contradict("de", "fr"), contradict("de", "de-AT"), contradict("de", "deu")
    (True, False, False)
    """
    bases = {_base(one), _base(other)}
    return len(bases) == 2 and all(len(base) == 2 for base in bases)


def _agree(source_language, target_language, source, target):
    source_agrees = _base(source_language) in ("", _base(source))
    return source_agrees and _base(target_language) in ("", _base(target))


def _base(language):
    return re.split("[-_]", language.lower())[0]
