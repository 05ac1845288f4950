"""Which pairs are for training, which for choosing, which for the final score, and
which of these where a few must do."""

import hashlib

SPLITS = ("train", "valid", "test")
VALID_SHARE = 0.02
TEST_SHARE = 0.02


def split_of(source, valid_share=VALID_SHARE, test_share=TEST_SHARE):
    """The split of a sentence: a hash of the source decides, so that all its
    translations go together, in every run, on every machine.

    Args:
        source: str. Spaces around it, and how many there are within, do not count.
        valid_share: float. Share of the sources in valid.
        test_share: float. Share of the sources in test. Changing `valid_share`
            leaves test as it is.

    Returns:
        `"train"`, `"valid"` or `"test"`.
    """
    position = source_hash(source) / 2**64
    if position < test_share:
        return "test"
    return "valid" if position < test_share + valid_share else "train"


def sample(names, count=0):
    """Which of many to take where `count` must do for all.

    A hash decides, since corpora are seldom in random order: the first lines of one
    may all be headings. The sample of 100 is a part of that of 200, in every run, on
    every machine, and whatever the order of the corpus.

    Args:
        names: list of str. What identifies each: the source of a pair, the name of an
            image.
        count: int. How many; 0 is all, and so are more than there are.

    Returns:
        list of int. The places of those chosen, in the order of `names`.

    Example:

    >>> sample(["a", "b", "c", "d"], 2)
    [1, 2]
    """
    if not 0 < count < len(names):
        return list(range(len(names)))
    # Another hash than that of `split_of`, which has chosen among them before.
    hashes = [source_hash(name, b"sample") for name in names]
    chosen = sorted(range(len(names)), key=lambda i: (hashes[i], names[i], i))[:count]
    return sorted(chosen)


def say_sample(count, num_all, what):
    """The size of a sample in words, as "200 of 813 sentences, chosen by hash"."""
    if not 0 < count < num_all:
        return f"{num_all:,} {what}"
    return f"{count:,} of {num_all:,} {what}, chosen by hash"


def same_source(text):
    """A source as it is compared: spaces around it, and how many are within, do not
    count."""
    return " ".join(text.split())


def source_hash(text, purpose=b""):
    """An int of 64 bits, the same for texts that `same_source` takes for one."""
    text = same_source(text).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=8, person=purpose).digest()
    return int.from_bytes(digest, "big")


def check_shares(valid_share, test_share):
    fits = min(valid_share, test_share) >= 0 and valid_share + test_share < 1
    if not fits:  # NaN does not, either
        raise ValueError(
            "valid_share and test_share must be at least 0 and leave something to "
            f"train on; received {valid_share} and {test_share}"
        )
