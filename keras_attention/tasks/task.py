"""What `Translator` and `Captioner` share: a model, how it decodes, what is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from keras_attention.annotations import Tensor
from keras_attention.checks import whole_number
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.decoding.options import DecodingOptions, checked
from keras_attention.tasks.bundle import read_bundle, write_bundle
from keras_attention.tasks.bundle_config import naming
from keras_attention.tasks.ensemble import ensemble_of
from keras_attention.tasks.lexical import Lexicon
from keras_attention.tasks.requests import Request, checked_prefixes

if TYPE_CHECKING:
    from keras_attention.decoding.hypotheses import Hypotheses
    from keras_attention.decoding.lexical import LexicalConstraints
    from keras_attention.models.encoder_decoder import EncoderDecoder

# Each task loads itself.
OneTask = TypeVar("OneTask", bound="Task")


class Task:
    """A model with what it needs between people and numbers: what a bundle holds.

    Subclasses say `task`, the name of the kind of bundle; `fields`, the arguments that
    `config.json` keeps, each with its kind; `optional_fields`, those that it keeps
    where they say something; `tokenizers` and `output_tokenizer`.

    Args:
        model: `EncoderDecoder`, built.
        options: `DecodingOptions` by default.
        training: dict. What it was trained on and how, for the model card.
        metrics: dict. Scores, for the model card.
    """

    task: str
    fields: dict = {}
    optional_fields: dict = {}
    has_source_text = False

    def __init__(
        self,
        model: "EncoderDecoder",
        options: DecodingOptions | None = None,
        training: dict[str, Any] | None = None,
        metrics: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.options = options or DecodingOptions()
        self.check_options(self.options)
        self.training = training or {}
        self.metrics = metrics or {}
        self._jit_compile: bool | str = "auto"
        self._decoder: Any = None
        self._forced_decoder: Any = None

    @classmethod
    def load(
        cls: type[OneTask],
        path: "str | Path | Sequence[str | Path]",
        dtype: str | None = None,
    ) -> OneTask:
        """Reads a bundle folder, on whatever backend Keras runs.

        Args:
            path: str or Path. The folder. Of a list of folders an ensemble is made,
                whose models decode together; see `keras_attention.models.Ensemble`.
            dtype: str, optional. Another dtype policy than the model was trained with,
                as "mixed_bfloat16".

        Raises:
            ValueError: if the folder is missing, incomplete, damaged, of another format
                or for another task, or if config.json says what cannot be; or if the
                models of an ensemble differ in tokenizers, languages or images.

        Warns:
            UserWarning: if a newer version of this package wrote it.
        """
        return cls._load(path, dtype)

    @classmethod
    def _load(cls, path, dtype):
        if not isinstance(path, (str, Path)):
            if not (paths := list(path)):
                raise ValueError("an ensemble takes bundles; received an empty list")
            return ensemble_of(
                [cls._load(p, dtype) for p in paths], list(map(str, paths))
            )
        arguments = read_bundle(path, cls, dtype)
        with naming(path):
            return cls(**arguments)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Writes a bundle folder, whole or not at all.

        Args:
            path: str or Path. The folder.
            overwrite: bool. Replace a bundle that is there; anything else stays.

        Raises:
            FileExistsError: if it exists and may not be overwritten, or is no bundle.
        """
        write_bundle(path, self, overwrite)

    def tokenizers(self) -> dict[str, Tokenizer]:
        """Dict of file name to `Tokenizer`."""
        raise NotImplementedError

    @property
    def output_tokenizer(self) -> Tokenizer:
        """That of what is written."""
        raise NotImplementedError

    @property
    def num_forced(self) -> int:
        """Tokens that every output is made to begin with, prefixes aside."""
        return 0

    @classmethod
    def tokenizer_files(cls, config: dict[str, Any]) -> dict[str, list[str]]:
        """Dict of file name to the arguments of the constructor that it stands for."""
        raise NotImplementedError

    def card(self) -> tuple[str, str, str]:
        """`(title, what it does, example)` for the model card, str each."""
        raise NotImplementedError

    @property
    def jit_compile(self) -> bool | str:
        """Whether XLA compiles searches on TensorFlow: "auto", True or False.

        "auto", the default, has it do so for shapes in which so much was decoded that
        it would have paid, True for all, at seconds each; see `Decoder`. It can be set.
        """
        return self._jit_compile

    @jit_compile.setter
    def jit_compile(self, value: bool | str) -> None:
        from keras_attention.decoding.programs import checked_jit_compile

        self._jit_compile = checked_jit_compile(value)
        self._decoder = None

    def decode(
        self,
        inputs: dict[str, Tensor],
        options: DecodingOptions,
        prefix_ids: Tensor | None = None,
        attention: bool = False,
        seed: int = 0,
        lexical: "LexicalConstraints | None" = None,
    ) -> "Hypotheses":
        """Searches for a batch of `B` inputs, ids in and ids out; compiled programs
        are kept.

        Args:
            inputs: dict of tensors, as the model's `encode` takes them.
            options: `DecodingOptions`.
            prefix_ids: int `(B, P)`, padded with 0, optional. What to begin with.
            attention: bool. Whether the result has attention.
            seed: int. Of sampling.
            lexical: `LexicalConstraints`, optional.

        Returns:
            `Hypotheses` of NumPy arrays: `token_ids` `(B, n, T)` and the rest.
        """
        from keras_attention.decoding.search import Decoder

        if self._decoder is None:
            self._decoder = Decoder(self.model, self.jit_compile)
        return self._decoder(inputs, options, prefix_ids, attention, seed, lexical)

    def force(self, inputs: dict[str, Tensor], target_ids: np.ndarray) -> Any:
        """Has the model say given ids; compiled programs are kept.

        Args:
            inputs: dict of tensors, as the model's `encode` takes them.
            target_ids: int `(B, T)`, END included, padded with 0.

        Returns:
            `Hypotheses` of NumPy arrays, one for each row.
        """
        from keras_attention.decoding.scoring import ForcedDecoder

        if self._forced_decoder is None:
            self._forced_decoder = ForcedDecoder(self.model)
        return self._forced_decoder(inputs, target_ids, self.options)

    def decoding_options(
        self, beam: int | None, n_best: int | None, changes: dict[str, Any]
    ) -> DecodingOptions:
        """`DecodingOptions` with what a caller wants changed, in agreement.

        Raises:
            ValueError: an unknown option, or a value that is out of range, contradicts
                another, or makes no sense of this model.
        """
        changes = dict(changes)
        if beam is not None:
            changes["beam"] = beam = checked("beam", beam)
        if n_best is not None:
            changes["n_best"] = n_best = checked("n_best", n_best)
            temperature = checked("temperature", changes.get("temperature", 0))
            if beam is None and not temperature:
                changes["beam"] = max(self.options.beam, n_best)
        elif beam is not None:
            changes["n_best"] = min(self.options.n_best, beam)
        options = self.options.replace(**changes)
        self.check_options(options)
        return options

    def check_arguments(
        self,
        beam: int | None = None,
        n_best: int | None = None,
        constraints: Any = None,
        avoid: Any = None,
        **options: Any,
    ) -> None:
        """Refuses what would be refused whatever the input, before there is one.

        Args: as of `translate` or `caption`, of one output.

        Raises:
            ValueError: options or words that cannot be, or cannot be together.
        """
        self._request(1, beam, n_best, options, 0, None, constraints, avoid)

    def _request(
        self, count, beam, n_best, options, seed, prefixes, constraints, avoid
    ):
        """`Request` of `count` outputs."""
        seed = whole_number("seed", seed, 0)
        of = "text" if self.has_source_text else "image"
        prefixes = checked_prefixes(prefixes, count, of)
        decoding = self.decoding_options(beam, n_best, options)
        lexicon = Lexicon(self.output_tokenizer, count, constraints, avoid)
        lexicon.check_options(decoding)
        # No output may have more, whatever its source.
        limits = [decoding.max_length] * count
        lexicon.check_lengths(list(range(count)), limits, self.num_forced)
        prefix_ids = prefixes and self.output_tokenizer.encode(prefixes)
        return Request(decoding, seed, prefixes, prefix_ids, lexicon)

    def check_options(self, options: DecodingOptions) -> None:
        """Refuses `DecodingOptions` that make no sense of this model.

        Raises:
            ValueError: `unknown="copy"` without a source text or without attention.
        """
        if options.unknown != "copy":
            return
        others = 'take "forbid" or "allow"'
        if not self.has_source_text:
            raise ValueError(
                f'unknown="copy" takes words of a source text, and {self.task} has '
                f"none: {others}"
            )
        if not self.model.attends:
            raise ValueError(
                'unknown="copy" takes the word that a model attends to, and this '
                f"{type(self.model).__name__} has no attention: {others}"
            )
