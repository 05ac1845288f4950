"""What all searches have in common: how they begin, and what a step brings."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_attention.decoding.avoidance import Avoidance
from keras_attention.decoding.constraints import Constraints
from keras_attention.graph_names import FIRST_CAPACITY, GROWTH
from keras_attention.special_tokens import END_ID, START_ID

# Steps for which states have room at first.
LEAST_CAPACITY = 32


class Said(NamedTuple):
    """What rules need to know of what `N` hypotheses have said."""

    tokens: Any  # int (N, num_steps) for n-grams, or () where they may repeat
    places: Any  # of `Avoidance`, or () where no word is avoided


class Stepper:
    """One model, the sources it has encoded, and the rules of one search.

    Args:
        model: `EncoderDecoder`.
        inputs: dict of tensors for `model.encode`.
        options: `DecodingOptions`.
        width: int, the `K` of below. Hypotheses of each of the `B` sources; `N = B · K`
            rows go through the model.
        prefix_ids: int `(B, P)`, optional. Forced first tokens, padded with zeros.
        lexical: `LexicalConstraints`, optional. Its `avoid` is a rule too.

    Attributes:
        limits: int `(B,)`. The length at which each source's hypotheses end.
        num_steps: int, or int scalar tensor. Steps that suffice for all of them.
        memory: `Memory`, of the sources.
        state: the model's, of `N` rows, before the first step.
        start_ids: int `(N,)`. What the first step is fed.
    """

    def __init__(self, model, inputs, options, width, prefix_ids=None, lexical=None):
        self.model = model
        self.num_steps = options.num_steps(inputs)
        self.limits = options.length_limits(inputs)
        self._capacity = first_capacity(self.num_steps)
        self.memory, state = model.encode(inputs, self._capacity)
        self.state = model.repeat_state(state, width) if width > 1 else state
        self.batch_size = ops.shape(self.limits)[0]
        self.width = width
        sources = ops.repeat(ops.arange(self.batch_size, dtype="int32"), width)  # (N,)
        self.start_ids = ops.full_like(sources, START_ID)
        self.forbids_repeats = options.forbids_repeats
        self._avoidance = None
        if lexical is not None and not isinstance(lexical.avoid, tuple):
            self._avoidance = Avoidance(lexical, width)
        self._constrain = Constraints(
            options,
            ops.take(self.limits, sources, axis=0),
            model.target_vocabulary_size,
            None if prefix_ids is None else ops.take(prefix_ids, sources, axis=0),
        )

    def __call__(self, token_ids, state, index, said, forbidden=None):
        """Feeds the last token of each row.

        Args:
            token_ids: int `(N,)`.
            state: the model's.
            index: int scalar tensor. Tokens generated so far.
            said: what they are, as `nothing_said` and `add_tokens` give it.
            forbidden: bool `(N, V)`, optional. Other tokens that may not come.

        Returns:
            `(log_probs, state)`, float32 `(N, V)` under the rules, and the model's.
        """
        logits, state = self.model.step(token_ids, state, self.memory)
        log_probs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        if self._avoidance:
            avoided = self._avoidance.forbidden(said.places)
            if forbidden is not None:
                avoided = ops.logical_or(avoided, forbidden)
            forbidden = avoided
        return self._constrain(log_probs, index, said.tokens, forbidden), state

    def repeat(self, advance, goes_on, carry):
        """Steps until there is no more to do, with room for what has been said.

        States begin with room for few steps, and get twice as much when it is full: a
        step reads all of it, and most outputs are far shorter than they may be.

        Args:
            advance: function of the carry, which takes one step.
            goes_on: function of the carry, a bool scalar tensor.
            carry: NamedTuple with `index` and `state`, among others.

        Returns:
            The last carry.
        """

        def fill(carry, capacity):
            (carry,) = ops.while_loop(
                lambda carry: ops.logical_and(carry.index < capacity, goes_on(carry)),
                lambda carry: (advance(carry),),
                (carry,),
            )
            return carry

        def grow(carry, capacity):
            state = self.model.grow_state(carry.state, capacity)
            return carry._replace(state=state)

        capacity, most = self._capacity, self.num_steps
        if isinstance(most, int):
            # A compiler of fixed shapes needs a loop of its own for each.
            carry = fill(carry, capacity)
            while capacity < most:
                capacity = next_capacity(capacity, most)
                carry = fill(grow(carry, capacity), capacity)
            return carry

        def grow_and_fill(capacity, carry):
            carry = fill(grow(carry, capacity), capacity)
            return ops.minimum(2 * capacity, most), carry

        with keras.name_scope(GROWTH):
            _, carry = ops.while_loop(
                lambda _, carry: ops.logical_and(carry.index < most, goes_on(carry)),
                grow_and_fill,
                (capacity, carry),
            )
        return carry

    def rows(self, slots):
        """The model's rows, int `(N,)`, of each source's slots, int `(B, K)`."""
        first = ops.arange(self.batch_size, dtype="int32")[:, None] * self.width
        return ops.reshape(first + slots, (-1,))

    def ends(self, token_ids, index):
        """Whether hypotheses end with the token that they take: all at their limit.

        Args:
            token_ids: int `(B, K)`.
            index: int scalar tensor. Tokens generated before.
        """
        at_limit = ops.expand_dims(index + 1 >= self.limits, axis=1)
        return ops.logical_or(ops.equal(token_ids, END_ID), at_limit)

    def nothing_said(self):
        """`Said` before the first step."""
        tokens = places = ()
        if self.forbids_repeats:
            shape = (ops.shape(self.start_ids)[0], self.num_steps)
            tokens = ops.zeros(shape, dtype="int32")
        if self._avoidance:
            places = self._avoidance.start()
        return Said(tokens, places)

    def add_tokens(self, said, index, token_ids, parents=None):
        """`said` with `token_ids` `(N,)` at `index`, after rows `parents` `(N,)`."""
        tokens, places = said
        if self.forbids_repeats:
            if parents is not None:
                tokens = ops.take(tokens, parents, axis=0)
            tokens = write_column(tokens, index, token_ids)
        if self._avoidance:
            if parents is not None:
                places = ops.take(places, parents, axis=0)
            places = self._avoidance.advance(places, token_ids)
        return Said(tokens, places)


def first_capacity(num_steps):
    """How many of `num_steps`, int or int scalar tensor, a state has room for first."""
    if isinstance(num_steps, int):
        return next_capacity(LEAST_CAPACITY, num_steps)
    with keras.name_scope(FIRST_CAPACITY):
        return ops.minimum(LEAST_CAPACITY, num_steps)


def next_capacity(capacity, num_steps):
    """Twice as much, or all where little more is left."""
    return 2 * capacity if num_steps > 3 * capacity else num_steps


def write_column(array, index, column):
    """`array[:, index] = column`, for an index known at run time only."""
    here = ops.equal(ops.arange(ops.shape(array)[1]), index)[None]
    return ops.where(here, column[:, None], array)
