"""Backbones of KerasHub give their patches or maps as regions, and nothing else can be
made of what a bundle says."""

import keras
import numpy as np
import pytest

from keras_attention.models import keras_hub_networks
from keras_attention.models.image_encoder import image_encoder
from keras_attention.models.keras_hub_networks import (
    check_encoder_config,
    make_backbone,
)
from tests.keras_hub_presets import (
    OFFSET,
    OPTIONS,
    SCALE,
    encoder_config,
    save_preset,
    siglip_backbone,
    vit_backbone,
)
from tests.support import check_config, check_functional, run, slow_on_jax, to_numpy

keras_hub = pytest.importorskip("keras_hub", reason="needs the extra hub")
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), "uint8")
SCALED = IMAGES * np.float32(SCALE) + np.float32(OFFSET)


def encoder_of(backbone, image_size=32, grid_size=4, **options):
    config = encoder_config(backbone, **options)
    return image_encoder("keras_hub:x", image_size, grid_size, encoder_config=config)


def same_backbone(encoder):
    """The whole backbone, with the encoder's weights as far as it has them."""
    backbone = make_backbone(encoder.encoder_config, encoder.image_size)
    for layer in encoder.network.layers:
        if layer.weights:
            backbone.get_layer(layer.name).set_weights(layer.get_weights())
    return backbone


def outputs_of(backbone, outputs):
    """What of a backbone's tensors it makes of images."""
    (inputs,) = keras.tree.flatten(backbone.inputs)
    return to_numpy(keras.Model(inputs, outputs)(SCALED))


def assert_close(actual, expected):
    np.testing.assert_allclose(to_numpy(actual), expected, rtol=1e-4, atol=1e-4)


def to_numpy_all(weights):
    return [to_numpy(weight) for weight in weights]


@slow_on_jax
@pytest.mark.parametrize(
    ("backbone", "special"),
    [
        ("ViTBackbone", 1),  # Of the class.
        ("DINOV2Backbone", 1 + 2),  # And registers.
        ("SigLIPVisionEncoder", 0),
    ],
)
def test_patches_are_regions_and_other_tokens_are_none(backbone, special):
    encoder = encoder_of(backbone)
    whole = same_backbone(encoder)
    output = whole.output
    if backbone == "SigLIPVisionEncoder":  # What it pools at the end.
        output = whole.get_layer("post_layer_norm").output
    tokens = outputs_of(whole, output)
    assert tokens.shape == (2, special + 16, 16) and encoder.dim == 16
    assert_close(encoder(IMAGES), tokens[:, special:].reshape(2, 4, 4, 16))


@slow_on_jax
@pytest.mark.parametrize(("grid_size", "level"), [(8, "P2"), (4, "P3")])
def test_cells_of_a_map_are_regions(grid_size, level):
    encoder = encoder_of("ResNetBackbone", grid_size=grid_size)
    whole = same_backbone(encoder)
    expected = outputs_of(whole, whole.pyramid_outputs[level])
    assert expected.shape == (2, grid_size, grid_size, 64)
    assert_close(encoder(IMAGES), expected)


@pytest.mark.slow
def test_an_encoder_survives_its_configuration_and_a_save():
    encoder = encoder_of("ViTBackbone")
    inputs = {"images": IMAGES}
    expected = run(encoder, [{}], inputs)
    check_config(encoder, [{}], inputs, expected)
    check_functional(encoder, [{}], inputs, expected)


@slow_on_jax
def test_a_preset_has_sizes_scaling_and_weights(tmp_path):
    backbone = vit_backbone()
    name = save_preset(tmp_path, backbone)
    encoder = image_encoder(name, 32, 4)
    assert encoder.encoder_name == name and encoder.has_pretrained
    assert encoder.encoder_config["backbone"] == "ViTBackbone"
    np.testing.assert_allclose(encoder.encoder_config["scale"], SCALE)
    assert (
        OPTIONS["ViTBackbone"].items()
        <= {
            **encoder.encoder_config["options"],
            "patch_size": encoder.encoder_config["options"]["patch_size"][0],
        }.items()
    )
    expected = to_numpy(backbone(SCALED))[:, 1:].reshape(2, 4, 4, 16)
    assert np.abs(to_numpy(encoder(IMAGES)) - expected).max() > 0.1
    encoder.load_pretrained()
    assert_close(encoder(IMAGES), expected)


@slow_on_jax
def test_of_models_of_images_and_text_the_vision_encoder_is_taken(tmp_path):
    backbone = siglip_backbone()
    name = save_preset(tmp_path, backbone, "SigLIPImageConverter")
    encoder = image_encoder(name, 32, 4)
    assert encoder.encoder_config["backbone"] == "SigLIPVisionEncoder"
    encoder.load_pretrained()
    first, *_, last = to_numpy_all(encoder.weights)
    vision = backbone.vision_encoder
    np.testing.assert_array_equal(first, to_numpy(vision.weights[0]))
    np.testing.assert_array_equal(
        last, to_numpy(vision.get_layer("post_layer_norm").weights[-1])
    )


