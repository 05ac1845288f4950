"""Makes Marian checkpoints of random weights, and says what transformers make of them.

Needs an environment of its own: pip install torch transformers sentencepiece. Nothing
is downloaded.

    python tools/make_marian.py OUT                         for tools/compare_marian.py
    python tools/make_marian.py OUT --read    compares what that exported again
    python tools/make_marian.py --tiny tests/conversion/checkpoints    for the tests

Each folder is a checkpoint as on the Hub, with what is expected beside it:
`expected.json` (texts, ids, translations by greedy and beam search) and `expected.npz`
(logits).
"""

import json

import numpy as np
import sentencepiece
import torch
from made_checkpoints import SIZES, make_all, parser, train_tokenizer
from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer

CODES = [">>deu<<", ">>nld<<"]
# What each differs in from the first, which is laid out as OPUS-MT's models are.
VARIANTS = {
    "opus": {},
    "relu": {"activation_function": "relu", "file": "zip"},
    "gelu-unscaled": {
        "activation_function": "gelu",
        "scale_embedding": False,
        "file": "legacy",
        "early_stopping": True,
        "length_penalty": 0.6,
    },
    "tc-big": {
        "separate": True,
        "activation_function": "relu",
        "encoder_layers": 2,
        "decoder_layers": 1,
        "dtype": "float16",
        "file": "zip",
    },
    "multi-target": {"codes": True, "renormalize_logits": False, "dtype": "bfloat16"},
    "half": {"dtype": "float16", "encoder_layers": 1, "decoder_layers": 3},
    "half-legacy": {"dtype": "float16", "file": "legacy", "length_penalty": 2.0},
    "sharded": {"file": "sharded", "separate": True},
    "sharded-bin": {"file": "sharded-bin", "scale_embedding": False},
    "lacking": {"lacks": 25, "unknown": True},
    "lacking-separate": {"lacks": 25, "separate": True, "codes": True},
}
TINY = ("opus", "gelu-unscaled", "tc-big", "multi-target")


def main():
    options = parser(__doc__, texts=1000)
    options.add_argument("--read", action="store_true")
    arguments = options.parse_args()
    if arguments.read:
        for folder in sorted(arguments.out.glob("*/exported")):
            read(folder)
        return
    make_all(arguments, VARIANTS, TINY, 20, make)


def make(folder, pairs, arguments, separate=False, codes=False, lacks=0, **options):
    size = SIZES[arguments.tiny]
    pieces = 150 if arguments.tiny else 900
    vocabularies = write_tokenizers(
        folder, pairs, pieces, size.rule, separate, CODES if codes else [], lacks
    )
    model = random_model(folder, vocabularies, separate, size.dim, options)
    count = 12 if arguments.tiny else arguments.texts
    texts = [source for source, _ in pairs[-count:]]
    # What the source's model does not know, alone and in a row; brackets; spaces.
    texts[:5] = ["Straße ß", "naïve €5", "a  b\u00a0c", "Press “OK”.", "x日本y 日"]
    if codes:
        texts = [f"{CODES[i % 2]} {text}" for i, text in enumerate(texts)]
    record(folder, model, texts, size)


def write_tokenizers(folder, pairs, size, rule, separate, codes, lacks):
    pieces = []
    for side, name in enumerate(("source", "target")):
        sentences = tuple(pair[side] for pair in pairs[:5000])
        trained = train_tokenizer(sentences, size, rule)
        (folder / f"{name}.spm").write_bytes(trained)
        model = sentencepiece.SentencePieceProcessor(str(folder / f"{name}.spm"))
        found = [model.id_to_piece(i) for i in range(3, len(model))]
        # Pieces that no sentence of Marian's corpus was cut into.
        pieces.append([p for i, p in enumerate(found) if not lacks or i % lacks])
    both = (
        [pieces[0], pieces[1]] if separate else [sorted({*pieces[0], *pieces[1]})] * 2
    )
    vocabularies = []
    for name, side in zip(("vocab", "target_vocab"), both, strict=True):
        names = ["</s>", "<unk>", *codes, *side]
        # As the conversion of transformers pads: one id of <pad> for both.
        ids = {piece: i for i, piece in enumerate(names)}
        ids["<pad>"] = min(len(b) for b in both) + len(codes) + 2
        for piece, i in ids.items():
            if i >= ids["<pad>"] and piece != "<pad>":
                ids[piece] = i + 1
        vocabularies.append(ids)
        if separate or name == "vocab":
            text = json.dumps(ids, ensure_ascii=False)
            (folder / f"{name}.json").write_text(text, "utf-8")
    notes = {"source_lang": "en", "target_lang": "de", "separate_vocabs": separate}
    (folder / "tokenizer_config.json").write_text(json.dumps(notes))
    return vocabularies


