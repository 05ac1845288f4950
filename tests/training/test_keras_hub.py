"""Training with an encoder of KerasHub begins with the preset's weights."""

import keras
import numpy as np
import pytest

from keras_attention.data.scenes import Scenes
from keras_attention.tasks.captioner import Captioner
from keras_attention.training.trainer import Trainer
from tests.keras_hub_presets import OFFSET, SCALE, save_preset, vit_backbone
from tests.training.support import quiet
from tests.training.test_captioning import caption_recipe

pytest.importorskip("keras_hub", reason="needs the extra hub")
pytestmark = pytest.mark.slow


def test_features_computed_once_are_those_of_the_preset(tmp_path):
    backbone = vit_backbone()
    name = save_preset(tmp_path / "preset", backbone)
    recipe = caption_recipe(
        {"encoder": name, "train_encoder": False}, max_steps=2, validate_every=2
    )
    captioner = Trainer(recipe, tmp_path / "run", quiet()).run()
    for split in ("train", "valid", "test"):
        assert (tmp_path / "run/data/features" / split / "features.bin").exists()
    scene = Scenes(1, num_things=5, image_size=32)[0]
    features = keras.ops.convert_to_numpy(
        captioner.model.image_encoder(scene.image[None])
    )
    scaled = scene.image[None] * np.float32(SCALE) + np.float32(OFFSET)
    tokens = keras.ops.convert_to_numpy(backbone(scaled))
    np.testing.assert_allclose(
        features, tokens[:, 1:].reshape(1, 4, 4, 16), rtol=1e-4, atol=1e-4
    )
    (one,) = captioner.caption(scene.image)
    (other,) = captioner.caption_inputs({"features": features})
    (loaded,) = Captioner.load(tmp_path / "run/bundle").caption(scene.image)
    assert one.text == other.text == loaded.text
    assert one.score == pytest.approx(other.score, rel=1e-3)
