"""BLEU of runs' test splits by the length of the source, as docs/recurrent.md has it.

    python tools/score_by_length.py runs/help-en-de-bahdanau runs/help-en-de-none
    python tools/score_by_length.py studies/bottleneck/runs/* --ends 15 35

For each run: BLEU of sources of 1 to 5 words, 6 to 10, 11 to 15, 16 to 20 and over 20,
or up to other ends; of all; and of all against the references of *other* sentences,
whose references have as many words: what comes of fluency and length alone.
"""

import argparse
from collections import defaultdict
from pathlib import Path

from keras_attention import Translator
from keras_attention.data.prepared.store import PreparedCorpus
from keras_attention.evaluation.translation import score, tokenize_for
from keras_attention.studies.by_length import buckets_between


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ends", type=int, nargs="+", default=[5, 10, 15, 20])
    parser.add_argument("runs", type=Path, nargs="+")
    options = parser.parse_args()
    for run in options.runs:
        translator = Translator.load(run / "bundle")
        sources, references = PreparedCorpus.open(run / "data/corpus").test.texts()
        said = [each.text for each in translator.translate(sources)]
        tokenize = tokenize_for(translator.target_language)

        def bleu(rows, right, said=said, tokenize=tokenize):
            found = score([said[i] for i in rows], [right[i] for i in rows], tokenize)
            return f"{found.bleu:.1f}"

        lengths = [len(source.split()) for source in sources]
        print(f"{run.name}, {len(said)} sentences")
        for shortest, longest in buckets_between(lengths, options.ends):
            rows = [i for i, n in enumerate(lengths) if shortest <= n <= longest]
            print(
                f"  {shortest} to {longest} words: {bleu(rows, references)} "
                f"({len(rows)})"
            )
        every = range(len(said))
        print(f"  all: {bleu(every, references)}")
        swapped = others(references)
        rows = [i for i in every if swapped[i] is not None]
        print(f"  all, of other sentences: {bleu(rows, swapped)} ({len(rows)})")


def others(references):
    """For each reference the next one of as many words; None where there is none."""
    places = defaultdict(list)
    for place, text in enumerate(references):
        places[len(text.split())].append(place)
    found: list = [None] * len(references)
    for group in places.values():
        if len(group) > 1:
            for place, other in zip(group, [*group[1:], group[0]], strict=True):
                found[place] = references[other]
    return found


if __name__ == "__main__":
    main()
