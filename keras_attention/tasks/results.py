"""What a `Translator` and a `Captioner` give: texts, best first, ready for JSON."""

import dataclasses
from typing import Any

import numpy as np

from keras_attention.byte_fallback import characters, mean_rows, sum_columns
from keras_attention.data.text.alignments import (
    attended_words,
    format_alignment,
    subword_words,
    words_at,
)
from keras_attention.data.unknown_words import (
    attended_copies,
    decode_with,
    prefix_copies,
    source_words,
)
from keras_attention.special_tokens import END_ID


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """One translation of one text, with `T` tokens for `S` of the source.

    Attributes:
        text: str.
        score: float. Log-probability in nats, with length and coverage penalties;
            higher is better.
        log_prob: float. Log-probability in nats, the sum over the tokens.
        tokens: list of `T` str, subwords, "</s>" included unless it was cut at its
            limit (`force_end`).
        attention: float32 `(T, S)`, a row for each of `tokens`, of sum 1; None if not
            asked for, or if the model has none.
        alignment: set of `(source word, word)`: to which source word each word
            attends most, int counted from 0 as `str.split` cuts both texts. None as
            `attention`.
    """

    text: str
    score: float
    log_prob: float
    tokens: list
    attention: np.ndarray | None = None
    alignment: set | None = None

    def in_characters(self, source_starts: Any) -> "Hypothesis":
        """Itself, bytes put together; see `Translation.in_characters`.

        Args:
            source_starts: list of int. The source piece with which each character or
                token begins, as `byte_fallback.characters` gives them.
        """
        tokens, starts = characters(self.tokens)
        attention = self.attention
        if attention is not None:
            attention = sum_columns(mean_rows(attention, starts), source_starts)
        return dataclasses.replace(self, tokens=tokens, attention=attention)

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON; the alignment as aligners write it."""
        attention = alignment = None
        if self.attention is not None:
            attention = np.round(self.attention.astype(float), 6).tolist()
        if self.alignment is not None:
            alignment = format_alignment(self.alignment)
        return {
            "text": self.text,
            "score": self.score,
            "log_prob": self.log_prob,
            "tokens": self.tokens,
            "attention": attention,
            "alignment": alignment,
        }


class BestFirst:
    """Has `hypotheses`, and shows the best of them as its own."""

    hypotheses: list

    @property
    def text(self) -> str:
        """The best text."""
        return self.hypotheses[0].text

    @property
    def score(self) -> float:
        """Its score, in nats; higher is better."""
        return self.hypotheses[0].score

    @property
    def tokens(self) -> list[str]:
        """Its `T` subwords, "</s>" included unless it was cut."""
        return self.hypotheses[0].tokens

    @property
    def attention(self) -> np.ndarray | None:
        """Its attention: float32 `(T, S)` to a text, `(T, N, N)` to an image; None if
        not asked for, or if the model has none."""
        return self.hypotheses[0].attention

    def __str__(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True)
class Translation(BestFirst):
    """What became of one text; `str()` of it is the best translation.

    `text`, `score`, `tokens`, `attention` and `alignment` are those of the best
    `Hypothesis`.

    Attributes:
        source: str. The text as it was given.
        source_tokens: list of `S` str, subwords, "</s>" included: the columns of every
            `attention`.
        hypotheses: list of `Hypothesis`, best first; at least one, at most `n_best`.
        truncated: bool. Whether the source was longer than the model takes, and cut.
    """

    source: str
    source_tokens: list
    hypotheses: list
    truncated: bool = False

    @property
    def alignment(self) -> Any:
        """Its alignment, a set of `(source word, word)`, or None."""
        return self.hypotheses[0].alignment

    def in_characters(self) -> "Translation":
        """Itself as people read it: characters in place of the bytes that spell them.

        Attention to a character is the sum over its bytes, attention from one the mean;
        see `byte_fallback`.
        """
        source_tokens, starts = characters(self.source_tokens)
        found = [each.in_characters(starts) for each in self.hypotheses]
        return dataclasses.replace(self, source_tokens=source_tokens, hypotheses=found)

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON, `in_characters`."""
        shown = self.in_characters()
        return {
            "source": self.source,
            "text": self.text,
            "score": self.score,
            "truncated": self.truncated,
            "source_tokens": shown.source_tokens,
            "n_best": [hypothesis.as_dict() for hypothesis in shown.hypotheses],
        }


