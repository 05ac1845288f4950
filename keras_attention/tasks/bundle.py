"""A bundle: one folder with all that a trained model needs, readable by people.

config.json           task, model class and config, decoding, languages, checksums
model.weights.h5      weights, for any backend
source.model          SentencePiece, where there is a source of text
target.model          SentencePiece, where it is not that of the source
metrics.json          scores, with their signatures
README.md             the model card

Weights and tokenizers are read only as they were written: config.json has the SHA-256
of each. What people may edit, the other three files, is checked for what it says.
"""

import contextlib
import dataclasses
import json
import math
from pathlib import Path

from keras_attention.checks import MOST_LAYERS
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.decoding.options import DecodingOptions
from keras_attention.files import read_json, whole_folder
from keras_attention.tasks.bundle_config import (
    CONFIG,
    FORMAT,
    WEIGHTS,
    check_config,
    naming,
    read_config,
)
from keras_attention.tasks.bundle_files import check_files, check_sums, sha256_of
from keras_attention.tasks.model_card import model_card

METRICS = "metrics.json"
# What a model of a bundle must know of each tokenizer's subwords: all that it is fed,
# and none that cannot be spelt.
VOCABULARIES = {
    "source_tokenizer": ("source_vocabulary_size", int.__ge__),
    "target_tokenizer": ("target_vocabulary_size", int.__le__),
    "tokenizer": ("target_vocabulary_size", int.__le__),
}


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
        **{n: getattr(task, n) for n in task.optional_fields if getattr(task, n)},
        "training": task.training,
    }
    path = Path(path)
    if overwrite and path.exists() and not (path / CONFIG).exists():
        raise FileExistsError(
            f"{path} is not a bundle, and is not overwritten: choose another place"
        )
    with whole_folder(path, overwrite, ", or pass overwrite=True") as folder:
        (folder / METRICS).write_text(_json(task.metrics), "utf-8")
        with _without_optimizer(task.model) as model:
            model.save_weights(folder / WEIGHTS)
        for name, tokenizer in task.tokenizers().items():
            tokenizer.save(folder / name)
        summed = [WEIGHTS, *config["tokenizers"]]
        config["sha256"] = {name: sha256_of(folder / name) for name in summed}
        (folder / CONFIG).write_text(_json(config), encoding="utf-8")
        (folder / "README.md").write_text(model_card(task, config), "utf-8")


@contextlib.contextmanager
def _without_optimizer(model):
    """Its moments, which Keras would save too, are twice as large as the weights."""
    optimizer, model.optimizer = getattr(model, "optimizer", None), None
    try:
        yield model
    finally:
        model.optimizer = optimizer


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
            or for another task, or if config.json says what cannot be.

    Warns:
        UserWarning: if a newer version of this package wrote it.
    """
    path = Path(path)
    config, tokenizers = open_bundle(path, task_class)
    metrics = read_json(path / METRICS)
    with naming(path):
        options = DecodingOptions.from_table(config["decoding"])
    changes = {} if dtype is None else {"dtype": dtype}
    return {
        **tokenizers,
        "model": _read_model(path, config["model"], changes),
        **{name: config[name] for name in task_class.fields},
        **{name: config[name] for name in task_class.optional_fields if name in config},
        "options": options,
        "training": config["training"],
        "metrics": metrics,
    }


def open_bundle(path, task_class):
    """Reads all of a bundle but its weights, whose checksum is compared.

    Args:
        path: the folder.
        task_class: `Translator` or `Captioner`.

    Returns:
        `(config, tokenizers)`: what config.json says, and a dict of arguments of
        `task_class`.

    Raises:
        ValueError: as `read_bundle`.
    """
    path = Path(path)
    config = _read_config(path)
    if config["task"] != task_class.task:
        raise ValueError(
            f"{path} is a bundle for {config['task']}, and a {task_class.__name__} is "
            f"for {task_class.task}; load it with the other one, or with "
            "keras_attention.tasks.load"
        )
    check_config(path, config, task_class)
    check_files(path, config["tokenizers"])
    check_sums(path, config.get("sha256", {}))
    tokenizers = {}
    for name, wanted in task_class.tokenizer_files(config).items():
        tokenizer = Tokenizer.load(path / name)
        tokenizers.update({argument: tokenizer for argument in wanted})
    with naming(path):
        _check_vocabularies(config["model"]["config"], tokenizers)
    return config, tokenizers


def load_bundle_weights(path, model):
    """Puts the weights of a bundle into a model that is built.

    Raises:
        ValueError: they are damaged, or of another model.
    """
    weights = Path(path) / WEIGHTS
    try:
        model.load_weights(weights)
    except Exception as error:
        raise _wrong_weights(weights, error) from error


def _read_model(path, described, changes):
    # Late, as all that imports Keras: what a bundle is for is known at once.
    from keras_attention.models.options import check_options

    config = {**described["config"], **changes}
    weights = path / WEIGHTS
    with naming(path):
        model_class = _model_class(described["class_name"])
        check_options(model_class, config)
        count = _made(_count_weights, model_class, config)
    if count > 2 * weights.stat().st_size:  # no weight takes less than half a byte
        raise _wrong_weights(weights, f"they should be {count:,}")
    with naming(path):
        model = _made(_built, model_class, config)
    model.built = True
    load_bundle_weights(path, model)
    return model


def _model_class(name):
    import keras

    import keras_attention.models.families  # noqa: F401  registers the classes
    from keras_attention.models.encoder_decoder import EncoderDecoder

    found = keras.saving.get_registered_object(name)
    if not (isinstance(found, type) and issubclass(found, EncoderDecoder)):
        raise ValueError(
            f"the bundle holds a {name:.60}, which this version of "
            "keras-attention-models does not know as a model; update it"
        )
    return found


def _made(make, model_class, config):
    try:
        return make(model_class, config)
    except Exception as error:  # whatever Keras and its backend make of it
        raise ValueError(f"it describes no model: {error!r:.500}") from error


def _built(model_class, config):
    model = model_class.from_config(config)
    if not model.built:  # Where something is quantised it is.
        model.build()
    return model


def _count_weights(model_class, config):
    """How many numbers a model's weights are, found out before they take memory."""
    from keras_attention.models.shapes_alone import shapes_alone

    for name in ("num_layers", "num_decoder_layers"):
        if (config.get(name) or 1) > MOST_LAYERS:
            raise ValueError(f"{name} must be at most {MOST_LAYERS}")
    config = {key: value for key, value in config.items() if key != "quantization"}
    # Within the scope, weights have shapes alone, and none can be quantised.
    with shapes_alone():
        model = _built(model_class, config)
    return sum(math.prod(weight.shape) for weight in model.weights)


def _wrong_weights(weights, why):
    return ValueError(
        f"{weights} is damaged, or of another model than config.json says: {why!s:.500}"
    )


def _check_vocabularies(sizes, tokenizers):
    for argument, tokenizer in tokenizers.items():
        name, fits = VOCABULARIES[argument]
        size = sizes.get(name)
        if type(size) is int and not fits(size, tokenizer.vocabulary_size):
            raise ValueError(
                f"model.config.{name} is {size}, and the tokenizer has "
                f"{tokenizer.vocabulary_size} tokens: is one of another bundle?"
            )


def _read_config(path):
    if not path.is_dir():
        raise ValueError(f"there is no bundle at {path}: a bundle is a folder")
    check_files(path, [CONFIG, WEIGHTS, METRICS])
    return read_config(path)


def _json(value):
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
