"""Images that share a caption: found in two splits, or kept together in one.

`frog.png` and `frog-1.png` are often the same frog, and have the same caption; where
one is trained on and the other tested with, scores are of what the model has seen.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from keras_attention.data import report as reasons
from keras_attention.data.splits import check_shares, split_of

if TYPE_CHECKING:
    from keras_attention.data.captions.captioned_image import CaptionedImage
    from keras_attention.data.report import SkipReport

# What decides the split of an image of which the data do not say it.
SPLIT_BY = ("image", "caption")


def caption_key(text):
    """A caption as it is compared: without case, full stop at the end, and spaces that
    do not count."""
    return " ".join(text.split()).casefold().rstrip(" .!?。")


class SplitByCaption:
    """Examples whose split is decided by their captions, so that images that share
    one are on the same side.

    Images are together also where others link them: one says "a frog", one "a frog"
    and "a toad", one "a toad". What the data say of a split is kept, and those that
    belong together with such an image follow it.

    Args:
        examples: function of `report` that returns `CaptionedImage`s, such as
            `CaptionFiles(path)`.
        valid_share: float from 0 to 1. About the share of images in valid; a hash of
            the first caption of each group decides.
        test_share: float from 0 to 1. The same, in test.

    Call arguments:
        report: `SkipReport` to fill in, optional.

    Returns:
        When called, an iterator of `CaptionedImage`, each with its `split`: "train",
        "valid" or "test".

    Raises:
        ValueError: shares that are negative or leave nothing to train on.

    Example:

    >>> from keras_attention.data import CaptionFiles
    >>> from pathlib import Path
    >>> table = "image,caption\\nfrog.png,a frog\\nfrog-1.png,A frog.\\n"
    >>> _ = Path("captions.csv").write_text(table, encoding="utf-8")
    >>> examples = SplitByCaption(CaptionFiles("captions.csv"), 0.5, 0)
    >>> len({example.split for example in examples()})
    1
    """

    def __init__(self, examples: Any, valid_share: float, test_share: float) -> None:
        check_shares(valid_share, test_share)
        self.examples = examples
        self.shares = valid_share, test_share

    def __call__(
        self, report: "SkipReport | None" = None
    ) -> "Iterator[CaptionedImage]":
        examples = list(self.examples(report=report))
        groups = _groups(examples)
        said: dict = {}
        for example, group in zip(examples, groups, strict=True):
            if example.split is not None:
                said.setdefault(group, example.split)
        for example, group in zip(examples, groups, strict=True):
            split = example.split or said.get(group) or split_of(group, *self.shares)
            yield example._replace(split=split)

    def fingerprint(self) -> str:
        """A short name of what is read, and how it is split."""
        return f"{self.examples.fingerprint()} by caption {self.shares}"


class SharedCaptions:
    """Notes in a report which images share a caption across splits, one of them being
    for training.

    Args:
        report: `SkipReport`.
    """

    def __init__(self, report):
        self.report = report
        self.first: dict = {}

    def add(self, name, split, captions, by_hash):
        """One image; `by_hash` says that the data do not name its split."""
        other = None
        for key in dict.fromkeys(map(caption_key, captions)):
            first = self.first.setdefault(hash(key), (name, split, by_hash))
            if first[1] != split and "train" in (split, first[1]):
                other = other or first
        if other is None:
            return
        remark = reasons.SHARED_BY_HASH if by_hash or other[2] else reasons.SHARED
        self.report.note(remark, f"{name} ({split}) and {other[0]} ({other[1]})")


def _groups(examples):
    """The least caption of each image's group."""
    parent: dict = {}

    def root(key):
        while parent[key] != key:
            parent[key] = key = parent[parent[key]]
        return key

    keys = [
        [key for key in map(caption_key, example.captions) if key] or [example.name]
        for example in examples
    ]
    for mine in keys:
        for key in mine:
            one, other = sorted((root(parent.setdefault(key, key)), root(mine[0])))
            parent[other] = one
    return [root(mine[0]) for mine in keys]