def read_hypotheses(
    tokenizers,
    text,
    source_ids,
    hypotheses,
    row,
    given=None,
    prefix="",
    copies=False,
    keep_attention=True,
    language_tokens=0,
):
    """Makes text of what a search found for one text.

    Args:
        tokenizers: those of source and target.
        text: str. The source.
        source_ids: list of int, with a token of its language and END; it may have been
            cut.
        hypotheses: `Hypotheses` of a batch, of NumPy arrays.
        row: int. The text's row in it.
        given: `(text, words)`, optional: the target that was forced, and the words of
            its subwords as `subword_words` gives them.
        prefix: str. What hypotheses had to begin with.
        copies: bool. Whether source words stand for unknown ones.
        keep_attention: bool. Whether it is wanted, if it is there.
        language_tokens: int. How many source and hypotheses begin with, 0 or 1.

    Returns:
        A list of `Hypothesis`, best first.
    """
    source_tokenizer, target_tokenizer = tokenizers
    first = language_tokens
    begun = prefix_copies(target_tokenizer, prefix) if prefix else {}
    begun = {position + first: word for position, word in begun.items()}
    num_subwords = len(source_ids) - first - 1
    source = source_words(source_tokenizer, text, num_subwords) if copies else ()
    found = []
    for slot in range(hypotheses.token_ids.shape[1]):
        length = int(hypotheses.lengths[row, slot])
        if not length:
            continue
        ids = hypotheses.token_ids[row, slot, :length].tolist()
        attention: Any = None
        alignment = None
        if not isinstance(hypotheses.attention_scores, tuple):
            attention = hypotheses.attention_scores[row, slot]
            attention = attention[:length, : len(source_ids)]
        if given:
            said, words = given
        else:
            copied = {}
            if copies:
                copied = attended_copies(ids, attention[:, first:], source)
            said, offsets = decode_with(target_tokenizer, ids, {**copied, **begun})
            words = words_at(said, offsets[first:])
        if not keep_attention:
            attention = None
        if attention is not None:
            subwords = subword_words(source_tokenizer, [text])[0][:num_subwords]
            alignment = attended_words(attention[first:, first:], subwords, words)
        found.append(
            Hypothesis(
                said,
                float(hypotheses.scores[row, slot]),
                float(hypotheses.log_probs[row, slot]),
                target_tokenizer.ids_to_tokens(ids),
                attention,
                alignment,
            )
        )
    return found


