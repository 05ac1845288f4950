"""Counts the programs that a backend compiles while a model is fitted."""

import keras
import numpy as np

from keras_attention.data.batches.text_batches import TokenBatches
from keras_attention.data.prepared.store import Sentences, TokenisedCorpus
from keras_attention.models.transformer import Transformer
from keras_attention.training.losses import LabelSmoothedCrossEntropy


class Counted(Transformer):
    """Counts how often its steps are traced; each trace is compiled once."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.traces = {"training": 0, "validation": 0}

    def train_step(self, *args):
        self.traces["training"] += 1
        return super().train_step(*args)

    def test_step(self, *args):
        self.traces["validation"] += 1
        return super().test_step(*args)


def count_programs(batches, vocabulary_size, **sizes):
    """Programs compiled in one epoch of `fit`, validation included.

    Args:
        batches: `TokenBatches`, which also serve for validation.
        vocabulary_size: int, of both sides.
        **sizes: of the `Transformer`.

    Returns:
        dict of int, `training` and `validation`.
    """
    model = Counted(vocabulary_size, vocabulary_size, **sizes)
    model.build()
    model.built = True
    # XLA compiles on its own what TensorFlow traced once, so it is left out there.
    jit_compile = keras.backend.backend() != "tensorflow"
    model.compile("adam", LabelSmoothedCrossEntropy(0.1), jit_compile=jit_compile)
    # As `Trainer` does: variables born within a program make TensorFlow trace it twice.
    model.optimizer.build(model.trainable_variables)
    model.fit(batches, validation_data=batches, shuffle=False, verbose=0)
    return dict(model.traces)


def random_batches(num_pairs, longest, vocabulary_size, **options):
    """Batches of random ids, of lengths from 1 to `longest`."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, longest + 1, size=(2, num_pairs))
    sides = [
        Sentences.from_ids(
            [rng.integers(4, vocabulary_size, size=n).tolist() for n in side],
            vocabulary_size=vocabulary_size,
        )
        for side in lengths
    ]
    return TokenBatches(TokenisedCorpus(*sides), **options)
