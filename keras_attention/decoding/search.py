"""One door to decoding: picks greedy search, beam search or sampling, compiled."""

import functools
from typing import TYPE_CHECKING, Any

import keras

from keras_attention.annotations import Tensor
from keras_attention.decoding.beam import beam_search
from keras_attention.decoding.constrained_beam import (
    check_constraints,
    constrained_beam_search,
)
from keras_attention.decoding.greedy import greedy_search
from keras_attention.decoding.hypotheses import Hypotheses
from keras_attention.decoding.lexical import LexicalConstraints
from keras_attention.decoding.options import DecodingOptions
from keras_attention.decoding.pool_beam import pool_beam_search
from keras_attention.decoding.sampling import draw_uniforms, sample

if TYPE_CHECKING:
    from keras_attention.models.encoder_decoder import EncoderDecoder


def search(
    model,
    inputs,
    options,
    prefix_ids=None,
    return_attention_scores=False,
    lexical=None,
):
    """Greedy search where the beam is one, else the beam search of `beam_rule`.

    What must be contained has a search of its own, `constrained_beam_search`.

    Runs inside whatever graph or trace it is called from; `Decoder` compiles it.
    """
    if lexical is not None and not isinstance(lexical.constraints, tuple):
        find = constrained_beam_search
    elif options.beam == 1:
        find = greedy_search
    else:
        find = pool_beam_search if options.beam_rule == "pool" else beam_search
    return find(model, inputs, options, prefix_ids, return_attention_scores, lexical)


class Decoder:
    """Decodes batches with one model, compiling once per shape and option.

    Greedy search where `options.beam` is 1, sampling where `options.temperature` is
    above 0, else beam search.

    Args:
        model: `EncoderDecoder`, built.

    Call: see `__call__`.

    Raises:
        ValueError: a negative seed, where options sample.

    Example:

    >>> decoder = Decoder(Transformer(9, 9, **PRESETS["tiny"]))
    >>> source_ids = np.array([[4, 5, 3]], "int32")
    >>> hypotheses = decoder({"source_ids": source_ids}, DecodingOptions(max_length=5))
    >>> tuple(hypotheses.token_ids.shape)
    (1, 1, 5)

    References:
        beam search with penalties:
        [Wu et al., 2016](https://arxiv.org/abs/1609.08144), section 7;
        sampling: see `DecodingOptions`.
    """

    def __init__(self, model: "EncoderDecoder") -> None:
        self.model = model
        self._compiled = functools.lru_cache(maxsize=32)(self._compile)

    def __call__(
        self,
        inputs: dict[str, Tensor],
        options: DecodingOptions,
        prefix_ids: Tensor | None = None,
        return_attention_scores: bool = False,
        seed: int = 0,
        lexical: LexicalConstraints | None = None,
    ) -> Hypotheses:
        """Decodes one batch.

        Args:
            inputs: dict of arrays, as `model.encode` takes it: int32 `source_ids`
                `(B, S)`, or `images` or `features`.
            options: `DecodingOptions`.
            prefix_ids: int32 `(B, P)`, optional. Forced first tokens, zero-padded.
            return_attention_scores: bool.
            seed: int, not negative. Of the draws, where options sample.
            lexical: `LexicalConstraints`, optional. What outputs must contain, and
                may not.

        Returns:
            `Hypotheses`, of NumPy arrays: `options.n_best` of each row, and
            `options.num_steps(inputs)` columns of tokens.

        Raises:
            ValueError: a negative seed, where options sample; constraints, where
                they sample or have a coverage penalty.
        """
        given = prefix_ids is not None, lexical is not None
        run = self._compiled(options, *given, return_attention_scores)
        arguments: list[Any] = [inputs]
        if prefix_ids is not None:
            arguments.append(prefix_ids)
        if lexical is not None:
            check_constraints(options, lexical)
            arguments.append(lexical)
        if options.samples:
            num_steps = options.num_steps(inputs)
            arguments.append(draw_uniforms(seed, inputs, num_steps, options.n_best))
        return keras.tree.map_structure(keras.ops.convert_to_numpy, run(*arguments))

    def _compile(self, options, has_prefix, has_lexical, return_attention_scores):
        def run(inputs, *arguments):
            rest = list(arguments)
            prefix_ids = rest.pop(0) if has_prefix else None
            lexical = rest.pop(0) if has_lexical else None
            if options.samples:
                return sample(
                    self.model,
                    inputs,
                    options,
                    rest.pop(0),
                    prefix_ids,
                    return_attention_scores,
                    lexical,
                )
            return search(
                self.model,
                inputs,
                options,
                prefix_ids,
                return_attention_scores,
                lexical,
            )

        return compiled(self.model, run)


def compiled(model, function):
    """`function` of arrays, as one compiled program of the backend.

    What varies from call to call are the arguments and the model's weights.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        traced = variables = None

        def spec(tensor):
            # One graph serves all batch sizes, and all lengths of ids `(B, S)`.
            known = tensor.shape[1:] if len(tensor.shape) != 2 else [None]
            return tf.TensorSpec([None, *known], tensor.dtype)

        def run(*arguments):
            nonlocal traced, variables
            # Quantising a model replaces its variables, and a graph keeps its own.
            now = model.variables
            if traced is None or list(map(id, now)) != list(map(id, variables)):
                traced, variables = tf.function(function, autograph=False), now
            arguments = keras.tree.map_structure(tf.convert_to_tensor, arguments)
            specs = keras.tree.map_structure(spec, arguments)
            return traced.get_concrete_function(*specs)(*arguments)

        return run
    if backend == "jax":
        import jax

        @jax.jit
        def run(weights, arguments):
            pairs = zip(model.variables, weights, strict=True)
            with keras.StatelessScope(state_mapping=list(pairs)):
                return function(*arguments)

        return lambda *arguments: run([v.value for v in model.variables], arguments)
    return function
