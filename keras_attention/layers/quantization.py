"""Quantised layers inside a layer come back from its configuration.

`quantize` replaces the variables of the layers inside, as `Dense`, and tells each its
new dtype policy. The layer around them must keep that too, or its twin would be built
for other variables than its weights' file has.
"""

import contextlib
import gc
from typing import Any

import keras

# What GPTQ and AWQ need besides (data, or a search over it) is in no configuration.
MODES = ("int8", "int4", "float8")


class KeepsQuantization:
    """To be inherited from before `keras.layers.Layer`, by layers with layers inside.

    The configuration has `quantization` if anything is quantised: under the path of
    each such layer the quantisation that it was given, which it is given again once
    the twin is built, before weights are loaded.
    """

    name: str
    _quantization: dict[str, Any] | None = None

    def get_config(self) -> dict[str, Any]:
        quantization = _quantization(self)
        added = {"quantization": quantization} if quantization else {}
        config = super().get_config()  # type: ignore[misc]  # of the Keras class beside it
        return {**config, **added}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Any:
        config = dict(config)
        quantization = config.pop("quantization", None)
        layer = super().from_config(config)  # type: ignore[misc]  # of the Keras class beside it
        if quantization:
            layer._quantization = quantization
        return layer

    def build_from_config(self, config: dict[str, Any]) -> None:
        super().build_from_config(config)  # type: ignore[misc]  # of the Keras class beside it
        self.restore_quantization()

    def restore_quantization(self) -> None:
        """Quantises the layers inside as the configuration said; the layer is built.

        Raises:
            ValueError: there is no such layer inside.
        """
        quantization = dict(self._quantization or {})
        with quick_collections():
            for path, layer in _layers_inside(self).items():
                config = quantization.pop(path, None)
                if config is not None:
                    config = keras.saving.deserialize_keras_object(config)
                    layer.quantize(config=config)
        if quantization:
            raise ValueError(
                f"{self.name} has no layers {', '.join(quantization)}, which its "
                "configuration says were quantised"
            )
        self._quantization = None


@contextlib.contextmanager
def quick_collections():
    """While many layers are quantised: Keras collects garbage after each weight that it
    replaces, and would look through all of TensorFlow's objects each time."""
    if gc.get_freeze_count():
        yield  # Somebody's own: these may not be let go.
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _layers_inside(layer):
    """The layers inside one that is built, at any depth, by their paths from it."""
    # The walk that Keras's own documentation of `DTypePolicyMap` shows for this.
    inside = layer._flatten_layers(include_self=False)
    # Those without a path are inputs of functional models.
    return {
        inner.path.removeprefix(f"{layer.path}/"): inner
        for inner in inside
        if inner.path is not None
    }


def _quantization(layer):
    found = {}
    for path, inner in _layers_inside(layer).items() if layer.built else ():
        mode = inner.quantization_mode
        if mode is None:
            continue
        if mode not in MODES:
            raise ValueError(
                f"{inner.path} is quantised by {mode!r}, which no configuration can "
                f"describe; quantise by one of {', '.join(MODES)} to save the model"
            )
        found[path] = keras.saving.serialize_keras_object(inner.quantization_config)
    return found
