"""Makes M2M-100 and NLLB checkpoints of random weights, and says what transformers make
of them.

Needs an environment of its own: pip install torch transformers sentencepiece protobuf.
Nothing is downloaded.

    python tools/make_m2m100.py OUT                         for tools/compare_marian.py
    python tools/make_m2m100.py --tiny tests/conversion/multilingual    for the tests

Folders are as those of tools/make_marian.py; `expected.json` has the languages too.
"""

import json

import numpy as np
import sentencepiece
import torch
from made_checkpoints import SIZES, make_all, parser, train_tokenizer
from tokenizers.models import BPE
from transformers import (
    GenerationConfig,
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
    NllbTokenizer,
)
from transformers.convert_slow_tokenizer import SentencePieceExtractor

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
CODES = ["ace_Arab", "deu_Latn", "eng_Latn", "fra_Latn", "zho_Hans"]
VARIANTS = {
    "m2m100": {},
    "nllb": {"nllb": True, "num_beams": 1},
    "nllb-map": {"nllb": True, "files": "map", "dtype": "float16", "file": "bin"},
    "deep": {"encoder_layers": 3, "decoder_layers": 1, "dtype": "bfloat16"},
    "unscaled": {"scale_embedding": False, "lacks": 25, "early_stopping": False},
    "nllb-json": {"nllb": True, "files": "json alone"},
}
TINY = ("m2m100", "nllb")


def main():
    arguments = parser(__doc__, texts=200).parse_args()
    make_all(arguments, VARIANTS, TINY, 70, make)


def make(folder, pairs, arguments, nllb=False, files="json", lacks=0, **options):
    size = SIZES[arguments.tiny]
    pieces = 160 if arguments.tiny else 900
    sentences = tuple(text for pair in pairs[:3000] for text in pair)
    path = folder / "sentencepiece.bpe.model"
    path.write_bytes(train_tokenizer(sentences, pieces, size.rule, "bpe"))
    make_tokenizer = nllb_tokenizer if nllb else m2m100_tokenizer
    tokenizer, languages, rows = make_tokenizer(folder, path, files, lacks)
    model = random_model(folder, tokenizer, rows, size.dim, options)
    count = 10 if arguments.tiny else arguments.texts
    texts = [source for source, _ in pairs[-count:]]
    texts[:3] = ["naïve €5", "Press “OK”.", "x日本y 日"]
    record(folder, model, tokenizer, languages, texts, size)


def m2m100_tokenizer(folder, path, files, lacks):
    spm = sentencepiece.SentencePieceProcessor(str(path))
    pieces = [spm.id_to_piece(i) for i in range(3, len(spm))]
    # Some that the corpus never had, and some that it had beside.
    pieces = [p for i, p in enumerate(pieces) if not lacks or i % lacks]
    pieces += ["日本", "ab̈", "€"] if lacks else []
    ids = {piece: i for i, piece in enumerate([*SPECIAL, *pieces])}
    (folder / "vocab.json").write_text(json.dumps(ids, ensure_ascii=False), "utf-8")
    tokenizer = M2M100Tokenizer.from_pretrained(folder, src_lang="en", tgt_lang="de")
    tokenizer.save_pretrained(folder)
    return tokenizer, ["en", "de"], len(ids) + 100 + 8


def nllb_tokenizer(folder, path, files, lacks):
    found = SentencePieceExtractor(str(path)).extract(BPE)
    pieces = [piece for piece in found["vocab"] if piece not in SPECIAL]
    tokenizer = NllbTokenizer(
        # As the published ones are numbered.
        vocab={p: i for i, p in enumerate([*SPECIAL, *pieces, *CODES, "<mask>"])},
        merges=found["merges"],
        _spm_precompiled_charsmap=found["_spm_precompiled_charsmap"],
        extra_special_tokens=CODES,
        src_lang="eng_Latn",
    )
    tokenizer.save_pretrained(folder)
    if files == "map":  # as before there was a tokenizer.json
        table = {"additional_special_tokens": CODES, "unk_token": "<unk>"}
        (folder / "special_tokens_map.json").write_text(json.dumps(table))
        (folder / "tokenizer_config.json").write_text("{}")
        (folder / "tokenizer.json").unlink()
    if files == "json alone":  # as transformers 5 saves it
        path.unlink()
    return tokenizer, ["eng_Latn", "deu_Latn"], len(tokenizer) + 3


