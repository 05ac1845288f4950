"""What each run makes of the test sentences of all, as docs/training.md has it.

    python tools/score_across.py runs/help runs/tuned runs/scratch

For each run, a column of its test sentences (200 of them, or `--count`): chrF (BLEU) of
every run on those, and of the source copied.
"""

import argparse
from pathlib import Path

from keras_attention import Translator
from keras_attention.data.prepared.store import PreparedCorpus
from keras_attention.data.splits import sample
from keras_attention.evaluation.translation import score, tokenize_for


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("runs", type=Path, nargs="+")
    options = parser.parse_args()
    tests = [_test(run, options.count) for run in options.runs]
    names = [run.name for run in options.runs]
    print("| chrF (BLEU) | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for run in options.runs:
        translator = Translator.load(run / "bundle")
        print(_row(run.name, tests, lambda texts, t=translator: _said(t, texts)))
    print(_row("copying the source", tests, lambda texts: texts))


def _test(run, count):
    """The language of a run's references, sources and references."""
    sources, references = PreparedCorpus.open(run / "data/corpus").test.texts()
    rows = sample(sources, count)
    language = Translator.load(run / "bundle").target_language
    return language, [sources[i] for i in rows], [references[i] for i in rows]


def _said(translator, texts):
    return [each.text for each in translator.translate(texts)]


def _row(name, tests, say):
    cells = [name]
    for language, sources, references in tests:
        found = score(say(sources), references, tokenize_for(language))
        cells.append(f"{found.chrf:.1f} ({found.bleu:.1f})")
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
