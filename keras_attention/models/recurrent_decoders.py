"""Three decoders: without attention, attend and then step, step and then attend.

Each is a layer with the recurrence, the attention and the read-out of one paper, and
`RecurrentSeq2Seq` knows none of them by name. Shapes: `N` hypotheses, `B` sources.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.layers.bahdanau import BahdanauAttention
from keras_attention.layers.luong import LuongAttention
from keras_attention.layers.recurrent import RecurrentDecoder
from keras_attention.layers.scan import scan


class RecurrentState(NamedTuple):
    """What a decoder carries from one token to the next; all of it batch-major."""

    hidden: Any  # per layer a tuple: (N, units), twice for LSTMs
    fed: Any  # (N, dim): what the recurrence reads besides tokens, or ()
    attention_scores: Any  # (N, S)


class DropoutMasks(NamedTuple):
    """One mask for a sentence (Gal & Ghahramani, 2016), the same at all steps."""

    tokens: Any  # (B, embedding_dim)
    outputs: Any  # per layer (B, units)
    readout: Any  # (B, 1, readout_dim)


class BlindDecoder(keras.layers.Layer):
    """Knows of the source what its initial state holds, and never attends to it.

        h = RNN(token, h)          logits = W_o readout([h; token])

    Also the base of those that attend.

    Args:
        units: int.
        embedding_dim: int. Of target tokens.
        readout: "maxout", "tanh" or "linear", what stands between hidden state and
            logits; as wide as the embedding.
        num_layers, cell, residual, layer_norm: of `RecurrentDecoder`.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    References:
        [Sutskever et al., 2014](https://arxiv.org/abs/1409.3215), section 2;
        maxout: [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473), appendix
        A.2.2, with the state after the move where the paper has the one before.
    """

    def __init__(
        self,
        units,
        embedding_dim,
        readout="maxout",
        num_layers=1,
        cell="gru",
        residual=False,
        layer_norm=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.embedding_dim = embedding_dim
        self.readout_kind = readout
        self.rnn = RecurrentDecoder(
            units,
            num_layers,
            cell,
            residual,
            layer_norm,
            dtype=self.dtype_policy,
            name="rnn",
        )
        self.attention = self._attention()
        self.readout_dense = keras.layers.Dense(
            self.readout_dim * (2 if readout == "maxout" else 1),
            dtype=self.dtype_policy,
            name="readout_dense",
        )

    def _attention(self):
        return None

    @property
    def value_dim(self):
        """Width of each source position."""
        return self.units

    @property
    def readout_dim(self):
        """Width of what is turned into logits."""
        return self.embedding_dim

    @property
    def input_dim(self):
        """Width of what the recurrence reads at each step."""
        return self.embedding_dim

    @property
    def features_dim(self):
        """Width of what the read-out reads."""
        return self.units + self.embedding_dim

    def build(self, input_shape=None):
        self.rnn.build((None, None, self.input_dim))
        if self.attention is not None:
            query, value = (None, None, self.units), (None, None, self.value_dim)
            self.attention.build(query, value)
        self.readout_dense.build((None, self.features_dim))

    def project_key(self, value):
        """What attention needs of the source, computed once; `()` without it."""
        return ()

    def start(self, value, hidden):
        """The state before the first token, of the encoder's last states."""
        nowhere = ops.zeros_like(value[:, :, 0])  # (B, S)
        return RecurrentState(hidden, (), nowhere)

    def rnn_inputs(self, tokens, state):
        """What the recurrence reads, of tokens `(N, dim)` or `(N, T, dim)`."""
        return tokens

    def advance(self, tokens, state, memory, masks=None):
        """One step: embedded tokens `(N, embedding_dim)` to `(features, state)`."""
        inputs = self.rnn_inputs(tokens, state)
        hidden, states = self.rnn.step(inputs, state.hidden, _outputs(masks))
        features = ops.concatenate([hidden, tokens], axis=-1)
        return features, state._replace(hidden=states)

    def unroll(self, tokens, state, memory, masks=None):
        """All steps where the tokens are known: the whole recurrence at once.

        Args:
            tokens: float `(B, T, embedding_dim)`.
            state: what `start` returned.
            memory: `Memory`.
            masks: `DropoutMasks`, or None.

        Returns:
            `(features, attention_scores)`, `(B, T, features_dim)` and `(B, T, S)`.
        """
        inputs = self.rnn_inputs(tokens, state)
        hidden = self.rnn(inputs, state.hidden, _outputs(masks))
        features = ops.concatenate([hidden, tokens], axis=-1)
        nowhere = ops.zeros_like(tokens[:, :, :1]) * state.attention_scores[:, None]
        return features, nowhere

    def scan(self, tokens, state, memory, masks=None):
        """The same, where each step needs the one before: step by step."""
        tokens = ops.swapaxes(tokens, 0, 1)  # (T, B, embedding_dim)
        features = ops.zeros((ops.shape(tokens)[1], self.features_dim), tokens.dtype)

        features, attention_scores = scan(
            lambda carry, tokens: self.advance(tokens, carry[1], memory, masks),
            (features, state),
            tokens,
            keep=lambda carry: (carry[0], carry[1].attention_scores),
        )
        return ops.swapaxes(features, 0, 1), ops.swapaxes(attention_scores, 0, 1)

    def readout(self, features):
        """`(…, features_dim)` to `(…, readout_dim)`, from which logits are made."""
        features = self.readout_dense(features)
        if self.readout_kind == "linear":
            return features
        if self.readout_kind == "tanh":
            return ops.tanh(features)
        # Two halves, not pairs of neighbours: the same model, a faster kernel.
        return ops.maximum(*ops.split(features, 2, axis=-1))

    def call(self, tokens, hidden, value, value_mask=None):
        raise NotImplementedError("a decoder is driven by its model: advance, unroll")


class BahdanauDecoder(BlindDecoder):
    """Attends, then moves: the state before is the query.

        c = attention(h, source)    h = RNN([token; c], h)
        logits = W_o readout([h; token; c])

    References:
        [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473), section 3.1 and
        appendix A.2.2.
    """

    def _attention(self):
        return BahdanauAttention(self.units, dtype=self.dtype_policy, name="attention")

    @property
    def context_dim(self):
        """Width of what attention returns."""
        return self.value_dim

    @property
    def input_dim(self):
        return self.embedding_dim + self.context_dim

    @property
    def features_dim(self):
        return self.units + self.embedding_dim + self.context_dim

    def project_key(self, value):
        return self.attention.project_key(value)

    def advance(self, tokens, state, memory, masks=None):
        context, scores = _attend(self.attention, state.hidden[-1][0], memory)
        inputs = ops.concatenate([tokens, context], axis=-1)
        hidden, states = self.rnn.step(inputs, state.hidden, _outputs(masks))
        features = ops.concatenate([hidden, tokens, context], axis=-1)
        return features, state._replace(hidden=states, attention_scores=scores)

    def unroll(self, tokens, state, memory, masks=None):
        return self.scan(tokens, state, memory, masks)


class LuongDecoder(BlindDecoder):
    """Steps, then attends: the new state is the query.

        h = RNN(token, h)    c = attention(h, source)    h̃ = tanh(W_c [c; h])
        logits = W_o h̃

    With input feeding, the recurrence reads `[token; h̃]` of the step before.

    Args:
        score: of `LuongAttention`.
        input_feeding: bool.

    References:
        [Luong et al., 2015](https://arxiv.org/abs/1508.04025), sections 3.1 and 3.3.
    """

    def __init__(
        self, units, embedding_dim, score="dot", input_feeding=False, **kwargs
    ):
        self.score = score
        self.input_feeding = input_feeding
        super().__init__(units, embedding_dim, **{**kwargs, "readout": "tanh"})

    def _attention(self):
        return LuongAttention(self.score, dtype=self.dtype_policy, name="attention")

    @property
    def readout_dim(self):
        return self.units

    @property
    def input_dim(self):
        return self.embedding_dim + (self.units if self.input_feeding else 0)

    @property
    def features_dim(self):
        return 2 * self.units

    def project_key(self, value):
        return self.attention.project_key(value)

    def start(self, value, hidden):
        state = super().start(value, hidden)
        if self.input_feeding:
            return state._replace(fed=ops.zeros_like(hidden[-1][0]))
        return state

    def advance(self, tokens, state, memory, masks=None):
        inputs = tokens
        if self.input_feeding:
            inputs = ops.concatenate([tokens, state.fed], axis=-1)
        hidden, states = self.rnn.step(inputs, state.hidden, _outputs(masks))
        context, scores = _attend(self.attention, hidden, memory)
        features = ops.concatenate([context, hidden], axis=-1)
        state = state._replace(hidden=states, attention_scores=scores)
        if self.input_feeding:
            state = state._replace(fed=self.readout(features))
        return features, state

    def unroll(self, tokens, state, memory, masks=None):
        if self.input_feeding:
            return self.scan(tokens, state, memory, masks)
        hidden = self.rnn(tokens, state.hidden, _outputs(masks))
        context, scores = self.attention(
            hidden,
            memory.value,
            key=memory.key,
            value_mask=memory.mask,
            return_attention_scores=True,
        )
        return ops.concatenate([context, hidden], axis=-1), scores


def _attend(attention, query, memory):
    """One step's context `(N, units)` and scores `(N, S)`."""
    context, scores = attention(
        query[:, None],
        memory.value,
        key=memory.key,
        value_mask=memory.mask,
        return_attention_scores=True,
    )
    return context[:, 0], scores[:, 0]


def _outputs(masks):
    return None if masks is None else masks.outputs