def random_model(folder, tokenizer, size, dim, options):
    generation = {
        "num_beams": 5,
        "early_stopping": options.get("num_beams") != 1,
        "no_repeat_ngram_size": 2,  # else random weights say one word for ever
        "bad_words_ids": [[3]],  # which transformers leave out of texts
        "max_length": 24 if dim < 64 else 80,
        "decoder_start_token_id": 2,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
    }
    generation |= {key: options.pop(key) for key in generation if key in options}
    dtype = getattr(torch, options.pop("dtype", "float32"))
    file = options.pop("file", "safetensors")
    config = {
        "vocab_size": size,
        "d_model": dim,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 40,
        "decoder_ffn_dim": 40,
        "max_position_embeddings": 64,
        **options,
    }
    model = M2M100ForConditionalGeneration(M2M100Config(**config)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            is_table = "embed" in name or "shared" in name
            # What blocks add must be heard above the embeddings.
            adds = "out_proj" in name or "fc2" in name
            scale = 0.3 if is_table else (4.0 if adds else 1.2) / dim**0.5
            weight.normal_(float(name.endswith("norm.weight")), scale)
        table = model.model.shared.weight
        table[1] = 0.0
        table[size - 3 :] = 0.0
        norm = model.model.decoder.layer_norm
        # Of random signs: else what was said last is said again, and again.
        norm.weight.normal_(0.0, 1.5)
        # So that translations end.
        norm.bias += table[2] * (9.0 if dim > 16 else 3.0) / (table[2] ** 2).sum()
    model.generation_config = GenerationConfig(**generation)
    model.to(dtype)
    model.save_pretrained(folder)
    if file == "bin":
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    return M2M100ForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32
    ).eval()


@torch.no_grad()
def record(folder, model, tokenizer, languages, texts, size):
    codes = tokenizer.convert_tokens_to_ids(CODES)
    code = codes[CODES.index("deu_Latn")]
    if languages[1] == "de":
        codes = list(tokenizer.lang_code_to_id.values())
        code = tokenizer.get_lang_id("de")
    expected = {"texts": texts, "ids": tokenizer(texts)["input_ids"]}
    expected["languages"] = languages
    fed = torch.randint(4, model.config.vocab_size, (size.rows, size.steps))
    fed[:, 0], fed[:, 1] = 2, code
    batch = tokenizer(texts[: size.rows], return_tensors="pt", padding=True)
    expected["fed"] = fed.tolist()
    logits = model(**batch, decoder_input_ids=fed).logits.numpy()
    np.savez_compressed(folder / "expected.npz", logits=logits)
    for start in range(0, len(texts), 50):
        batch = tokenizer(texts[start : start + 50], return_tensors="pt", padding=True)
        for search, changes in (("greedy", {"num_beams": 1}), ("beam", {})):
            if search == "beam" and model.generation_config.num_beams == 1:
                changes = {"num_beams": 4}
            found = model.generate(
                **batch,
                **changes,
                forced_bos_token_id=code,
                output_scores=True,
                return_dict_in_generate=True,
            )
            # The language is no text, though some versions of transformers write it.
            is_code = torch.isin(found.sequences, torch.tensor(codes))
            sequences = found.sequences.masked_fill(is_code, 1)
            said = tokenizer.batch_decode(sequences, skip_special_tokens=True)
            expected.setdefault(search, []).extend(said)
        expected.setdefault("beam_scores", []).extend(found.sequences_scores.tolist())
    text = json.dumps(expected, ensure_ascii=False)
    (folder / "expected.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
