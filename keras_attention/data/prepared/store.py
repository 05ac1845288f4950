"""Tokenised corpora: flat arrays of ids, in memory or mapped from disk.

A prepared folder holds

    meta.json                                  written last: counts, options, report
    train/ valid/ test/  source_tokens.bin     uint16 or int32, sentences end to end
                         source_offsets.bin    int64, where each begins, and the end
                         target_….bin          the same, of the other side
                         alignment_….bin       the same, of links; see `Links`
                         source.txt target.txt (valid and test) the texts, one a line
"""

import contextlib
from itertools import chain
from pathlib import Path

import numpy as np

from keras_attention.data.report import SkipReport
from keras_attention.data.splits import SPLITS
from keras_attention.data.text.alignments import Links, subword_links, subword_words
from keras_attention.files import read_json
from keras_attention.special_tokens import END_ID

SIDES = ("source", "target")
ALIGNMENT = "alignment"
META = "meta.json"
FORMAT_VERSION = 1
OFFSET_DTYPE = np.dtype("int64")


def token_dtype(vocabulary_size):
    """The smallest type for ids: uint16 up to 65,536 of them, else int32."""
    return np.dtype("uint16" if vocabulary_size <= 1 << 16 else "int32")


def flatten_ids(ids, dtype):
    """Lists of ids, end to end, and the length of each."""
    lengths = np.fromiter(map(len, ids), OFFSET_DTYPE, count=len(ids))
    tokens = np.fromiter(chain.from_iterable(ids), dtype, count=lengths.sum())
    return tokens, lengths


class Sentences:
    """Sentences of ids, end to end in one array.

    Args:
        tokens: int `(num_tokens,)`.
        offsets: int64 `(num_sentences + 1,)`. Sentence `i` is
            `tokens[offsets[i]:offsets[i + 1]]`.
    """

    def __init__(self, tokens, offsets):
        self.tokens = tokens
        self.offsets = offsets
        self._stem = None

    @classmethod
    def from_ids(cls, ids, vocabulary_size):
        tokens, lengths = flatten_ids(ids, token_dtype(vocabulary_size))
        return cls(tokens, np.concatenate([[0], np.cumsum(lengths)]))

    @classmethod
    def open(cls, stem, dtype):
        """Maps `<stem>_tokens.bin` and `<stem>_offsets.bin`, reading nothing yet."""
        arrays = []
        for name, array_dtype in (("tokens", dtype), ("offsets", OFFSET_DTYPE)):
            path = Path(f"{stem}_{name}.bin")
            size = path.stat().st_size
            if size % np.dtype(array_dtype).itemsize:
                raise ValueError(f"{path} is damaged: it was cut, to {size:,} bytes")
            arrays.append(
                np.memmap(path, array_dtype, mode="r")
                if size
                else np.zeros(0, array_dtype)  # Nothing cannot be mapped.
            )
        sentences = cls(*arrays)
        sentences._stem = (stem, dtype)
        return sentences

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, i):
        i = range(len(self))[i]
        return np.asarray(self.tokens[self.offsets[i] : self.offsets[i + 1]])

    @property
    def lengths(self):
        """int32 `(num_sentences,)`, special ids not counted."""
        return np.diff(self.offsets).astype("int32")

    def padded(self, rows, shape):
        """The sentences `rows`, each with END, in the first rows of a zero array.

        Args:
            rows: int `(n,)`. Numbers of sentences.
            shape: `(B, length)`, `B >= n` and `length` more than the longest.

        Returns:
            int32 `(B, length)`.
        """
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        positions = np.arange(shape[1])
        inside = positions < lengths[:, None]  # (n, length)
        ids = np.zeros(shape, "int32")
        ids[: len(rows)][inside] = self.tokens[(starts[:, None] + positions)[inside]]
        ids[np.arange(len(rows)), lengths] = END_ID
        return ids

    def __reduce__(self):
        # A mapped array travels to another process by its name.
        if self._stem is not None:
            return Sentences.open, self._stem
        return Sentences, (self.tokens, self.offsets)


class TokenisedCorpus:
    """Sentence pairs as ids, without special ids.

    Args:
        source: `Sentences`.
        target: `Sentences`, as many.
        texts: function that returns `(sources, targets)`, two lists of str; or None.
        alignments: `Links` between their subwords, or None.
    """

    def __init__(self, source, target, texts=None, alignments=None):
        if len(source) != len(target):
            raise ValueError(
                "expected as many sources as targets; "
                f"received {len(source)} and {len(target)}"
            )
        self.source = source
        self.target = target
        self.alignments = alignments
        self._texts = texts

    @classmethod
    def from_pairs(cls, pairs, source_tokenizer, target_tokenizer, alignments=None):
        """Tokenises a list of `(source, target)` in memory, for small data.

        `alignments` are sets of `(source word, target word)`, one for each pair.
        """
        sources, targets = ([pair[side] for pair in pairs] for side in (-2, -1))
        if alignments is not None:
            words = (
                subword_words(source_tokenizer, sources),
                subword_words(target_tokenizer, targets),
            )
            links = map(subword_links, alignments, *words)
            flat = [positions.ravel().tolist() for positions in links]
            longest = max(map(len, chain(*words)), default=0)
            alignments = Links(Sentences.from_ids(flat, longest))
        return cls(
            Sentences.from_ids(
                source_tokenizer.encode(sources), source_tokenizer.vocabulary_size
            ),
            Sentences.from_ids(
                target_tokenizer.encode(targets), target_tokenizer.vocabulary_size
            ),
            _Texts(sources, targets),
            alignments,
        )

    def __len__(self):
        return len(self.source)

    def source_ids(self, i):
        """int `(source_lengths[i],)`."""
        return self.source[i]

    def target_ids(self, i):
        """int `(target_lengths[i],)`."""
        return self.target[i]

    @property
    def source_lengths(self):
        """int32 `(len(corpus),)`, special ids not counted."""
        return self.source.lengths

    @property
    def target_lengths(self):
        """int32 `(len(corpus),)`, special ids not counted."""
        return self.target.lengths

    def texts(self):
        """`(sources, targets)`, two lists of str, as they were before tokenising."""
        if self._texts is None:
            raise ValueError(
                "expected the valid or test split, whose texts are kept for BLEU; "
                "received train, of which only ids are kept: decode them instead"
            )
        return self._texts()


