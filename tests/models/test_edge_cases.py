"""What is at the edge of models' inputs: nothing at all, ragged rows, no signature."""

import keras
import numpy as np
import pytest

from keras_attention.models import (
    RecurrentCaptioner,
    RecurrentSeq2Seq,
    Transformer,
    TransformerCaptioner,
)
from tests.model_support import steps, teacher_forced
from tests.support import MODULE_SLOW_ON_JAX, slow_on_jax, to_numpy

pytestmark = MODULE_SLOW_ON_JAX

SOURCE_IDS = np.array([[4, 5, 6, 3], [6, 3, 0, 0]], "int32")
TARGET_IDS = np.array([[2, 5, 4], [2, 7, 0]], "int32")
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), "uint8")
BLOCKS = {"num_layers": 1, "model_dim": 8, "num_heads": 2, "feed_forward_dim": 12}
WORDS = {"embedding_dim": 8, "units": 8}
IMAGE_SIZES = {"image_size": 16, "grid_size": 2}


def recurrent(**options):
    return RecurrentSeq2Seq(9, 9, **WORDS, **options)


TRANSLATORS = {
    "transformer": lambda: Transformer(9, 9, **BLOCKS),
    "bahdanau": recurrent,
    "luong": lambda: recurrent(attention="luong", cell="lstm", bidirectional=False),
    "input feeding": lambda: recurrent(attention="luong", input_feeding=True),
    "none": lambda: recurrent(attention=None, cell="rnn", num_layers=2),
}
CAPTIONERS = {
    "soft": lambda: RecurrentCaptioner(9, **WORDS, **IMAGE_SIZES),
    "pooled": lambda: RecurrentCaptioner(9, attention=None, **WORDS, **IMAGE_SIZES),
    "transformer captioner": lambda: TransformerCaptioner(9, **BLOCKS, **IMAGE_SIZES),
}
MODELS = {**TRANSLATORS, **CAPTIONERS}


def made(name):
    """`(model, inputs)`, from a fixed seed."""
    keras.utils.set_random_seed(0)
    source = {"images": IMAGES} if name in CAPTIONERS else {"source_ids": SOURCE_IDS}
    return MODELS[name](), {**source, "target_ids": TARGET_IDS}


@slow_on_jax
@pytest.mark.parametrize("name", MODELS)
def test_an_empty_batch_has_no_logits(name):
    model, inputs = made(name)
    model.build()
    nothing = {key: array[:0] for key, array in inputs.items()}
    logits, scores = teacher_forced(model, nothing)
    assert (logits.shape, scores.shape) == ((0, 3, 9), (0, 3, 4))
    assert steps(model, nothing)[0].shape == (0, 3, 9)
    assert model.predict_on_batch(nothing).shape == (0, 3, 9)


@slow_on_jax
@pytest.mark.parametrize("name", MODELS)
def test_an_empty_target_has_no_logits(name):
    model, inputs = made(name)
    logits = model({**inputs, "target_ids": TARGET_IDS[:, :0]})
    assert tuple(logits.shape) == (2, 0, 9)


@slow_on_jax
@pytest.mark.parametrize("name", TRANSLATORS)
def test_a_source_of_length_0_is_one_of_padding_alone(name):
    model, inputs = made(name)
    expected, _ = teacher_forced(model, {**inputs, "source_ids": 0 * SOURCE_IDS})
    nothing = {**inputs, "source_ids": SOURCE_IDS[:, :0]}
    logits, scores = teacher_forced(model, nothing)
    assert scores.shape == (2, 3, 0)
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    np.testing.assert_allclose(steps(model, nothing)[0], expected, atol=1e-5)


ON_TENSORFLOW = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="ragged tensors and SavedModels are TensorFlow's",
)


@ON_TENSORFLOW
@pytest.mark.parametrize("name", MODELS)
def test_ragged_rows_are_padded(name):
    import tensorflow as tf

    model, inputs = made(name)
    expected, _ = teacher_forced(model, inputs)
    ragged = {
        key: tf.RaggedTensor.from_tensor(array, padding=0) if array.ndim == 2 else array
        for key, array in inputs.items()
    }
    np.testing.assert_allclose(to_numpy(model(ragged)), expected, atol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(ragged), expected, atol=1e-5)
    memory, _ = model.encode(ragged, num_steps=3)
    assert memory.value.shape[:2] == (2, 4)


@ON_TENSORFLOW
def test_ragged_rows_attend_within_themselves():
    import tensorflow as tf

    model, _ = made("transformer")
    ragged = tf.RaggedTensor.from_tensor(SOURCE_IDS, padding=0)
    for one, other in zip(
        model.encoder_attention_scores(ragged),
        model.encoder_attention_scores(SOURCE_IDS),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


@ON_TENSORFLOW
@pytest.mark.parametrize("name", ["transformer", "bahdanau", "soft"])
def test_export_needs_neither_a_signature_nor_a_call(name, tmp_path):
    import tensorflow as tf

    model, inputs = made(name)
    model.export(tmp_path / "model", verbose=False)
    served = tf.saved_model.load(tmp_path / "model")
    for rows in (1, 2):
        rows = {key: array[:rows] for key, array in inputs.items()}
        expected = to_numpy(model(rows))
        outputs = served.serve({key: tf.constant(x) for key, x in rows.items()})
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


@ON_TENSORFLOW
def test_export_takes_a_signature_of_ones_own(tmp_path):
    import tensorflow as tf

    model, inputs = made("transformer captioner")
    features = to_numpy(model.image_encoder(IMAGES))
    signature = [
        {
            "features": keras.InputSpec("float32", (None, *features.shape[1:])),
            "target_ids": keras.InputSpec(shape=(None, None), dtype="int32"),
        }
    ]
    model.export(tmp_path / "model", verbose=False, input_signature=signature)
    served = tf.saved_model.load(tmp_path / "model")
    inputs = {"features": features, "target_ids": TARGET_IDS}
    outputs = served.serve({key: tf.constant(x) for key, x in inputs.items()})
    np.testing.assert_allclose(outputs, to_numpy(model(inputs)), atol=1e-5)
