"""Marian's tensors and the weights of a `Transformer`: names, layouts, and both ways.

Marian's positions have all sines first and then all cosines; ours alternate. The
model's axis is permuted once, in all that reads or writes it; the numbers are the same:

    ours 2i ← theirs i,  ours 2i + 1 ← theirs d/2 + i

PyTorch keeps linear weights as (out, in), Keras as (in, out).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from keras_attention.models.transformer import Transformer

SHARED = "model.shared.weight"
SOURCE_TABLE = "model.encoder.embed_tokens.weight"
TARGET_TABLE = "model.decoder.embed_tokens.weight"
OUTPUT = "lm_head.weight"
BIAS = "final_logits_bias"
PROJECTIONS = {
    "q_proj": "query_dense",
    "k_proj": "key_dense",
    "v_proj": "value_dense",
    "out_proj": "output_dense",
}


class Weight(NamedTuple):
    """One tensor of theirs and the weight of ours that it becomes."""

    name: str
    variable: Any
    reads: bool = False  # its rows are the model's axis
    writes: bool = False  # its columns are

    def to_ours(self, array: np.ndarray) -> np.ndarray:
        array = array.T
        order = alternating(self._dim()) if self.reads or self.writes else None
        array = array[order] if self.reads else array
        return array[..., order] if self.writes else array

    def to_theirs(self, array: np.ndarray) -> np.ndarray:
        order = halves(self._dim()) if self.reads or self.writes else None
        array = array[order] if self.reads else array
        array = array[..., order] if self.writes else array
        return np.ascontiguousarray(array.T)

    def _dim(self):
        return self.variable.shape[0 if self.reads else -1]


def alternating(dim: int) -> np.ndarray:
    """Which of their features each of ours is, int `(dim,)`."""
    return np.arange(dim).reshape(2, dim // 2).T.ravel()


def halves(dim: int) -> np.ndarray:
    """Which of our features each of theirs is, int `(dim,)`."""
    return np.arange(dim).reshape(dim // 2, 2).T.ravel()


def block_weights(model: "Transformer") -> Iterator[Weight]:
    """All weights but the tables and the bias of logits."""
    for side in ("encoder", "decoder"):
        for i, block in enumerate(getattr(model, f"{side}_blocks")):
            prefix = f"model.{side}.layers.{i}"
            attentions = {"self_attn": block.self_attention}
            norms = {
                "self_attn_layer_norm": block.self_attention_norm,
                "final_layer_norm": block.feed_forward_norm,
            }
            if side == "decoder":
                attentions["encoder_attn"] = block.cross_attention
                norms["encoder_attn_layer_norm"] = block.cross_attention_norm
            for name, attention in attentions.items():
                for theirs, ours in PROJECTIONS.items():
                    yield from _dense(
                        f"{prefix}.{name}.{theirs}",
                        getattr(attention, ours),
                        writes=theirs == "out_proj",
                    )
            yield from _dense(f"{prefix}.fc1", block.inner_dense, writes=False)
            yield from _dense(f"{prefix}.fc2", block.outer_dense, writes=True)
            for name, norm in norms.items():
                yield from _norm(f"{prefix}.{name}", norm)
        if model.norm_first:
            yield from _norm(f"model.{side}.layer_norm", getattr(model, f"{side}_norm"))


def _dense(name, dense, writes):
    """Of a layer between the model's axis and another one."""
    yield Weight(f"{name}.weight", dense.kernel, not writes, writes)
    yield Weight(f"{name}.bias", dense.bias, writes=writes)


def _norm(name, norm):
    yield Weight(f"{name}.weight", norm.gamma, writes=True)
    yield Weight(f"{name}.bias", norm.beta, writes=True)


def last_norm(model: "Transformer") -> tuple[Any, Any]:
    """Scale and shift of what is compared with output embeddings."""
    norm = model.decoder_blocks[-1].feed_forward_norm
    norm = model.decoder_norm if model.norm_first else norm
    return norm.gamma, norm.beta
