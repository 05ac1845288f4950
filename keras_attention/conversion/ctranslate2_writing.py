"""A `Translator` becomes a folder of CTranslate2, with all that is needed to use it.

model.bin, config.json            the model, as CTranslate2 writes it
*_vocabulary.json                 shared, or of source and target
source.spm, target.spm            SentencePiece, under the names of OPUS-MT
keras_attention.json              what this package knows besides: decoding, languages
README.md                         a model card
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from keras_attention.conversion.ctranslate2_names import FACTS, check_quantization
from keras_attention.conversion.ctranslate2_spec import check_model, transformer_spec
from keras_attention.files import whole_folder

FACTS_FORMAT = 1
# As OPUS-MT's models have, at least.
POSITIONS = 512


def write_ctranslate2(
    translator: Any,
    path: str | Path,
    quantization: str | None = None,
    overwrite: bool = False,
    num_positions: int = POSITIONS,
) -> Path:
    """Writes a folder for `ctranslate2.Translator`, whole or not at all.

    Args:
        translator: `Translator` of a `Transformer`.
        path: of the folder.
        quantization: str, optional. What weights are stored as: one of `QUANTIZATIONS`
            of `keras_attention.conversion.ctranslate2_names`; float32 where None.
        overwrite: bool. Whether to replace a folder that is there.
        num_positions: int. Tokens that a text or a translation may have, at least;
            no fewer than the translator's own limits.

    Returns:
        Path of the folder.

    Raises:
        ValueError: if CTranslate2 is not installed or cannot take this model, with the
            reason; or for an unknown quantization.
        FileExistsError: if the folder exists and may not be overwritten.
    """
    check_quantization(quantization)
    check_model(translator.model)
    num_positions = max(
        num_positions, translator.max_source_length, translator.options.max_length
    )
    spec = transformer_spec(translator, num_positions, quantization)
    facts = _facts(translator, quantization, num_positions)
    with whole_folder(path, overwrite, ", or pass overwrite=True") as folder:
        spec.save(str(folder))
        text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
        (folder / FACTS).write_text(text, encoding="utf-8")
        (folder / "README.md").write_text(_card(translator, facts), encoding="utf-8")
        translator.source_tokenizer.save(folder / "source.spm")
        translator.target_tokenizer.save(folder / "target.spm")
    return Path(path)


def _facts(translator, quantization, num_positions):
    from keras_attention import __version__

    return {
        "format": FACTS_FORMAT,
        "package_version": __version__,
        "task": translator.task,
        "quantization": quantization or "float32",
        "num_positions": num_positions,
        "decoding": dataclasses.asdict(translator.options),
        **{name: getattr(translator, name) for name in translator.fields},
        "languages": translator.languages,
        "training": translator.training,
        "metrics": translator.metrics,
    }


def _card(translator, facts):
    title, _, _ = translator.card()
    name = translator.training.get("name", "translator")
    first, prefix = "", ""
    if translator.languages:
        tokens = list(translator.languages.values())
        source = translator.languages.get(translator.source_language, tokens[0])
        target = translator.languages.get(translator.target_language, tokens[-1])
        first, prefix = f'["{source}"] + ', f', target_prefix=[["{target}"]]'
    return f"""# {name}: {title}

A Transformer for CTranslate2, of weights in {facts["quantization"]}, made with
keras-attention-models {facts["package_version"]}.

```python
import ctranslate2
import sentencepiece

folder = "path/to/this/folder"
translator = ctranslate2.Translator(folder)
source = sentencepiece.SentencePieceProcessor(model_file=folder + "/source.spm")
target = sentencepiece.SentencePieceProcessor(model_file=folder + "/target.spm")

tokens = {first}source.encode("…", out_type=str)
(result,) = translator.translate_batch([tokens]{prefix}, beam_size=4, disable_unk=True)
print(target.decode(result.hypotheses[0][{int(bool(prefix))}:]))
```

The end token of a source is added by itself (`add_source_eos`). Texts and translations
have at most {facts["num_positions"]} tokens, the end token included; longer ones are
an error.

Or, with the package that wrote it:

```python
from keras_attention import Translator

translator = Translator.load("path/to/this/folder", engine="ctranslate2")
print(translator.translate(["…"])[0].text)
```

What differs from the data that it was trained on, in kind, language or length, gives
worse output, without warning. Read what it writes before you rely on it.
"""
