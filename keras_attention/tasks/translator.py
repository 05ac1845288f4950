"""`Translator`: strings in, strings out, with scores and attention."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_attention.checks import whole_number
from keras_attention.choices import ENGINES
from keras_attention.data.text.alignments import subword_words
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.decoding.options import DecodingOptions
from keras_attention.special_tokens import END_ID, PAD_ID
from keras_attention.tasks.batches import (
    in_batches,
    num_rows,
    pad_to_bucket,
)
from keras_attention.tasks.language_codes import with_spaces
from keras_attention.tasks.languages import Languages
from keras_attention.tasks.results import Hypothesis, Translation, read_hypotheses
from keras_attention.tasks.task import Task
from keras_attention.texts import is_blank, strings

if TYPE_CHECKING:
    from keras_attention.models.encoder_decoder import EncoderDecoder


__all__ = ["Hypothesis", "Translation", "Translator", "pad_to_bucket"]


class Translator(Task):
    """A model with its tokenizers: what a bundle holds.

    Args:
        model: `EncoderDecoder`, built.
        source_tokenizer: `Tokenizer`.
        target_tokenizer: `Tokenizer`; the same object where shared.
        options: `DecodingOptions` by default.
        max_source_length: int from 2. Source tokens, the end token included; what is
            longer is cut, with a warning.
        source_language: str. ISO code, for people.
        target_language: str. ISO code; chooses BLEU's tokenisation.
        languages: dict, optional. Of a model of several languages, the name of each and
            the token that stands for it, as `{"en": "__en__", "de": "__de__"}`: sources
            begin with that of their language, translations with that of theirs. The two
            languages above, of these, are the defaults.
        training: dict. What it was trained on and how, for the model card.
        metrics: dict. Scores, for the model card.

    Raises:
        ValueError: `max_source_length` is no whole number from 2, or `options` make no
            sense of the model; or `languages` have tokens that the tokenizers lack.

    Example:

    >>> translator = Translator.load("bundle")
    >>> texts = ["Save the file.", "Click OK."]
    >>> best, other = translator.translate(texts, return_attention=True)
    >>> best.source, type(best.text).__name__, best.score <= 0
    ('Save the file.', 'str', True)
    >>> best.attention.shape == (len(best.tokens), len(best.source_tokens))
    True
    >>> np.allclose(best.attention.sum(axis=1), 1)
    True

    References:
        `unknown="copy"`: [Jean et al., 2015](https://arxiv.org/abs/1412.2007).
    """

    task = "translation"
    has_source_text = True
    fields = {"max_source_length": int, "source_language": str, "target_language": str}
    optional_fields = {"languages": dict}

    def __init__(
        self,
        model: "EncoderDecoder",
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer | None = None,
        options: DecodingOptions | None = None,
        max_source_length: int = 256,
        source_language: str = "",
        target_language: str = "",
        languages: dict[str, str] | None = None,
        training: dict[str, Any] | None = None,
        metrics: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(model, options, training, metrics)
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer or source_tokenizer
        self.source_language = source_language
        self.target_language = target_language
        self.languages = dict(languages or {})
        self.language_ids = Languages(
            self.languages,
            (self.source_tokenizer, self.target_tokenizer),
            (source_language, target_language),
        )
        least = 2 + self.language_ids.count
        self.max_source_length = whole_number(
            "max_source_length", max_source_length, least, 2**31 - 1, saturates=True
        )

    @classmethod
    def load(
        cls,
        path: str | Path | Sequence[str | Path],
        dtype: str | None = None,
        engine: str = "keras",
        quantization: str | None = None,
    ) -> "Translator":
        """Reads a bundle folder, on whatever backend Keras runs, or for CTranslate2.

        Args:
            path: str or Path. The folder. Of a list of folders an ensemble is made,
                whose models decode together; see `keras_attention.models.Ensemble`.
                With `engine="ctranslate2"` also a folder that `to_ctranslate2` wrote,
                for which neither Keras nor TensorFlow is imported.
            dtype: str, optional. Another dtype policy than the model was trained with,
                as "mixed_bfloat16".
            engine: str. What computes: "keras", or "ctranslate2", which runs
                Transformers on CPUs and needs the extra `ctranslate2`.
            quantization: str, optional. What CTranslate2 computes with, as "int8";
                float32 of a bundle, and what its weights are stored as of a folder.

        Raises:
            ValueError: if the folder is missing, incomplete, damaged, of another format
                or for another task, or if config.json says what cannot be; if the
                models of an ensemble differ in tokenizers, languages or images; or if
                CTranslate2 is not installed or cannot take the model.

        Warns:
            UserWarning: if a newer version of this package wrote it.

        Example:

        >>> translator = Translator.load("bundle", engine="ctranslate2")
        >>> type(translator.translate(["Save the file."], beam=1)[0].text).__name__
        'str'
        """
        if engine not in ENGINES:
            raise ValueError(
                f"engine must be {' or '.join(ENGINES)}; received {engine!r:.60}"
            )
        if engine == "ctranslate2":
            return cls._load_ctranslate2(path, dtype, quantization)
        if quantization is not None:
            raise ValueError(
                'quantization is of engine="ctranslate2"; received '
                f"quantization={quantization!r:.60} with engine={engine!r}"
            )
        return cls._load(path, dtype)

    @classmethod
    def _load_ctranslate2(cls, path, dtype, quantization):
        from keras_attention.tasks import ctranslate2_folder as folders
        from keras_attention.tasks.ctranslate2_translator import CTranslate2Translator

        if not isinstance(path, (str, Path)):
            raise ValueError(
                "CTranslate2 runs one model, and no ensemble; received "
                f'{path!r:.200}: load one of them, or use engine="keras"'
            )
        if dtype is not None:
            raise ValueError(
                f"dtype is of Keras's layers; received {dtype!r:.60} with "
                'engine="ctranslate2": say quantization="int8" or the like'
            )
        if folders.is_folder(path):
            return CTranslate2Translator(**folders.read_folder(path, quantization))
        translator = super()._load(path, None)
        return CTranslate2Translator(**folders.of_translator(translator, quantization))

    @classmethod
    def from_marian(cls, path: str | Path, dtype: str | None = None) -> "Translator":
        """Imports a Marian model as Hugging Face's transformers keep it, as OPUS-MT's.

        Args:
            path: its folder, or `hf://owner/name`.
            dtype: str, optional. A dtype policy; float32 whatever the file has.

        Returns:
            `Translator`, which gives the same logits, and the same translations by
            the options that come with the model.

        Raises:
            ValueError: if files are missing or damaged, or the model is one that
                cannot be imported; with the reason. No code in them is run.

        Example:

            translator = Translator.from_marian("hf://Helsinki-NLP/opus-mt-en-de")
            translator.save("opus-mt-en-de")
        """
        from keras_attention.conversion.marian_reading import read_marian

        return cls(**read_marian(path, dtype))

    @classmethod
    def from_m2m100(
        cls,
        path: str | Path,
        dtype: str | None = None,
        source_language: str | None = None,
        target_language: str | None = None,
    ) -> "Translator":
        """Imports M2M-100 or NLLB-200 as Hugging Face's transformers keep them.

        Args:
            path: its folder, or `hf://owner/name`.
            dtype: str, optional. A dtype policy; float32 whatever the file has.
                "bfloat16" takes half of the memory, and rounds.
            source_language: str, optional. The default of `translate`, as the model
                calls it: "en" for M2M-100, "eng_Latn" for NLLB. That of the tokenizer
                where None.
            target_language: str, optional. As `source_language`; the tokenizer may have
                none.

        Returns:
            `Translator`, which gives the same logits, and the same translations by
            the options that come with the model.

        Raises:
            ValueError: if files are missing or damaged, or the model is one that
                cannot be imported; with the reason. No code in them is run.

        Example:

            translator = Translator.from_m2m100("hf://facebook/m2m100_418M")
            translator.translate(["Press OK."], target_language="de")

        References:
            [Fan et al., 2021](https://arxiv.org/abs/2010.11125);
            [NLLB Team, 2022](https://arxiv.org/abs/2207.04672).
        """
        from keras_attention.conversion.m2m100_reading import read_m2m100

        return cls(**read_m2m100(path, dtype, source_language, target_language))

    def to_marian(self, path: str | Path, overwrite: bool = False) -> Path:
        """Exports to the layout that `from_marian` reads, and transformers do.

        Args:
            path: of the folder.
            overwrite: bool. Whether to replace a folder that is there.

        Returns:
            Path of the folder.

        Raises:
            ValueError: if Marian's configuration cannot say this model; with the
                reason.
            FileExistsError: if the folder exists and may not be overwritten.
        """
        from keras_attention.conversion.marian_writing import write_marian

        return write_marian(self, path, overwrite)

    def to_ctranslate2(
        self,
        path: str | Path,
        quantization: str | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Exports to a folder for CTranslate2, with tokenizers and a model card.

        Args:
            path: of the folder.
            quantization: str, optional. What weights are stored as: "int8",
                "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16",
                "bfloat16" or "float32", which None means.
            overwrite: bool. Whether to replace a folder that is there.

        Returns:
            Path of the folder.

        Raises:
            ValueError: if CTranslate2 is not installed or cannot take this model, with
                the reason; or for an unknown quantization.
            FileExistsError: if the folder exists and may not be overwritten.

        Example:

        >>> folder = Translator.load("bundle").to_ctranslate2("ct2", "int8")
        >>> (folder / "model.bin").is_file(), (folder / "source.spm").is_file()
        (True, True)
        """
        from keras_attention.conversion.ctranslate2_writing import write_ctranslate2

        return write_ctranslate2(self, path, quantization, overwrite)

    def tokenizers(self) -> dict[str, Tokenizer]:
        """`source.model`, and `target.model` where it is another one."""
        files = {"source.model": self.source_tokenizer}
        if self.target_tokenizer is not self.source_tokenizer:
            files["target.model"] = self.target_tokenizer
        return files

    @classmethod
    def tokenizer_files(cls, config: dict[str, Any]) -> dict[str, list[str]]:
        """Which arguments each file of a bundle stands for, by its config.json."""
        if "target.model" in config["tokenizers"]:
            return {
                "source.model": ["source_tokenizer"],
                "target.model": ["target_tokenizer"],
            }
        return {"source.model": ["source_tokenizer", "target_tokenizer"]}

    def card(self) -> tuple[str, str, str]:
        """`(title, name of the class, example)` for the model card, str each."""
        source = self.source_language or "source"
        target = self.target_language or "target"
        title, options = f"{source} → {target}", ""
        if self.languages:
            names = sorted(self.languages)
            source = self.source_language or names[0]
            target = self.target_language or names[-1]
            title = f"{len(names)} languages"
            options = f', source_language="{source}", target_language="{target}"'
        example = f'print(translator.translate(["…"]{options})[0].text)'
        return title, "Translator", example

    def translate(
        self,
        texts: list[str] | str,
        beam: int | None = None,
        n_best: int | None = None,
        return_attention: bool = False,
        prefixes: list[str] | None = None,
        batch_size: int = 32,
        seed: int = 0,
        progress: Callable[[int], object] | None = None,
        constraints: Any = None,
        avoid: Any = None,
        source_language: str | Sequence[str] | None = None,
        target_language: str | Sequence[str] | None = None,
        **options: Any,
    ) -> list[Translation]:
        """Translates texts, longest together with longest.

        Args:
            texts: list of str, or one str.
            beam: int. Hypotheses kept; 1 is greedy search.
            n_best: int. Hypotheses returned for each text.
            return_attention: bool. Whether hypotheses carry their attention, if the
                model has any, and the alignment of words that follows from it.
            prefixes: list of str, optional. What each translation must begin with.
            batch_size: int. Texts decoded at once.
            seed: int. Of sampling; the same text gets the same samples, in whatever
                batch it comes.
            progress: function of the number of texts done, called after each batch.
            constraints: list of str, or a list of such lists, one for each of `texts`,
                optional. Words or phrases that each translation must contain; they need
                a search, which keeps at least 10 hypotheses.
            avoid: likewise. Words or phrases that no translation may contain, spelt so,
                however they are cut into subwords.
            source_language: str, or list of as many as there are texts, optional. Of
                the texts, in a model of several languages; the bundle's own by default,
                and where "".
            target_language: likewise. To translate into.
            **options: other fields of `DecodingOptions`, as `length_penalty=1.0`,
                `temperature=0.8`, `no_repeat_ngram=3` or `unknown="copy"`.

        Returns:
            list of `Translation`, in the order of `texts`. An empty text has an
            empty translation, as has one of spaces, control or zero-width characters
            alone.

        Raises:
            ValueError: a text that is no str or begins with a language code that the
                model does not know, as `>>deu<<`; prefixes or languages that are not as
                many, a language that the model does not know, or options that are
                unknown, out of range or contradict each other; constraints or words to
                avoid that are empty, are not as many lists, or leave no room for the
                rest.

        Warns:
            UserWarning: if texts have more than `max_source_length - 1` tokens, and
                were cut.
        """
        texts = strings(texts, "texts")
        batch_size = whole_number("batch_size", batch_size, 1)
        decoding, seed, prefixes, prefix_ids, lexicon = self._request(
            len(texts), beam, n_best, options, seed, prefixes, constraints, avoid
        )
        return_attention = return_attention and self.model.attends
        copies = decoding.unknown == "copy"
        before = self.language_ids.source_ids(source_language, len(texts))
        wanted = self.language_ids.target_ids(target_language, len(texts))
        source_ids, truncated = self._source_ids(texts, before)
        if self.language_ids:
            given = prefix_ids or [[]] * len(texts)
            prefix_ids = [a + b for a, b in zip(wanted, given, strict=True)]
        results: list[Any] = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda i: len(source_ids[i]))
        # The end token alone is no sentence: nothing in, nothing out. Nor are spaces,
        # of which some tokenizers make subwords.
        least = self.language_ids.count + 1
        empty = {i for i in order if len(source_ids[i]) == least or is_blank(texts[i])}
        for i in empty:
            nothing = Hypothesis("", 0.0, 0.0, [])
            results[i] = Translation(texts[i], [], [nothing])
        order = [i for i in order if i not in empty]
        done = len(empty)
        if progress is not None and empty:
            progress(done)
        groups = lexicon.groups(order)
        if groups[1]:
            padded = pad_to_bucket([source_ids[i] for i in groups[1]], len(groups[1]))
            limits = decoding.length_limits({"source_ids": padded})
            limits = np.asarray(limits).tolist()
            lexicon.check_lengths(groups[1], limits, self.num_forced)
        for rows in in_batches(groups, batch_size):
            batch = [source_ids[i] for i in rows]
            hypotheses = self._decode(
                batch,
                prefix_ids and [prefix_ids[i] for i in rows],
                decoding,
                return_attention or copies,
                seed,
                lexicon.arrays(rows, num_rows(rows)),
            )
            for row, i in enumerate(rows):
                results[i] = self._translation(
                    texts[i],
                    batch[row],
                    truncated[i],
                    hypotheses,
                    row,
                    prefix=prefixes[i] if prefixes else "",
                    copies=copies,
                    keep_attention=return_attention,
                )
            done += len(rows)
            if progress is not None:
                progress(done)
        return results

    def force_decode(
        self,
        texts: list[str] | str,
        targets: list[str] | str,
        batch_size: int = 32,
        source_language: str | Sequence[str] | None = None,
        target_language: str | Sequence[str] | None = None,
    ) -> list[Translation]:
        """Has the model say translations that somebody else wrote.

        Each token follows those of the given translation, however improbable (teacher
        forcing). This is how attention is compared with alignments that people made
        of a text and its translation.

        Args:
            texts: list of str, or one str.
            targets: list of str, as many, or one str.
            batch_size: int. Pairs in one go.
            source_language, target_language: as for `translate`.

        Returns:
            list of `Translation`, in the order of `texts`. Each has one hypothesis,
            the target, with its attention if the model has any.

        Raises:
            ValueError: a text that is no str, targets that are not as many, or a
                language or a language code that the model does not know.

        Warns:
            UserWarning: as `translate`.
        """
        texts = strings(texts, "texts")
        targets = strings(targets, "targets")
        batch_size = whole_number("batch_size", batch_size, 1)
        if len(texts) != len(targets):
            raise ValueError(
                "one target for each text is needed; received "
                f"{len(texts)} texts and {len(targets)} targets"
            )
        before = self.language_ids.source_ids(source_language, len(texts))
        wanted = self.language_ids.target_ids(target_language, len(texts))
        source_ids, truncated = self._source_ids(texts, before)
        target_ids = self.target_tokenizer.encode(targets)
        target_ids = [
            [*first, *ids, END_ID]
            for first, ids in zip(wanted, target_ids, strict=True)
        ]
        words = subword_words(self.target_tokenizer, targets)
        results: list[Any] = [None] * len(texts)
        lengths = [
            (len(t), len(s)) for s, t in zip(source_ids, target_ids, strict=True)
        ]
        order = sorted(range(len(texts)), key=lengths.__getitem__)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            hypotheses = self._force(
                [source_ids[i] for i in rows], [target_ids[i] for i in rows]
            )
            for row, i in enumerate(rows):
                given = targets[i], words[i]
                results[i] = self._translation(
                    texts[i], source_ids[i], truncated[i], hypotheses, row, given=given
                )
        return results

    def self_attention(
        self, text: str, source_language: str | None = None
    ) -> tuple[list[str], np.ndarray]:
        """What each source token attends to in its own sentence (encoder).

        Args:
            text: str.
            source_language: str, optional. As for `translate`.

        Returns:
            `(tokens, attention_scores)`, the `S` source tokens, "</s>" included, and
            float32 `(layers, heads, S, S)`, rows attending to columns, of sum 1.

        Raises:
            ValueError: if the model has no self attention, the text is empty, or the
                model does not know the language.
        """
        import keras

        scores_of = getattr(self.model, "encoder_attention_scores", None)
        if scores_of is None:
            raise ValueError(
                f"a {type(self.model).__name__} has no self attention to show; a "
                "Transformer has"
            )
        before = self.language_ids.source_ids(source_language, 1)
        ((ids,), _) = self._source_ids([text], before)
        if len(ids) == self.language_ids.count + 1 or is_blank(text):
            raise ValueError("there is nothing to attend to in an empty text")
        scores = scores_of(np.array([ids], "int32"))
        scores = [keras.ops.convert_to_numpy(layer)[0] for layer in scores]
        return self.source_tokenizer.ids_to_tokens(ids), np.stack(scores).astype(
            "float32"
        )

    def check_arguments(
        self,
        *arguments: Any,
        source_language: str | None = None,
        target_language: str | None = None,
        **options: Any,
    ) -> None:
        """Refuses what would be refused whatever the text, before there is one.

        Args: as of `translate`, of one text.

        Raises:
            ValueError: options, words or languages that cannot be.
        """
        super().check_arguments(*arguments, **options)
        self.language_ids.source_ids(source_language, 1)
        self.language_ids.target_ids(target_language, 1)

    @property
    def output_tokenizer(self) -> Tokenizer:
        """`target_tokenizer`."""
        return self.target_tokenizer

    @property
    def num_forced(self) -> int:
        """1 in a model of several languages, whose translations begin with theirs."""
        return self.language_ids.count

    @property
    def most_subwords(self) -> int:
        """How many subwords of a text the model is shown, at most."""
        return self.max_source_length - self.language_ids.count - 1

    def _source_ids(self, texts, before):
        source_ids, truncated = [], []
        texts = with_spaces(self.source_tokenizer, texts)
        encoded = self.source_tokenizer.encode(texts)
        for first, ids in zip(before, encoded, strict=True):
            truncated.append(len(ids) > self.most_subwords)
            source_ids.append([*first, *ids[: self.most_subwords], END_ID])
        if any(truncated):
            first = truncated.index(True)
            warnings.warn(
                f"{sum(truncated)} of {len(texts)} texts have more than "
                f"{self.most_subwords} tokens and were cut, the first of them "
                f"texts[{first}]; split long texts into sentences",
                stacklevel=3,
            )
        return source_ids, truncated

    def _decode(self, batch, prefixes, options, return_attention, seed, lexical):
        rows = num_rows(batch)
        inputs = {"source_ids": pad_to_bucket(batch, rows)}
        prefix_ids = None
        if prefixes is not None:
            prefix_ids = pad_to_bucket([p or [PAD_ID] for p in prefixes], rows)
        return self.decode(inputs, options, prefix_ids, return_attention, seed, lexical)

    def _force(self, source_ids, target_ids):
        rows = num_rows(source_ids)
        inputs = {"source_ids": pad_to_bucket(source_ids, rows)}
        return self.force(inputs, pad_to_bucket(target_ids, rows))

    def _translation(self, text, source_ids, truncated, hypotheses, row, **options):
        tokenizers = self.source_tokenizer, self.target_tokenizer
        (read,) = with_spaces(self.source_tokenizer, [text])
        found = read_hypotheses(
            tokenizers,
            read,
            source_ids,
            hypotheses,
            row,
            language_tokens=self.language_ids.count,
            **options,
        )
        subwords = self.source_tokenizer.ids_to_tokens(source_ids)
        return Translation(text, subwords, found, truncated)
