"""A bundle: one folder with all that a trained model needs, readable by people.

config.json           task, model class and config, decoding, languages
model.weights.h5      weights, for any backend
source.model          SentencePiece; "target.model" beside it where not shared
metrics.json          scores, with their signatures
README.md             the model card
"""

import dataclasses
import json
from pathlib import Path

from keras_attention.data.tokenizer import Tokenizer
from keras_attention.decoding.options import DecodingOptions
from keras_attention.files import whole_folder
from keras_attention.tasks.model_card import model_card

FORMAT = 1
KEYS = (
    "model decoding max_source_length shared_tokenizer source_language target_language "
    "training"
).split()


def write_bundle(path, translator, overwrite=False):
    """Writes a bundle folder, whole or not at all.

    Args:
        path: the folder.
        translator: `Translator`.
        overwrite: bool. Replace a bundle that is there; anything else stays.

    Raises:
        FileExistsError: if it exists and may not be overwritten, or is no bundle.
    """
    import keras

    from keras_attention import __version__

    config = {
        "format": FORMAT,
        "task": translator.task,
        "package_version": __version__,
        "keras_version": keras.version(),
        "model": {
            "class_name": keras.saving.get_registered_name(type(translator.model)),
            "config": translator.model.get_config(),
        },
        "decoding": dataclasses.asdict(translator.options),
        "max_source_length": translator.max_source_length,
        "shared_tokenizer": translator.source_tokenizer is translator.target_tokenizer,
        "source_language": translator.source_language,
        "target_language": translator.target_language,
        "training": translator.training,
    }
    path = Path(path)
    if overwrite and path.exists() and not (path / "config.json").exists():
        raise FileExistsError(
            f"{path} is not a bundle, and is not overwritten: choose another place"
        )
    with whole_folder(path, overwrite) as folder:
        (folder / "config.json").write_text(_json(config), encoding="utf-8")
        (folder / "metrics.json").write_text(_json(translator.metrics), "utf-8")
        translator.model.save_weights(folder / "model.weights.h5")
        translator.source_tokenizer.save(folder / "source.model")
        if not config["shared_tokenizer"]:
            translator.target_tokenizer.save(folder / "target.model")
        (folder / "README.md").write_text(model_card(translator, config), "utf-8")


def read_bundle(path, dtype=None):
    """Reads what `write_bundle` wrote, on whatever backend Keras runs.

    Args:
        path: the folder.
        dtype: str, optional. Another dtype policy than the model was trained with.

    Returns:
        dict of the arguments of `Translator`.

    Raises:
        ValueError: if the folder is missing, incomplete, damaged or of another format.
    """
    import keras_attention.models.families  # noqa: F401  registers the classes

    path = Path(path)
    config = _read_config(path)
    changes = {} if dtype is None else {"dtype": dtype}
    model = _read_model(path, config["model"], changes)
    source_tokenizer = Tokenizer.load(path / "source.model")
    target_tokenizer = source_tokenizer
    if not config["shared_tokenizer"]:
        target_tokenizer = Tokenizer.load(path / "target.model")
    return {
        "model": model,
        "source_tokenizer": source_tokenizer,
        "target_tokenizer": target_tokenizer,
        "options": DecodingOptions(**config["decoding"]),
        "max_source_length": config["max_source_length"],
        "source_language": config["source_language"],
        "target_language": config["target_language"],
        "training": config["training"],
        "metrics": _read_json(path / "metrics.json"),
    }


def _read_model(path, described, changes):
    import keras

    try:
        name, config = described["class_name"], {**described["config"], **changes}
        model_class = keras.saving.get_registered_object(name)
        if model_class is None:
            raise ValueError(
                f"{path} holds a {name}, which this version of keras-attention-models "
                "does not know; update it"
            )
        model = model_class.from_config(config)
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{path / 'config.json'} is damaged, it describes no model: {error!r}"
        ) from error
    model.build()
    model.built = True
    weights = path / "model.weights.h5"
    try:
        model.load_weights(weights)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{weights} is damaged, or of another model than config.json says: {error}"
        ) from error
    return model


def _read_config(path):
    if not path.is_dir():
        raise ValueError(f"there is no bundle at {path}: a bundle is a folder")
    needed = ["config.json", "model.weights.h5", "source.model", "metrics.json"]
    missing = [name for name in needed if not (path / name).exists()]
    if missing:
        inside = path / "bundle"
        hint = f"; did you mean {inside}?" if (inside / "config.json").exists() else ""
        raise ValueError(f"{path} is not a bundle: it lacks {', '.join(missing)}{hint}")
    config = _read_json(path / "config.json")
    if config.get("format") != FORMAT:
        raise ValueError(
            f"{path} is a bundle of format {config.get('format')}; this version reads "
            f"format {FORMAT}. Update keras-attention-models, or write it anew"
        )
    missing = [key for key in KEYS if key not in config]
    if missing:
        raise ValueError(
            f"{path / 'config.json'} is damaged: it lacks {', '.join(missing)}"
        )
    if not config["shared_tokenizer"] and not (path / "target.model").exists():
        raise ValueError(f"{path} is not a bundle: it lacks target.model")
    return config


def _read_json(path):
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path} is damaged: expected an object, received {value!r}")
    return value


def _json(value):
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
