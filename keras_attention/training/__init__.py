"""Training: what `compile` and `fit` are given, and the recipes that say so."""

from keras_attention.lazy import lazy_names

# What a saved model that was compiled may hold; it is imported with Keras.
HOMES = {
    "LabelSmoothedCrossEntropy": "losses",
    "TokenAccumulation": "accumulation",
    "TokenAccuracy": "metrics",
    "WarmupSchedule": "schedules",
}

__all__ = [*HOMES]
__getattr__, __dir__ = lazy_names(__name__, HOMES)
