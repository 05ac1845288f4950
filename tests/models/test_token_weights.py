"""`fit` counts tokens: their gradients, their losses, their weights."""

import keras
import numpy as np
import pytest

from keras_attention.models.recurrent import RecurrentSeq2Seq
from keras_attention.models.recurrent_captioner import RecurrentCaptioner
from keras_attention.models.transformer import Transformer
from keras_attention.training.losses import LabelSmoothedCrossEntropy
from keras_attention.training.metrics import TokenAccuracy
from tests.support import MODULE_SLOW_ON_JAX, slow_on_jax, to_numpy

pytestmark = MODULE_SLOW_ON_JAX

TINY = {"embedding_dim": 4, "units": 6}
IMAGE_SIZES = {"image_size": 8, "grid_size": 2, "region_dim": 4, "train_encoder": False}
# Each has an embedding that is not also its output layer.
FAMILIES = {
    "transformer": lambda **options: Transformer(
        9,
        9,
        num_layers=1,
        model_dim=8,
        num_heads=2,
        feed_forward_dim=8,
        dropout=0.0,
        **options,
    ),
    "luong": lambda **options: RecurrentSeq2Seq(
        9, 9, attention="luong", **TINY, **options
    ),
    "captioner": lambda **options: RecurrentCaptioner(
        9, **TINY, **IMAGE_SIZES, **options
    ),
}


def made(family, **options):
    keras.utils.set_random_seed(0)
    model = FAMILIES[family](**options)
    model.build()
    model.built = True
    return model


def batch(model, lengths=(6, 2, 3), steps=6, seed=0):
    """Sentences that say the same word again and again; padding behind."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(4, 6, size=(len(lengths), steps))
    labels = np.where(np.arange(steps) < np.array(lengths)[:, None], labels, 0)
    target_ids = np.where(labels, np.roll(labels, 1, axis=1), 0)
    inputs = {"target_ids": target_ids}
    if isinstance(model, RecurrentCaptioner):
        encoder = model.image_encoder
        shape = (len(lengths), encoder.grid_size, encoder.grid_size, encoder.dim)
        inputs["features"] = rng.normal(size=shape).astype("float32")
    else:
        inputs["source_ids"] = np.where(labels, 5, 0)
    return inputs, labels, (labels != 0).astype("float32")


def compiled(model, optimizer, smoothing=0.1, **options):
    model.compile(optimizer, LabelSmoothedCrossEntropy(smoothing), **options)
    return model


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_repeated_token_changes_by_the_rate_at_most(family, dtype):
    """The first change of Adam is g / √g², however often a token came."""
    if dtype != "float32" and family == "luong":
        pytest.skip("said by the other two")
    model = made(family, dtype=dtype)
    before = [to_numpy(weight) for weight in model.trainable_variables]
    compiled(model, keras.optimizers.Adam(0.25, epsilon=1e-12))
    model.train_on_batch(*batch(model))
    changes = [
        np.abs(to_numpy(weight) - value).max() / 0.25
        for weight, value in zip(model.trainable_variables, before, strict=True)
    ]
    assert max(changes) == pytest.approx(1, abs=2e-3)


def clipped_norm(model):
    """The length of a first step of SGD that is clipped at a length of 0.01."""
    before = [to_numpy(weight) for weight in model.trainable_variables]
    compiled(model, keras.optimizers.SGD(1.0, global_clipnorm=0.01))
    model.train_on_batch(*batch(model))
    changes = [
        to_numpy(weight) - value
        for weight, value in zip(model.trainable_variables, before, strict=True)
    ]
    return np.sqrt(sum(np.square(change).sum() for change in changes))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_norm_that_is_clipped_is_that_of_summed_gradients(family):
    assert clipped_norm(made(family)) == pytest.approx(0.01, rel=1e-4)


class Given(keras.utils.PyDataset):
    """Batches as they are."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def logged(model, *batches):
    """`loss` and `accuracy` of an epoch, in training and in validation."""
    model.compile(
        keras.optimizers.SGD(0.0),  # the weights stay as they are
        LabelSmoothedCrossEntropy(0.1),
        weighted_metrics=[TokenAccuracy(name="accuracy")],
    )
    given = Given(batches)
    history = model.fit(given, validation_data=given, shuffle=False, verbose=0).history
    logs = {name: values[0] for name, values in history.items()}
    tested = {name[4:]: logs.pop(name) for name in list(logs) if "val_" in name}
    return logs, tested


