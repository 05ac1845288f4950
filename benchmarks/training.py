"""A step of training beside PyTorch (eager, compiled), KerasHub and plain Keras.

    python benchmarks/training.py
    KERAS_BACKEND=jax python benchmarks/training.py --sizes small --rows 32

One checkpoint of random weights in Marian's layout, trained by each on the same batch:
forward, backward, Adam. PyTorch's model is that of transformers. Losses are compared
first, without dropout, and then steps are timed with a dropout of 0.1. Ours is compiled
as `keras-attention train` does by default, Keras's models as `compile` does.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from decoding import Ours
from side_by_side import Peer, Table, alternate, begin, clock, parser

DROPOUT, LEARNING_RATE = 0.1, 1e-5
# Losses that are compared: KerasHub has its table scaled, for which Adam steps
# otherwise.
STEPS, STEPS_OF = 3, {"keras-hub": 1}
PEERS = {
    "PyTorch eager": ("transformers_model", False),
    "PyTorch compiled": ("transformers_model", True),
    "keras-hub": ("keras_hub_model",),
    "plain Keras": ("keras_model",),
}


def our_trainer(folder):
    """`Ours`, compiled as `keras-attention train` does it."""
    import keras

    from keras_attention.training.losses import LabelSmoothedCrossEntropy
    from keras_attention.training.trainer import _jit_compile

    ours = Ours(folder)
    ours.translator.model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        LabelSmoothedCrossEntropy(),
        jit_compile=_jit_compile("auto"),
    )
    return ours


def our_batch(ours, batch):
    import numpy as np

    from keras_attention.special_tokens import START_ID

    size = ours.theirs.max() + 1
    table = np.array([ours.own[i] for i in range(size)], "int32")
    table[-1] = START_ID  # Marian's decoder starts with its padding token.
    source_ids, target_ids, labels = (table[ids] for ids in batch)
    return {"source_ids": source_ids, "target_ids": target_ids}, labels


def batch_of(rows, length, vocabulary_size):
    """Marian's ids: `(source_ids, target_ids, labels)`, `(rows, length)` each."""
    import numpy as np

    rng = np.random.default_rng(0)
    ids = rng.integers(2, vocabulary_size - 1, (2, rows, length))
    start = np.full_like(ids[0, :, :1], vocabulary_size - 1)
    return ids[0], np.concatenate([start, ids[1, :, :-1]], axis=1), ids[1]


def measure(size, folder, arguments, table):
    maker = Peer("checkpoint")
    peers = {name: Peer(PEERS[name][0]) for name in arguments.peers}
    for dropout in (0.0, DROPOUT):
        vocabulary_size = maker.call("make", folder, size, 20, dropout)
        batch = batch_of(arguments.rows, arguments.length, vocabulary_size)
        ours = our_trainer(folder)
        model, own = ours.translator.model, our_batch(ours, batch)
        for name, peer in peers.items():
            peer.call("load_training", folder, *PEERS[name][1:], LEARNING_RATE)
        if not dropout:
            train = model.train_on_batch
            wanted = [float(train(*own)) for _ in range(STEPS)]
            for name, peer in peers.items():
                found = [peer.call("train", *batch) for _ in range(STEPS)]
                count = STEPS_OF.get(name, STEPS)
                check_close(name, found[:count], wanted[:count])
    clocks = {name: peer.clock("train", *batch) for name, peer in peers.items()}
    clocks = {"ours": clock(model.train_on_batch, *own), **clocks}
    seconds = alternate(clocks, arguments.repeats)
    table.add([size, f"{arguments.rows} × {arguments.length}"], seconds)
    for peer in (maker, *peers.values()):
        peer.close()


def check_close(name, found, wanted):
    differences = [abs(a / b - 1) for a, b in zip(found, wanted, strict=True)]
    if max(differences) > 1e-3:
        sys.exit(f"{name}: losses are {found}, and ours {wanted}")


def parse(argv=None):
    found = parser(__doc__)
    found.add_argument("--sizes", nargs="+", default=["small", "base"])
    found.add_argument("--rows", type=int, default=32)
    found.add_argument("--length", type=int, default=32)
    found.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    arguments = found.parse_args(argv)
    if arguments.small:
        arguments.sizes = ["small"]
    arguments.repeats = arguments.repeats or (5 if arguments.small else 15)
    return arguments


def main(argv=None):
    arguments = parse(argv)
    begin()
    table = Table(["model", "rows × tokens"], arguments.peers)
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            measure(size, str(Path(folder, size)), arguments, table)
    table.finish()


if __name__ == "__main__":
    main()
