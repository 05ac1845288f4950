"""Layers of attention beside PyTorch (eager, compiled), KerasHub and plain Keras.

    python benchmarks/attention_layers.py
    python benchmarks/attention_layers.py --rows 8 --lengths 64 512

Forward, and forward and backward, of multi-head attention (8 heads, 512 wide),
Bahdanau's (additive) and Luong's (dot), rows of as many queries as there are positions.
All have the same weights; contexts, and gradients of queries, must agree. Ours and
Keras's are compiled with `tf.function`, on JAX ours with `jax.jit`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import Peer, Table, alternate, begin, clock, parser

HEADS = 8
PEERS = {
    "PyTorch eager": ("torch_layers", False),
    "PyTorch compiled": ("torch_layers", True),
    "keras-hub": ("keras_layers", True),
    "plain Keras": ("keras_layers", False),
}


def layer_of(kind, dim):
    from keras_attention import layers

    if kind == "multi-head":
        return layers.MultiHeadCrossAttention(num_heads=HEADS, key_dim=dim // HEADS)
    if kind == "additive":
        return layers.BahdanauAttention(units=dim)
    return layers.LuongAttention("dot")


def compiled(layer, query, value):
    """`(forward, backward)`, functions without arguments, which return arrays."""
    import keras
    import numpy as np

    if keras.backend.backend() == "jax":
        import jax

        def total(query, value, weights):
            pairs = zip(layer.variables, weights, strict=True)
            with keras.StatelessScope(state_mapping=list(pairs)):
                return layer(query, value).sum()

        weights = [v.value for v in layer.variables]
        gradient = jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2)))
        call = jax.jit(lambda query: layer(query, value))
        return (
            lambda: np.asarray(call(query)),
            lambda: np.asarray(gradient(query, value, weights)[1][0]),
        )
    import tensorflow as tf

    query, value = tf.constant(query), tf.constant(value)

    @tf.function(autograph=False)
    def forward():
        return layer(query, value)

    @tf.function(autograph=False)
    def backward():
        with tf.GradientTape() as tape:
            tape.watch([query, value])
            total = tf.reduce_sum(layer(query, value))
        own = [variable.value for variable in layer.trainable_variables]
        # All of them are returned: a graph leaves out what nobody asks for.
        return total, *tape.gradient(total, [query, value, *own])

    return lambda: forward().numpy(), lambda: backward()[1].numpy()


def measure(kind, length, arguments, table):
    import keras
    import numpy as np

    rng = np.random.default_rng(0)
    shape = arguments.rows, length, arguments.dim
    query, value = rng.normal(size=(2, *shape)).astype("float32") / shape[-1] ** 0.25
    layer = layer_of(kind, arguments.dim)
    layer(query[:1], value[:1])
    weights = [keras.ops.convert_to_numpy(weight) for weight in layer.weights]
    forward, backward = compiled(layer, query, value)
    ours = {"forward": forward, "backward": backward}
    peers = {}
    for name in arguments.peers:
        if kind != "multi-head" and name == "keras-hub":
            continue  # It has none.
        module, which = PEERS[name]
        peers[name] = Peer(module)
        peers[name].call("load", kind, which, HEADS, weights, query, value)
    for what, call in ours.items():
        clocks = {"ours": clock(call)}
        for name, peer in peers.items():
            difference = np.abs(peer.call(what) - call()).max()
            if difference > 1e-3:
                sys.exit(f"{kind}, {what}: {name} differs by {difference}")
            clocks[name] = peer.clock(what)
        seconds = alternate(clocks, arguments.repeats)
        table.add([kind, what, f"{arguments.rows} × {length}"], seconds)
    for peer in peers.values():
        peer.close()


def parse(argv=None):
    found = parser(__doc__)
    found.add_argument("--rows", type=int, default=8)
    found.add_argument("--lengths", type=int, nargs="+", default=[32, 128])
    found.add_argument("--dim", type=int, default=512)
    found.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    arguments = found.parse_args(argv)
    if arguments.small:
        arguments.lengths = [32]
    arguments.repeats = arguments.repeats or (5 if arguments.small else 15)
    return arguments


def main(argv=None):
    arguments = parse(argv)
    begin()
    table = Table(["layer", "", "rows × length"], arguments.peers)
    for kind in ("multi-head", "additive", "dot"):
        for length in arguments.lengths:
            measure(kind, length, arguments, table)
    table.finish()


if __name__ == "__main__":
    main()
