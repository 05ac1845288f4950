"""What tools/make_marian.py and tools/make_m2m100.py share."""

import argparse
import functools
import gzip
import io
from pathlib import Path
from typing import NamedTuple

import sentencepiece
import torch

CORPUS = Path("keras_attention/data/corpora/libreoffice-help.en-de.tsv.gz")


class Size(NamedTuple):
    """Of models and of what is recorded."""

    dim: int
    rule: str  # by which SentencePiece normalises
    rows: int  # of logits
    steps: int


# Whether they are for the tests.
SIZES = {True: Size(16, "identity", 3, 6), False: Size(64, "nmt_nfkc", 20, 12)}


def parser(description, texts):
    found = argparse.ArgumentParser(description=description.splitlines()[0])
    found.add_argument("out", type=Path)
    found.add_argument("--tiny", action="store_true", help="a few tens of kB each")
    found.add_argument("--texts", type=int, default=texts)
    found.add_argument("--only", help="one variant")
    return found


def make_all(arguments, variants, tiny, seed, make):
    """Calls `make(folder, pairs, arguments, **changes)` for each that is asked for."""
    pairs = read_pairs()
    for number, (name, changes) in enumerate(variants.items()):
        if arguments.only in (None, name) and not (arguments.tiny and name not in tiny):
            torch.manual_seed(seed + number)
            folder = arguments.out / name
            folder.mkdir(parents=True, exist_ok=True)
            make(folder, pairs, arguments, **changes)
            print(folder, sum(f.stat().st_size for f in folder.iterdir()) // 1000, "kB")


def read_pairs():
    with gzip.open(CORPUS, "rt", encoding="utf-8") as file:
        lines = (line.rstrip("\n").split("\t")[:2] for line in file)
        return [pair for pair in lines if all(10 < len(side) < 90 for side in pair)]


@functools.cache
def train_tokenizer(sentences, size, rule, kind="unigram"):
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=file,
        vocab_size=size,
        model_type=kind,
        normalization_rule_name=rule,
        character_coverage=0.9995,
        minloglevel=2,
    )
    return file.getvalue()
