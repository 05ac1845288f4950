"""What a training step of each recurrent decoder costs, against Luong's dot product.

    python benchmarks/recurrent_training.py                # TensorFlow
    KERAS_BACKEND=jax python benchmarks/recurrent_training.py

`small`, vocabularies of 4,000, 64 rows of 32 tokens on both sides. Without input
feeding Luong's decoder runs its whole recurrence at once and attends in one batch;
"scanned" makes it go step by step, as Bahdanau's must. Models take turns, and the
fastest of many steps counts: what is printed are ratios.
"""

import argparse
import time

import keras
import numpy as np

from keras_attention.models.recurrent import PRESETS, RecurrentSeq2Seq
from keras_attention.training.losses import LabelSmoothedCrossEntropy

VOCABULARY_SIZE = 4000
MODELS = {
    "none": {"attention": None},
    "luong dot": {"attention": "luong"},
    "luong dot, scanned": {"attention": "luong"},
    "luong general": {"attention": "luong", "score": "general"},
    "luong concat": {"attention": "luong", "score": "concat"},
    "luong, input feeding": {"attention": "luong", "input_feeding": True},
    "bahdanau": {"attention": "bahdanau"},
}


def compiled_model(name):
    options = {**PRESETS["small"], **MODELS[name], "tie_embeddings": True}
    model = RecurrentSeq2Seq(VOCABULARY_SIZE, VOCABULARY_SIZE, **options)
    if name.endswith("scanned"):
        model.decoder.unroll = model.decoder.scan
    jit_compile = keras.backend.backend() == "jax"
    model.compile("adam", LabelSmoothedCrossEntropy(0.1), jit_compile=jit_compile)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--length", type=int, default=32)
    parser.add_argument("--small", action="store_true", help="as `make bench` runs it")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.repeats = 5
    rng = np.random.default_rng(0)
    shape = arguments.rows, arguments.length
    source_ids, target_ids, labels = rng.integers(4, VOCABULARY_SIZE, (3, *shape))
    inputs = {"source_ids": source_ids, "target_ids": target_ids}
    models = {name: compiled_model(name) for name in MODELS}
    fastest = dict.fromkeys(models, float("inf"))
    for repeat in range(arguments.repeats + 2):
        for name, model in models.items():
            began = time.perf_counter()
            model.train_on_batch(inputs, labels)
            if repeat > 1:  # The first ones compile.
                fastest[name] = min(fastest[name], time.perf_counter() - began)
    print(f"{keras.backend.backend()}: time of a training step; luong dot takes 1")
    for name, seconds in fastest.items():
        print(f"{name:22} {seconds / fastest['luong dot']:.2f}")


if __name__ == "__main__":
    main()
