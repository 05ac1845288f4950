"""SentencePiece, with the ids that this package's models expect."""

import functools
import hashlib
import io
import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

from keras_attention.data.special_ids import (
    SPECIAL_PIECES,
    check_symbols,
    parsed,
    renumbered,
    with_symbols,
)
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID, UNKNOWN_ID

MODEL_TYPES = ("unigram", "bpe", "char", "word")
NUM_SPECIAL = 4
NUM_BYTES = 256
SURROGATES = re.compile("[\ud800-\udfff]")


class Tokenizer:
    """Turns sentences into lists of ids and back.

    The same model bytes give the same ids in an exported graph, through
    `tensorflow_text.SentencepieceTokenizer(tokenizer.model)`.

    Args:
        model: bytes. A serialised SentencePiece model whose `<pad>`, `<unk>`,
            `<s>` and `</s>` have the ids 0 to 3; `Tokenizer.train` makes one.

    Raises:
        ValueError: `model` is no SentencePiece model, or numbers them otherwise.

    Example:

    >>> sentences = ["a b", "b c a", "c"]
    >>> tokenizer = Tokenizer.train(sentences, vocabulary_size=10, model_type="word")
    >>> tokenizer.decode(tokenizer.encode(["b a c"]))
    ['b a c']

    References:
        SentencePiece: [Kudo and Richardson, 2018](https://arxiv.org/abs/1808.06226);
        "unigram": [Kudo, 2018](https://arxiv.org/abs/1804.10959), section 3.2;
        "bpe": [Sennrich et al., 2016](https://arxiv.org/abs/1508.07909), section 3.2.
    """

    def __init__(self, model: bytes) -> None:
        self.model = bytes(model)
        self._processor = _load(self.model)
        _check_special_ids(self._processor)

    @classmethod
    def train(
        cls,
        sentences: Iterable[str],
        vocabulary_size: int,
        model_type: str = "unigram",
        character_coverage: float = 1.0,
        byte_fallback: bool | None = None,
        seed: int = 0,
        max_sentences: int = 500_000,
        user_defined_symbols: Iterable[str] = (),
    ) -> "Tokenizer":
        """Learns subwords from `sentences`; the same arguments give the same bytes.

        Args:
            sentences: iterable of str, read once. Memory is bounded: a uniform
                sample of `max_sentences` is kept.
            vocabulary_size: int. With the four special ids, and with the 256 bytes
                of `byte_fallback`. The result may be smaller, where the data hold
                fewer subwords: read `tokenizer.vocabulary_size`.
            model_type: `"unigram"`, `"bpe"`, `"char"` or `"word"`.
            character_coverage: float in (0, 1]. Share of the characters that get a
                subword; 0.9995 suits Chinese and Japanese.
            byte_fallback: bool. Whether characters without a subword are spelt in
                bytes, so that nothing is unknown. By default true for unigram and
                bpe, and false for char and word.
            seed: int. Of the sample.
            max_sentences: int. Size of the sample.
            user_defined_symbols: iterable of str, such as `"<2de>"`. Each is one piece,
                wherever it stands in a text; part of `vocabulary_size`.

        Raises:
            ValueError: no text, an unknown type, or a vocabulary too small; the
                message says the least size that works.
        """
        if model_type not in MODEL_TYPES:
            raise ValueError(
                f"model_type must be one of {', '.join(MODEL_TYPES)}; "
                f"received {model_type!r}"
            )
        if byte_fallback is None:
            byte_fallback = model_type in ("unigram", "bpe")
        symbols = list(user_defined_symbols)
        check_symbols(symbols)
        least = NUM_SPECIAL + 1 + (NUM_BYTES if byte_fallback else 0) + len(symbols)
        if vocabulary_size < least:
            raise _too_small(vocabulary_size, least, byte_fallback)

        sample = _sample(sentences, max_sentences, seed)
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(sample),
                model_writer=model,
                model_type=model_type,
                vocab_size=vocabulary_size,
                character_coverage=character_coverage,
                byte_fallback=byte_fallback,
                hard_vocab_limit=False,
                user_defined_symbols=symbols,
                # More threads add floats in another order, which changes the bytes.
                num_threads=1,
                minloglevel=3,
                **SPECIAL_PIECES,
            )
        except RuntimeError as error:
            raise _explain(error, vocabulary_size, byte_fallback) from error
        return cls(model.getvalue())

    @classmethod
    def load(cls, path: str | Path, renumber: bool = False) -> "Tokenizer":
        """Reads what `save`, or SentencePiece itself, wrote.

        Args:
            path: str or Path.
            renumber: bool. Whether a model that numbers its special pieces otherwise is
                taken too, and given the ids of this package; texts are cut as before.

        Raises:
            ValueError: with the path, as the constructor.
            OSError: the file cannot be opened.
        """
        try:
            model = Path(path).read_bytes()
            return cls(renumbered(model) if renumber else model)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def with_symbols(self, symbols: Iterable[str]) -> "Tokenizer":
        """One that keeps some more texts whole, and is otherwise the same.

        Args:
            symbols: iterable of str, such as `"<2de>"`. Those that it does not have get
                new ids, after all others.

        Raises:
            ValueError: what cannot be a symbol, as one with spaces.
        """
        symbols = list(symbols)
        check_symbols(symbols)
        model = with_symbols(self.model, symbols)
        return self if model is self.model else Tokenizer(model)

    def save(self, path: str | Path) -> None:
        """Writes the bytes of the model; a file that is there is replaced."""
        Path(path).write_bytes(self.model)

    @property
    def vocabulary_size(self) -> int:
        """Pieces, the four special ones included: ids are less."""
        return self._processor.get_piece_size()

    @property
    def fingerprint(self) -> str:
        """A short name of the model's bytes."""
        return hashlib.blake2b(self.model, digest_size=16).hexdigest()

    @functools.cached_property
    def unknown_surface(self) -> str:
        """What an unknown id reads, " ⁇ " unless the model was trained otherwise."""
        return self.decode([[UNKNOWN_ID]])[0]

    @functools.cached_property
    def unknown_takes_space(self) -> bool:
        """Whether an unknown token holds the space before its word too.

        So it is where whole words are subwords; elsewhere spaces have one of their own.
        """
        text = "a \ue000"
        (ids,), (offsets,) = self.encode([text]), self.offsets([text])
        return ids[-1] == UNKNOWN_ID and offsets[-1][0] < text.index("\ue000")

    def encode(self, texts: list[str], num_threads: int = 1) -> list[list[int]]:
        """Ids of each text, without special ids.

        Args:
            texts: list of str. Any: newlines count as spaces, and lone surrogates,
                which UTF-8 cannot write, as U+FFFD.
            num_threads: int. Threads to share a long list among.

        Returns:
            A list of lists of int, in the order of `texts`.

        Raises:
            ValueError: one str instead of a list, or something that is no str.
        """
        return self._encode(texts, num_threads=num_threads)

    @functools.cached_property
    def model_type(self) -> str:
        """Which kind of model, of "unigram", "bpe", "char" and "word"."""
        spec = parsed(self.model).trainer_spec
        return spec.ModelType.Name(spec.model_type).lower()

    def offsets(
        self, texts: list[str], num_threads: int = 1
    ) -> list[list[tuple[int, int]]]:
        """Where in its text each subword of `encode` was.

        Args: as of `encode`.

        Returns:
            A list of lists of `(begin, end)`, in characters. A subword takes the spaces
            before it along. Of a character that became several subwords, the last has
            it all; the others are empty, and stand where it begins.
        """
        options = {"num_threads": num_threads, "return_type": "offset_mapping"}
        return [mapping["offsets"] for mapping in self._encode(texts, **options)]

    def decode(self, ids: Any) -> list[str]:
        """Texts of a batch of ids, each up to its first END.

        Args:
            ids: int `(B, T)`, or a list of lists. PAD and START are dropped; an
                unknown id reads `unknown_surface`.

        Returns:
            A list of `B` str.

        Raises:
            ValueError: ids outside of the vocabulary, or of another shape.
        """
        return self._processor.decode([self._content(row) for row in ids])

    def decoded_offsets(self, ids: Any) -> list[tuple[str, list[tuple[int, int]]]]:
        """Where in what they spell the subwords of each text are.

        Args:
            ids: as `decode` takes them.

        Returns:
            A list of `(text, offsets)`: what `decode` returns, and for each id before
            END `(begin, end)` in characters, as of `offsets`.
        """
        mappings = (
            self._processor.decode(self._content(row), return_type="offset_mapping")
            for row in ids
        )
        return [(mapping["text"], mapping["offsets"]) for mapping in mappings]

    def ids_to_tokens(self, ids: Any) -> list[str]:
        """The subword of each id, special ones too, as `["▁He", "llo", "</s>"]`.

        Args:
            ids: int `(T,)`, or a list.

        Returns:
            A list of `T` str.

        Raises:
            ValueError: ids outside of the vocabulary, or of another shape.
        """
        return self._processor.id_to_piece(self._checked(ids))

    def tokens_to_ids(self, tokens: list[str]) -> list[int]:
        """The id of each subword, the other way round than `ids_to_tokens`.

        Args:
            tokens: list of `T` str.

        Returns:
            A list of `T` int.

        Raises:
            ValueError: a subword that the vocabulary lacks.
        """
        ids = self._processor.piece_to_id(tokens)
        for i, token in zip(ids, tokens, strict=True):
            if i == UNKNOWN_ID and token != self._processor.id_to_piece(i):
                raise ValueError(
                    "tokens must be subwords of the tokenizer's vocabulary; received "
                    f"{token!r:.60}"
                )
        return ids

    def _encode(self, texts, **options):
        if isinstance(texts, (str, bytes)):
            raise ValueError(
                f"texts must be a list of strings; received the single {texts!r:.40}: "
                "write [text]"
            )
        texts = list(texts)
        try:
            return self._processor.encode(texts, **options)
        except TypeError:
            for text in texts:
                if not isinstance(text, str):
                    raise ValueError(
                        "texts must hold strings; received a "
                        f"{type(text).__name__}: {text!r:.40}"
                    ) from None
            texts = [SURROGATES.sub("\ufffd", text) for text in texts]
            return self._processor.encode(texts, **options)

    def _content(self, ids):
        ids = self._checked(ids)
        if END_ID in ids:
            ids = ids[: ids.index(END_ID)]
        return [i for i in ids if i not in (PAD_ID, START_ID)]

    def _checked(self, ids):
        ids = np.asarray(ids)
        if ids.ndim != 1:
            raise ValueError(
                "expected one list of ids per text (decode takes a batch of them, "
                f"subwords one alone); received a shape of {ids.shape}"
            )
        if ids.size and (ids.min() < 0 or ids.max() >= self.vocabulary_size):
            raise ValueError(
                f"ids must lie in 0..{self.vocabulary_size - 1}, the vocabulary; "
                f"received {ids.min()}..{ids.max()}: is this another tokenizer's?"
            )
        return ids.astype(int).tolist()

    def __reduce__(self) -> Any:
        return Tokenizer, (self.model,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.model == other.model

    def __hash__(self) -> int:
        return hash(self.model)

    def __repr__(self) -> str:
        return f"<Tokenizer of {self.vocabulary_size} subwords, {self.fingerprint[:8]}>"


def _sample(sentences, max_sentences, seed):
    """A uniform sample of an iterable of unknown length (reservoir sampling)."""
    if isinstance(sentences, (str, bytes)):
        raise ValueError("sentences must be an iterable of strings; received a string")
    random_number = random.Random(seed).random
    sample = []
    for count, sentence in enumerate(sentences, start=1):
        if len(sample) < max_sentences:
            sample.append(SURROGATES.sub("\ufffd", sentence))
        else:
            position = int(random_number() * count)
            if position < max_sentences:
                sample[position] = SURROGATES.sub("\ufffd", sentence)
    return sample


def _load(model):
    try:
        if model:
            return sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError:
        pass
    raise ValueError(
        f"expected the bytes of a SentencePiece model; received {len(model)} bytes "
        "that are none: was the file cut short, or is it a .vocab file?"
    )


def _check_special_ids(processor):
    ids = {
        "<pad>": processor.pad_id(),
        "<unk>": processor.unk_id(),
        "<s>": processor.bos_id(),
        "</s>": processor.eos_id(),
    }
    if list(ids.values()) != [PAD_ID, UNKNOWN_ID, START_ID, END_ID]:
        raise ValueError(
            f"the special tokens must be <pad> 0, <unk> 1, <s> 2, </s> 3; received "
            f"{ids}: train with --pad_id=0 --unk_id=1 --bos_id=2 --eos_id=3, "
            "or with Tokenizer.train, or load the file with renumber=True"
        )


def _too_small(vocabulary_size, least, byte_fallback):
    hint = ", or byte_fallback=False, which saves 256" if byte_fallback else ""
    return ValueError(
        f"vocabulary_size must be at least {least} for these sentences; "
        f"received {vocabulary_size}: give more{hint}, or a lower character_coverage"
    )


def _explain(error, vocabulary_size, byte_fallback):
    needed = re.search(r"required_chars\. \d+ vs (\d+)", str(error))
    if needed:
        return _too_small(vocabulary_size, int(needed[1]), byte_fallback)
    if "sentences_.empty" in str(error) or "all_chars_count" in str(error):
        return ValueError(
            "expected sentences to learn from; received none with text in it "
            "(sentences over 4192 bytes are passed over)"
        )
    return ValueError(f"SentencePiece could not train: {error}")
