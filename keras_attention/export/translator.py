"""A bundle becomes a SavedModel: strings in, strings out, the search inside.

    text ─ SentencePiece ─ ids ─ encode ─ search ─ ids ─ SentencePiece ─ text

TensorFlow Serving switches XLA off and links TensorFlow's and tensorflow-text's ops
only, so that nothing here is compiled with XLA and nothing needs Python to run.
"""

from pathlib import Path

import numpy as np

from keras_attention.files import whole_folder
from keras_attention.special_tokens import END_ID, PAD_ID, UNKNOWN_ID

WARMUP_TEXTS = (
    ["Hello."],
    ["The quick brown fox jumps over the lazy dog, as it does in every example."],
)


def export(translator, saved_models, name, version=None, options=None, warmup=True):
    """Writes `saved_models/<name>/<version>/`, whole or not at all.

    Signatures, all of which take `text`, string `(B,)`:

    - `serving_default`, beam search: `text` `(B,)`, `score` `(B,)`, and `n_best_text`
      and `n_best_score` `(B, n_best)`, best first; what a search did not find is ""
      with a score of -1e9.
    - `greedy`: `text` and `score` `(B,)`.
    - `attend`, beam search: `text` and `score` `(B,)`, `source_tokens` `(B, S)` and
      `target_tokens` `(B, T)`, padded with "", and `attention_scores` `(B, T, S)`,
      padded with 0.

    Args:
        translator: `Translator`.
        saved_models: path of the folder of all models.
        name: str. The model's name, as clients say it.
        version: int; the highest there is plus one where None.
        options: `DecodingOptions`; the translator's own where None.
        warmup: bool. Whether to write requests that a server runs before it answers.

    Returns:
        Path of the version's folder.

    Raises:
        ValueError: on another backend than TensorFlow.
        FileExistsError: if the version exists.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "SavedModels are TensorFlow's: export with KERAS_BACKEND=tensorflow (a "
            "bundle trained on another backend loads there); Keras runs on "
            f"{keras.backend.backend()} now"
        )
    import tensorflow as tf

    from keras_attention.serving.warmup import write_warmup

    folder = Path(saved_models) / name
    version = next_version(folder) if version is None else int(version)
    module = served_translator(translator, options)
    signatures = {
        "serving_default": module.serving_default,
        "greedy": module.greedy,
        "attend": module.attend,
    }
    with whole_folder(folder / str(version)) as path:
        tf.saved_model.save(module, str(path), signatures=signatures)
        if warmup:
            write_warmup(
                path,
                name,
                [
                    (signature, {"text": np.array(texts, object)})
                    for signature in signatures
                    for texts in WARMUP_TEXTS
                ],
            )
    return folder / str(version)


def next_version(folder):
    """One more than the highest numbered folder in `folder`; 1 if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        return 1
    numbers = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()]
    return max(numbers, default=0) + 1


def served_translator(translator, options=None):
    """The `tf.Module` that is saved: three functions of strings and what they need."""
    import tensorflow as tf

    from keras_attention.decoding.search import search

    options = options or translator.options
    if options.samples:
        raise ValueError(
            "what is served searches: it cannot sample; export with temperature=0"
        )
    model = translator.model
    max_tokens = translator.max_source_length - 1
    text_spec = [tf.TensorSpec([None], tf.string, name="text")]

    class ServedTranslator(tf.Module):
        def __init__(self):
            super().__init__(name="served_translator")
            self.variables_ = [weight.value for weight in model.weights]
            self.source = _graph_tokenizer(translator.source_tokenizer)
            self.target = self.source
            if translator.target_tokenizer is not translator.source_tokenizer:
                self.target = _graph_tokenizer(translator.target_tokenizer)

        def run(self, text, options, return_attention_scores=False):
            tokens = self.source.tokenize(text)[:, :max_tokens]
            is_empty = tf.equal(tokens.row_lengths(), 0)
            ends = tf.fill([tf.shape(text)[0], 1], END_ID)
            source_ids = tf.concat([tokens, ends], axis=1).to_tensor(PAD_ID)
            # Without rows there are no columns, but a search wants one.
            shape = tf.shape(source_ids)
            source_ids = tf.reshape(source_ids, [shape[0], tf.maximum(shape[1], 1)])
            hypotheses = search(
                model,
                {"source_ids": source_ids},
                options,
                return_attention_scores=return_attention_scores,
            )
            return source_ids, is_empty, hypotheses

        def texts(self, token_ids, is_empty):
            """`(B, n, T)` ids → `(B, n)` strings; nothing in, nothing out."""
            shape = tf.shape(token_ids)
            flat = tf.reshape(token_ids, [-1, shape[2]])
            spoken = tf.logical_or(flat > END_ID, tf.equal(flat, UNKNOWN_ID))
            texts = self.target.detokenize(tf.ragged.boolean_mask(flat, spoken))
            texts = tf.reshape(texts, shape[:2])
            return tf.where(is_empty[:, None], "", texts)

        @tf.function(input_signature=text_spec)
        def serving_default(self, text):
            _, is_empty, hypotheses = self.run(text, options)
            texts = self.texts(hypotheses.token_ids, is_empty)
            scores = tf.where(is_empty[:, None], 0.0, hypotheses.scores)
            return {
                "text": texts[:, 0],
                "score": scores[:, 0],
                "n_best_text": texts,
                "n_best_score": scores,
            }

        @tf.function(input_signature=text_spec)
        def greedy(self, text):
            one = options.replace(beam=1, n_best=1)
            _, is_empty, hypotheses = self.run(text, one)
            return {
                "text": self.texts(hypotheses.token_ids, is_empty)[:, 0],
                "score": tf.where(is_empty, 0.0, hypotheses.scores[:, 0]),
            }

        @tf.function(input_signature=text_spec)
        def attend(self, text):
            one = options.replace(n_best=1)
            source_ids, is_empty, hypotheses = self.run(text, one, True)
            # Of an empty text nothing is said, and nothing looked at.
            source_ids = tf.where(is_empty[:, None], PAD_ID, source_ids)
            token_ids = tf.where(is_empty[:, None], PAD_ID, hypotheses.token_ids[:, 0])
            longest = tf.maximum(tf.reduce_max(hypotheses.lengths[:, 0]), 0)
            token_ids = token_ids[:, :longest]
            scores = hypotheses.attention_scores[:, 0, :longest]
            scores = tf.cast(scores, tf.float32)
            return {
                "text": self.texts(hypotheses.token_ids, is_empty)[:, 0],
                "score": tf.where(is_empty, 0.0, hypotheses.scores[:, 0]),
                "source_tokens": _pieces(self.source, source_ids),
                "target_tokens": _pieces(self.target, token_ids),
                "attention_scores": tf.where(is_empty[:, None, None], 0.0, scores),
            }

    return ServedTranslator()


def _graph_tokenizer(tokenizer):
    import tensorflow as tf
    import tensorflow_text as tf_text

    # Python processes that load SavedModels share what has one name: with the default
    # name, all their tokenizers would become the first (tensorflow/text issue 1304).
    return tf_text.SentencepieceTokenizer(
        model=tokenizer.model,
        out_type=tf.int32,
        name=f"sentencepiece_{tokenizer.fingerprint}",
    )


def _pieces(tokenizer, ids):
    import tensorflow as tf

    return tf.where(tf.equal(ids, PAD_ID), "", tokenizer.id_to_string(ids))
