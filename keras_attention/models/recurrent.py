"""Recurrent translation: without attention, with Bahdanau's, with Luong's.

    source_ids ─ embed ─ (Bi)RNN ─┬─ last state ─► first state
                                  └─ all states ─► memory
                                                     │ attend, where there is attention
    target_ids ─ embed ─ RNN ◄───────────────────────┘
                          └─► read-out ─► logits

A decoder's `advance` is the only place where its step is written down: `call` scans it
along the target, `step` runs it once. Where no step needs the look of the one before
(no attention, Luong without input feeding), `call` runs the recurrence at once.
"""

import keras
from keras import ops

from keras_attention.layers.packing import pack, take_positions
from keras_attention.layers.recurrent import RecurrentEncoder
from keras_attention.layers.scheduled_sampling import draw_tokens
from keras_attention.layers.token_embedding import (
    check_one_vocabulary,
    tied_logits,
    token_embedding,
)
from keras_attention.models.encoder_decoder import EncoderDecoder, Memory
from keras_attention.models.recurrent_decoders import (
    BahdanauDecoder,
    BlindDecoder,
    DropoutMasks,
    LuongDecoder,
)
from keras_attention.special_tokens import PAD_ID

PRESETS = {
    # Toy tasks and tests.
    "tiny": {"embedding_dim": 32, "units": 64},
    # Corpora of some ten thousand pairs.
    "small": {"embedding_dim": 256, "units": 256, "dropout": 0.2},
    # Bahdanau et al., appendix A.2.3: the decoder of RNNsearch, whose encoder has as
    # many units in each direction as both have here.
    "base": {"embedding_dim": 620, "units": 1000},
    # Luong et al., section 4.1.
    "big": {
        "attention": "luong",
        "score": "general",
        "input_feeding": True,
        "cell": "lstm",
        "num_layers": 4,
        "bidirectional": False,
        "embedding_dim": 1000,
        "units": 1000,
        "dropout": 0.2,
    },
}

ATTENTIONS = ("bahdanau", "luong", None)


