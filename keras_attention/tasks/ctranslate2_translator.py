"""`Translator.load(…, engine="ctranslate2")`: the same, run by CTranslate2."""

from pathlib import Path
from typing import Any

from keras_attention.annotations import Tensor
from keras_attention.decoding.options import DecodingOptions
from keras_attention.tasks.lexical import ARGUMENTS
from keras_attention.tasks.translator import Translator

DEFAULT = 'use the default engine, engine="keras"'


class CTranslate2Translator(Translator):
    """A `Translator` whose model CTranslate2 runs, on CPUs, without TensorFlow.

    What `translate` and `force_decode` return means the same. There is one beam search,
    that of `beam_rule="pool"` with `early_stopping=True`, whatever the bundle says; its
    hypotheses are scored by the penalty of the bundle's rule. Greedy search is the
    same. Options that CTranslate2 does not have are refused.

    Args: as for `Translator`; `model` is a `CTranslate2Model`.

    References:
        [CTranslate2](https://opennmt.net/CTranslate2/); the beam search:
        [Klein et al., 2020](https://aclanthology.org/2020.ngt-1.25).
    """

    def decoding_options(
        self, beam: int | None, n_best: int | None, changes: dict[str, Any]
    ) -> DecodingOptions:
        options = super().decoding_options(beam, n_best, changes)
        why = None
        if options.samples:
            why = f"temperature={options.temperature}, since its draws differ"
        elif options.coverage_penalty:
            why = f"coverage_penalty={options.coverage_penalty}"
        elif options.beam > 1:
            # It makes probabilities of what is left where something is forbidden, by
            # which hypotheses are compared.
            if options.forbids_repeats:
                why = f"no_repeat_ngram={options.no_repeat_ngram} with beam > 1"
            elif options.min_length > 1:
                why = f"min_length={options.min_length} with beam > 1"
            # What the bundle says is for another search; what a caller says is meant.
            elif changes.get("beam_rule", "pool") != "pool":
                why = f'beam_rule={options.beam_rule!r}: its search is "pool"'
            elif changes.get("early_stopping", True) is not True:
                why = f"early_stopping={options.early_stopping!r}: its search has True"
        if why is not None:
            raise ValueError(f'engine="ctranslate2" does not do {why}; {DEFAULT}')
        most = options.length_limit(self.max_source_length)
        if most > self.model.num_positions:
            raise ValueError(
                f"max_length must be at most {self.model.num_positions}, the positions "
                f"of this CTranslate2 model; received {options.max_length}: export it "
                f"anew with more, or {DEFAULT}"
            )
        return options

    def _request(
        self, count, beam, n_best, options, seed, prefixes, constraints, avoid
    ):
        for name, words in zip(ARGUMENTS, (constraints, avoid), strict=True):
            if words is not None and len(words):
                raise ValueError(
                    f'engine="ctranslate2" does not do {name}; {DEFAULT}; received '
                    f"{words!r:.60}"
                )
        return super()._request(
            count, beam, n_best, options, seed, prefixes, constraints, avoid
        )

    def decode(
        self,
        inputs: dict[str, Tensor],
        options: DecodingOptions,
        prefix_ids: Tensor | None = None,
        attention: bool = False,
        seed: int = 0,
        lexical: Any = None,
    ) -> Any:
        return self.model.search(inputs["source_ids"], options, prefix_ids, attention)

    def force(self, inputs: dict[str, Tensor], target_ids: Any) -> Any:
        self.decoding_options(None, None, {})
        return self.model.force(inputs["source_ids"], target_ids, self.options)

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Refused: CTranslate2's weights are no bundle's.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            'a translator with engine="ctranslate2" has no weights of Keras to save; '
            "copy its folder, or save the bundle that it was made from"
        )
