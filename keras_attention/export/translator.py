"""What is saved of a translator.

text ─ SentencePiece ─ ids ─ encode ─ search ─ ids ─ SentencePiece ─ text
"""

import numpy as np

from keras_attention.export.copying import (
    CopyingTexts,
    attended_copies,
    source_words,
)
from keras_attention.export.graph_text import (
    best_with_attention,
    graph_function,
    graph_tokenizer,
    texts_of,
    tokens_of,
)
from keras_attention.export.language_codes import graph_codes
from keras_attention.export.languages import graph_languages, language_inputs
from keras_attention.export.lexical import (
    apart,
    check_constraints,
    has_constraints,
    lexical_constraints,
    words_specs,
)
from keras_attention.export.search_function import search_function
from keras_attention.special_tokens import END_ID, PAD_ID
from keras_attention.tasks.languages import ARGUMENTS
from keras_attention.texts import BLANK

WARMUP_TEXTS = (
    ["Hello."],
    ["The quick brown fox jumps over the lazy dog, as it does in every example."],
)


def served_translator(translator, options):
    """The `tf.Module` that is saved: functions of strings and what they need.

    Args:
        translator: `Translator`.
        options: `DecodingOptions`, without sampling.

    Returns:
        `(module, warmup_inputs)`, the latter a list of dicts of arrays.
    """
    import tensorflow as tf

    from keras_attention.decoding.search import search

    model = translator.model
    max_tokens = translator.most_subwords
    languages = translator.language_ids
    names = ["text", *(ARGUMENTS if languages else ())]
    specs = [tf.TensorSpec([None], tf.string, name=name) for name in names]

    class ServedTranslator(tf.Module):
        def __init__(self):
            super().__init__(name="served_translator")
            self.variables_ = [weight.value for weight in model.weights]
            self.source = graph_tokenizer(translator.source_tokenizer)
            self.target = self.source
            if translator.target_tokenizer is not translator.source_tokenizer:
                self.target = graph_tokenizer(translator.target_tokenizer)
            self.with_spaces = graph_codes(translator.source_tokenizer)
            self.languages = graph_languages(languages)
            self.copying = CopyingTexts(
                self.target,
                translator.target_tokenizer.unknown_surface,
                translator.target_tokenizer.unknown_takes_space,
            )

        def run(self, said, options, return_attention_scores=False, lexical=None):
            text, *named = said
            text = self.with_spaces(text)
            copies = options.unknown == "copy"
            words = None
            if copies:
                found = self.source.tokenize_with_offsets(text)
                tokens, starts, ends = (part[:, :max_tokens] for part in found)
                words = source_words(text, tokens, starts, ends)
            else:
                tokens = self.source.tokenize(text)[:, :max_tokens]
            is_empty = tf.logical_or(
                tf.equal(tokens.row_lengths(), 0),
                tf.strings.regex_full_match(text, BLANK),
            )
            ends = tf.fill([tf.shape(text)[0], 1], END_ID)
            begins, prefix_ids = [], None
            if named:
                begins = [self.languages(0, named[0])[:, None]]
                prefix_ids = self.languages(1, named[1])[:, None]
            source_ids = tf.concat([*begins, tokens, ends], axis=1).to_tensor(PAD_ID)
            # Without rows there are no columns, but a search wants one.
            shape = tf.shape(source_ids)
            source_ids = tf.reshape(source_ids, [shape[0], tf.maximum(shape[1], 1)])
            inputs = {"source_ids": source_ids}
            if has_constraints(lexical):
                limits = options.length_limits(inputs)
                limits = tf.where(is_empty, tf.int32.max, limits)
                forced = translator.num_forced
                check_constraints(lexical, limits, forced)
            wanted = return_attention_scores or copies
            if lexical is None:
                hypotheses = search_function(model, inputs, options, prefix_ids, wanted)
            else:
                hypotheses = search(model, inputs, options, prefix_ids, wanted, lexical)
            if copies:
                scores = hypotheses.attention_scores[..., languages.count :]
                copies = attended_copies(scores, words)
                texts = self.copying(hypotheses.token_ids, copies)
            else:
                texts = texts_of(self.target, hypotheses.token_ids)
            # Nothing in, nothing out.
            texts = tf.where(is_empty[:, None], "", texts)
            return source_ids, is_empty, hypotheses, texts

        def n_best(self, said, lexical=None):
            _, is_empty, hypotheses, texts = self.run(said, options, lexical=lexical)
            scores = tf.where(is_empty[:, None], 0.0, hypotheses.scores)
            return {
                "text": texts[:, 0],
                "score": scores[:, 0],
                "n_best_text": texts,
                "n_best_score": scores,
            }

        @graph_function(specs)
        def serving_default(self, *said):
            return self.n_best(said)

        @graph_function(specs + words_specs())
        def constrained(self, *inputs):
            *said, constraints, avoid = inputs
            lexical = lexical_constraints(
                self.target,
                translator.target_tokenizer.vocabulary_size,
                constraints,
                avoid,
            )
            return apart(
                lambda rows, some: self.n_best(tf.unstack(rows, axis=1), some),
                tf.stack(said, axis=1),
                lexical,
            )

        @graph_function(specs)
        def greedy(self, *said):
            one = options.replace(beam=1, n_best=1)
            _, is_empty, hypotheses, texts = self.run(said, one)
            return {
                "text": texts[:, 0],
                "score": tf.where(is_empty, 0.0, hypotheses.scores[:, 0]),
            }

        @graph_function(specs)
        def attend(self, *said):
            one = options.replace(n_best=1)
            source_ids, is_empty, hypotheses, texts = self.run(said, one, True)
            token_ids, scores = best_with_attention(hypotheses)
            # Of an empty text nothing is said, and nothing attended to.
            source_ids = tf.where(is_empty[:, None], PAD_ID, source_ids)
            token_ids = tf.where(is_empty[:, None], PAD_ID, token_ids)
            return {
                "text": texts[:, 0],
                "score": tf.where(is_empty, 0.0, hypotheses.scores[:, 0]),
                "source_tokens": tokens_of(self.source, source_ids),
                "target_tokens": tokens_of(self.target, token_ids),
                "attention_scores": tf.where(is_empty[:, None, None], 0.0, scores),
            }

    warmup = [
        {"text": np.array(texts, object), **language_inputs(languages, len(texts))}
        for texts in WARMUP_TEXTS
    ]
    return ServedTranslator(), warmup
