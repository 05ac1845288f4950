"""Time per decoded token, by source length and by how many tokens came before.

    python benchmarks/decoding.py                          # TensorFlow
    KERAS_BACKEND=jax python benchmarks/decoding.py
    python benchmarks/decoding.py --sources 16 --batches 1 --repeats 3

A `small` Transformer with random weights and 8,000 tokens, which is kept from ending,
so that the number of tokens is known. All runs of one row of the table have caches of
the same size and are interleaved, and the fastest of each counts.

Columns `2-16` and so on are milliseconds per token (of the whole batch) among those
tokens. Ratios are of processor time, which suffers less from what else a machine does:
`growth` is the last column over the first, since a step must not cost more for the
steps before it; `saved` is how many times as much the last token would cost if teacher
forcing ran again over all that came before.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np

from keras_attention.decoding.beam import beam_search
from keras_attention.decoding.greedy import greedy_search
from keras_attention.decoding.options import DecodingOptions
from keras_attention.decoding.search import compiled
from keras_attention.models.transformer import PRESETS, Transformer
from keras_attention.special_tokens import END_ID

VOCABULARY_SIZE = 8000
COUNTS = (16, 32, 64, 128)


def decoding(model, beam):
    """A compiled search for as many tokens as it is told, in caches of one size."""
    find = greedy_search if beam == 1 else beam_search

    def run(source_ids, count):
        class Limited(DecodingOptions):
            def length_limits(self, inputs):
                return keras.ops.zeros_like(super().length_limits(inputs)) + count

        options = Limited(
            beam=beam,
            max_length=COUNTS[-1],
            max_length_ratio=0.0,
            max_length_offset=COUNTS[-1],
            min_length=COUNTS[-1],
        )
        return find(model, {"source_ids": source_ids}, options).log_probs

    return compiled(model, run)


def fastest(runs, repeats):
    """Seconds of each of the named functions, run in turns: the least of each.

    Returns:
        `(seconds, processor_seconds)`, two dicts.
    """
    clocks = time.perf_counter, time.process_time
    seconds = [{name: [] for name in runs} for _ in clocks]
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            starts = [clock() for clock in clocks]
            keras.ops.convert_to_numpy(run())
            ends = [clock() for clock in clocks]
            if repeat:  # the first one compiles
                for kept, start, end in zip(seconds, starts, ends, strict=True):
                    kept[name].append(end - start)
    return [{name: min(kept[name]) for name in runs} for kept in seconds]


def source(batch_size, length):
    rng = np.random.default_rng(0)
    ids = rng.integers(4, VOCABULARY_SIZE, (batch_size, length)).astype("int32")
    ids[:, -1] = END_ID
    return ids


def without_cache(model, source_ids, beam):
    """Teacher forcing over all tokens so far, as a decoder without cache repeats it."""
    forced = compiled(
        model,
        lambda source_ids, target_ids: keras.ops.argmax(
            model({"source_ids": source_ids, "target_ids": target_ids})[:, -1], axis=-1
        ),
    )
    rows = np.repeat(source_ids, beam, axis=0)
    target_ids = np.full((len(rows), COUNTS[-1]), 5, "int32")
    return lambda: forced(rows, target_ids)


def measure(model, beam, batch_size, length, repeats):
    source_ids = source(batch_size, length)
    search = decoding(model, beam)

    def decode(count):
        return lambda: search(source_ids, np.array([count], "int32"))

    runs = {count: decode(count) for count in (1, *COUNTS)}
    runs["no cache"] = without_cache(model, source_ids, beam)
    counts = (1, *COUNTS)
    measured = []
    for seconds in fastest(runs, repeats):
        per_token = [
            1e3 * (seconds[b] - seconds[a]) / (b - a)
            for a, b in zip(counts, counts[1:], strict=False)
        ]
        measured.append((per_token, 1e3 * seconds["no cache"]))
    return measured


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    lists = {"type": int, "nargs": "+"}
    parser.add_argument("--sources", default=[16, 64, 256], **lists)
    parser.add_argument("--batches", default=[1, 16], **lists)
    parser.add_argument("--beams", default=[1, 4], **lists)
    parser.add_argument("--repeats", default=5, type=int)
    parser.add_argument("--preset", default="small", choices=sorted(PRESETS))
    return parser.parse_args(argv)


def main(argv=None):
    arguments = parse(argv)
    model = Transformer(VOCABULARY_SIZE, VOCABULARY_SIZE, **PRESETS[arguments.preset])
    model.build()
    steps = [f"{a + 1}-{b}" for a, b in zip((1, *COUNTS), COUNTS, strict=False)]
    header = ["batch", "beam", "source", *steps, "growth", "saved"]
    print(f"{keras.backend.backend()}, {arguments.preset}: ms per token and batch")
    print(" ".join(f"{name:>8}" for name in header))
    for batch_size in arguments.batches:
        for beam in arguments.beams:
            for length in arguments.sources:
                (per_token, _), (processor, no_cache) = measure(
                    model, beam, batch_size, length, arguments.repeats
                )
                growth, saved = processor[-1] / processor[0], no_cache / processor[-1]
                row = [f"{batch_size:>8}", f"{beam:>8}", f"{length:>8}"]
                row += [f"{ms:8.2f}" for ms in per_token]
                row += [f"{growth:8.2f}", f"{saved:8.1f}"]
                print(" ".join(row), flush=True)


if __name__ == "__main__":
    main()
