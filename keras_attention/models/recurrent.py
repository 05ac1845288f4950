"""Recurrent translation: without attention, with Bahdanau's, with Luong's.

    source_ids ─ embed ─ (Bi)RNN ─┬─ last state ─► first state
                                  └─ all states ─► memory
                                                     │ attend, where there is attention
    target_ids ─ embed ─ RNN ◄───────────────────────┘
                          └─► read-out ─► logits

A decoder's `advance` is the only definition of its step: `call` scans it
along the target, `step` runs it once. Where no step needs the context of the one before
(no attention, Luong without input feeding), `call` runs the recurrence at once.
"""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape
from keras_attention.layers.packing import pack, take_positions
from keras_attention.layers.recurrent import RecurrentEncoder, num_states
from keras_attention.layers.token_embedding import (
    check_one_vocabulary,
    embed,
    token_embedding,
)
from keras_attention.models.encoder_decoder import Memory, ids_spec
from keras_attention.models.recurrent_decoders import (
    BahdanauDecoder,
    BlindDecoder,
    LuongDecoder,
)
from keras_attention.models.recurrent_encoder_decoder import RecurrentEncoderDecoder
from keras_attention.special_tokens import PAD_ID

PRESETS: dict[str, dict[str, Any]] = {
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
class RecurrentSeq2Seq(RecurrentEncoderDecoder):
    """Recurrent encoder and decoder, and between them attention or one vector.

    Args:
        source_vocabulary_size: int. Id 0 is padding.
        target_vocabulary_size: int. Id 0 is padding.
        attention: "bahdanau" (attend, then move), "luong" (move, then attend), or
            None (the encoder's last state is all that the decoder knows). "none" is
            taken for None, since TOML has no such value.
        score: of Luong's attention: "dot" (unless given), "general" or "concat".
        cell: "gru", "lstm" or "rnn" (a plain tanh).
        embedding_dim: int.
        units: int. Width of states; even with two directions, which share it.
        num_layers: int. In the encoder, and in the decoder.
        bidirectional: bool. Of the encoder. Its last states reach the decoder through
            a dense layer; those of one direction as they are.
        residual: bool. Residual connections, from the second layer on.
        input_feeding: bool. Luong's decoder is fed the attentional state of the step
            before.
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
        Logits, float32 `(B, T, target_vocabulary_size)`, and if asked scores
        `(B, T, S)`, all zero without attention.

    Raises:
        ValueError: an unknown attention, score, cell or readout; no layer; odd units
            for two directions; dropout not in [0, 1); `score`, `input_feeding` or
            "maxout" with an attention that has none; embeddings shared between
            vocabularies of different sizes; with Luong's attention, embeddings tied
            that are not as wide as `units`.

    Example:

    >>> tiny = RecurrentSeq2Seq.presets["tiny"]
    >>> model = RecurrentSeq2Seq(9, 9, attention="luong", **tiny)
    >>> ids = np.array([[4, 5, 3]])
    >>> tuple(model({"source_ids": ids, "target_ids": ids}).shape)
    (1, 3, 9)

    References:
        [Sutskever et al., 2014](https://arxiv.org/abs/1409.3215), sections 2 and 3.3;
        [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473), section 3;
        [Luong et al., 2015](https://arxiv.org/abs/1508.04025), sections 3.1 and 3.3;
        tied embeddings: [Press & Wolf, 2017](https://arxiv.org/abs/1608.05859).
    """

    presets = PRESETS

    def __init__(
        self,
        source_vocabulary_size: int,
        target_vocabulary_size: int,
        attention: str | None = "bahdanau",
        score: str | None = None,
        cell: str = "gru",
        embedding_dim: int = 256,
        units: int = 256,
        num_layers: int = 1,
        bidirectional: bool = True,
        residual: bool = False,
        input_feeding: bool = False,
        readout: str | None = None,
        reverse_source: bool = False,
        dropout: float = 0.0,
        layer_norm: bool = False,
        share_embeddings: bool = False,
        tie_embeddings: bool = False,
        **kwargs: Any,
    ) -> None:
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
        self.make_decoder(self._decoder(stack), dropout, tie_embeddings)

    def _check(self):
        if self.attention not in ATTENTIONS:
            raise ValueError(
                f"attention must be one of {', '.join(map(repr, ATTENTIONS))} "
                f'("none" in a recipe); received attention={self.attention!r}'
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

    def _bridges(self):
        """For each layer, what turns last states of two directions into first ones."""
        # A state h is the output of a tanh; an LSTM's cell c is not bounded.
        activations = ("tanh", None)[: num_states(self.cell)]
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

    def build(self, input_shape: Shape | None = None) -> None:
        if not self.share_embeddings:
            self.source_embedding.build((None, None))
        tokens = (None, None, self.embedding_dim)
        self.embedding_dropout.build(tokens)
        self.encoder.build(tokens)
        for bridge in (dense for layer in self.bridges for dense in layer):
            bridge.build((None, self.units))
        self.build_decoder()

    def _encode(self, inputs, training=False):
        source_ids = inputs["source_ids"]
        mask = ops.not_equal(source_ids, PAD_ID)
        packing = pack(mask, self.reverse_source)
        tokens = embed(
            self.source_embedding,
            take_positions(source_ids, packing.order),
            self.compute_dtype,
        )
        tokens = self.embedding_dropout(tokens, training=training)
        value, hidden = self.encoder(tokens, value_mask=packing.mask, training=training)
        if self.bridges:
            hidden = tuple(
                tuple(dense(state) for dense, state in zip(layer, states, strict=True))
                for layer, states in zip(self.bridges, hidden, strict=True)
            )
        value = take_positions(value, packing.places)  # In the order of the ids.
        state = self.decoder.start(value, hidden)
        return Memory(value, self.decoder.project_key(value), mask), state

    def source_signature(self) -> dict[str, Any]:
        return {"source_ids": ids_spec("source_ids")}

    def source_length(self, input_shape: dict[str, Shape]) -> int | None:
        return input_shape["source_ids"][1]

    def get_config(self) -> dict[str, Any]:
        names = (
            "source_vocabulary_size target_vocabulary_size attention score cell "
            "embedding_dim units num_layers bidirectional residual input_feeding "
            "readout reverse_source dropout layer_norm share_embeddings tie_embeddings"
        ).split()
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
