"""Writes tests/decoding/transformers_beams.json: what Hugging Face's search answers.

    python tools/record_transformers_beams.py tests/decoding/transformers_beams.json

in an environment with `torch` and `transformers`, which the package does not need. The
logits are those of `tests.decoding.support.Chain`, here once more in torch.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers.modeling_outputs import CausalLMOutput

PAD, START, END = 0, 2, 3
CHAIN = {"vocabulary_size": 9, "seed": 4, "ending": 1.0, "kinds": 40, "places": 997}
SOURCE_IDS = list(range(1, 13))


class ChainModel(transformers.PreTrainedModel, transformers.GenerationMixin):
    """A decoder of one layer, that of `Chain`: tables of random logits."""

    config_class = transformers.PretrainedConfig

    def __init__(self, vocabulary_size, seed, ending, kinds, places):
        super().__init__(transformers.PretrainedConfig(vocab_size=vocabulary_size))
        rng = np.random.default_rng(seed)

        def table(*shape):
            return torch.tensor(1.5 * rng.normal(size=shape).astype("float32"))

        logits = table(places, vocabulary_size)
        logits[:, END] += ending
        self.logits = torch.nn.Parameter(logits)
        self.kind_logits = torch.nn.Parameter(table(kinds, vocabulary_size))

    def forward(self, input_ids, kinds, **kwargs):
        place = kinds
        for token_ids in input_ids.T:
            place = (5 * place + 7 * token_ids + 1) % len(self.logits)
        logits = self.logits[place] + self.kind_logits[kinds]
        return CausalLMOutput(logits=logits[:, None])

    def prepare_inputs_for_generation(self, input_ids, kinds=None, **kwargs):
        return {"input_ids": input_ids, "kinds": kinds}


def answers(model, kinds, beam, max_length, **options):
    """All `beam` hypotheses of each source, `[[[score, ids], …], …]`."""
    generated = model.generate(
        torch.full((len(kinds), 1), START),
        kinds=torch.tensor(kinds),
        generation_config=transformers.GenerationConfig(
            num_beams=beam,
            num_return_sequences=beam,
            max_length=1 + max_length,  # the start token counts there
            bos_token_id=START,
            eos_token_id=END,
            pad_token_id=PAD,
            bad_words_ids=[[PAD], [START]],
            do_sample=False,
            use_cache=False,
            return_dict_in_generate=True,
            output_scores=True,
            **options,
        ),
    )
    found = []
    for ids, score in zip(generated.sequences, generated.sequences_scores, strict=True):
        ids = ids[1:].tolist()
        length = ids.index(END) + 1 if END in ids else len(ids)
        found.append([round(float(score), 5), ids[:length]])
    return [found[i : i + beam] for i in range(0, len(found), beam)]


def record(chain=CHAIN, source_ids=SOURCE_IDS):
    model = ChainModel(**chain).eval()
    kinds = [number % chain["kinds"] for number in source_ids]
    cases = []
    stops = (False, True, "never")
    for beam, penalty, stop, forced, least, ends in [
        *[(4, penalty, stop, 0, 0, True) for penalty in (0.0, 1.0) for stop in stops],
        (3, -1.0, False, 0, 0, True),
        (3, 2.0, "never", 0, 0, True),
        (2, 2.0, False, 5, 0, True),
        (5, 1.0, True, 6, 0, True),
        (4, 1.0, False, 0, 5, True),
        *[(4, penalty, stop, 0, 0, False) for penalty in (0.0, 2.0) for stop in stops],
    ]:
        options = {"length_penalty": penalty, "early_stopping": stop}
        options |= {"min_length": least} if least else {}
        others = {"forced_bos_token_id": forced} if forced else {}
        others |= {"forced_eos_token_id": END} if ends else {}
        length = 8 if ends else 4  # at which many are cut
        found = answers(model, kinds, beam, length, **options, **others)
        options |= {"beam": beam, "max_length": length, "score_forced": False}
        options |= {} if ends else {"force_end": False}
        cases.append({"options": options, "forced_first": forced, "found": found})
    return {
        "by": f"transformers {transformers.__version__}",
        "chain": chain,
        "source_ids": source_ids,
        "cases": cases,
    }


if __name__ == "__main__":
    text = json.dumps(record(), separators=(",", ":"))
    Path(sys.argv[1]).write_text(text + "\n", encoding="utf-8")
