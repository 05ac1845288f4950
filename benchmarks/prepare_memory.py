"""Peak memory and speed of preparing a corpus, at 100,000 and 1,000,000 pairs.

    python benchmarks/prepare_memory.py [--pairs 100000 1000000] [--folder /big/disk]

Synthetic sentences of 5 to 30 words are written to a TSV file. Tokenizers are trained
in one process and the corpus is prepared in another, so that each peak is its own.
Preparing holds one chunk at a time, whatever the size of the file; training holds its
sample of sentences.
"""

import argparse
import functools
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from keras_attention.data.text.translations import PairFiles, prepare, train_tokenizers
from keras_attention.data.tokenizer import Tokenizer

SYLLABLES = "ka to mi ren sol ver da lu pe shi an bor".split()


def write_pairs(path, count, seed=0):
    """Words are made of one to four syllables, frequent ones more often (Zipf)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    words = np.array(["".join(rng.choice(SYLLABLES, n % 4 + 1)) for n in range(20_000)])
    with path.open("w", encoding="utf-8") as file:
        for _ in range(0, count, 1000):
            drawn = words[np.minimum(rng.zipf(1.2, (2000, 30)), len(words)) - 1]
            lengths = rng.integers(5, 31, 2000)
            sides = [" ".join(w[:n]) for w, n in zip(drawn, lengths, strict=True)]
            pairs = zip(sides[::2], sides[1::2], strict=True)
            file.writelines(f"{source}\t{target}\n" for source, target in pairs)


def train(folder):
    tokenizer, _ = train_tokenizers(PairFiles(folder / "pairs.tsv"), 8000, shared=True)
    tokenizer.save(folder / "shared.model")
    return "tokenizer trained on the sample"


def tokenise(folder):
    tokenizer = Tokenizer.load(folder / "shared.model")
    corpus = prepare(
        PairFiles(folder / "pairs.tsv"),
        folder / "prepared",
        source_tokenizer=tokenizer,
        target_tokenizer=tokenizer,
    )
    tokens = sum(map(sum, corpus.meta["num_tokens"].values()))
    return f"{corpus.reports[0].num_good:,} pairs of {tokens:,} tokens prepared"


def measure(work, folder):
    """Runs in a process of its own: one line on what it did, and at what cost."""
    before, start = peak(), time.perf_counter()
    done = work(folder)
    seconds = time.perf_counter() - start
    cost = f"{seconds:.1f} s; peak {peak():,.0f} MB, {before:,.0f} of it imports"
    print(f"  {done} in {cost}")


def peak():
    """Most memory that this process has held so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="where to put the temporary files")
    parser.add_argument("--child", choices=["train", "tokenise"], help="internal")
    parser.add_argument("--small", action="store_true", help="as `make bench` runs it")
    options = parser.parse_args()
    if options.small:
        options.pairs = [20_000]
    if options.child:
        measure({"train": train, "tokenise": tokenise}[options.child], options.folder)
        return
    for count in options.pairs:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / "pairs.tsv"
            write_pairs(path, count)
            size = path.stat().st_size / 1e6
            print(f"{count:,} pairs, {size:,.0f} MB", flush=True)
            run = functools.partial(subprocess.run, check=True)
            for child in ("train", "tokenise"):
                run([sys.executable, __file__, "--folder", folder, "--child", child])


if __name__ == "__main__":
    main()
