"""Presets of KerasHub: a name or a folder, from which an image backbone is read."""

import json

import keras
import numpy as np

from keras_attention.models.image_encoder import KERAS_HUB
from keras_attention.models.keras_hub_networks import (
    LEARNED_SHAPE,
    OURS,
    arguments,
    backbone_class,
    check_encoder_config,
    keras_hub,
    make_backbone,
    patch_size,
    settle_places,
)
from keras_attention.models.shapes_alone import shapes_alone

# The weight that has the places of images of the size that was learned from.
LEARNED = "position_embeddings"


def preset_config(name, image_size):
    """What a preset says of its image backbone, without any weights.

    Args:
        name: str, "keras_hub:" and what `keras_hub.models.Backbone.from_preset` takes.
        image_size: int. Pixels along each side, as the encoder is to read them.

    Returns:
        dict, as `check_encoder_config` takes it.

    Raises:
        ValueError: there is no such preset, it cannot be downloaded, it is of no image
            backbone, or its weights are of images of another size.
    """
    hub = keras_hub()
    # Within the scope, weights have shapes alone.
    with shapes_alone():
        backbone = _read(name, load_weights=False)
        kind = type(backbone).__name__
        try:
            is_ours = backbone_class(kind) is type(backbone)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if not is_ours:
            raise ValueError(f"{name}: {kind} is not that of keras_hub.models")
        config = {
            "backbone": kind,
            "options": _options(backbone),
            **_conversion(hub, name),
        }
        check_encoder_config(config)
        _check_size(name, config, backbone, image_size)
    return config


def load_preset(name, backbone):
    """Puts the weights of a preset into the backbone that its configuration made.

    Raises:
        ValueError: they cannot be downloaded, or are of another backbone.
    """
    changes = {}
    if LEARNED_SHAPE in arguments(type(backbone)):
        changes = {"image_shape": _image_shape(backbone)}  # Places are interpolated.
    preset = _read(name, **changes)
    try:
        for weight, value in zip(backbone.weights, preset.weights, strict=True):
            # Those of another size; interpolated, they are another weight's.
            if weight.name != LEARNED or weight.shape == value.shape:
                weight.assign(value)
    except ValueError as error:
        raise ValueError(
            f"the weights of {name} are of another network: {error}"
        ) from error
    settle_places(backbone)


def _read(name, load_weights=True, **changes):
    """The image backbone of a preset, or that inside of one for images and text."""
    preset = name.removeprefix(KERAS_HUB)
    try:
        backbone = keras_hub().models.Backbone.from_preset(
            preset, load_weights=load_weights, **changes
        )
    except Exception as error:  # Those of KerasHub and of whatever it downloads by.
        raise ValueError(
            f"KerasHub cannot read the preset {preset!r} ({error!s:.500}): take one "
            "that keras_hub.models.Backbone.presets lists, or the folder of one, after "
            f"{KERAS_HUB!r}; the network is needed once, after which KerasHub keeps it"
        ) from error
    return getattr(backbone, "vision_encoder", None) or backbone


def _image_shape(backbone):
    return tuple(keras.tree.flatten(backbone.inputs)[0].shape[1:])


def _options(backbone):
    """The arguments of a backbone that are its own, as JSON has them."""
    defaults = arguments(type(backbone))
    options = {
        key: value
        for key, value in backbone.get_config().items()
        if key in defaults.keys() - OURS
        # Recipes keep them too, and TOML has no None.
        and (value is not None or defaults[key] is not None)
    }
    try:
        return json.loads(json.dumps(options))
    except TypeError as error:
        raise ValueError(
            f"the options of {type(backbone).__name__} are not plain values, so that "
            f"a bundle cannot keep them ({error}); take another backbone"
        ) from error


def _conversion(hub, name):
    """How pixels from 0 to 255 become what it reads: `scale` and `offset`."""
    try:
        converter = hub.layers.ImageConverter.from_preset(name.removeprefix(KERAS_HUB))
    except Exception as error:
        raise ValueError(
            f"{name} has no image converter, which says how pixels are scaled "
            f"({error!s:.300}): save one beside it, as ViTImageConverter does by "
            "save_to_preset"
        ) from error
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    return {
        "scale": np.broadcast_to(scale, 3).astype(float).tolist(),
        "offset": np.broadcast_to(offset, 3).astype(float).tolist(),
    }


def _check_size(name, config, backbone, image_size):
    """Whether the preset's weights are those of images of this size, too."""
    own = _image_shape(backbone)[0]
    if own in (None, image_size) or LEARNED_SHAPE in arguments(type(backbone)):
        return
    other = make_backbone(config, image_size)
    if [w.shape for w in other.weights] != [w.shape for w in backbone.weights]:
        patch = patch_size(config)
        grid = f", with grid_size={own // patch}" if patch else ""
        raise ValueError(
            f"{name} has learned the places of images of {own} pixels along each side; "
            f"received image_size={image_size}. Take image_size={own}{grid}"
        )