class _Texts:
    """Texts at hand. A class, so that it can be pickled."""

    def __init__(self, sources, targets):
        self.texts = (sources, targets)

    def __call__(self):
        return self.texts


class _TextFiles:
    """Texts that are read when asked for, `count` of each side."""

    def __init__(self, folder, count):
        self.folder = folder
        self.count = count

    def __call__(self):
        return tuple(self._read(self.folder / f"{side}.txt") for side in SIDES)

    def _read(self, path):
        try:
            # Not splitlines: a sentence may hold other line breaks of Unicode.
            texts = path.read_bytes().decode().split("\n")[:-1]
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is damaged: {error}") from None
        if len(texts) != self.count:
            raise ValueError(
                f"{path} is damaged: expected {self.count:,} lines; received "
                f"{len(texts):,}: prepare the corpus again"
            )
        return texts


def read_meta(folder, format, writer):
    """What meta.json of a prepared folder says, a dict.

    Args:
        folder: Path.
        format: what it must give as its format.
        writer: str. The function that writes such folders, for errors.

    Raises:
        ValueError: there is none, it is damaged, or has another format.
    """
    try:
        meta = read_json(folder / META)
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(
            f"expected a prepared corpus in {folder}; received none, it has no {META}: "
            f"write one with {writer}"
        ) from None
    if meta.get("format") != format:
        raise ValueError(
            f"{folder}: expected the format {format!r}; received "
            f"{meta.get('format')!r}: prepare the corpus again, with {writer}"
        )
    return meta


@contextlib.contextmanager
def opening(folder, meta_name):
    """Names the folder whose files do not keep what its meta file promises."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{folder / meta_name} is damaged: {error!r}") from error
    except FileNotFoundError as error:
        raise ValueError(f"{folder} is incomplete: {error}") from error


class PreparedCorpus:
    """A folder that `prepare` wrote: `.train`, `.valid` and `.test`.

    Attributes:
        folder: Path.
        meta: dict, from meta.json.
        parts: list of dict, of what it was made: `name`, `num_pairs` in each split
            and `report`.
        reports: list of `SkipReport`, of what was left out of each.
    """

    def __init__(self, folder, meta):
        self.folder = folder
        self.meta = meta
        # Earlier versions knew one part.
        whole = {"name": "", "num_pairs": meta["num_pairs"]}
        self.parts = meta.get("parts") or [{**whole, "report": meta["report"]}]
        self.reports = [SkipReport.from_dict(part["report"]) for part in self.parts]
        self.train, self.valid, self.test = map(self._split, SPLITS)

    @classmethod
    def open(cls, folder):
        """Opens a prepared folder; arrays are mapped, not read.

        Raises:
            ValueError: no prepared corpus there, an incomplete one, or one written
                by another version.
        """
        folder = Path(folder).absolute()
        meta = read_meta(
            folder, FORMAT_VERSION, "keras_attention.data.text.translations.prepare"
        )
        with opening(folder, META):
            return cls(folder, meta)

    def _split(self, split):
        folder = self.folder / split
        dtypes = [token_dtype(self.meta[f"{side}_vocabulary_size"]) for side in SIDES]
        stems = dict(zip(SIDES, dtypes, strict=True))
        own_files = self.meta.get("own_files", ())
        if self.meta.get("alignment_dtype") and split not in own_files:
            stems[ALIGNMENT] = np.dtype(self.meta["alignment_dtype"])
        opened = {}
        for stem, dtype in stems.items():
            sentences = Sentences.open(folder / stem, dtype)
            expected = self.meta["num_pairs"][split]
            complete = (
                len(sentences) == expected
                and len(sentences.tokens) == sentences.offsets[-1]
            )
            if not complete:
                raise ValueError(
                    f"{folder} is incomplete: {META} promises {expected:,} pairs, "
                    f"the {stem} files hold {len(sentences):,}: prepare it again"
                )
            opened[stem] = sentences
        texts = None if split == "train" else _TextFiles(folder, expected)
        links = Links(opened[ALIGNMENT]) if ALIGNMENT in opened else None
        return TokenisedCorpus(opened["source"], opened["target"], texts, links)
