"""KerasHub's backbones as image encoders: their configuration in, a grid out.

What a bundle keeps of a backbone is the name of its class and plain values, and it is
made of nothing else: no class but an image backbone of `keras_hub.models` can come out
of a config.json, and none within it.
"""

import importlib
import importlib.util
import inspect
import math
import reprlib
from typing import Any

import keras

from keras_attention.checks import MOST_LAYERS, is_kind
from keras_attention.models.dtype_scope import dtype_policy_scope
from keras_attention.models.grids import (
    check_grid,
    graph_steps,
    is_map,
    narrow_places,
)

PACKAGE = "keras_hub"
KEYS = {"backbone", "options", "scale", "offset"}
# What no image backbone takes: text, or another backbone inside.
FOREIGN = {"vocabulary_size", "image_encoder"}
# How backbones call the shape of an image.
SHAPES = {"image_shape", "input_shape"}
# The shape of images whose places were learned, where others are interpolated.
LEARNED_SHAPE = "position_embedding_shape"
# Which the encoder decides, not the backbone's options.
OURS = {*SHAPES, LEARNED_SHAPE, "name", "trainable", "dtype"}
# Keys of options that count layers have one of these words in them.
COUNTS = ("layers", "blocks", "depth", "repeat")
# EfficientNet multiplies its repeats by these.
REPEATS, COEFFICIENTS = "stackwise_num_repeats", "stackwise_depth_coefficients"
# HGNetV2's: a row for each stage, of three widths, its blocks, their layers, a kernel.
STAGES = "stackwise_stage_filters"
MOST_WIDTH = 1 << 16
MOST_FLOAT32 = 3.4e38
# Tokens of a sequence that are no patches: of the class, distillation, registers.
MOST_SPECIAL = 16


def keras_hub() -> Any:
    """The module `keras_hub`.

    Raises:
        ValueError: it is not installed, or cannot be imported.
    """
    reason = "is not installed"
    if importlib.util.find_spec(PACKAGE) is not None:
        try:
            return importlib.import_module(PACKAGE)
        except ImportError as error:
            reason = f"cannot be imported ({error})"
    raise ValueError(
        f"encoders of KerasHub come with the package keras-hub, which {reason}: "
        "pip install 'keras-attention-models[hub]', with Python 3.11 or newer"
    )


def check_encoder_config(config: dict[str, Any]) -> None:
    """Refuses what describes no image backbone of KerasHub.

    Args:
        config: dict of `backbone`, the name of a class in `keras_hub.models`;
            `options`, a dict of arguments of that class, plain values; `scale` and
            `offset`, of each channel, by which pixels from 0 to 255 become what it
            reads.

    Raises:
        ValueError: with what is wrong.
    """
    if not isinstance(config, dict) or set(config) != KEYS:
        raise ValueError(
            f"encoder_config must be a dict of {', '.join(sorted(KEYS))}; received "
            f"{reprlib.repr(config)}"
        )
    for key in ("scale", "offset"):
        values = config[key]
        is_triple = isinstance(values, (list, tuple)) and len(values) == 3
        if not is_triple or not all(_is_number(v, MOST_FLOAT32) for v in values):
            raise ValueError(
                f"encoder_config.{key} must be three finite numbers, one for each "
                f"channel; received {reprlib.repr(values)}"
            )
    options = config["options"]
    if not isinstance(options, dict):
        raise ValueError(
            f"encoder_config.options must be a dict; received {reprlib.repr(options)}"
        )
    known = arguments(backbone_class(config["backbone"])).keys() - OURS
    for key, value in options.items():
        if key not in known:
            raise ValueError(
                f"unknown option {reprlib.repr(key)} of {config['backbone']}; its "
                f"options are {', '.join(sorted(known))}"
            )
        most = MOST_LAYERS if any(word in key for word in COUNTS) else MOST_WIDTH
        if not _is_plain(value, most):
            raise ValueError(
                f"encoder_config.options.{key} must be a number up to {most:,}, a str, "
                f"a bool, None, or a list of such; received {reprlib.repr(value)}"
            )
        if key == STAGES and not _are_stages(value):
            raise ValueError(
                f"encoder_config.options.{key} must be lists of six numbers, one for "
                f"each stage; received {reprlib.repr(value)}"
            )
    for key in options:
        num_layers = _num_layers(key, options)
        if num_layers > MOST_LAYERS:
            raise ValueError(
                f"encoder_config.options.{key} makes {num_layers:,} layers or blocks; "
                f"they may be {MOST_LAYERS:,}: take fewer"
            )


def backbone_class(name: Any) -> type:
    """The image backbone of `keras_hub.models` that has this name.

    Raises:
        ValueError: there is none; or it is another model, or one that reads text too.
    """
    hub = keras_hub().models
    found = getattr(hub, name, None) if isinstance(name, str) else None
    if not (isinstance(found, type) and issubclass(found, hub.Backbone)):
        raise ValueError(
            f"{reprlib.repr(name)} is no backbone of keras_hub.models; take one that "
            "reads images, as ViTBackbone"
        )
    parameters = arguments(found).keys()
    if not parameters & SHAPES or parameters & FOREIGN:
        raise ValueError(
            f"{name} is no image backbone, one that reads images of a given shape and "
            "nothing else; take one, as ViTBackbone"
        )
    return found


