"""BLEU of runs' test splits by the length of the source, as docs/recurrent.md has it.

    python tools/score_by_length.py runs/help-en-de-bahdanau runs/help-en-de-none

A line for each run: BLEU of sources of 1 to 5 words, 6 to 10, 11 to 15, 16 to 20 and
over 20; the first line has the numbers of sentences.
"""

import sys
from pathlib import Path

from keras_attention import Translator
from keras_attention.evaluation.translation import score, tokenize_for
from keras_attention.studies.lengths import buckets_between

ENDS = (5, 10, 15, 20)


def main(runs):
    for number, run in enumerate(map(Path, runs)):
        translator = Translator.load(run / "bundle")
        sources, references = (
            (run / f"data/corpus/test/{side}.txt").read_text("utf-8").splitlines()
            for side in ("source", "target")
        )
        said = [each.text for each in translator.translate(sources)]
        lengths = [len(source.split()) for source in sources]
        tokenize = tokenize_for(translator.target_language)
        counts, scores = {}, {}
        for shortest, longest in buckets_between(lengths, ENDS):
            rows = [i for i, n in enumerate(lengths) if shortest <= n <= longest]
            name = f"{shortest}-{longest}"
            counts[name] = len(rows)
            found = score(
                [said[i] for i in rows], [references[i] for i in rows], tokenize
            )
            scores[name] = f"{found.bleu:.1f}"
        if number == 0:
            print("sentences", counts)
        print(run.name, scores)


if __name__ == "__main__":
    main(sys.argv[1:])
