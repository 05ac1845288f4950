"""What a `Captioner` gives: captions and their hypotheses, ready for JSON."""

import dataclasses

import numpy as np

from keras_attention.byte_pieces import characters, mean_rows
from keras_attention.data.unknown_words import decode_with, prefix_copies
from keras_attention.special_tokens import END_ID
from keras_attention.tasks.results import BestFirst


@dataclasses.dataclass(frozen=True)
class CaptionHypothesis:
    """One caption of one image."""

    text: str
    score: float
    """Log-probability with length and coverage penalties; higher is better."""
    log_prob: float
    """Natural logarithm of the probability that the model gives it."""
    tokens: list
    """Tokens (subwords), "</s>" included: the first axis of `attention`."""
    spans: list
    """`(begin, end)` of each token in `text`; "</s>" is empty, at its end."""
    attention: np.ndarray | None = None
    """`(tokens, N, N)`: what each token attended to in the image, row by row from
    the top. None if not asked for, or if the model has none."""

    def in_characters(self):
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

    def as_dict(self):
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
    """What was said of one image; `str()` of it is the best caption."""

    name: str
    """The image's path, or its number where it came without."""
    hypotheses: list
    """Best first; as many as `n_best` asked for and the search found."""
    window: tuple | None = None
    """`(x0, y0, x1, y1)`, in pixels: where the image lies in the square that the
    model sees; None for all over it. Elsewhere nothing is attended to."""

    @property
    def spans(self):
        return self.hypotheses[0].spans

    def in_characters(self):
        """Itself as people read it: characters in place of the bytes that spell them,
        each with the mean of their grids; see `byte_pieces`."""
        found = [each.in_characters() for each in self.hypotheses]
        return dataclasses.replace(self, hypotheses=found)

    def as_dict(self):
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
                tokenizer.pieces(ids),
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
