"""METEOR of captions, by the Java program that the COCO toolkit brings."""

import contextlib
import shutil
from collections.abc import Sequence
from importlib.util import find_spec


def meteor_score(
    hypotheses: Sequence[list[str]], references: Sequence[Sequence[list[str]]]
) -> float:
    """METEOR 1.5 of the whole corpus, for English: words, stems, synonyms, paraphrases.

    Args:
        hypotheses: words of a caption for each image.
        references: words of all right captions of each image.

    Returns:
        float, 0 to 1.

    Raises:
        ValueError: no package pycocoevalcap, no Java, or a Java that fails.

    References:
        [Denkowski and Lavie, 2014](https://aclanthology.org/W14-3348).
    """
    check_meteor()
    from pycocoevalcap.meteor.meteor import Meteor

    said = {i: [" ".join(words)] for i, words in enumerate(hypotheses)}
    right = {i: [" ".join(words) for words in one] for i, one in enumerate(references)}
    scorer = Meteor()
    try:
        score, _ = scorer.compute_score(right, said)
    except (OSError, ValueError) as error:
        scorer.lock.release()  # It is held where scoring fails, and taken at the end.
        scorer.meteor_p.kill()
        with contextlib.suppress(OSError):  # What was not read has nowhere to go.
            scorer.meteor_p.stdin.close()
        reason = scorer.meteor_p.stderr.read().decode(errors="replace").strip()
        raise ValueError(
            "METEOR's Java program failed; it takes 2 GB of memory. It said: "
            f"{reason[-500:] or 'nothing'}"
        ) from error
    finally:
        scorer.meteor_p.stdout.close()
        scorer.meteor_p.stderr.close()
    return float(score)


def check_meteor() -> None:
    """Raises ValueError where METEOR cannot be had."""
    if find_spec("pycocoevalcap") is None:
        raise ValueError(
            "METEOR comes with the package pycocoevalcap, which is not installed: "
            "pip install 'keras-attention-models[coco]', or leave METEOR out"
        )
    if shutil.which("java") is None:
        raise ValueError(
            "METEOR is written in Java, and there is no java on PATH: install a Java "
            "runtime, or leave METEOR out"
        )