def by_hand(model, *batches):
    """The same over tokens, in NumPy."""
    losses, hits, weights = [], [], []
    for inputs, labels, weight in batches:
        logits = to_numpy(model(inputs))
        loss = LabelSmoothedCrossEntropy(0.1, reduction=None)(labels, logits)
        losses.append(to_numpy(loss).ravel())
        hits.append((logits.argmax(-1) == labels).ravel())
        weights.append(np.broadcast_to(weight * (labels != 0), labels.shape).ravel())
    mean = {"weights": np.concatenate(weights)}
    return {
        "loss": np.average(np.concatenate(losses), **mean),
        "accuracy": np.average(np.concatenate(hits), **mean),
    }


def test_logs_are_means_over_tokens():
    """Batches of unequal tokens, rows and padding; one row fills up its batch."""
    model = made("transformer")
    batches = [
        batch(model, lengths=(6, 6)),
        batch(model, lengths=(1, 2, 0, 1), steps=4, seed=1),
        batch(model, lengths=(0, 0), seed=2),
    ]
    expected = by_hand(model, *batches)
    for logs in logged(model, *batches):
        assert logs == pytest.approx(expected, rel=1e-5)


def test_loss_is_logged_once():
    model = compiled(made("transformer"), "sgd")
    given = Given([batch(model)])
    assert np.ndim(model.evaluate(given, verbose=0)) == 0
    history = model.fit(given, validation_data=given, verbose=0).history
    assert set(history) == {"loss", "val_loss"}


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 6)])
def test_sample_weights_of_rows_and_of_tokens(shape):
    model = made("transformer")
    inputs, labels, _ = batch(model)
    weight = np.linspace(0.5, 2.0, num=np.prod(shape)).reshape(shape)
    by_token = np.broadcast_to(
        weight if len(shape) == 2 else weight[:, None], labels.shape
    )
    expected = by_hand(model, (inputs, labels, by_token))
    for logs in logged(model, (inputs, labels, weight)):
        assert logs == pytest.approx(expected, rel=1e-5)


def test_padding_never_counts():
    """Sample weights or none: there is nothing to learn of padding."""
    model = made("transformer")
    inputs, labels, weight = batch(model)
    expected, _ = logged(model, (inputs, labels, weight))
    for given in (None, np.ones(3), np.ones((3, 6))):
        one = (inputs, labels) if given is None else (inputs, labels, given)
        assert logged(model, one)[0] == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(6,), (3, 5), (3, 6, 1)])
def test_other_sample_weights_are_refused(shape):
    model = compiled(made("transformer"), "sgd")
    inputs, labels, _ = batch(model)
    with pytest.raises(ValueError, match=r"\(B,\), or for each token, \(B, T\)"):
        model.compute_loss(inputs, labels, model(inputs), np.ones(shape))


def test_class_weights_say_what_is_wanted_instead():
    model = compiled(made("transformer"), "sgd")
    inputs, labels, _ = batch(model)
    for train in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match=r"sample_weight=weights\[labels\]"):
            train(inputs, labels, class_weight={4: 2.0})


@slow_on_jax
@pytest.mark.parametrize("weights", ["tokens", "rows"])
def test_losses_of_attention_are_per_token(weights):
    """Rows that fill up a batch add nothing, and rows count by their weights."""
    model = made("captioner")
    model.doubly_stochastic = 0.7
    inputs, labels, weight = batch(model, lengths=(6, 2))
    if weights == "rows":
        weight = np.array([2.0, 0.5])
    expected, _ = logged(model, (inputs, labels, weight))
    assert 0.1 < expected["auxiliary_loss"] < expected["loss"]

    def wide(array):
        return np.concatenate([array, np.zeros_like(array)])

    inputs = {name: wide(array) for name, array in inputs.items()}
    found, tested = logged(model, (inputs, wide(labels), wide(weight)))
    assert found == pytest.approx(expected, rel=1e-5)
    assert tested["loss"] == pytest.approx(
        found["loss"] - found["auxiliary_loss"], rel=1e-5
    )
    assert "auxiliary_loss" not in tested
