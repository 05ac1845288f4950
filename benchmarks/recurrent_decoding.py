"""Recurrent translators and captioners decode, beside a loop in PyTorch.

    python benchmarks/recurrent_decoding.py
    KERAS_BACKEND=jax python benchmarks/recurrent_decoding.py --batches 32

Bahdanau's translator, sources of 20 tokens, and Xu's captioner, 14 × 14 regions whose
features are known; `small` ones of 8,000 tokens, greedy, 20 steps, which nobody may
end. PyTorch's tutorials have a cell and a loop over steps, which here has our weights;
it must give the same tokens. The tutorials have no beam search to compare with.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import Peer, Table, alternate, begin, clock, parser

VOCABULARY_SIZE, STEPS, LENGTH, GRID = 8000, 20, 20, 14


def translator():
    from keras_attention.models.recurrent import RecurrentSeq2Seq

    preset = {**RecurrentSeq2Seq.presets["small"], "dropout": 0.0}
    return RecurrentSeq2Seq(VOCABULARY_SIZE, VOCABULARY_SIZE, **preset)


def captioner():
    from keras_attention.models.recurrent_captioner import RecurrentCaptioner

    return RecurrentCaptioner(VOCABULARY_SIZE, image_size=224, grid_size=GRID)


def weights_of(model):
    """What the peer needs, by its names, as NumPy arrays."""
    import keras

    decoder, attention = model.decoder, model.decoder.attention
    named = {
        "target_embedding": [model.target_embedding.embeddings],
        "query": attention.query_dense.weights,
        "key": attention.key_dense.weights,
        "readout": decoder.readout_dense.weights,
        "logits": model.logits_dense.weights,
    }
    found = {"score_kernel": attention.score_dense.kernel}
    cells = {"cell": decoder.rnn.layers[0].cell}
    if hasattr(model, "bridges"):
        (both,) = model.encoder.layers
        named["bridge"] = model.bridges[0][0].weights
        found["source_embedding"] = model.source_embedding.embeddings
        cells["forward"] = both.forward_layer.cell
        cells["backward"] = both.backward_layer.cell
    else:
        named["gate"] = attention.gate_dense.weights
        for i, dense in enumerate(decoder.first_states[0]):
            named[f"first_{i}"] = dense.weights
    for name, cell in cells.items():
        kernel, recurrent, bias = cell.weights
        found[f"{name}_kernel"] = kernel
        found[f"{name}_recurrent"], found[f"{name}_bias"] = recurrent, bias
    found["target_embedding"] = named.pop("target_embedding")[0]
    for name, weights in named.items():
        for part, weight in zip(("kernel", "bias"), weights, strict=False):
            found[f"{name}_{part}"] = weight
    return {k: keras.ops.convert_to_numpy(v) for k, v in found.items()}


def prepared(model, inputs):
    """Makes a model one that never ends; returns what decodes with it."""
    import numpy as np

    from keras_attention.decoding.options import DecodingOptions
    from keras_attention.decoding.search import Decoder

    rng = np.random.default_rng(0)
    kernel, bias = model.logits_dense.weights
    kernel.assign(rng.normal(size=kernel.shape))
    bias.assign([-1e4] * 4 + [0.0] * (VOCABULARY_SIZE - 4))
    options = DecodingOptions(
        beam=1, max_length=STEPS, min_length=STEPS, force_end=False
    )
    decoder = Decoder(model)
    return lambda: decoder(inputs, options).token_ids[:, 0]


def measure(kind, batch, arguments, table):
    import keras
    import numpy as np

    from keras_attention.special_tokens import START_ID

    rng = np.random.default_rng(0)
    if kind == "translator":
        model = translator()
        model.build()
        ids = rng.integers(4, VOCABULARY_SIZE, (batch, LENGTH)).astype("int32")
        inputs = {"source_ids": ids}
        decode, asked = prepared(model, inputs), ("translate", ids, STEPS)
    else:
        model = captioner()
        model.build()
        dim = model.regions.encoder.dim
        features = rng.normal(size=(batch, GRID, GRID, dim)).astype("float32")
        inputs = {"features": features}
        decode = prepared(model, inputs)
        value = keras.ops.convert_to_numpy(model.regions(inputs))
        asked = ("caption", value, STEPS)
    peer = Peer("torch_recurrent")
    peer.call("load", weights_of(model), START_ID)
    found, wanted = peer.call(*asked), decode().tolist()
    if found != wanted:
        sys.exit(f"{kind}: PyTorch's tokens are not ours: {found[0]}, {wanted[0]}")
    clocks = {"ours": clock(decode), "PyTorch": peer.clock(*asked)}
    table.add([kind, batch], alternate(clocks, arguments.repeats, arguments.warmup))
    peer.close()


def parse(argv=None):
    found = parser(__doc__)
    found.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    found.add_argument("--warmup", type=int, default=3, help="calls before")
    arguments = found.parse_args(argv)
    if arguments.small:
        arguments.batches = [1, 8]
    arguments.repeats = arguments.repeats or (5 if arguments.small else 15)
    return arguments


def main(argv=None):
    arguments = parse(argv)
    begin()
    table = Table(["model", "batch"], ["PyTorch"])
    for kind in ("translator", "captioner"):
        for batch in arguments.batches:
            measure(kind, batch, arguments, table)
    table.finish()


if __name__ == "__main__":
    main()
