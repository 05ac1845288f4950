"""An exported captioner with an encoder of KerasHub says what it says in process."""

import keras
import pytest

from keras_attention.export import export
from tests.captioners import encoded_images, make_captioner
from tests.keras_hub_presets import encoder_config

tf = pytest.importorskip("tensorflow")
support = pytest.importorskip("tests.export.support")
pytest.importorskip("keras_hub", reason="needs the extra hub")
pytestmark = [
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's"
    ),
    pytest.mark.slow,
]


@pytest.mark.parametrize(
    "backbone", ["ViTBackbone", "DINOV2Backbone", "ResNetBackbone"]
)
def test_a_saved_model_gives_the_same_captions(tmp_path, backbone):
    config = encoder_config(backbone)
    captioner = make_captioner(encoder="keras_hub:x", encoder_config=config)
    captions = captioner.caption(encoded_images())
    assert len({caption.text for caption in captions}) > 1
    folder = export(captioner, tmp_path, "captions")
    outputs = support.outputs_of(
        tf.saved_model.load(str(folder)), "greedy", image_bytes=encoded_images()
    )
    greedy = captioner.caption(encoded_images(), beam=1, n_best=1)
    found = list(outputs["caption"])
    assert found == [caption.text for caption in greedy]
    scores = [caption.score for caption in greedy]
    assert outputs["score"] == pytest.approx(scores, rel=1e-3)
