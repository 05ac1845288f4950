"""What it costs to draw segmentations in training, beside the best ones.

    python benchmarks/subword_sampling.py

20,000 pairs of LibreOffice's help, 8,000 subwords for both sides, batches of 4,096
tokens, a `small` Transformer. First batches are made alone, epoch by epoch, since words
that were drawn before are kept; then the model trains on both kinds in turns. Tokens
are labels; ratios of medians are printed.
"""

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from keras_attention.data.batches.subword_sampling import SubwordSampling
from keras_attention.data.batches.text_batches import TokenBatches
from keras_attention.data.corpora import corpus_path
from keras_attention.data.text.translations import PairFiles, prepare, train_tokenizers
from keras_attention.models.transformer import PRESETS, Transformer
from keras_attention.training.losses import LabelSmoothedCrossEntropy

KINDS = {"unigram": {"alpha": 0.2}, "bpe": {"dropout": 0.1}}
STEPS = 4


def tokens_per_second(batches, steps, model=None):
    began, tokens = time.perf_counter(), 0
    for step in steps:
        batch = batches.batch_at(step)
        tokens += batch[2].sum()
        if model is not None:
            model.train_on_batch(*batch)
    return tokens / (time.perf_counter() - began)


def measure(kind, pairs, folder, epochs, rounds):
    tokenizers = train_tokenizers(pairs, 8000, shared=True, model_type=kind)
    source, target = tokenizers
    names = {"source_tokenizer": source, "target_tokenizer": target}
    corpus = prepare(pairs, folder, **names, max_source_length=128).train
    drawn = SubwordSampling(source, target, **KINDS[kind])
    both = {"best": TokenBatches(corpus), "drawn": TokenBatches(corpus, sampling=drawn)}
    for epoch in range(epochs):
        for name, batches in both.items():
            num = batches.num_batches_per_data_epoch
            made = tokens_per_second(batches, range(epoch * num, (epoch + 1) * num))
            print(f"{kind}, {name}, epoch {epoch + 1}: {made:,.0f} tokens/s made")

    sizes = source.vocabulary_size, target.vocabulary_size
    model = Transformer(*sizes, **PRESETS["small"])
    model.compile("adam", LabelSmoothedCrossEntropy(0.1), jit_compile="auto")
    for batches in both.values():  # compiles all shapes
        tokens_per_second(batches, range(2 * len(batches.shapes)), model)
    speeds = {name: [] for name in both}
    for start in range(0, rounds * STEPS, STEPS):
        for name, batches in both.items():
            steps = range(start, start + STEPS)
            speeds[name].append(tokens_per_second(batches, steps, model))
    medians = {name: np.median(values) for name, values in speeds.items()}
    print(
        f"{kind}: trains on {medians['best']:,.0f} tokens/s, with draws "
        f"{medians['drawn']:,.0f}, ratio {medians['drawn'] / medians['best']:.2f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="as `make bench` runs it")
    count, *times = (4000, 1, 2) if parser.parse_args().small else (20_000, 3, 5)
    print(f"Keras {keras.__version__} on {keras.backend.backend()}")
    read = PairFiles(corpus_path("help-en-de"))()
    pairs = [tuple(pair[1:]) for pair in itertools.islice(read, count)]
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            measure(kind, pairs, f"{folder}/corpus", *times)


if __name__ == "__main__":
    main()
