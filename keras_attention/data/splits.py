"""Which pairs are for training, which for choosing, which for the final score."""

import hashlib

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
    text = " ".join(source.split()).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=8).digest()
    position = int.from_bytes(digest, "big") / 2**64
    if position < test_share:
        return "test"
    return "valid" if position < test_share + valid_share else "train"


def check_shares(valid_share, test_share):
    if min(valid_share, test_share) < 0 or valid_share + test_share >= 1:
        raise ValueError(
            "valid_share and test_share must be at least 0 and leave something to "
            f"train on; received {valid_share} and {test_share}"
        )
