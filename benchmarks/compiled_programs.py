"""The number of programs compiled in one epoch of `fit`, by the number of batch shapes.

    python benchmarks/compiled_programs.py                 # TensorFlow
    KERAS_BACKEND=jax python benchmarks/compiled_programs.py

Pairs of 1 to 60 random tokens on each side, in batches of at most 1,024 tokens. On
TensorFlow one program leaves the lengths open, and serves all shapes; on JAX, as with
XLA in general, each shape has its own. Without shapes, nearly each batch would: the
last column counts the different `(B, S, T)` of batches padded to their own longest.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras

from keras_attention.models.transformer import PRESETS
from tests.training.compiled_programs import count_programs, random_batches

VOCABULARY_SIZE = 1000


def shapes_if_padded_to_the_longest(batches):
    """How many shapes the same batches would have without buckets."""
    shapes = set()
    for step in range(len(batches)):
        inputs, _, _ = batches.batch_at(step)
        sides = (inputs["source_ids"], inputs["target_ids"])
        longest = (int((ids != 0).sum(axis=1).max()) for ids in sides)
        shapes.add((sides[0].shape[0], *longest))
    return len(shapes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="as `make bench` runs it")
    pairs = 500 if parser.parse_args().small else 2000
    print(f"{keras.backend.backend()}: programs in one epoch")
    print("shapes  batches  training  validation  seconds  without shapes")
    for max_shapes in (1, 4, 8):
        batches = random_batches(
            pairs, 60, VOCABULARY_SIZE, tokens_per_batch=1024, max_shapes=max_shapes
        )
        began = time.perf_counter()
        found = count_programs(batches, VOCABULARY_SIZE, **PRESETS["tiny"])
        seconds = time.perf_counter() - began
        print(
            f"{len(batches.shapes):6}  {len(batches):7}  {found['training']:8}  "
            f"{found['validation']:10}  {seconds:7.1f}  "
            f"{shapes_if_padded_to_the_longest(batches):14}"
        )


if __name__ == "__main__":
    main()