def test_sizes_that_do_not_fit_are_refused_with_those_that_do(tmp_path):
    name = save_preset(tmp_path, vit_backbone())
    message = (
        "images of 32 pixels .* received image_size=64. Take image_size=32, with gr"
    )
    with pytest.raises(ValueError, match=f"{message}id_size=4$"):
        image_encoder(name, 64, 8)
    with pytest.raises(ValueError, match="no grid_size=8 for image_size=32; .* has 4$"):
        image_encoder(name, 32, 8)
    with pytest.raises(ValueError, match="no grid_size=5 .* it has 4, 8$"):
        encoder_of("ResNetBackbone", grid_size=5)
    with pytest.raises(ValueError, match="multiple of 8, .* as 40 is; received 38"):
        encoder_of("DINOV2Backbone", image_size=38)


@pytest.mark.slow
def test_places_that_are_interpolated_allow_other_sizes(tmp_path):
    options = {**OPTIONS["DINOV2Backbone"], "position_embedding_shape": (32, 32, 3)}
    make = keras_hub.models.DINOV2Backbone
    name = save_preset(
        tmp_path, make(image_shape=(32, 32, 3), **options), "DINOV2ImageConverter"
    )
    encoder = image_encoder(name, 48, 6)
    encoder.load_pretrained()
    images = np.repeat(IMAGES, 2, axis=1)[:, :48, :48]
    images = np.concatenate([images, images], axis=2)[:, :, :48]
    preset = make.from_preset(str(tmp_path), image_shape=(48, 48, 3))
    scaled = images * np.float32(SCALE) + np.float32(OFFSET)
    expected = to_numpy(preset({"images": scaled}))[:, 3:].reshape(2, 6, 6, 16)
    assert_close(encoder(images), expected)


@slow_on_jax
def test_networks_without_places_take_other_sizes_than_their_preset(tmp_path):
    options = OPTIONS["EfficientNetBackbone"]
    # Others call it image_shape.
    backbone, other = (
        keras_hub.models.EfficientNetBackbone(input_shape=(size, size, 3), **options)
        for size in (64, 32)
    )
    other.set_weights(backbone.get_weights())
    name = save_preset(tmp_path, backbone, "EfficientNetImageConverter")
    encoder = image_encoder(name, 32, 4)
    encoder.load_pretrained()
    assert_close(encoder(IMAGES), to_numpy(other(SCALED)))


@slow_on_jax
@pytest.mark.parametrize("change", [0.5, -0.5])
def test_places_that_were_learned_are_saved(tmp_path, change):
    encoder, other = (encoder_of("DINOV2Backbone", 32, 4) for _ in range(2))
    embeddings = encoder.network.get_layer("embeddings")
    embeddings.interpolated_position_embeddings.assign_add(
        change * np.random.default_rng(0).random((1, 17, 16))
    )
    models = [keras.Sequential([each]) for each in (encoder, other)]
    for model in models:
        model.build((None, 32, 32, 3))
    models[0].save_weights(tmp_path / "x.weights.h5")
    models[1].load_weights(tmp_path / "x.weights.h5")
    np.testing.assert_array_equal(to_numpy(other(IMAGES)), to_numpy(encoder(IMAGES)))


def test_presets_that_are_no_images_are_refused(tmp_path):
    text = keras_hub.models.GPT2Backbone(
        vocabulary_size=9, num_layers=1, num_heads=2, hidden_dim=4, intermediate_dim=4
    )
    name = save_preset(tmp_path / "text", text, converter=None)
    with pytest.raises(ValueError, match="GPT2Backbone is no image backbone"):
        image_encoder(name, 32, 4)
    name = save_preset(tmp_path / "vit", vit_backbone(), converter=None)
    with pytest.raises(ValueError, match="no image converter, .* save one beside it"):
        image_encoder(name, 32, 4)
    with pytest.raises(ValueError, match="read the preset 'vit_basis' .*Unknown"):
        image_encoder("keras_hub:vit_basis", 32, 4)


def changed(**changes):
    return {**encoder_config("ViTBackbone"), **changes}


def of(backbone, **options):
    return changed(backbone=backbone, options=options)


class NotOfKerasHub(keras_hub.models.ViTBackbone):
    """What somebody registered, and no bundle may name."""


