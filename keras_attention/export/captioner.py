"""What is saved of a captioner.

image_bytes ─ decode, resize ─ pixels ─ encode ─ search ─ ids ─ SentencePiece ─ caption
"""

import io

import numpy as np

from keras_attention.export.graph_text import (
    best_with_attention,
    graph_function,
    graph_tokenizer,
    texts_of,
    tokens_of,
)
from keras_attention.export.lexical import (
    apart,
    check_constraints,
    has_constraints,
    lexical_constraints,
    words_specs,
)
from keras_attention.export.search_function import search_function


def served_captioner(captioner, options):
    """The `tf.Module` that is saved: functions of images and what they need.

    Args:
        captioner: `Captioner`.
        options: `DecodingOptions`, without sampling.

    Returns:
        `(module, warmup_inputs)`, the latter a list of dicts of arrays.
    """
    import tensorflow as tf

    from keras_attention.data.images.graph import decode_images
    from keras_attention.decoding.search import search

    model = captioner.model
    bytes_spec = [tf.TensorSpec([None], tf.string, name="image_bytes")]

    class ServedCaptioner(tf.Module):
        def __init__(self):
            super().__init__(name="served_captioner")
            self.variables_ = [weight.value for weight in model.weights]
            self.target = graph_tokenizer(captioner.tokenizer)

        def run(
            self, image_bytes, options, return_attention_scores=False, lexical=None
        ):
            images, windows = decode_images(
                image_bytes, model.image_size, captioner.fit
            )
            # oneDNN's convolutions take no batch of none: it gets a row, and loses it.
            count = tf.shape(images)[0]
            more = [0, tf.cast(count < 1, tf.int32)]
            images = tf.pad(images, [more] + [[0, 0]] * 3)
            windows = tf.pad(windows, [more, [0, 0]])
            if lexical is not None:
                added = tf.pad(lexical.avoid_in, [more, [0, 0]])
                lexical = lexical._replace(avoid_in=added)
                if has_constraints(lexical):
                    check_constraints(lexical, options.max_length)
                    constraints, alternatives = (
                        tf.pad(ids, [more, [0, 0], [0, 0]])
                        for ids in (lexical.constraints, lexical.alternatives)
                    )
                    lexical = lexical._replace(
                        constraints=constraints, alternatives=alternatives
                    )
            inputs = {"images": images, "windows": windows}
            if lexical is None:
                hypotheses = search_function(
                    model, inputs, options, attention_scores=return_attention_scores
                )
            else:
                hypotheses = search(
                    model,
                    inputs,
                    options,
                    return_attention_scores=return_attention_scores,
                    lexical=lexical,
                )
            return tf.nest.map_structure(lambda rows: rows[:count], hypotheses)

        def n_best(self, image_bytes, lexical=None):
            hypotheses = self.run(image_bytes, options, lexical=lexical)
            captions = texts_of(self.target, hypotheses.token_ids)
            return {
                "caption": captions[:, 0],
                "score": hypotheses.scores[:, 0],
                "n_best_caption": captions,
                "n_best_score": hypotheses.scores,
            }

        @graph_function(bytes_spec)
        def serving_default(self, image_bytes):
            return self.n_best(image_bytes)

        @graph_function(bytes_spec + words_specs())
        def constrained(self, image_bytes, constraints, avoid):
            lexical = lexical_constraints(
                self.target, captioner.tokenizer.vocabulary_size, constraints, avoid
            )
            return apart(self.n_best, image_bytes, lexical)

        @graph_function(bytes_spec)
        def greedy(self, image_bytes):
            one = options.replace(beam=1, n_best=1)
            hypotheses = self.run(image_bytes, one)
            return {
                "caption": texts_of(self.target, hypotheses.token_ids)[:, 0],
                "score": hypotheses.scores[:, 0],
            }

        @graph_function(bytes_spec)
        def attend(self, image_bytes):
            one = options.replace(n_best=1)
            hypotheses = self.run(image_bytes, one, True)
            token_ids, scores = best_with_attention(hypotheses)
            shape = tf.shape(token_ids)
            grid = [model.grid_size, model.grid_size]
            return {
                "caption": texts_of(self.target, hypotheses.token_ids)[:, 0],
                "score": hypotheses.scores[:, 0],
                "tokens": tokens_of(self.target, token_ids),
                "attention_grids": tf.reshape(scores, tf.concat([shape, grid], 0)),
            }

    warmup = [
        {"image_bytes": np.array([small_image(kind)], object)}
        for kind in ("PNG", "JPEG")
    ]
    return ServedCaptioner(), warmup


def small_image(kind):
    """The bytes of a "PNG" or "JPEG", of 64 by 48 pixels that go from hue to hue."""
    from PIL import Image

    down, across = np.mgrid[0:48, 0:64]
    pixels = np.stack([5 * down, 4 * across, 255 - 5 * down], axis=-1)
    stream = io.BytesIO()
    Image.fromarray(pixels.astype("uint8")).save(stream, kind)
    return stream.getvalue()
