"""Decoding beside CTranslate2, transformers, KerasHub and the tutorial's loop.

    python benchmarks/decoding.py        # twelve cases: sizes, batches, beams
    python benchmarks/decoding.py --sizes small --batches 1 8 --peers ctranslate2
    python benchmarks/decoding.py --engine ctranslate2 --int8 --peers "ctranslate2 int8"
    KERAS_BACKEND=jax python benchmarks/decoding.py

One checkpoint of random weights in Marian's layout, read by each: `small` (3 + 3 layers
of 256, 8,000 tokens) and `base` (6 + 6 of 512, 32,000 tokens). Sources of 12 to 20
tokens, translations of exactly 20, since nobody may end; ids in, ids out. Ours is
`Translator.decode`, after `Translator.from_marian`.

Before anything is timed, tokens are compared: a peer whose tokens differ stops the run,
but for int8, which rounds; behind its ratio stands how many translations are the same.
The tutorial ("Neural machine translation with a Transformer and Keras") has its whole
model run again at every step, for one sentence, greedily; here also for batches.
"""

import itertools
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import Peer, Table, alternate, begin, clock, parser

STEPS = 20
PEERS = {
    "transformers": ("transformers_model",),
    "ctranslate2": ("ctranslate2_model", "float32"),
    "ctranslate2 int8": ("ctranslate2_model", "int8"),
    "keras-hub": ("keras_hub_model", 64),
    "tutorial": None,
    "graph": None,  # ours, without programs of XLA
}


class Ours:
    """`Translator`, with ids of Marian's vocabulary in and out.

    Args:
        folder: str. Of the checkpoint.
        engine: of `Translator.load`.
        int8: bool. Whether to compute with rounded weights.
        jit_compile: of `Translator`.
    """

    def __init__(self, folder, engine="keras", int8=False, jit_compile="auto"):
        import json

        import numpy as np

        from keras_attention import Translator

        self.translator = Translator.from_marian(folder)
        size = self.translator.model.target_vocabulary_size
        if engine == "ctranslate2":
            self.translator.save(f"{folder}/bundle")
            quantization = "int8" if int8 else None
            self.translator = Translator.load(
                f"{folder}/bundle", engine=engine, quantization=quantization
            )
        elif int8:
            self.translator.model.quantize("int8")
        self.translator.jit_compile = jit_compile
        ids = json.loads(Path(folder, "vocab.json").read_text())
        pieces = self.translator.source_tokenizer.ids_to_tokens(range(size))
        self.theirs = np.array([ids.get(piece, -1) for piece in pieces])
        self.own = {theirs: i for i, theirs in enumerate(self.theirs.tolist())}

    def inputs(self, rows):
        from keras_attention.tasks.batches import pad_to_bucket

        batch = [[self.own[i] for i in row] for row in rows]
        return {"source_ids": pad_to_bucket(batch, len(rows))}

    def options(self, beam, steps=STEPS):
        return self.translator.options.replace(
            beam=beam, max_length=steps, force_end=False
        )

    def decode(self, inputs, options):
        return self.translator.decode(inputs, options).token_ids[:, 0]

    def tokens(self, inputs, options):
        return self.theirs[self.decode(inputs, options)].tolist()

    def tutorial(self, steps=STEPS):
        """The tutorial's loop, as its `ExportTranslator` compiles it."""
        import tensorflow as tf

        from keras_attention.special_tokens import START_ID

        model = self.translator.model

        @tf.function(reduce_retracing=True)
        def translate(source_ids):
            output = tf.TensorArray(tf.int32, size=0, dynamic_size=True)
            output = output.write(0, tf.fill(tf.shape(source_ids)[:1], START_ID))
            for i in tf.range(steps):
                target_ids = tf.transpose(output.stack())
                inputs = {"source_ids": source_ids, "target_ids": target_ids}
                logits = model(inputs, training=False)[:, -1]
                output = output.write(i + 1, tf.argmax(logits, -1, tf.int32))
            return tf.transpose(output.stack())[:, 1:]

        return lambda inputs: translate(inputs["source_ids"]).numpy()