SERIALISED = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"function": "os.system"},
}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"backbone": "ViTBackbone"}, "must be a dict of backbone, offset, options"),
        (changed(backbone="Lambda"), "'Lambda' is no backbone of keras_hub.models"),
        (changed(backbone="NotOfKerasHub"), "is no backbone of keras_hub.models"),
        (changed(backbone="keras.layers.Lambda"), "is no backbone of keras_hub.models"),
        (changed(backbone="ImageClassifier"), "is no backbone of keras_hub.models"),
        (changed(backbone=SERIALISED), "is no backbone of keras_hub.models"),
        (changed(backbone="Backbone"), "Backbone is no image backbone"),
        (changed(backbone="GPT2Backbone"), "GPT2Backbone is no image backbone"),
        (changed(backbone="RetinaNetBackbone"), "RetinaNetBackbone is no image back"),
        (changed(options=[]), "options must be a dict; received \\[\\]"),
        (changed(options={"inputs": 1}), "unknown option 'inputs' of ViTBackbone; its"),
        (changed(options={"dtype": "float16"}), "unknown option 'dtype'"),
        (changed(options={"mlp_dim": SERIALISED}), "options.mlp_dim must be a number"),
        (changed(options={"patch_size": [SERIALISED]}), "options.patch_size must be"),
        (
            changed(options={"num_layers": 10**9}),
            "num_layers must be a number up to",
        ),
        (changed(options={"num_layers": 10**400}), "num_layers must be a number up to"),
        (changed(options={"hidden_dim": 10**9}), "hidden_dim must be a number up to 6"),
        (changed(options={"hidden_dim": 10**400}), "hidden_dim must be a number up to"),
        (of("ResNetBackbone", stackwise_num_blocks=[999, 2]), "blocks .* 1,001 layers"),
        (of("ResNetBackbone", stackwise_num_blocks=[999, -2]), "blocks .* 1,001 lay"),
        (of("VGGBackbone", stackwise_num_repeats=[501] * 2), "repeats .* 1,002 layers"),
        (of("SwinTransformerBackbone", depths=[[501], 500]), "depths .* 1,001 layers"),
        (of("MiTBackbone", layerwise_depths=[2, 999]), "depths .* 1,001 layers"),
        (of("CSPNetBackbone", stackwise_depth=[2, 999]), "depth .* 1,001 layers"),
        (
            of(
                "EfficientNetBackbone",
                stackwise_num_repeats=[400, 100],
                stackwise_depth_coefficients=[2.5, 1.0],
            ),
            "stackwise_num_repeats .* 1,250 layers",
        ),
        (
            of("XceptionBackbone", stackwise_conv_filters=[[8] * 501] * 2),
            "conv_filters .* 1,002 layers",
        ),
        (
            of("HGNetV2Backbone", stackwise_stage_filters=[[8, 8, 8, 40, 20, 3]] * 2),
            "stage_filters .* 1,600 layers",
        ),
        (
            of("HGNetV2Backbone", stackwise_stage_filters=[[8, 8, 8, 4]]),
            "stage_filters must be lists of six numbers",
        ),
        (
            of("HGNetV2Backbone", stackwise_stage_filters=[[8, 8, 8, 1, "40", 3]]),
            "stage_filters must be lists of six numbers",
        ),
        (
            of("HGNetV2Backbone", stackwise_stage_filters=8),
            "stage_filters must be lists of six numbers",
        ),
        (changed(options={}), "ViTBackbone cannot be made .* missing"),
        (changed(scale=[1.0, float("nan"), 1.0]), "scale must be three finite numbers"),
        (changed(scale=[10**400, 1.0, 1.0]), "scale must be three finite numbers"),
        (changed(scale=[1e300, 1.0, 1.0]), "scale must be three finite numbers"),
        (changed(offset=0), "offset must be three finite numbers"),
    ],
)
def test_nothing_but_an_image_backbone_can_be_made(config, message):
    keras.saving.register_keras_serializable("tests")(NotOfKerasHub)
    with pytest.raises(ValueError, match=message):
        image_encoder("keras_hub:x", 32, 4, encoder_config=config)


@pytest.mark.parametrize(
    ("backbone", "options"),
    [
        ("MobileNetBackbone", {"last_layer_filter": 1280}),
        ("HGNetV2Backbone", {"stackwise_stage_filters": [[512, 1e3, 2e3, 6, 6, 5]]}),
        ("VGGBackbone", {"stackwise_num_repeats": [500, 500]}),
        ("ViTBackbone", {"num_layers": 1000, "hidden_dim": 65536}),
    ],
)
def test_widths_may_be_more_than_layers(backbone, options):
    check_encoder_config(of(backbone, **options))


def test_other_encoders_have_no_configuration():
    with pytest.raises(ValueError, match="received encoder='small-cnn'. Leave it out"):
        image_encoder("small-cnn", 32, 4, encoder_config=encoder_config("ViTBackbone"))


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setattr(keras_hub_networks, "PACKAGE", "not_installed_at_all")
    with pytest.raises(ValueError, match=r"pip install 'keras-attention-models\[hub"):
        image_encoder("keras_hub:vit_base_patch16_224_imagenet", 224, 14)


@pytest.mark.slow
def test_lower_precision_stays_near():
    encoder = encoder_of("ViTBackbone")
    config = {**encoder.get_config(), "dtype": "mixed_float16"}
    lower = type(encoder).from_config(config)
    lower.network.set_weights(to_numpy_all(encoder.weights))
    assert lower(IMAGES).dtype == "float16"
    one, other = to_numpy(encoder(IMAGES)), to_numpy(lower(IMAGES))
    np.testing.assert_allclose(other, one, atol=0.05)
