"""On a GPU: tokens a second, share of its bandwidth, share of its peak in training.

    python benchmarks/gpu.py                        # TensorFlow
    KERAS_BACKEND=jax python benchmarks/gpu.py

Says so where the backend has no GPU. `base`, greedy, 64 tokens, batch 1 and 64, beside
transformers with `torch.compile` and a static cache; the peers' PyTorch needs CUDA for
that. A step reads all weights of the decoder once: their bytes, times steps per second,
over what a large copy moves in a second, is the share of bandwidth. Training takes 6
operations for each weight and token: these, over what a large matrix product does in a
second, are the share of peak (MFU).
"""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from decoding import Ours, sources
from side_by_side import Peer, Table, alternate, begin, clock, parser
from training import batch_of, our_batch

PEER = "torch.compile"
STEPS, SIDE, TIMES = 64, 8192, 10
BYTES = 4  # of a float32


def has_gpu():
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() == "gpu"
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def least(function, repeats):
    return min(alternate({"ours": clock(function)}, repeats)["ours"])


def peaks(repeats):
    """`(bytes, operations)` per second of a large copy and a large matrix product."""
    import keras
    import numpy as np

    from keras_attention.decoding.programs import compiled

    def repeated(step):
        def run(x):
            for _ in range(TIMES):
                x = step(x)
            return x[0, :1]

        program = compiled(keras.layers.Identity(), run)
        x = keras.ops.convert_to_tensor(np.ones((SIDE, SIDE), "float32") / SIDE)
        return least(lambda: keras.ops.convert_to_numpy(program(x)), repeats) / TIMES

    copied = repeated(lambda x: keras.ops.roll(x, 1, axis=0))
    multiplied = repeated(lambda x: keras.ops.matmul(x, x))
    return 2 * BYTES * SIDE**2 / copied, 2 * SIDE**3 / multiplied


def read_by_a_step(model):
    """Bytes of the decoder's weights, and of the table that makes logits."""
    weights = [w for block in model.decoder_blocks for w in block.weights]
    weights.append(model.target_embedding.embeddings)
    return BYTES * sum(count(weight) for weight in weights)


def count(weight):
    import math

    return math.prod(weight.shape)


def measure(folder, arguments):
    maker, peers = Peer("checkpoint"), {}
    vocabulary_size = maker.call("make", folder, arguments.size, STEPS)
    if arguments.peers:
        peers[PEER] = Peer("transformers_model")
        peers[PEER].call("load_compiled", folder)
    ours = Ours(folder)
    model = ours.translator.model
    bandwidth, peak = peaks(arguments.repeats)
    print(f"copies {bandwidth / 1e9:.0f} GB/s, multiplies {peak / 1e12:.1f} TFLOP/s")
    table = Table(["batch", "tokens/s", "of bandwidth"], list(peers))
    for batch in arguments.batches:
        rows = sources(batch, vocabulary_size)
        inputs, options = ours.inputs(rows), ours.options(1, STEPS)
        clocks = {"ours": clock(ours.decode, inputs, options)}
        for name, peer in peers.items():
            clocks[name] = peer.clock("decode", rows, 1, STEPS, "static")
        seconds = alternate(clocks, arguments.repeats)
        took = min(seconds["ours"])
        share = read_by_a_step(model) * STEPS / took / bandwidth
        labels = [batch, f"{batch * STEPS / took:.0f}", f"{100 * share:.0f} %"]
        table.add(labels, seconds)
    table.finish()
    train(ours, vocabulary_size, peak, arguments)


def train(ours, vocabulary_size, peak, arguments):
    from keras_attention.training.losses import LabelSmoothedCrossEntropy

    model, rows, length = ours.translator.model, 64, 64
    model.compile("adam", LabelSmoothedCrossEntropy())
    batch = our_batch(ours, batch_of(rows, length, vocabulary_size))
    seconds = least(lambda: model.train_on_batch(*batch), arguments.repeats)
    weights = sum(count(weight) for weight in model.trainable_variables)
    rate = rows * length / seconds
    share = 6 * weights * rate / peak
    print(f"training: {rate:.0f} tokens/s of each side, {100 * share:.0f} % of peak")


def parse(argv=None):
    found = parser(__doc__)
    found.add_argument("--size", default="base")
    found.add_argument("--batches", type=int, nargs="+", default=[1, 64])
    found.add_argument("--peers", type=int, default=1, help="0 for none")
    arguments = found.parse_args(argv)
    arguments.repeats = arguments.repeats or (3 if arguments.small else 9)
    return arguments


def main(argv=None):
    arguments = parse(argv)
    # Another framework is on the same GPU.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if not has_gpu():
        print("no GPU")
        return
    begin(threads=None)
    with tempfile.TemporaryDirectory() as folder:
        measure(folder, arguments)


if __name__ == "__main__":
    main()
