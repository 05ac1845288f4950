"""Loads a version as its files and the operator's options say."""

from pathlib import Path

from keras_attention.serving.metrics import Metrics
from keras_attention.serving.models.served_model import ServedModel
from keras_attention.serving.options import TFLITE_FILE, LoadOptions
from keras_attention.serving.text_configs import read_batching_parameters

BATCHING_FILE = "batching_params.pbtxt"


def load_model(folder, options=None, metrics=None, name=""):
    """Loads a version.

    Args:
        folder: path of a version.
        options: `LoadOptions`, optional.
        metrics: `Metrics`, optional.
        name: str, under which the model is served.

    Returns:
        `ServedModel`.

    Raises:
        ServingError: if it cannot be loaded; the message says why.
        ValueError: if its own batching parameters cannot be read.
    """
    options = options or LoadOptions()
    metrics = metrics or Metrics()
    folder = Path(folder)
    parameters = _batching(folder, options)
    model: ServedModel
    others = [load for file, load in options.loaders if (folder / file).is_file()]
    if others:
        model = others[0](folder, options, metrics, name)
    elif options.prefer_tflite_model and (folder / TFLITE_FILE).is_file():
        from keras_attention.serving.models.tflite_model import TfliteModel

        model = TfliteModel(folder / TFLITE_FILE, options, metrics, name)
    else:
        from keras_attention.serving.models.saved_model import SavedModel

        model = SavedModel(folder, options, metrics, name)
    if parameters is None:
        return model
    from keras_attention.serving.models.batching import BatchedModel

    return BatchedModel(model, parameters)


def _batching(folder, options):
    """What the version says of itself, where that is wanted, or the server's own."""
    own = folder / BATCHING_FILE
    if options.per_model_batching:
        return read_batching_parameters(own) if own.is_file() else None
    return options.batching
