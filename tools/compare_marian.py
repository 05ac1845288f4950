"""Imports what make_marian.py or make_m2m100.py made, and compares with what they said.

    python tools/compare_marian.py OUT

One line for each: how far logits are apart, and how many texts have the same ids, and
the same translations by greedy and by beam search. Where two hypotheses score alike but
for rounding, a batch may choose the other: texts that differ are translated again, each
alone, and those that are the same then are counted apart. Beside each it writes
`OUT/<name>/exported`, for `tools/make_marian.py OUT --read`. The status is 1 if
anything differs.

Of ids that no piece has, transformers' tokenizer writes `<unk>`, or nothing, and ours
nothing, or the id, `<900>`: both are left out, and spaces with them.
"""

import argparse
import json
import re
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from keras_attention import Translator
from keras_attention.conversion.m2m100_vocabulary import (
    cutting_file,
    read_cutting,
    read_multilingual,
)
from keras_attention.conversion.marian_config import read_config
from keras_attention.conversion.marian_vocabulary import read_vocabulary

CLOSE = 1e-4
NO_PIECE = re.compile("<(unk|[0-9]+)>")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", help="of some; all by default")
    arguments = parser.parse_args()
    all_fine = True
    for folder in sorted(arguments.out.iterdir()):
        if (folder / "expected.json").exists():
            if not arguments.names or folder.name in arguments.names:
                all_fine &= compare(folder)
    sys.exit(not all_fine)


def compare(folder):
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    begin = time.perf_counter()
    languages = expected.get("languages")
    if languages:
        translator = Translator.from_m2m100(folder, None, *languages)
    else:
        translator = Translator.from_marian(folder)
    seconds = time.perf_counter() - begin
    texts = expected["texts"]
    find = numbers_of_m2m100 if languages else numbers
    source, target = find(folder, "source"), find(folder, "target")

    (before,) = translator.language_ids.source_ids(None, 1)
    ids = [[*before, *row] for row in translator.source_tokenizer.encode(texts)]
    wanted = [[source[i] for i in row[:-1]] for row in expected["ids"]]
    # What the model lacks is read as unknown, by a row of its own.
    size = len(source) + 1
    ids = [[1 if i >= size else i for i in row] for row in ids]
    same_ids = count_same(ids, wanted)

    found = translator.model(
        {
            "source_ids": padded([[*row, 3] for row in wanted[: len(expected["fed"])]]),
            "target_ids": padded(
                [[2, *(target[i] for i in row[1:])] for row in expected["fed"]]
            ),
        }
    )
    with np.load(folder / "expected.npz") as arrays:
        logits = arrays["logits"]
    columns = np.array([target[i] for i in range(logits.shape[-1])])
    said = columns > 1  # padding and the unknown word may be kept out
    difference = np.abs(np.asarray(found)[..., columns[said]] - logits[..., said]).max()

    same_greedy, alone_greedy, _ = count_translated(
        translator, texts, expected["greedy"], beam=1
    )
    beam = max(translator.options.beam, 4)
    same_beam, alone, beams = count_translated(
        translator, texts, expected["beam"], beam=beam
    )
    scores = np.array([each.score for each in beams]) - expected["beam_scores"]
    shutil.rmtree(folder / "exported", ignore_errors=True)
    if not languages:
        translator.to_marian(folder / "exported")
    print(
        f"{folder.name}: {len(texts)} texts, ids {same_ids}, greedy {same_greedy}, "
        f"beam {same_beam} the same, and alone {alone_greedy} and {alone} more; logits "
        f"within {difference:.1e}, scores within {np.abs(scores).max():.1e}; imported "
        f"in {seconds:.1f} s",
        flush=True,
    )
    same = {same_ids, same_greedy + alone_greedy, same_beam + alone} == {len(texts)}
    return same and difference < CLOSE


def count_translated(translator, texts, wanted, **options):
    """How many translations are those wanted, how many more alone, and all of them."""
    found = translator.translate(texts, **options)
    differ = [
        i for i, each in enumerate(found) if plain(each.text, wanted[i]) != wanted[i]
    ]
    same = len(texts) - len(differ)
    for i in differ:
        (found[i],) = translator.translate(texts[i], **options)
    alone = sum(plain(found[i].text, wanted[i]) == wanted[i] for i in differ)
    return same, alone, found


def plain(text, wanted):
    """`wanted` itself where `text` differs by ids that no piece has alone."""
    if not NO_PIECE.search(text + wanted):
        return text

    def bare(text):
        return NO_PIECE.sub("", text).replace(" ", "")

    return wanted if bare(text) == bare(wanted) else text


def numbers(folder, side):
    """Our number of each of their ids, a dict."""
    config = read_config(folder)
    separate = not config.share_embeddings and side == "target"
    known = read_vocabulary(
        folder / ("target_vocab.json" if separate else "vocab.json"),
        config.target_vocabulary_size if separate else config.vocabulary_size,
        config.pad_id,
        "<unk>",
        "</s>",
        config.start_id,
    )
    # The start token's row is a copy.
    return {int(row): i for i, row in enumerate(known.rows) if i != 2}


def numbers_of_m2m100(folder, _):
    config = read_config(folder, "m2m_100")
    known = read_multilingual(
        folder, config, read_cutting(cutting_file(folder))
    ).vocabulary
    return {int(row): i for i, row in enumerate(known.rows) if i != 2}


def padded(rows):
    longest = max(map(len, rows))
    return np.array([[*row, *[0] * (longest - len(row))] for row in rows])


def count_same(found, wanted):
    return sum(a == b for a, b in zip(found, wanted, strict=True))


if __name__ == "__main__":
    main()
