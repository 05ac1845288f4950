"""KerasHub's BART: generates with cached keys and values, and trains.

With Marian's weights it computes the same, but for three things that are set so: BART
norms embeddings, which is left out; its activation is GELU, and here SiLU; and it does
not scale embeddings, so they are scaled in the table, and the last norm is by as much
smaller, which gives the same logits.
"""

import json
from pathlib import Path

import keras
import keras_hub
import numpy as np
from safetensors.numpy import load_file

STATE = {}
ATTENTION = {
    "q_proj": "_query_dense",
    "k_proj": "_key_dense",
    "v_proj": "_value_dense",
    "out_proj": "_output_dense",
}


class PlainBart(keras_hub.models.BartBackbone):
    """Without norms of embeddings."""

    def __setattr__(self, name, value):
        if name.endswith("embeddings_layer_norm"):
            value = keras.layers.Identity(name=name)
        super().__setattr__(name, value)


def load(folder, positions):
    """Reads a checkpoint of Marian; for sequences of so many positions."""
    config = json.loads(Path(folder, "config.json").read_text())
    dim = config["d_model"]
    backbone = PlainBart(
        vocabulary_size=config["vocab_size"],
        num_layers=config["encoder_layers"],
        num_heads=config["encoder_attention_heads"],
        hidden_dim=dim,
        intermediate_dim=config["encoder_ffn_dim"],
        dropout=config["dropout"],
        max_sequence_length=positions,
    )
    assign_weights(backbone, load_file(Path(folder, "model.safetensors")), dim)
    STATE["model"] = keras_hub.models.BartSeq2SeqLM(backbone, preprocessor=None)
    STATE["pad"] = config["pad_token_id"]
    STATE["beam"] = None


def assign_weights(backbone, tensors, dim):
    tensors = {name: array.astype("float32") for name, array in tensors.items()}
    backbone.token_embedding.embeddings.assign(
        tensors["model.shared.weight"] * dim**0.5
    )
    angles = np.arange(backbone.max_sequence_length)[:, None] / 10000 ** (
        np.arange(0, dim, 2) / dim
    )
    sines = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    for side in ("encoder", "decoder"):
        embedding = getattr(backbone, f"{side}_position_embedding")
        embedding.position_embeddings.assign(sines)
        layers = getattr(backbone, f"{side}_transformer_layers")
        for i, layer in enumerate(layers):
            prefix = f"model.{side}.layers.{i}"
            assign_layer(layer, side == "decoder", prefix, tensors)
    for variable in layers[-1]._feedforward_layer_norm.weights:
        variable.assign(variable / dim**0.5)


def assign_layer(layer, decodes, prefix, tensors):
    def assign(theirs, dense):
        kernel = tensors[f"{prefix}.{theirs}.weight"].T
        bias = tensors[f"{prefix}.{theirs}.bias"]
        first, second = dense.weights
        first.assign(kernel.reshape(first.shape))
        second.assign(bias.reshape(second.shape))

    attentions = {"self_attn": "_self_attention_layer"}
    norms = {"self_attn_layer_norm": "_self_attention_layer_norm"}
    if decodes:
        attentions["encoder_attn"] = "_cross_attention_layer"
        norms["encoder_attn_layer_norm"] = "_cross_attention_layer_norm"
    norms["final_layer_norm"] = "_feedforward_layer_norm"
    for theirs, name in attentions.items():
        for projection, dense in ATTENTION.items():
            assign(f"{theirs}.{projection}", getattr(getattr(layer, name), dense))
    for theirs, name in norms.items():
        assign(theirs, getattr(layer, name))
    assign("fc1", layer._feedforward_intermediate_dense)
    assign("fc2", layer._feedforward_output_dense)
    layer._feedforward_intermediate_dense.activation = keras.activations.silu


def decode(rows, beam, steps):
    """Ids of as many tokens for each row of ids."""
    model, pad = STATE["model"], STATE["pad"]
    if STATE["beam"] != beam:
        beams = keras_hub.samplers.BeamSampler(num_beams=beam)
        model.compile(sampler="greedy" if beam == 1 else beams)
        STATE["beam"] = beam
    longest = max(map(len, rows))
    ids = np.array([[*row, *[pad] * (longest - len(row))] for row in rows])
    given = np.zeros((len(rows), steps + 1), "int32")
    given[:, 0] = pad  # what decoding starts with
    inputs = {
        "encoder_token_ids": ids,
        "encoder_padding_mask": ids != pad,
        "decoder_token_ids": given,
        "decoder_padding_mask": np.arange(steps + 1)[None] < np.ones_like(given[:, :1]),
    }
    found = model.generate(inputs, stop_token_ids=None)
    return found["decoder_token_ids"][:, 1:].tolist()


def load_training(folder, learning_rate):
    load(folder, 256)
    adam = keras.optimizers.Adam(learning_rate)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    STATE["model"].compile(adam, loss, weighted_metrics=[])


def train(source_ids, target_ids, labels):
    """One step; returns the loss before it."""
    inputs = {
        "encoder_token_ids": source_ids,
        "encoder_padding_mask": np.ones_like(source_ids),
        "decoder_token_ids": target_ids,
        "decoder_padding_mask": np.ones_like(target_ids),
    }
    found = STATE["model"].train_on_batch(inputs, labels, return_dict=True)
    return float(found["loss"])
