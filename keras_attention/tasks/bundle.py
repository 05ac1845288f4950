"""A bundle: one folder with all that a trained model needs, readable by people.

config.json           task, model class and config, decoding, languages
model.weights.h5      weights, for any backend
source.model          SentencePiece, where there is a source of text
target.model          SentencePiece, where it is not that of the source
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

FORMAT = 2
KEYS = ("task", "model", "decoding", "tokenizers", "training")


def write_bundle(path, task, overwrite=False):
    """Writes a bundle folder, whole or not at all.

    Args:
        path: the folder.
        task: `Translator` or `Captioner`.
        overwrite: bool. Replace a bundle that is there; anything else stays.

    Raises:
        FileExistsError: if it exists and may not be overwritten, or is no bundle.
    """
    import keras

    from keras_attention import __version__

    config = {
        "format": FORMAT,
        "task": task.task,
        "package_version": __version__,
        "keras_version": keras.version(),
        "model": {
            "class_name": keras.saving.get_registered_name(type(task.model)),
            "config": task.model.get_config(),
        },
        "decoding": dataclasses.asdict(task.options),
        "tokenizers": sorted(task.tokenizers()),
        **{name: getattr(task, name) for name in task.fields},
        "training": task.training,
    }
    path = Path(path)
    if overwrite and path.exists() and not (path / "config.json").exists():
        raise FileExistsError(
            f"{path} is not a bundle, and is not overwritten: choose another place"
        )
    with whole_folder(path, overwrite) as folder:
        (folder / "config.json").write_text(_json(config), encoding="utf-8")
        (folder / "metrics.json").write_text(_json(task.metrics), "utf-8")
        task.model.save_weights(folder / "model.weights.h5")
        for name, tokenizer in task.tokenizers().items():
            tokenizer.save(folder / name)
        (folder / "README.md").write_text(model_card(task, config), "utf-8")


def bundle_task(path):
    """What a bundle is for, str, as "translation"; ValueError if it is no bundle."""
    return _read_config(Path(path))["task"]


def read_bundle(path, task_class, dtype=None):
    """Reads what `write_bundle` wrote, on whatever backend Keras runs.

    Args:
        path: the folder.
        task_class: `Translator` or `Captioner`.
        dtype: str, optional. Another dtype policy than the model was trained with.

    Returns:
        dict of the arguments of `task_class`.

    Raises:
        ValueError: if the folder is missing, incomplete, damaged, of another format
            or for another task.
    """
    import keras_attention.models.families  # noqa: F401  registers the classes

    path = Path(path)
    config = _read_config(path)
    if config["task"] != task_class.task:
        raise ValueError(
            f"{path} is a bundle for {config['task']}, and a {task_class.__name__} is "
            f"for {task_class.task}; load it with the other one, or with "
            "keras_attention.tasks.load"
        )
    missing = [name for name in task_class.fields if name not in config]
    if missing:
        raise _damaged(path, missing)
    changes = {} if dtype is None else {"dtype": dtype}
    arguments = {"model": _read_model(path, config["model"], changes)}
    for name, wanted in task_class.tokenizer_files(config).items():
        tokenizer = Tokenizer.load(path / name)
        arguments.update({argument: tokenizer for argument in wanted})
    return {
        **arguments,
        **{name: config[name] for name in task_class.fields},
        "options": _read_options(path, config["decoding"]),
        "training": config["training"],
        "metrics": _read_json(path / "metrics.json"),
    }


def _damaged(path, missing):
    return ValueError(
        f"{path / 'config.json'} is damaged: it lacks {', '.join(missing)}"
    )


def _read_options(path, table):
    try:
        return DecodingOptions.from_table(table)
    except ValueError as error:
        raise ValueError(f"{path / 'config.json'}: {error}") from None


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
    _check_files(path, ["config.json", "model.weights.h5", "metrics.json"])
    config = _read_json(path / "config.json")
    if config.get("format") != FORMAT:
        raise ValueError(
            f"{path} is a bundle of format {config.get('format')}; this version reads "
            f"format {FORMAT}. Update keras-attention-models, or write it anew"
        )
    missing = [key for key in KEYS if key not in config]
    if missing:
        raise _damaged(path, missing)
    _check_files(path, config["tokenizers"])
    return config


def _check_files(path, needed):
    missing = [name for name in needed if not (path / name).exists()]
    if missing:
        inside = path / "bundle"
        hint = f"; did you mean {inside}?" if (inside / "config.json").exists() else ""
        raise ValueError(f"{path} is not a bundle: it lacks {', '.join(missing)}{hint}")


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
