"""A corpus on disk that can be read as often as needed, and that knows its name."""

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from keras_attention.data.text.readers import read_pairs


class PairFiles:
    """Reads the same pairs each time it is called: `read_pairs`, to be repeated.

    A tokenizer is learned in a first pass over a corpus, and the corpus is tokenised
    in a second. Standard input, which can be read only once, is copied to a temporary
    file at the first call.

    Args:
        path: as in `read_pairs`, where `**options` are described too.

    Call arguments:
        report: `SkipReport` to fill in, optional.

    Example:

    >>> from keras_attention.data.corpora import corpus_path
    >>> pairs = PairFiles(corpus_path("help-en-de"))
    >>> next(pairs()) == next(pairs())
    True
    """

    def __init__(self, path, **options):
        self.path = path
        self.options = options
        self._copy = None

    def __call__(self, report=None):
        return read_pairs(self._readable_path(), report=report, **self.options)

    def fingerprint(self):
        """A short name of the files' content and of the options to read them."""
        digest = hashlib.blake2b(digest_size=16)
        options = dict(self.options)
        paths = [self._readable_path(), options.pop("target_path", None)]
        for path in filter(None, paths):
            with Path(path).open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
            digest.update(b"end of file")
        digest.update(repr(sorted(options.items())).encode())
        return digest.hexdigest()

    def _readable_path(self):
        if str(self.path) != "-":
            return self.path
        if self._copy is None:
            copy = tempfile.NamedTemporaryFile(prefix="standard-input-")
            shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.flush()
            self._copy = copy  # Kept open: closing deletes it.
        return self._copy.name