@keras.saving.register_keras_serializable(package="keras_attention")
class RecurrentSeq2Seq(EncoderDecoder):
    """Recurrent encoder and decoder, and between them attention or one vector.

    Args:
        source_vocabulary_size: int. Id 0 is padding.
        target_vocabulary_size: int. Id 0 is padding.
        attention: "bahdanau" (attend, then move), "luong" (move, then attend), or
            None (the encoder's last state is all that the decoder knows). "none" is
            taken for None, since TOML has no such value.
        score: of Luong's attention: "dot" (unless given), "general" or "concat".
        cell: "gru" or "lstm".
        embedding_dim: int.
        units: int. Width of states; even with two directions, which share it.
        num_layers: int. In the encoder, and in the decoder.
        bidirectional: bool. Of the encoder. Its last states reach the decoder through
            a dense layer; those of one direction as they are.
        residual: bool. Residual connections, from the second layer on.
        input_feeding: bool. Luong's decoder is told where it looked a step before.
        readout: "maxout" (unless given) or "tanh", between state and logits, as wide
            as the embedding. Luong's attentional vector is always a tanh, as wide as
            the states.
        reverse_source: bool. The encoder reads the last word first. Attention scores
            stay in the order of `source_ids`.
        dropout: float. On embeddings, layers' outputs and read-out; one mask a
            sentence, none within the recurrence.
        layer_norm: bool. Of layers' outputs.
        share_embeddings: bool. One table for source and target, whose vocabularies
            must then be the same.
        tie_embeddings: bool. Target embeddings serve as output weights.
        **kwargs: `name`, `dtype` and the like, for `keras.Model`.

    Call arguments:
        inputs: dict of int tensors, `source_ids` `(B, S)` and `target_ids` `(B, T)`;
            padding may stand on either side of the source. In training also
            `alignments`, float `(B, T, S)`: see `EncoderDecoder`.
        return_attention_scores: bool.

    Returns:
        Logits `(B, T, target_vocabulary_size)`, and if asked scores `(B, T, S)`, all
        zero without attention.

    Attributes:
        scheduled_sampling: a `ScheduledSampling` layer for training, or None. Keras
            wants it before the model is built; it adds no weights.

    Raises:
        ValueError: arguments that contradict each other.

    Example:

    >>> model = RecurrentSeq2Seq(9, 9, attention="luong", **PRESETS["tiny"])
    >>> ids = np.array([[4, 5, 3]])
    >>> tuple(model({"source_ids": ids, "target_ids": ids}).shape)
    (1, 3, 9)

    References:
        [Sutskever et al., 2014](https://arxiv.org/abs/1409.3215);
        [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473);
        [Luong et al., 2015](https://arxiv.org/abs/1508.04025);
        tied embeddings: [Press & Wolf, 2017](https://arxiv.org/abs/1608.05859).
    """

    def __init__(
        self,
        source_vocabulary_size,
        target_vocabulary_size,
        attention="bahdanau",
        score=None,
        cell="gru",
        embedding_dim=256,
        units=256,
        num_layers=1,
        bidirectional=True,
        residual=False,
        input_feeding=False,
        readout=None,
        reverse_source=False,
        dropout=0.0,
        layer_norm=False,
        share_embeddings=False,
        tie_embeddings=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.source_vocabulary_size = source_vocabulary_size
        self.target_vocabulary_size = target_vocabulary_size
        self.attention = None if attention == "none" else attention
        self.score = score
        self.cell = cell
        self.embedding_dim = embedding_dim
        self.units = units
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.residual = residual
        self.input_feeding = input_feeding
        self.readout = readout
        self.reverse_source = reverse_source
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.share_embeddings = share_embeddings
        self.tie_embeddings = tie_embeddings
        self._check()

        dtype = self.dtype_policy
        self.target_embedding = token_embedding(
            target_vocabulary_size, embedding_dim, dtype, "target_embedding"
        )
        self.source_embedding = self.target_embedding
        if not share_embeddings:
            self.source_embedding = token_embedding(
                source_vocabulary_size, embedding_dim, dtype, "source_embedding"
            )
        self.embedding_dropout = keras.layers.Dropout(
            dropout, noise_shape=(None, 1, None), dtype=dtype
        )
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=dtype)
        stack = {
            "num_layers": num_layers,
            "cell": cell,
            "residual": residual,
            "layer_norm": layer_norm,
            "dtype": dtype,
        }
        self.encoder = RecurrentEncoder(
            units, bidirectional=bidirectional, dropout=dropout, name="encoder", **stack
        )
        self.bridges = self._bridges() if bidirectional else []
        self.decoder = self._decoder(stack)
        self.logits_dense = None
        if not tie_embeddings:
            self.logits_dense = keras.layers.Dense(
                target_vocabulary_size, dtype=dtype, name="logits_dense"
            )
        self.scheduled_sampling = None

    def _check(self):
        if self.attention not in ATTENTIONS:
            raise ValueError(
                'attention must be "bahdanau", "luong" or None ("none" in a recipe); '
                f"received attention={self.attention!r}"
            )
        if self.attention != "luong" and self.input_feeding:
            raise ValueError(
                "input_feeding feeds back the attentional vector, which only "
                f'attention="luong" has; received attention={self.attention!r}. Take '
                'attention="luong", or leave input_feeding out'
            )
        if self.attention != "luong" and self.score is not None:
            raise ValueError(
                f'score chooses among the forms of attention="luong"; received '
                f"score={self.score!r} with attention={self.attention!r}. Leave score "
                "out, or take luong"
            )
        known = ("tanh",) if self.attention == "luong" else ("maxout", "tanh")
        if self.readout not in (None, *known):
            raise ValueError(
                f"readout must be {' or '.join(map(repr, known))} with "
                f"attention={self.attention!r}; received readout={self.readout!r}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(
                f"dropout must be at least 0 and below 1; received {self.dropout}"
            )
        if self.share_embeddings:
            check_one_vocabulary(
                self.source_vocabulary_size, self.target_vocabulary_size
            )
        if (
            self.tie_embeddings
            and self.attention == "luong"
            and self.units != self.embedding_dim
        ):
            raise ValueError(
                "tie_embeddings multiplies Luong's attentional vector, as wide as "
                "units, with embeddings; received "
                f"units={self.units}, embedding_dim={self.embedding_dim}. Make them "
                "equal, or pass tie_embeddings=False"
            )

    @property
    def attends(self):
        return self.attention is not None

    def _bridges(self):
        """For each layer, what turns last states of two directions into first ones."""
        # A state h is the output of a tanh; an LSTM's cell c is not bounded.
        activations = ("tanh", None) if self.cell == "lstm" else ("tanh",)
        return [
            [
                keras.layers.Dense(
                    self.units,
                    activation=activation,
                    dtype=self.dtype_policy,
                    name=f"bridge_{i}_{j}",
                )
                for j, activation in enumerate(activations)
            ]
            for i in range(self.num_layers)
        ]

    def _decoder(self, options):
        options = {**options, "name": "decoder"}
        sizes = self.units, self.embedding_dim
        if self.attention == "luong":
            score = self.score or "dot"
            return LuongDecoder(*sizes, score, self.input_feeding, **options)
        kinds = {"bahdanau": BahdanauDecoder, None: BlindDecoder}
        return kinds[self.attention](*sizes, self.readout or "maxout", **options)

    def build(self, input_shape=None):
        self.target_embedding.build((None, None))
        if not self.share_embeddings:
            self.source_embedding.build((None, None))
        self.encoder.build((None, None, self.embedding_dim))
        for bridge in (dense for layer in self.bridges for dense in layer):
            bridge.build((None, self.units))
        self.decoder.build()
        if self.logits_dense is not None:
            self.logits_dense.build((None, self.decoder.readout_dim))

    def _encode(self, source_ids, training=False):
        mask = ops.not_equal(source_ids, PAD_ID)
        packing = pack(mask, self.reverse_source)
        tokens = self.source_embedding(take_positions(source_ids, packing.order))
        tokens = self.embedding_dropout(tokens, training=training)
        value, hidden = self.encoder(tokens, value_mask=packing.mask, training=training)
        if self.bridges:
            hidden = tuple(
                tuple(dense(state) for dense, state in zip(layer, states, strict=True))
                for layer, states in zip(self.bridges, hidden, strict=True)
            )
        value = take_positions(value, packing.places)  # In the order of the ids.
        state = self.decoder.start(hidden, value)
        return Memory(value, self.decoder.project_key(value), mask), state

    def _draw_masks(self, batch_size, training):
        if not training or not self.dropout:
            return None

        def draw(*shape):
            ones = ops.ones((batch_size, *shape), dtype=self.compute_dtype)
            return self.dropout_layer(ones, training=True)

        return DropoutMasks(
            draw(self.embedding_dim),
            tuple(draw(self.units) for _ in range(self.num_layers)),
            draw(1, self.decoder.readout_dim),
        )

    def _logits(self, features, masks=None):
        vector = self.decoder.readout(features)
        if masks is not None:
            vector = vector * masks.readout
        if self.logits_dense is None:
            return tied_logits(self.target_embedding, vector)
        # float32: a loss over thousands of classes overflows in half floats.
        return ops.cast(self.logits_dense(vector), "float32")

    def call(self, inputs, return_attention_scores=False, training=None):
        memory, state = self._encode(inputs["source_ids"], training)
        target_ids = inputs["target_ids"]
        masks = self._draw_masks(ops.shape(target_ids)[0], training)
        if training and self.scheduled_sampling is not None:
            target_ids = self._mix_in_own_words(target_ids, state, memory, masks)
        tokens = self.target_embedding(target_ids)  # (B, T, embedding_dim)
        if masks is not None:
            tokens = tokens * masks.tokens[:, None]
        features, attention_scores = self.decoder.unroll(tokens, state, memory, masks)
        logits = self._logits(features, masks)
        if training:
            self.guide(inputs, attention_scores)
        return (logits, attention_scores) if return_attention_scores else logits

    def _mix_in_own_words(self, target_ids, state, memory, masks):
        """The target, some tokens being what the model itself would have said.

        Choosing them takes a pass of its own, without gradient (as in Bengio et al.,
        2015, whose gradient does not flow through the choice either); `call` then
        reads the chosen tokens as it would read right ones.
        """
        target_ids = ops.cast(ops.swapaxes(target_ids, 0, 1), "int32")  # (T, B)
        shown, uniforms = self.scheduled_sampling(target_ids)

        def choose(carry, column):
            said, _, state = carry
            right_ids, shown, uniforms = column
            # Padding stays padding, and the first token comes from nobody.
            fixed = ops.logical_or(shown, ops.equal(right_ids, PAD_ID))
            token_ids = ops.where(ops.logical_or(fixed, said < 0), right_ids, said)
            tokens = self.target_embedding(token_ids)
            if masks is not None:
                tokens = tokens * masks.tokens
            features, state = self.decoder.advance(tokens, state, memory, masks)
            logits = self._logits(features[:, None], masks)[:, 0]
            said = draw_tokens(logits, uniforms)
            carry = said, token_ids, state
            return carry, carry

        nothing_said = ops.full_like(target_ids[0], -1)
        first = nothing_said, nothing_said, state
        _, (_, chosen, _) = ops.scan(choose, first, (target_ids, shown, uniforms))
        return ops.stop_gradient(ops.swapaxes(chosen, 0, 1))  # (B, T)

    def encode(self, inputs, num_steps=None):
        if not self.built:
            self.build()
            self.built = True
        return self._encode(inputs["source_ids"])

    def step(self, token_ids, state, memory):
        tokens = self.target_embedding(token_ids)
        features, state = self.decoder.advance(tokens, state, memory)
        return self._logits(features), state

    def get_config(self):
        names = (
            "source_vocabulary_size target_vocabulary_size attention score cell "
            "embedding_dim units num_layers bidirectional residual input_feeding "
            "readout reverse_source dropout layer_norm share_embeddings tie_embeddings"
        ).split()
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
