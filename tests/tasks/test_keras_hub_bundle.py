"""A captioner whose encoder is KerasHub's needs no preset once it is a bundle."""

import json
import shutil

import keras
import numpy as np
import pytest

from keras_attention.models.transformer_captioner import TransformerCaptioner
from keras_attention.tasks.captioner import Captioner
from tests.captioners import encoded_images, make_captioner
from tests.keras_hub_presets import save_preset, vit_backbone
from tests.support import slow_on_jax

pytest.importorskip("keras_hub", reason="needs the extra hub")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """`(captioner, bundle)`; the preset is gone."""
    folder = tmp_path_factory.mktemp("keras_hub")
    name = save_preset(folder / "preset", vit_backbone())
    captioner = make_captioner(encoder=name)
    captioner.save(folder / "bundle")
    shutil.rmtree(folder / "preset")
    return captioner, folder / "bundle"


@slow_on_jax
def test_a_bundle_says_the_same_without_the_preset(saved):
    captioner, bundle = saved
    loaded = Captioner.load(bundle)
    assert loaded.model.encoder == captioner.model.encoder
    assert dict(loaded.model.encoder_config) == dict(captioner.model.encoder_config)
    captions = [each.caption(encoded_images()) for each in (captioner, loaded)]
    assert len({caption.text for caption in captions[0]}) > 2
    for one, other in zip(*captions, strict=True):
        assert one.text == other.text
        assert one.score == pytest.approx(other.score, rel=1e-5)


@slow_on_jax
def test_the_other_family_comes_back_from_its_configuration(saved):
    family = TransformerCaptioner
    model = saved[0].model
    config = {"encoder_config": dict(model.encoder_config)}
    config = {**family.presets["tiny"], "encoder": model.encoder, **config}
    one = family(9, **config)
    other = family.from_config(json.loads(json.dumps(one.get_config())))
    for each in (one, other):
        each.build()
    other.set_weights([np.asarray(weight) for weight in one.weights])
    inputs = {
        "images": np.full((1, 32, 32, 3), 100, "uint8"),
        "target_ids": np.array([[1, 4, 5]], "int32"),
    }
    np.testing.assert_allclose(one(inputs), other(inputs), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": "Lambda"}, "'Lambda' is no backbone of keras_hub.models"),
        (
            {"options": {"mlp_dim": {"class_name": "Lambda"}}},
            "mlp_dim must be a num",
        ),
        ({"options": {"num_layers": 10**8}}, "num_layers must be a number up to 1,000"),
    ],
)
def test_of_a_bundle_nothing_else_is_made(saved, tmp_path, change, message):
    shutil.copytree(saved[1], tmp_path / "bundle")
    path = tmp_path / "bundle/config.json"
    config = json.loads(path.read_text())
    config["model"]["config"]["encoder_config"].update(change)
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=f"config.json: .*{message}"):
        Captioner.load(tmp_path / "bundle")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_what_is_quantised_comes_back(saved, tmp_path):
    captioner = Captioner.load(saved[1])
    captioner.model.quantize("int8")
    captioner.save(tmp_path / "bundle")
    loaded = Captioner.load(tmp_path / "bundle")
    images = np.zeros((1, 32, 32, 3), "uint8")
    one, other = (
        keras.ops.convert_to_numpy(each.model.image_encoder(images))
        for each in (captioner, loaded)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)
