"""A Transformer of plain Keras layers, as tutorials write it, with Marian's weights."""

import json
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from safetensors.numpy import load_file

STATE = {}
ATTENTION = {
    "q_proj": "_query_dense",
    "k_proj": "_key_dense",
    "v_proj": "_value_dense",
    "out_proj": "_output_dense",
}


class PositionalEmbedding(layers.Layer):
    """Embeddings of tokens, scaled, and sines; the same table makes logits."""

    def __init__(self, size, dim, length):
        super().__init__()
        self.table = layers.Embedding(size, dim)
        angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, dim, 2) / dim)
        sines = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
        self.scale, self.sines = dim**0.5, sines.astype("float32")

    def call(self, ids):
        return self.table(ids) * self.scale + self.sines[: ids.shape[1]]

    def logits(self, features):
        return ops.matmul(features, ops.transpose(self.table.embeddings))


class Block(layers.Layer):
    """Self attention, cross attention if it decodes, and a feed-forward network."""

    def __init__(self, config, decodes):
        super().__init__()
        heads, dim = config["encoder_attention_heads"], config["d_model"]
        options = {"num_heads": heads, "key_dim": dim // heads}
        names = ["self_attn", *["encoder_attn"] * decodes]
        self.decodes = decodes
        self.attentions = [layers.MultiHeadAttention(**options) for _ in names]
        self.inner = layers.Dense(config["encoder_ffn_dim"], activation="silu")
        self.outer = layers.Dense(dim)
        self.norms = [layers.LayerNormalization(epsilon=1e-5) for _ in [*names, "ffn"]]
        self.dropout = layers.Dropout(config["dropout"])

    def call(self, x, memory=None, training=False):
        def add(norm, x, y):
            return norm(x + self.dropout(y, training=training))

        attend, *others = self.attentions
        x = add(self.norms[0], x, attend(x, x, use_causal_mask=self.decodes))
        for attend in others:
            x = add(self.norms[1], x, attend(x, memory))
        return add(self.norms[-1], x, self.outer(self.inner(x)))

    def assign(self, prefix, tensors):
        def set_dense(name, dense):
            kernel, bias = dense.weights
            kernel.assign(tensors[f"{name}.weight"].T.reshape(kernel.shape))
            bias.assign(tensors[f"{name}.bias"].reshape(bias.shape))

        names = ["self_attn", *["encoder_attn"] * self.decodes]
        for name, attention in zip(names, self.attentions, strict=True):
            for theirs, dense in ATTENTION.items():
                set_dense(f"{prefix}.{name}.{theirs}", getattr(attention, dense))
        norms = [*(f"{name}_layer_norm" for name in names), "final_layer_norm"]
        for name, norm in zip(norms, self.norms, strict=True):
            set_dense(f"{prefix}.{name}", norm)
        set_dense(f"{prefix}.fc1", self.inner)
        set_dense(f"{prefix}.fc2", self.outer)


class Transformer(keras.Model):
    def __init__(self, config):
        super().__init__()
        sizes = config["vocab_size"], config["d_model"]
        self.embedding = PositionalEmbedding(*sizes, length=256)
        self.dropout = layers.Dropout(config["dropout"])
        count = config["encoder_layers"]
        self.encoder = [Block(config, False) for _ in range(count)]
        self.decoder = [Block(config, True) for _ in range(count)]

    def call(self, inputs, training=False):
        memory = self.dropout(self.embedding(inputs["source_ids"]), training=training)
        for block in self.encoder:
            memory = block(memory, training=training)
        x = self.dropout(self.embedding(inputs["target_ids"]), training=training)
        for block in self.decoder:
            x = block(x, memory, training=training)
        return self.embedding.logits(x)


def load_training(folder, learning_rate):
    config = json.loads(Path(folder, "config.json").read_text())
    tensors = load_file(Path(folder, "model.safetensors"))
    model = Transformer(config)
    ids = np.ones((1, 2), "int32")
    model({"source_ids": ids, "target_ids": ids})
    model.embedding.table.embeddings.assign(tensors["model.shared.weight"])
    for side in ("encoder", "decoder"):
        for i, block in enumerate(getattr(model, side)):
            block.assign(f"model.{side}.layers.{i}", tensors)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss)
    STATE["model"] = model


def train(source_ids, target_ids, labels):
    """One step; returns the loss before it."""
    inputs = {"source_ids": source_ids, "target_ids": target_ids}
    return float(STATE["model"].train_on_batch(inputs, labels))
