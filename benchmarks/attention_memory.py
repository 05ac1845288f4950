"""Peak memory and speed of attention by length: ours, the plain form, and PyTorch's.

    python benchmarks/attention_memory.py           # --lengths 256 512, --repeats 5
    KERAS_ATTENTION_PEERS=/path/to/python python benchmarks/attention_memory.py

Each figure is of a process of its own: what its memory rose by, above what it held
after a first run at length 64; on JAX, what XLA says that the program needs. Ours and
the plain form, which makes all scores at once, then take turns in one process, and the
fastest runs are compared. `KERAS_ATTENTION_PEERS` names a Python that has PyTorch, for
a layer with its `scaled_dot_product_attention` on the same sizes.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

BATCH, HEADS, DIM, UNITS = 4, 8, 64, 64
PASSES = ["forward", "both"]
KINDS = ["ours", "plain", "torch"]
SHORT = 64  # runs first, so that libraries have what they keep
default = None  # the package's limit, once it was replaced


def torch_step(layer, backward):
    """A function of length, with multi-head attention written in PyTorch."""
    import torch

    assert layer == "multi_head"
    width = HEADS * DIM
    dense = [torch.nn.Linear(width, width) for _ in range(4)]

    def step(length):
        features = torch.randn(BATCH, length, width, requires_grad=backward)
        with torch.set_grad_enabled(backward):
            heads = [
                x(features).view(BATCH, length, HEADS, DIM).transpose(1, 2)
                for x in dense[:3]
            ]
            heads = torch.nn.functional.scaled_dot_product_attention(*heads)
            merged = heads.transpose(1, 2).reshape(BATCH, length, width)
            total = dense[3](merged).sum()
            if backward:
                total.backward()
        return total

    return step


def set_plain(plain):
    """Makes attention, where it is traced next, plain or as it is by default."""
    from keras_attention.layers import chunked_attention

    global default
    default = chunked_attention.WHOLE if default is None else default
    chunked_attention.WHOLE = 2**60 if plain else default


def make_layer(name):
    """A layer that attends within a sequence, and the width of that."""
    from keras_attention import BahdanauAttention, MultiHeadSelfAttention

    if name == "multi_head":
        width = HEADS * DIM
        layer = MultiHeadSelfAttention(HEADS, DIM)
        layer.build((None, None, width))
        return layer, layer, width
    layer = BahdanauAttention(UNITS)
    layer.build((None, None, UNITS), (None, None, UNITS))
    return layer, lambda x: layer(x, x), UNITS


def tensorflow_step(name, backward):
    import numpy as np
    import tensorflow as tf

    layer, attend, width = make_layer(name)

    @tf.function(autograph=False)
    def run(features):
        if not backward:
            return tf.reduce_sum(attend(features))
        weights = [weight.value for weight in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(features)
            total = tf.reduce_sum(attend(features))
        return tape.gradient(total, [features, *weights])

    def step(length):
        shape = (BATCH, length, width)
        return run(tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32))

    return step


def jax_program(name, backward, length):
    """The compiled program, and what it is called with."""
    import jax

    layer, attend, width = make_layer(name)
    weights = [weight.value for weight in layer.variables]

    def total(features, weights):
        import keras

        pairs = zip(layer.variables, weights, strict=True)
        with keras.StatelessScope(state_mapping=list(pairs)):
            return attend(features).sum()

    run = jax.grad(total, argnums=(0, 1)) if backward else total
    inputs = jax.numpy.ones((BATCH, length, width)), weights
    return jax.jit(run).lower(*inputs).compile(), inputs


def peak():
    """Most memory that this process has held so far, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def measure(kind, layer, backward, length):
    """MiB of one step, in a process of its own."""
    if kind != "torch":
        import keras

        set_plain(kind == "plain")
        if keras.backend.backend() == "jax":
            program, _ = jax_program(layer, backward, length)
            return program.memory_analysis().temp_size_in_bytes / 2**20
    make = torch_step if kind == "torch" else tensorflow_step
    step = make(layer, backward)
    step(SHORT)
    before = peak()
    step(length)
    return peak() - before


def compare(layer, backward, length, repeats):
    """Time of ours over that of the plain form."""
    import keras

    runs = []
    for plain in (False, True):
        set_plain(plain)
        if keras.backend.backend() == "jax":
            import jax

            program, inputs = jax_program(layer, backward, length)
            runs.append(lambda p=program, i=inputs: jax.block_until_ready(p(*i)))
        else:
            step = tensorflow_step(layer, backward)
            step(length)  # traced while the limit is set
            runs.append(lambda step=step: step(length))
    fastest = [float("inf")] * 2
    for _ in range(repeats):
        for i, run in enumerate(runs):
            began = time.perf_counter()
            run()
            fastest[i] = min(fastest[i], time.perf_counter() - began)
    return fastest[0] / fastest[1]


def child(python, *arguments):
    command = [python, __file__, "--child", *map(str, arguments)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--lengths", type=int, nargs="+", default=[256, 512, 1024, 2048]
    )
    parser.add_argument("--layers", nargs="+", default=["multi_head", "additive"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="as `make bench` runs it")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.small:
        options.lengths, options.repeats = [256, 512], 3
    if options.child:
        kind, layer, passes, length = options.child
        if kind == "speed":
            print(compare(layer, passes == "both", int(length), options.repeats))
        else:
            print(measure(kind, layer, passes == "both", int(length)))
        return
    peers = os.environ.get("KERAS_ATTENTION_PEERS")
    for layer in options.layers:
        kinds = KINDS if peers and layer == "multi_head" else KINDS[:2]
        for passes in PASSES:
            for length in options.lengths:
                figures = [
                    child(
                        peers if kind == "torch" else sys.executable,
                        kind,
                        layer,
                        passes,
                        length,
                    )
                    for kind in kinds
                ]
                ratio = child(sys.executable, "speed", layer, passes, length)
                columns = "  ".join(
                    f"{kind} {figure:6.0f} MiB"
                    for kind, figure in zip(kinds, figures, strict=True)
                )
                print(
                    f"{layer:10} {passes:7} {length:5}  {columns}  time {ratio:.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
