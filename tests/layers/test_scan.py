"""`scan` is a loop in Python, and compiles with its gradient."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.layers.projection import project
from keras_attention.layers.scan import scan
from keras_attention.layers.scheduled_sampling import ScheduledSampling
from keras_attention.models.recurrent import RecurrentSeq2Seq
from keras_attention.models.recurrent_captioner import RecurrentCaptioner
from keras_attention.training.losses import LabelSmoothedCrossEntropy
from tests.support import to_numpy


def test_agrees_with_a_loop():
    """Over nested inputs, with a nested carry of which a part is kept."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 2, 3)).astype("float32")
    ids = np.arange(10).reshape(5, 2)

    def step(carry, element):
        total, (last,) = carry
        x, ids = element["x"], element["ids"]
        return 0.5 * total + x, (last + ids,)

    first = np.zeros((2, 3), "float32"), (np.zeros(2, ids.dtype),)
    found = scan(step, first, {"x": x, "ids": ids}, lambda carry: [carry[0], carry[1]])
    total, expected = 0.0, []
    for one in x:
        total = 0.5 * total + one
        expected.append(total)
    np.testing.assert_allclose(to_numpy(found[0]), expected, rtol=1e-5)
    np.testing.assert_array_equal(to_numpy(found[1][0]), np.cumsum(ids, axis=0))


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="elsewhere it is Keras's own"
)
def test_its_gradient_compiles_where_no_length_is_known():
    """With a dense layer of three axes inside, as in attention."""
    import tensorflow as tf

    dense = keras.layers.Dense(2)
    dense.build((None, None, 2))

    def gradient(x):
        with tf.GradientTape() as tape:

            def step(carry, x):
                return carry + project(dense, ops.tanh(carry + x)[:, None])[:, 0]

            total = ops.sum(scan(step, ops.zeros_like(x[0]), x, lambda carry: carry))
        return tape.gradient(total, dense.kernel.value)

    unknown = tf.TensorSpec((None, None, 2), "float32")
    compiled = tf.function(gradient, input_signature=[unknown], jit_compile=True)
    x = np.random.default_rng(0).normal(size=(4, 3, 2)).astype("float32")
    np.testing.assert_allclose(compiled(x), gradient(tf.constant(x)), rtol=1e-4)


TINY = {"embedding_dim": 4, "units": 4}
MODELS = {
    "bahdanau": lambda: RecurrentSeq2Seq(9, 9, **TINY),
    "bahdanau rnn": lambda: RecurrentSeq2Seq(9, 9, cell="rnn", **TINY),
    "input feeding": lambda: RecurrentSeq2Seq(
        9, 9, attention="luong", input_feeding=True, **TINY
    ),
    "luong rnn": lambda: RecurrentSeq2Seq(9, 9, attention="luong", cell="rnn", **TINY),
    "captioner": lambda: RecurrentCaptioner(
        9, image_size=8, grid_size=2, region_dim=4, train_encoder=False, **TINY
    ),
}


class Lengths(keras.utils.PyDataset):
    """Batches of two lengths, which TensorFlow then knows as any length."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def __len__(self):
        return 2

    def __getitem__(self, index):
        ids = np.full((2 + index, 4 - index), 5)
        inputs = {"target_ids": ids, "source_ids": np.full((2 + index, 3 + index), 6)}
        if isinstance(self.model, RecurrentCaptioner):
            inputs["images"] = np.zeros((2 + index, 8, 8, 3), "uint8")
            del inputs["source_ids"]
        return inputs, ids, np.ones(ids.shape, "float32")


def fitted(name, jit_compile, sampling=False):
    """The loss of an epoch, and the weights after it."""
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    if sampling:
        model.scheduled_sampling = ScheduledSampling(half_steps=1)
    model.build()
    model.built = True
    loss = LabelSmoothedCrossEntropy(0.1)
    model.compile(keras.optimizers.SGD(0.5), loss, jit_compile=jit_compile)
    model.fit(Lengths(model), shuffle=False, verbose=0)
    return [to_numpy(weight) for weight in model.weights]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_xla_trains_what_is_trained_without_it(name):
    """On TensorFlow too, whatever the lengths."""
    for one, other in zip(fitted(name, True), fitted(name, False), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bahdanau", "input feeding"])
def test_xla_trains_on_own_words(name):
    assert all(np.isfinite(weight).all() for weight in fitted(name, True, True))