def arguments(kind: Any) -> dict[str, Any]:
    """The names of what `kind` takes by name, with their defaults."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}


def make_backbone(
    config: dict[str, Any], image_size: int, dtype: Any = None
) -> keras.Model:
    """The backbone that a configuration describes, at random.

    Args:
        config: dict, as `check_encoder_config` takes it.
        image_size: int, S. Pixels along each side.
        dtype: dtype policy.

    Raises:
        ValueError: its class does not take these options, or images of this size.
    """
    kind = backbone_class(config["backbone"])
    shapes = {*SHAPES, LEARNED_SHAPE} & arguments(kind).keys()
    sizes = dict.fromkeys(shapes, (image_size, image_size, 3))
    try:
        # Some backbones have layers to which they do not pass theirs on.
        with dtype_policy_scope(dtype):
            return kind(**config["options"], **sizes, dtype=keras.config.dtype_policy())
    except Exception as error:  # KerasHub and Keras raise what they like.
        raise ValueError(
            f"KerasHub's {config['backbone']} cannot be made for "
            f"image_size={image_size}: {error!s:.500}"
        ) from error


def keras_hub_network(
    name: str,
    config: dict[str, Any],
    backbone: keras.Model,
    image_size: int,
    grid_size: int,
    dtype: Any = None,
) -> keras.Model:
    """A backbone up to its last grid of the wanted size.

    A grid is the map of a convolutional network, or the patches of a Transformer,
    without the tokens that stand before them: of the class, registers.

    Args:
        name: str. For errors.
        config: dict. That of the backbone.
        backbone: `keras.Model`, as `make_backbone` makes it.
        image_size: int, S.
        grid_size: int, N.
        dtype: dtype policy.

    Returns:
        `keras.Model`, `(B, S, S, 3)` to `(B, N, N, D)`.

    Raises:
        ValueError: a grid that it does not have.
    """
    inputs = keras.tree.flatten(backbone.inputs)
    if len(inputs) != 1 or tuple(inputs[0].shape[1:]) != (image_size, image_size, 3):
        raise ValueError(f"{name} reads more than images, or other ones: take another")
    graph = keras.Model(inputs[0], backbone.outputs)
    images, steps = graph_steps(graph)
    side = _patches(config, image_size)
    grids = {}
    for tensor in narrow_places(images, steps):
        if is_map(tensor, image_size):
            grids[tensor.shape[1]] = tensor
        elif len(tensor.shape) == 3 and tensor.shape[1]:
            grids[_side(tensor.shape[1], side)] = tensor
    grids.pop(None, None)
    check_grid(name, image_size, grid_size, grids)
    features = grids[grid_size]
    if len(features.shape) == 3:
        with dtype_policy_scope(dtype):
            shape = (grid_size, grid_size, features.shape[-1])
            features = keras.layers.Reshape(shape)(features[:, -(grid_size**2) :])
    return keras.Model(images, features, name=backbone.name)


def settle_places(network: keras.Model) -> None:
    """Makes the places that a network uses those that it saves.

    DINOv2 has both, and would save what was learned of the first only at times.
    """
    for layer in network.layers:
        if hasattr(layer, "interpolated_position_embeddings"):
            layer.position_embeddings.assign(layer.interpolated_position_embeddings)


def patch_size(config: dict[str, Any]) -> int | None:
    """Pixels along each side of a patch; None of a network that has none."""
    size = config["options"].get("patch_size")
    return size[0] if isinstance(size, (list, tuple)) else size


def _patches(config, image_size):
    """How many patches along each side there are at first; None without patches."""
    patch = patch_size(config)
    if patch is None:
        return None
    if image_size % patch:
        near = max(1, round(image_size / patch)) * patch
        raise ValueError(
            f"image_size must be a multiple of {patch}, the pixels along each side of "
            f"a patch of {config['backbone']}, as {near} is; received {image_size}"
        )
    return image_size // patch


def _side(length, side):
    """Of a sequence of tokens, how many patches each side has; None if they are none.

    The patches are as many as at first, after some tokens that are none; or merged.
    """
    if side is not None and 0 <= length - side**2 <= MOST_SPECIAL:
        return side
    root = math.isqrt(length)
    return root if root**2 == length else None


def _num_layers(key, options):
    """How many layers an option counts. Of one that counts none, how many numbers it
    has: some networks make a layer for each."""
    if key == STAGES:
        products = (blocks * layers for *_, blocks, layers, _ in options[key])
        return math.ceil(sum(map(abs, products)))
    numbers = _numbers(options[key])
    if not any(word in key for word in COUNTS):
        return len(numbers)
    scale = max([1, *_numbers(options.get(COEFFICIENTS))]) if key == REPEATS else 1
    return math.ceil(scale * sum(map(abs, numbers)))


def _numbers(value):
    return [each for each in keras.tree.flatten(value) if is_kind(each, float)]


def _are_stages(value):
    return isinstance(value, (list, tuple)) and all(
        isinstance(row, (list, tuple))
        and len(row) == 6
        and all(is_kind(each, float) for each in row)
        for row in value
    )


def _is_plain(value, most):
    if isinstance(value, (list, tuple)):
        return len(value) <= MOST_LAYERS and all(_is_plain(v, most) for v in value)
    if isinstance(value, (bool, str, type(None))):
        return True
    return _is_number(value, most)


def _is_number(value, most):
    return is_kind(value, float) and abs(value) <= most
