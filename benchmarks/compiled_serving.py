"""What `--xla_cpu_compilation_enabled` gains: a SavedModel, compiled and as exported.

    python benchmarks/compiled_serving.py runs/my/bundle
    python benchmarks/compiled_serving.py   # a model of its own: `reverse`, 300 updates

A translator is exported, loaded twice by the embedded server, and given the same texts
in turns, on one thread, in this process: texts in, texts out, without a network. The
texts are compared before they are timed. Ratios are of seconds, compiled ÷ as exported,
below 1 where it is faster: of minima, and of medians in brackets.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import alternate, clock, measure_alone, parser, ratio, show

SIGNATURES = ("greedy", "serving_default")


def words(count, length, translator):
    """Texts of pieces of the model's own, `length` with the end token."""
    import numpy as np

    tokenizer, rng = translator.source_tokenizer, np.random.default_rng(0)
    ids = rng.integers(4, tokenizer.vocabulary_size, (count, length - 1))
    return tokenizer.decode(ids.tolist())


def load(folder, compiled):
    from keras_attention.serving.models.loading import load_model
    from keras_attention.serving.options import LoadOptions

    options = LoadOptions(
        intra_op_parallelism=1, inter_op_parallelism=1, xla_compilation=compiled
    )
    start = time.perf_counter()
    model = load_model(folder, options)
    print(f"{'compiled' if compiled else 'exported'}: loaded in", end=" ")
    print(f"{time.perf_counter() - start:.0f} s", flush=True)
    return model


def measure(folder, arguments):
    import numpy as np

    from keras_attention import Translator
    from keras_attention.export import export
    from keras_attention.serving.models import compilation, compiled_search

    compilation.ROWS = tuple(arguments.rows)
    compiled_search.LENGTHS = tuple(arguments.lengths)
    bundle = arguments.bundle
    if not bundle:
        from precision import train

        bundle, *_ = train(folder)
    translator = Translator.load(bundle)
    options = translator.options.replace(beam=arguments.beam)
    path = export(translator, folder, "model", options=options)
    plain, compiled = load(path, False), load(path, True)
    tokens = max(arguments.lengths) * 3 // 4
    show("signature", "texts", "tokens", "compiled ÷ as exported")
    show(*["---"] * 4)
    for signature in SIGNATURES:
        for rows in arguments.rows:
            texts = np.array(words(rows, tokens, translator), object)
            inputs = {"text": texts}
            found = [
                model.run(signature, inputs)["text"] for model in (plain, compiled)
            ]
            if (found[0] != found[1]).any():
                sys.exit(f"{signature}: the texts are not the same")
            clocks = {
                "exported": clock(plain.run, signature, inputs),
                "compiled": clock(compiled.run, signature, inputs),
            }
            seconds = alternate(clocks, arguments.repeats, arguments.warmup)
            least, median = ratio(seconds["compiled"], seconds["exported"])
            show(signature, rows, tokens, f"{least:.2f} ({median:.2f})")


def parse(argv=None):
    found = parser(__doc__)
    found.add_argument("bundle", nargs="?", default="", help="of a translator")
    found.add_argument("--rows", type=int, nargs="+", default=[1, 8])
    found.add_argument("--lengths", type=int, nargs="+", default=[16, 32])
    found.add_argument("--beam", type=int, default=4)
    found.add_argument("--warmup", type=int, default=2, help="calls before")
    arguments = found.parse_args(argv)
    if arguments.small:
        arguments.rows, arguments.lengths = [1, 8], [16]
    arguments.repeats = arguments.repeats or (3 if arguments.small else 9)
    return arguments


def main(argv=None):
    measure_alone(measure, parse(argv))


if __name__ == "__main__":
    main()