@dataclasses.dataclass(frozen=True)
class CaptionHypothesis:
    """One caption of one image, with `T` tokens.

    Attributes:
        text: str.
        score: float. Log-probability in nats, with length and coverage penalties;
            higher is better.
        log_prob: float. Log-probability in nats, the sum over the tokens.
        tokens: list of `T` str, subwords, "</s>" included unless it was cut at its
            limit (`force_end`).
        spans: list of `T` pairs `(begin, end)`: where in `text` each token stands, in
            characters; "</s>" is empty, at its end.
        attention: float32 `(T, N, N)`: what each token attended to in the square that
            the model sees, rows from the top, of sum 1. None if not asked for, or if
            the model has none.
    """

    text: str
    score: float
    log_prob: float
    tokens: list
    spans: list
    attention: np.ndarray | None = None

    def in_characters(self) -> "CaptionHypothesis":
        """Itself, bytes put together; see `Caption.in_characters`."""
        tokens, starts = characters(self.tokens)
        ends = [*starts[1:], len(self.tokens)]
        spans = [
            (self.spans[first][0], self.spans[end - 1][1])
            for first, end in zip(starts, ends, strict=True)
        ]
        attention = self.attention
        if attention is not None:
            attention = mean_rows(attention, starts)
        return dataclasses.replace(
            self, tokens=tokens, spans=spans, attention=attention
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON."""
        attention = self.attention
        if attention is not None:
            attention = np.round(attention.astype(float), 6).tolist()
        return {
            "text": self.text,
            "score": self.score,
            "log_prob": self.log_prob,
            "tokens": self.tokens,
            "attention": attention,
        }


@dataclasses.dataclass(frozen=True)
class Caption(BestFirst):
    """What was said of one image; `str()` of it is the best caption.

    `text`, `score`, `tokens`, `spans` and `attention` are those of the best
    `CaptionHypothesis`.

    Attributes:
        name: str. The image's path, or its number where it came without.
        hypotheses: list of `CaptionHypothesis`, best first; at least one, at most
            `n_best`.
        window: `(x0, y0, x1, y1)`, int, in pixels: where the image lies in the square
            that the model sees; None for all over it. Elsewhere nothing is attended
            to.
    """

    name: str
    hypotheses: list
    window: tuple | None = None

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Where in the best text its tokens stand, `T` pairs `(begin, end)`, in
        characters."""
        return self.hypotheses[0].spans

    def in_characters(self) -> "Caption":
        """Itself as people read it: characters in place of the bytes that spell them,
        each with the mean of their grids; see `byte_fallback`."""
        found = [each.in_characters() for each in self.hypotheses]
        return dataclasses.replace(self, hypotheses=found)

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON, `in_characters`."""
        shown = self.in_characters()
        return {
            "image": self.name,
            "text": self.text,
            "score": self.score,
            "n_best": [hypothesis.as_dict() for hypothesis in shown.hypotheses],
        }


def read_caption_hypotheses(
    tokenizer, grid_size, hypotheses, row, given=None, prefix=""
):
    """Makes text and grids of what a search found for one image.

    Args:
        tokenizer: `Tokenizer`.
        grid_size: int, N.
        hypotheses: `Hypotheses` of a batch, of NumPy arrays.
        row: int. The image's row in it.
        given: `(text, spans)`, optional: the caption that was forced.
        prefix: str. What hypotheses had to begin with.

    Returns:
        A list of `CaptionHypothesis`, best first.
    """
    begun = prefix_copies(tokenizer, prefix) if prefix else {}
    found = []
    for slot in range(hypotheses.token_ids.shape[1]):
        length = int(hypotheses.lengths[row, slot])
        if not length:
            continue
        ids = hypotheses.token_ids[row, slot, :length].tolist()
        text, spans = given or _decoded(tokenizer, ids, begun)
        attention = None
        if not isinstance(hypotheses.attention_scores, tuple):
            attention = hypotheses.attention_scores[row, slot, :length]
            attention = attention.reshape(length, grid_size, grid_size)
        found.append(
            CaptionHypothesis(
                text,
                float(hypotheses.scores[row, slot]),
                float(hypotheses.log_probs[row, slot]),
                tokenizer.ids_to_tokens(ids),
                spans,
                attention,
            )
        )
    return found


def _decoded(tokenizer, ids, begun):
    text, spans = decode_with(tokenizer, ids, begun)
    missing = len(ids) - len(spans)
    return text, [*spans, *[(len(text), len(text))] * missing]


def given_captions(tokenizer, texts):
    """`(ids, (text, spans))` of each caption that somebody wrote, END included."""
    found = []
    for text, ids, spans in zip(
        texts, tokenizer.encode(texts), tokenizer.offsets(texts), strict=True
    ):
        end = (len(text), len(text))
        found.append(([*ids, END_ID], (text, [*spans, end])))
    return found
