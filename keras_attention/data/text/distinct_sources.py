"""Why a split may be empty though there are many pairs: few different sources."""

from keras_attention.data.splits import same_source

# Of so many, a split of the usual share is not left out by chance.
MOST_COUNTED = 1000


class DistinctSources:
    """Counts the different sources of pairs, up to `MOST_COUNTED`.

    Attributes:
        num_pairs: int. Of all that were added.

    Example:

    >>> sources = DistinctSources()
    >>> for source in ("one", "two", " one "):
    ...     sources.add(source)
    >>> len(sources), sources.num_pairs
    (2, 3)
    """

    def __init__(self):
        self.num_pairs = 0
        self._seen = set()

    def add(self, source):
        self.num_pairs += 1
        if len(self._seen) < MOST_COUNTED:
            self._seen.add(same_source(source))

    def __len__(self):
        return len(self._seen)


def few_sources(num_pairs, num_sources):
    """What few sources among many pairs mean for splits; empty where that is not so.

    Args:
        num_pairs: int.
        num_sources: int, as `len(DistinctSources)` counts; None where nobody counted.
    """
    if not num_pairs or not num_sources or num_sources >= min(num_pairs, MOST_COUNTED):
        return ""
    sources = "1 distinct source" if num_sources == 1 else f"{num_sources:,} sources"
    return (
        f"The {num_pairs:,} pairs have {sources} between them, and all pairs of a "
        "source are in one split, which a hash of it decides: give pairs of more "
        "sources. Is the first column the source?"
    )
