"""One door to decoding: picks greedy search, beam search or sampling, compiled."""

import functools
from typing import TYPE_CHECKING

from keras_attention.annotations import Tensor
from keras_attention.decoding.beam import beam_search
from keras_attention.decoding.buckets import Bucket, cut
from keras_attention.decoding.constrained_beam import (
    check_constraints,
    constrained_beam_search,
)
from keras_attention.decoding.greedy import greedy_search
from keras_attention.decoding.hypotheses import Hypotheses
from keras_attention.decoding.lexical import LexicalConstraints
from keras_attention.decoding.options import DecodingOptions
from keras_attention.decoding.pool_beam import pool_beam_search
from keras_attention.decoding.programs import Programs, checked_jit_compile
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

    On TensorFlow there is one graph for all shapes, which takes some seconds to make.
    XLA makes a program of its own for each bucket of shapes, which takes as long each
    time, and runs in some two thirds of the time of the graph: it gives the same
    tokens, and scores that differ in the last digits. Constraints and words to avoid
    come in too many shapes for it. JAX has such programs alone.

    Args:
        model: `EncoderDecoder`, built.
        jit_compile: on TensorFlow, whether XLA compiles programs. "auto" has it do so
            for buckets in which so much was decoded that a program would have paid for
            itself, as long as it is not slower, True for all, False for none.

    Call: see `__call__`.

    Raises:
        ValueError: a negative seed, where options sample; another `jit_compile`, or
            True where XLA does not compile the model's search.

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

    def __init__(
        self, model: "EncoderDecoder", jit_compile: bool | str = "auto"
    ) -> None:
        self.model = model
        self.jit_compile = checked_jit_compile(jit_compile)
        self._programs = functools.lru_cache(maxsize=32)(self._compile)

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
        if lexical is not None:
            check_constraints(options, lexical)
        run = self._programs(options, return_attention_scores)

        def arguments(inputs, prefix_ids):
            draws = ()
            if options.samples:
                num_steps = options.num_steps(inputs)
                draws = draw_uniforms(seed, inputs, num_steps, options.n_best)
            given = (() if part is None else part for part in (prefix_ids, lexical))
            return inputs, *given, draws

        if lexical is not None:
            # Of words there are too many shapes for a program of each.
            return run.any_shape(*arguments(inputs, prefix_ids))
        bucket = Bucket.of(inputs, prefix_ids)
        return run(
            bucket,
            lambda: arguments(inputs, prefix_ids),
            lambda: arguments(*bucket.pad(inputs, prefix_ids)),
            lambda found: cut(found, inputs, options.num_steps(inputs)),
        )

    def _compile(self, options, return_attention_scores):
        def run(inputs, prefix_ids, lexical, draws):
            rest = [
                None if isinstance(prefix_ids, tuple) else prefix_ids,
                return_attention_scores,
                lexical or None,
            ]
            if options.samples:
                return sample(self.model, inputs, options, draws, *rest)
            return search(self.model, inputs, options, *rest)

        # A search takes about as many steps as its longest hypothesis has tokens.
        return Programs(
            self.model, run, lambda found: int(found.lengths.max()), self.jit_compile
        )
