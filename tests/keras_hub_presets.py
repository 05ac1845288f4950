"""Tiny backbones of KerasHub, at random, saved as presets."""

import json
from typing import Any

import keras
import numpy as np

SIZE = {"patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 16}
OPTIONS: dict[str, dict[str, Any]] = {
    "ViTBackbone": {**SIZE, "mlp_dim": 16},
    "DINOV2Backbone": {**SIZE, "intermediate_dim": 16, "num_register_tokens": 2},
    "SigLIPVisionEncoder": {**SIZE, "intermediate_dim": 16},
    "ResNetBackbone": {
        "input_conv_filters": [64],
        "input_conv_kernel_sizes": [7],
        "stackwise_num_filters": [64, 64],
        "stackwise_num_blocks": [1, 1],
        "stackwise_num_strides": [1, 2],
        "block_type": "basic_block",
    },
    "EfficientNetBackbone": {
        "stackwise_width_coefficients": [1.0, 1.0],
        "stackwise_depth_coefficients": [1.0, 1.0],
        "stackwise_kernel_sizes": [3, 3],
        "stackwise_num_repeats": [1, 1],
        "stackwise_input_filters": [8, 8],
        "stackwise_output_filters": [8, 16],
        "stackwise_expansion_ratios": [1, 2],
        "stackwise_squeeze_and_excite_ratios": [0.25, 0.25],
        "stackwise_strides": [2, 2],
        "stackwise_block_types": ["v1", "v1"],
    },
}
SCALE, OFFSET = [1 / 64, 1 / 60, 1 / 56], [-2.0, -2.1, -2.2]


def encoder_config(backbone, **options):
    """What a bundle keeps of one of these."""
    options = json.loads(json.dumps({**OPTIONS[backbone], **options}))
    scaling = {"scale": SCALE, "offset": OFFSET}
    return {"backbone": backbone, "options": options, **scaling}


def save_preset(folder, backbone, converter="ViTImageConverter"):
    """Saves a backbone as a preset with an image converter; returns its name here."""
    import keras_hub

    backbone.save_to_preset(str(folder))
    if converter is not None:
        kind = getattr(keras_hub.layers, converter)
        kind(image_size=(32, 32), scale=SCALE, offset=OFFSET).save_to_preset(
            str(folder)
        )
    return f"keras_hub:{folder}"


def vit_backbone(seed=0):
    """A ViT of images of 32 pixels: 4 × 4 patches."""
    import keras_hub

    keras.utils.set_random_seed(seed)
    backbone = keras_hub.models.ViTBackbone(
        image_shape=(32, 32, 3), **OPTIONS["ViTBackbone"]
    )
    rng = np.random.default_rng(seed)  # Biases and norms begin as 0 and 1.
    for weight in backbone.weights:
        weight.assign_add(rng.normal(size=weight.shape, scale=0.1))
    return backbone


def siglip_backbone():
    """A SigLIP, of images and of text."""
    import keras_hub

    vision = keras_hub.models.SigLIPVisionEncoder(
        image_shape=(32, 32, 3), **OPTIONS["SigLIPVisionEncoder"]
    )
    text = keras_hub.models.SigLIPTextEncoder(
        vocabulary_size=9,
        embedding_dim=16,
        hidden_dim=16,
        num_layers=1,
        num_heads=2,
        intermediate_dim=16,
        max_sequence_length=4,
    )
    return keras_hub.models.SigLIPBackbone(vision, text)
