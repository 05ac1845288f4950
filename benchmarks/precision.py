"""What an export in lower precision gains and costs: time, BLEU, chrF.

    python benchmarks/precision.py runs/my/bundle test.tsv
    python benchmarks/precision.py runs/my/bundle test.tsv --count 300 --beam 1
    python benchmarks/precision.py         # a model of its own: `reverse`, 300 updates

A translator's bundle is exported once in float32 and once in each of `--precisions`.
The same sentences, a sample by hash, are sent to each SavedModel in turns, in requests
of 1, 8 and 32 sentences, on one thread. Ratios are of seconds, a precision's ÷
float32's, below 1 where it is faster: of minima, and of medians in brackets. Then all
sentences are translated and scored, and those counted that have the same text as in
float32.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import alternate, clock, measure_alone, parser, ratio, show

FLOAT32 = "float32"
REQUEST = 32  # sentences, where they are only to be translated


def train(folder):
    """A small model and its test split: `(bundle, sources, references)`."""
    from keras_attention.data.prepared.store import PreparedCorpus
    from keras_attention.training import Trainer, load_recipe

    run = Path(folder, "run")
    changes = ["training.max_steps=300", "training.validate_every=300"]
    Trainer(load_recipe("reverse", changes), run).run()
    corpus = PreparedCorpus.open(run / "data" / "corpus")
    return run / "bundle", *corpus.test.texts()


def read(path):
    """`(sources, references)` of a file of pairs."""
    from keras_attention.data.text.readers import read_pairs

    pairs = list(read_pairs(path))
    return [pair.source for pair in pairs], [pair.target for pair in pairs]


def exported(bundle, precision, beam, folder):
    """A function of texts, which a SavedModel translates."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  (registers the ops of tokenizers)

    from keras_attention import Translator
    from keras_attention.export import export

    translator = Translator.load(bundle, dtype=precision)
    options = translator.options.replace(**({"beam": beam} if beam else {}))
    path = export(translator, folder, precision, options=options, warmup=False)
    # Its variables live as long as it does.
    loaded = tf.saved_model.load(str(path))

    def translate(texts):
        found = loaded.signatures["serving_default"](text=tf.constant(texts))
        return [text.decode() for text in found["text"].numpy()]

    return translate


def in_requests(translate, texts, size):
    """Translations of all texts, `size` at a time."""
    starts = range(0, len(texts), size)
    return [said for i in starts for said in translate(texts[i : i + size])]


def measure_time(models, texts, arguments):
    others = [name for name in models if name != FLOAT32]
    show("sentences a request", *(f"{name} ÷ {FLOAT32}" for name in others))
    show("---", *["---"] * len(others))
    for batch in arguments.batches:
        clocks = {
            name: clock(in_requests, translate, texts, batch)
            for name, translate in models.items()
        }
        seconds = alternate(clocks, arguments.repeats, arguments.warmup)
        pairs = [ratio(seconds[name], seconds[FLOAT32]) for name in others]
        show(batch, *(f"{least:.2f} ({median:.2f})" for least, median in pairs))


def measure_quality(models, sources, references, language):
    from keras_attention.evaluation.translation import score, tokenize_for

    # Those of one length together, so that little is padding.
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    sources, references = ([side[i] for i in order] for side in (sources, references))
    tokenize = tokenize_for(language)
    show("precision", "BLEU", "chrF", f"the same text as in {FLOAT32}")
    show(*["---"] * 4)
    wanted = None
    for name, translate in models.items():
        texts = in_requests(translate, sources, REQUEST)
        wanted = wanted or texts
        same = sum(a == b for a, b in zip(texts, wanted, strict=True))
        scores = score(texts, references, tokenize)
        show(name, f"{scores.bleu:.2f}", f"{scores.chrf:.2f}", same)
    print(f"{len(sources)} sentences; {scores.bleu_signature}; {scores.chrf_signature}")


def measure(folder, arguments):
    from keras_attention import Translator
    from keras_attention.data.splits import sample

    if arguments.bundle:
        bundle, sides = arguments.bundle, read(arguments.pairs)
    else:
        bundle, *sides = train(folder)
    places = sample(sides[0], arguments.count)
    sources, references = ([side[i] for i in places] for side in sides)
    models = {
        name: exported(bundle, name, arguments.beam, Path(folder, "saved_models"))
        for name in (FLOAT32, *arguments.precisions)
    }
    texts = [sources[i] for i in sample(sources, max(arguments.batches))]
    measure_time(models, texts, arguments)
    print()
    language = Translator.load(bundle).target_language
    measure_quality(models, sources, references, language)


def parse(argv=None):
    found = parser(__doc__)
    found.add_argument("bundle", nargs="?", default="", help="of a translator")
    found.add_argument("pairs", nargs="?", default="", help="TSV or JSON lines")
    found.add_argument("--precisions", nargs="+", default=["mixed_bfloat16"])
    found.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    found.add_argument("--beam", type=int, default=0, help="0: the bundle's")
    found.add_argument("--count", type=int, default=1000, help="sentences to score")
    found.add_argument("--warmup", type=int, default=2, help="calls before")
    arguments = found.parse_args(argv)
    if bool(arguments.bundle) != bool(arguments.pairs):
        found.error("give a bundle and its pairs, or neither")
    if arguments.small:
        arguments.batches, arguments.count = [1, 8], 100
    arguments.repeats = arguments.repeats or (3 if arguments.small else 7)
    return arguments


def main(argv=None):
    measure_alone(measure, parse(argv))


if __name__ == "__main__":
    main()
