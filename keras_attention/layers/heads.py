"""What multi-head layers share: projections, heads apart, softmax, heads together."""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.annotations import Tensor
from keras_attention.layers.chunked_attention import attend_in_chunks
from keras_attention.layers.masking import (
    causal_mask,
    combine_masks,
    masked_softmax,
    scoring,
)
from keras_attention.layers.quantization import KeepsQuantization

# Fewer in a chunk, and products of matrices would be slow.
LEAST_QUERIES = 16


class MultiHeadAttention(KeepsQuantization, keras.layers.Layer):
    """The base of self and cross attention.

        head_i = softmax(scale · Q W_i^Q (K W_i^K)ᵀ) V W_i^V
        output = [head_1; …; head_h] W^O

    Projections are `Dense` layers whose columns are ordered head by head.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        output_dim: int | None = None,
        scale: float | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        kernel_initializer: str = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_heads < 1 or key_dim < 1:
            raise ValueError(
                "num_heads and key_dim must be positive; "
                f"received num_heads={num_heads}, key_dim={key_dim}"
            )
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim
        self.output_dim = output_dim
        self.scale = scale
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.query_dense = self._dense(num_heads * key_dim, "query_dense")
        self.key_dense = self._dense(num_heads * key_dim, "key_dense")
        self.value_dense = self._dense(
            num_heads * (value_dim or key_dim), "value_dense"
        )
        # Its width may be the query's, which `build` sees first.
        self.output_dense: Any = None
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.supports_masking = True

    def _dense(self, units, name):
        return keras.layers.Dense(
            units,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer.__class__.from_config(
                self.kernel_initializer.get_config()
            ),
            dtype=self.dtype_policy,
            name=name,
        )

    def _build_projections(self, query_shape, key_shape, value_shape):
        self.query_dense.build(query_shape)
        self.key_dense.build(key_shape)
        self.value_dense.build(value_shape)
        self.output_dense = self._dense(
            self.output_dim or query_shape[-1], "output_dense"
        )
        heads_dim = self.num_heads * (self.value_dim or self.key_dim)
        self.output_dense.build((*query_shape[:-1], heads_dim))
        self.dropout_layer.build((None, self.num_heads, None, None))

    def _split(self, projected):
        """`(…, heads · dim)` → `(…, heads, dim)`."""
        shape = ops.shape(projected)
        dim = projected.shape[-1] // self.num_heads
        return ops.reshape(projected, (*shape[:-1], self.num_heads, dim))

    def _merge(self, heads):
        """`(…, heads, dim)` → `(…, heads · dim)`, projected to the output."""
        shape = ops.shape(heads)
        dim = heads.shape[-2] * heads.shape[-1]
        return self.output_dense(ops.reshape(heads, (*shape[:-2], dim)))

    def _scale(self):
        return 1.0 / math.sqrt(self.key_dim) if self.scale is None else self.scale

    def _attend(self, query, key, value, masks, return_attention_scores, training):
        """Heads apart: query `(B, T, H, key_dim)`, key and value `(B, S, H, …)`."""
        dropping = training and self.dropout
        if not (return_attention_scores or dropping) and _has_kernel(key, value, masks):
            heads = ops.dot_product_attention(
                query, key, value, scale=self._scale(), is_causal=masks.causal
            )
            return heads, None
        key = ops.transpose(key, (0, 2, 3, 1))  # (B, H, key_dim, S)
        value = ops.transpose(value, (0, 2, 1, 3))  # (B, H, S, value_dim)
        if not return_attention_scores:
            return self._attend_in_chunks(query, key, value, masks, dropping), None
        mask = masks.rows(ops.shape(query)[1], ops.shape(key)[-1])
        query = ops.transpose(query, (0, 2, 1, 3))  # (B, H, T, key_dim)
        heads, scores = self._attend_transposed(query, key, value, mask, training)
        return ops.transpose(heads, (0, 2, 1, 3)), scores

    def _attend_transposed(self, query, key, value, mask, training=False):
        def drop(weights):
            return self.dropout_layer(weights, training=training)

        return self._weigh(query, key, value, mask, drop)

    def _weigh(self, query, key, value, mask, drop):
        query, key = scoring(query, key)
        scores = ops.matmul(query * self._scale(), key)  # (B, H, T, S)
        attention_scores = ops.cast(masked_softmax(scores, mask), value.dtype)
        return ops.matmul(drop(attention_scores), value), attention_scores

    def _attend_in_chunks(self, query, key, value, masks, dropping):
        """The same numbers without all scores at once; heads `(B, T, H, value_dim)`."""
        seed = self.dropout_layer.seed_generator.next() if dropping else None

        def attend(query, source, attention_mask, start):
            def drop(weights):
                if seed is None:
                    return weights
                own = GivenSeed(seed, start)
                return keras.random.dropout(weights, self.dropout, seed=own)

            key, value = source
            rows = masks._replace(attention_mask=attention_mask)
            mask = rows.rows(ops.shape(query)[1], ops.shape(key)[-1], start)
            query = ops.transpose(query, (0, 2, 1, 3))
            heads, _ = self._weigh(query, key, value, mask, drop)
            return ops.transpose(heads, (0, 2, 1, 3))

        width = ops.shape(key)[0] * self.num_heads * ops.shape(key)[-1]
        return attend_in_chunks(
            attend,
            query,
            [key, value],
            masks.attention_mask,
            width=width,
            least=LEAST_QUERIES,
        )

    def _result(self, query, heads, attention_scores, return_attention_scores):
        context = self._merge(heads)
        if return_attention_scores:
            return context, attention_scores
        return context

    def _output_shape(self, query_shape):
        return (*query_shape[:-1], self.output_dim or query_shape[-1])

    def _output_spec(self, query, source_length, return_attention_scores):
        shape = self._output_shape(query.shape)
        context = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return context
        batch, length, _ = query.shape
        shape = (batch, self.num_heads, length, source_length)
        return context, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "output_dim": self.output_dim,
            "scale": self.scale,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


class Masks(NamedTuple):
    """What queries may attend to, without a mask `(B, T, S)` that nobody gave."""

    value_mask: Any = None  # (B, S)
    attention_mask: Any = None  # (B or 1, T, S)
    causal: bool = False

    def only_causal(self) -> bool:
        return self.value_mask is None and self.attention_mask is None

    def rows(self, number, length, start=0):
        """The mask `(B, 1, number or 1, S)` of as many queries, the first at `start`.

        `attention_mask` is to have these rows only.
        """
        mask = mask_for_heads(self.value_mask, self.attention_mask)
        if not self.causal:
            return mask
        return combine_masks(mask, causal_mask(number, length, start)[None, None])


def make_masks(value_mask, attention_mask, causal=False):
    """`Masks` of what a layer was given; an `attention_mask` may be `(T, S)`."""
    if attention_mask is not None and len(attention_mask.shape) == 2:
        attention_mask = ops.convert_to_tensor(attention_mask)[None]
    return Masks(value_mask, attention_mask, causal)


class GivenSeed(keras.random.SeedGenerator):
    """A seed drawn before, moved by `offset`: what is computed anew drops alike."""

    def __init__(self, seed: Tensor, offset: Tensor) -> None:
        self.given = seed + ops.cast(ops.stack([offset, 0]), seed.dtype)

    def next(self, ordered: bool = True) -> Tensor:
        return self.given


def _has_kernel(key, value, masks):
    """Whether the backend has a fused kernel in which memory grows with the length.

    That of cuDNN through JAX takes half precision and heads of one width, a multiple
    of 8, and masks only whole. Without it, JAX and TensorFlow keep all scores.
    """
    if keras.backend.backend() != "jax" or not masks.only_causal():
        return False
    dtype, dim = keras.backend.standardize_dtype(key.dtype), key.shape[-1]
    if dtype not in ("float16", "bfloat16") or dim != value.shape[-1]:
        return False
    devices = keras.distribution.list_devices()
    return dim % 8 == 0 and dim <= 128 and devices[0].startswith("gpu")


def by_head(rows, num_heads, beams):
    """`(B · beams, H · dim)` → `(B · H, beams, dim)`."""
    dim = rows.shape[-1] // num_heads
    rows = ops.reshape(rows, (-1, dim))
    return ops.reshape(_swap(rows, beams, num_heads), (-1, beams, dim))


def by_beam(heads, num_heads):
    """`(B · H, beams, dim)` → `(B · beams, H · dim)`."""
    _, beams, dim = ops.shape(heads)
    rows = ops.reshape(heads, (-1, dim))
    return ops.reshape(_swap(rows, num_heads, beams), (-1, num_heads * dim))


def _swap(rows, first, second):
    """`(B · first · second, dim)` → `(B · second · first, dim)`.

    Taken by index: of the few rows of a step, a transpose takes ten times as long.
    """
    if isinstance(first, int) and isinstance(second, int) and 1 in (first, second):
        return rows
    order = ops.reshape(
        ops.arange(ops.shape(rows)[0], dtype="int32"), (-1, first, second)
    )
    order = ops.transpose(order, (0, 2, 1))
    return ops.take(rows, ops.reshape(order, (-1,)), axis=0)


def mask_for_heads(value_mask, attention_mask):
    """Brings `(B, S)` and `(B, T, S)` masks to one `(B, 1, T or 1, S)`."""
    if value_mask is not None:
        value_mask = ops.cast(value_mask, "bool")[:, None, None, :]
    if attention_mask is not None:
        attention_mask = ops.cast(attention_mask, "bool")
        attention_mask = (
            attention_mask[None, None]
            if len(attention_mask.shape) == 2
            else attention_mask[:, None]
        )
    return combine_masks(value_mask, attention_mask)
