"""CTranslate2, with what its own converter makes of the checkpoint."""

from pathlib import Path

import ctranslate2
from transformers import MarianTokenizer

STATE = {}


def load(folder, compute_type):
    converted = Path(folder, "ctranslate2")
    if not converted.exists():
        ctranslate2.converters.TransformersConverter(str(folder)).convert(converted)
    STATE["translator"] = ctranslate2.Translator(
        str(converted), compute_type=compute_type, inter_threads=1, intra_threads=1
    )
    tokenizer = MarianTokenizer.from_pretrained(folder)
    STATE["ids"] = tokenizer.encoder
    STATE["pieces"] = {i: piece for piece, i in tokenizer.encoder.items()}


def decode(rows, beam, steps):
    """Ids of as many tokens for each row of ids."""
    pieces, ids = STATE["pieces"], STATE["ids"]
    found = STATE["translator"].translate_batch(
        [[pieces[i] for i in row] for row in rows],
        beam_size=beam,
        max_decoding_length=steps,
        min_decoding_length=steps,
        max_batch_size=0,
    )
    return [[ids[piece] for piece in each.hypotheses[0]] for each in found]