def random_model(folder, vocabularies, separate, dim, options):
    ids, target_ids = vocabularies
    pad = target_ids["<pad>"]
    file = options.pop("file", "safetensors")
    dtype = getattr(torch, options.pop("dtype", "float32"))
    generation = {
        "num_beams": 4,
        "length_penalty": 1.0,
        "early_stopping": False,
        "renormalize_logits": True,
        "max_length": 24 if dim < 64 else 40,
        "bad_words_ids": [[pad]] + [[1]] * (not options.pop("unknown", False)),
        "decoder_start_token_id": pad,
        "pad_token_id": pad,
        "eos_token_id": 0,
        "forced_eos_token_id": 0,
    }
    generation |= {key: options.pop(key) for key in generation if key in options}
    config = {
        "vocab_size": len(ids) + 1,  # one row that has no piece
        "decoder_vocab_size": (len(target_ids) if separate else len(ids)) + 1,
        "d_model": dim,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 40,
        "decoder_ffn_dim": 40,
        "activation_function": "swish",
        "scale_embedding": True,
        "share_encoder_decoder_embeddings": not separate,
        "max_position_embeddings": 64,
        "pad_token_id": pad,
        "decoder_start_token_id": pad,
        "eos_token_id": 0,
        **options,
    }
    model = MarianMTModel(MarianConfig(**config)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "embed_positions" not in name:
                is_table = "embed" in name or "shared" in name
                scale = 0.3 if is_table else 1.2 / dim**0.5
                weight.normal_(float(name.endswith("norm.weight")), scale)
        # Of random signs: else what was said last is said again, and again.
        model.model.decoder.layers[-1].final_layer_norm.weight.normal_(0.0, 1.5)
        bias = model.final_logits_bias
        bias.normal_(0.0, 1.0)
        bias[0, 0] = 6.0 if dim > 16 else 4.0  # so that translations end
    model.generation_config = GenerationConfig(**generation)
    model.to(dtype)
    model.save_pretrained(
        folder, **({"max_shard_size": "50kB"} if "shard" in file else {})
    )
    if file in ("zip", "legacy"):
        torch.save(
            model.state_dict(),
            folder / "pytorch_model.bin",
            _use_new_zipfile_serialization=file == "zip",
        )
        (folder / "model.safetensors").unlink()
    if file == "sharded-bin":
        as_bin_shards(folder)
    model = MarianMTModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        # Those in a file of half floats are rounded; what the paper's formula gives is
        # what transformers compute where a file has none.
        for stack in (model.model.encoder, model.model.decoder):
            stack.embed_positions.weight.copy_(stack.embed_positions.create_weight())
    return model


def as_bin_shards(folder):
    from safetensors.torch import load_file

    index = folder / "model.safetensors.index.json"
    text = index.read_text().replace(".safetensors", ".bin")
    text = text.replace('"model-', '"pytorch_model-')
    index.unlink()
    (folder / "pytorch_model.bin.index.json").write_text(text)
    for shard in folder.glob("model-*.safetensors"):
        torch.save(load_file(shard), folder / f"pytorch_{shard.stem}.bin")
        shard.unlink()


@torch.no_grad()
def record(folder, model, texts, size):
    tokenizer = MarianTokenizer.from_pretrained(folder)
    expected = {"texts": texts, "ids": tokenizer(texts)["input_ids"]}
    count = model.final_logits_bias.shape[-1]
    fed = torch.randint(0, count, (size.rows, size.steps))
    fed[:, 0] = model.config.decoder_start_token_id
    batch = tokenizer(texts[: size.rows], return_tensors="pt", padding=True)
    logits = model(**batch, decoder_input_ids=fed).logits.numpy()
    expected["fed"] = fed.tolist()
    np.savez_compressed(folder / "expected.npz", logits=logits)
    for start in range(0, len(texts), 250):
        batch = tokenizer(texts[start : start + 250], return_tensors="pt", padding=True)
        for search, changes in (("greedy", {"num_beams": 1}), ("beam", {})):
            found = model.generate(
                **batch, **changes, output_scores=True, return_dict_in_generate=True
            )
            # The row that has no piece may be said, and is nothing that can be written.
            ids = found.sequences
            ids = ids.masked_fill(ids == model.final_logits_bias.shape[-1] - 1, 0)
            said = tokenizer.batch_decode(ids, skip_special_tokens=True)
            expected.setdefault(search, []).extend(said)
        scores = found.sequences_scores.tolist()
        expected.setdefault("beam_scores", []).extend(scores)
    text = json.dumps(expected, ensure_ascii=False)
    (folder / "expected.json").write_text(text, "utf-8")


@torch.no_grad()
def read(folder):
    """Translates with an exported model, and counts what is said as by the first."""
    expected = json.loads((folder.parent / "expected.json").read_text("utf-8"))
    model = MarianMTModel.from_pretrained(folder).eval()
    tokenizer = MarianTokenizer.from_pretrained(folder)
    texts = expected["texts"][:250]
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    for search, changes in (("greedy", {"num_beams": 1}), ("beam", {})):
        said = tokenizer.batch_decode(
            model.generate(**batch, **changes), skip_special_tokens=True
        )
        pairs = zip(said, expected[search], strict=False)
        same = sum(a == b for a, b in pairs)
        print(f"{folder.parent.name}: {search} {same} of {len(texts)} the same")


if __name__ == "__main__":
    main()
