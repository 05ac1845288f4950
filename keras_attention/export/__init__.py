"""A bundle becomes a SavedModel: texts or images in, texts out, the search inside.

TensorFlow Serving switches XLA off and links TensorFlow's and tensorflow-text's ops
only, so that nothing here is compiled with XLA and nothing needs Python to run.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from keras_attention.checks import check_model_name, whole_number
from keras_attention.export.captioner import served_captioner
from keras_attention.export.lexical import no_words
from keras_attention.export.translator import served_translator
from keras_attention.files import whole_folder
from keras_attention.tasks.lexical import check_constrained

if TYPE_CHECKING:
    from keras_attention.decoding.options import DecodingOptions
    from keras_attention.tasks.captioner import Captioner
    from keras_attention.tasks.translator import Translator


__all__ = ["export"]

# TensorFlow Serving reads them as int64.
MOST_VERSIONS = 2**63 - 1
# By task; each makes the module to save and the inputs to warm it up with.
WRITERS = {"translation": served_translator, "captioning": served_captioner}


def export(
    task: "Translator | Captioner",
    saved_models: str | Path,
    name: str,
    version: int | None = None,
    options: "DecodingOptions | None" = None,
    warmup: bool = True,
    constrained: bool = False,
) -> Path:
    """Writes `saved_models/<name>/<version>/`, whole or not at all.

    Signatures of a translator, all of which take `text`, string `(B,)`, and of a model
    of several languages `source_language` and `target_language` too, string `(B,)`,
    where "" is the default:

    - `serving_default`, beam search: `text` `(B,)`, `score` `(B,)`, and `n_best_text`
      and `n_best_score` `(B, n_best)`, best first; what a search did not find is ""
      with a score of -1e9.
    - `greedy`: `text` and `score` `(B,)`.
    - `attend`, beam search: `text` and `score` `(B,)`, `source_tokens` `(B, S)` and
      `target_tokens` `(B, T)`, padded with "", and `attention_scores` `(B, T, S)`,
      padded with 0.

    Signatures of a captioner, all of which take `image_bytes`, string `(B,)`, the
    bytes of JPEG or PNG files:

    - `serving_default`, beam search: `caption` and `score` `(B,)`, `n_best_caption`
      and `n_best_score` `(B, n_best)`.
    - `greedy`: `caption` and `score` `(B,)`.
    - `attend`, beam search: `caption` and `score` `(B,)`, `tokens` `(B, T)`, padded
      with "", and `attention_grids` `(B, T, N, N)`, padded with 0: rows from the top,
      over the square that the model sees. All 0 of a model without attention.

    With `constrained`, one more of either: `constrained`, which gives what
    `serving_default` gives and takes further `constraints` `(B, C)` and `avoid`
    `(B, D)`, words or phrases, string, padded with "".

    Args:
        task: `Translator` or `Captioner`.
        saved_models: path of the folder of all models.
        name: str. The model's name, as clients say it.
        version: int from 1; the highest there is plus one where None.
        options: `DecodingOptions`; the task's own where None.
        warmup: bool. Whether to write requests that a server runs before it serves.
        constrained: bool. Whether to add the signature for lexical constraints.

    Returns:
        Path of the version's folder.

    Raises:
        ValueError: on another backend than TensorFlow; a name or version that
            TensorFlow Serving would not find; or options that sample, make no sense
            of the model, or have a coverage penalty where `constrained`.
        FileExistsError: if the version exists: versions are never overwritten.

    Example:

    >>> from keras_attention.tasks import Translator
    >>> translator = Translator.load("bundle")
    >>> export(translator, "saved_models", name="help-en-de").parts
    ('saved_models', 'help-en-de', '1')
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "SavedModels are TensorFlow's: export with KERAS_BACKEND=tensorflow (a "
            "bundle trained on another backend loads there); Keras runs on "
            f"{keras.backend.backend()} now"
        )
    import tensorflow as tf

    from keras_attention.serving.models.warmup import write_warmup

    options = options or task.options
    if options.samples:
        raise ValueError(
            "what is served searches: it cannot sample; export with temperature=0"
        )
    if constrained:
        try:
            check_constrained(options)
        except ValueError as error:
            raise ValueError(f"constrained=True (--constrained): {error}") from None
    task.check_options(options)
    path = version_folder(saved_models, name, version)
    module, warmup_inputs = WRITERS[task.task](task, options)
    signatures = {
        "serving_default": module.serving_default,
        "greedy": module.greedy,
        "attend": module.attend,
    }
    if constrained:
        signatures["constrained"] = module.constrained
    with whole_folder(path) as folder:
        tf.saved_model.save(resources_of(module), str(folder), signatures=signatures)
        if warmup:
            write_warmup(
                folder,
                name,
                [
                    (signature, _with_words(inputs, signature))
                    for signature in signatures
                    for inputs in warmup_inputs
                ],
            )
    return path


def resources_of(module):
    """What the functions of a `tf.Module` use, as a module without functions.

    `save` traces and writes whatever functions it finds, of no signature too.
    """
    import tensorflow as tf

    kept = tf.Module(name=module.name)
    for name, value in vars(module).items():
        if not name.startswith("_"):
            setattr(kept, name, value)
    return kept


def _with_words(inputs, signature):
    """Inputs to warm up with; no words, since a model may lack any."""
    if signature != "constrained":
        return inputs
    return {**inputs, **no_words(len(next(iter(inputs.values()))))}


def version_folder(saved_models, name, version=None):
    """`saved_models/<name>/<version>`, where nothing is yet; see `export`."""
    check_model_name(name)
    folder = Path(saved_models) / name
    if version is None:
        version = next_version(folder)
    version = whole_number("version", version, 1, MOST_VERSIONS)
    path = folder / str(version)
    if path.exists():
        raise FileExistsError(
            f"{path} exists already and is left as it is; choose another version, or "
            "leave it out for the next one"
        )
    return path


def next_version(folder):
    """One more than the highest numbered folder in `folder`; 1 if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        return 1
    names = [path.name for path in folder.iterdir()]
    numbers = [int(name) for name in names if name.isascii() and name.isdecimal()]
    return max((n for n in numbers if n <= MOST_VERSIONS), default=0) + 1