def sources(count, vocabulary_size, longest=20):
    """Rows of Marian's ids, of 12 to 20 with the end, the longest among them."""
    import numpy as np

    rng = np.random.default_rng(0)
    lengths = rng.integers(longest * 3 // 5, longest + 1, count)
    lengths[0] = longest
    rows = [rng.integers(2, vocabulary_size - 1, n - 1).tolist() for n in lengths]
    return [[*row, 0] for row in rows]


def has_graph():
    """TensorFlow has; on JAX there are programs alone."""
    import keras

    return keras.backend.backend() == "tensorflow"


def has_tutorial(beam):
    """It is greedy, and TensorFlow's."""
    return beam == 1 and has_graph()


def check_same(name, found, wanted, rounds=False):
    """Stops if not all rows are the same; those that round say how many are."""
    same = sum(a == b for a, b in zip(found, wanted, strict=True))
    if rounds:
        return f" {same}/{len(wanted)} same"
    if same < len(wanted):
        sys.exit(f"{name}: {same} of {len(wanted)} translations are the same as ours")
    return ""


def measure(size, folder, arguments, table):
    maker = Peer("checkpoint")
    vocabulary_size = maker.call("make", folder, size, STEPS)
    maker.close()
    ours = Ours(folder, arguments.engine, arguments.int8, True)
    graph = None
    if "graph" in arguments.peers and has_graph():
        graph = Ours(folder, int8=arguments.int8, jit_compile=False)
    peers = {}
    for name in arguments.peers:
        if PEERS[name]:
            module, *more = PEERS[name]
            peers[name] = Peer(module)
            peers[name].call("load", folder, *more)
    for batch, beam in itertools.product(arguments.batches, arguments.beams):
        rows = sources(batch, vocabulary_size)
        inputs, options = ours.inputs(rows), ours.options(beam)
        wanted = ours.tokens(inputs, options)
        clocks, notes = {"ours": clock(ours.decode, inputs, options)}, {}
        for name, peer in peers.items():
            found = peer.call("decode", rows, beam, STEPS)
            rounds = arguments.int8 or "int8" in name
            notes[name] = check_same(name, found, wanted, rounds)
            clocks[name] = peer.clock("decode", rows, beam, STEPS)
        if "tutorial" in arguments.peers and has_tutorial(beam):
            loop = ours.tutorial()
            check_same("tutorial", ours.theirs[loop(inputs)].tolist(), wanted)
            clocks["tutorial"] = clock(loop, inputs)
        if graph is not None:
            found = graph.tokens(inputs, options)
            check_same("graph", found, wanted)
            clocks["graph"] = clock(graph.decode, inputs, options)
        seconds = alternate(clocks, arguments.repeats, arguments.warmup)
        table.add([size, batch, beam], seconds, notes)
    for peer in peers.values():
        peer.close()


def parse(argv=None):
    found = parser(__doc__)
    found.add_argument("--sizes", nargs="+", default=["small", "base"])
    found.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    found.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    found.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    found.add_argument("--warmup", type=int, default=3, help="calls before")
    found.add_argument("--int8", action="store_true", help="quantise ours")
    found.add_argument("--engine", default="keras", choices=["keras", "ctranslate2"])
    arguments = found.parse_args(argv)
    if arguments.small:
        arguments.sizes, arguments.batches = ["small"], [1, 8]
    if arguments.engine != "keras":
        arguments.peers = [name for name in arguments.peers if PEERS[name]]
    arguments.repeats = arguments.repeats or (5 if arguments.small else 15)
    return arguments


def main(argv=None):
    arguments = parse(argv)
    begin()
    table = Table(["model", "batch", "beam"], arguments.peers)
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            measure(size, str(Path(folder, size)), arguments, table)
    table.finish()


if __name__ == "__main__":
    main()
