"""A Marian checkpoint of random weights, which every peer and ours can read.

The rows of the end, the unknown and the padding token are zero, so that their logits
are, and no translation ever ends: all have as many tokens as they may have.
"""

import io
import json
from pathlib import Path

import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2
from transformers import GenerationConfig, MarianConfig, MarianMTModel

SIZES = {
    "tiny": {"layers": 2, "dim": 64, "heads": 4, "inner": 128, "vocabulary": 1000},
    "small": {"layers": 3, "dim": 256, "heads": 4, "inner": 1024, "vocabulary": 8000},
    "base": {"layers": 6, "dim": 512, "heads": 8, "inner": 2048, "vocabulary": 32000},
}


def make(folder, size, steps, dropout=0.0):
    """Writes it: `size` of `SIZES`; translations of `steps` tokens by default.

    Returns:
        int. Size of the vocabulary.
    """
    folder, size = Path(folder), SIZES[size]
    folder.mkdir(parents=True, exist_ok=True)
    pieces = write_tokenizer(folder, size["vocabulary"] - 3)
    names = ["</s>", "<unk>", *pieces, "<pad>"]
    pad = len(names) - 1
    ids = {name: i for i, name in enumerate(names)}
    (folder / "vocab.json").write_text(json.dumps(ids))
    notes = {"source_lang": "en", "target_lang": "de", "separate_vocabs": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(notes))
    special = {"pad_token_id": pad, "eos_token_id": 0, "decoder_start_token_id": pad}
    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=len(names),
        decoder_vocab_size=len(names),
        d_model=size["dim"],
        encoder_layers=size["layers"],
        decoder_layers=size["layers"],
        encoder_attention_heads=size["heads"],
        decoder_attention_heads=size["heads"],
        encoder_ffn_dim=size["inner"],
        decoder_ffn_dim=size["inner"],
        activation_function="swish",
        scale_embedding=True,
        dropout=dropout,
        max_position_embeddings=1024,
        forced_eos_token_id=None,
        **special,
    )
    model = MarianMTModel(config)
    randomise(model, size["dim"], [0, 1, pad])
    model.generation_config = GenerationConfig(
        max_length=steps + 1, num_beams=1, forced_eos_token_id=None, **special
    )
    model.save_pretrained(folder)
    return len(names)


@torch.no_grad()
def randomise(model, dim, silent):
    for name, weight in model.named_parameters():
        if "embed_positions" not in name:
            is_table = "embed" in name or "shared" in name
            scale = 0.3 if is_table else 1.2 / dim**0.5
            weight.normal_(float(name.endswith("norm.weight")), scale)
    # Of random signs: else what was said last is said again, and again.
    model.model.decoder.layers[-1].final_layer_norm.weight.normal_(0.0, 1.5)
    model.model.shared.weight[silent] = 0.0


def write_tokenizer(folder, count):
    """`source.spm` and `target.spm`, of `count` pieces; returns these."""
    words = [f"{a}{b}{c}" for a in "bdfgklmn" for b in "aeiou" for c in "lmnrst"]
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(words[i::7]) for i in range(7)] * 20),
        model_writer=trained,
        vocab_size=200,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    proto = sentencepiece_model_pb2.ModelProto.FromString(trained.getvalue())
    for i in range(count + 3 - len(proto.pieces)):
        proto.pieces.add(piece=f"▁{words[i % len(words)]}{i}", score=-10.0 - i / 1e5)
    for name in ("source", "target"):
        (folder / f"{name}.spm").write_bytes(proto.SerializeToString())
    return [piece.piece for piece in proto.pieces[3:]]
