"""Captioners step as they train, agree with their papers, and refuse what cannot be."""

import keras
import numpy as np
import pytest

from keras_attention.layers.scheduled_sampling import ScheduledSampling
from keras_attention.models.recurrent_captioner import RecurrentCaptioner
from keras_attention.models.transformer_captioner import TransformerCaptioner
from tests.layers.test_masking import softmax
from tests.layers.test_recurrent import STEPS
from tests.model_support import check_model, steps, teacher_forced
from tests.support import slow_on_jax, to_numpy

IMAGE_SIZES = {"image_size": 16, "grid_size": 2}
SIZES = {**IMAGE_SIZES, "region_dim": 6, "embedding_dim": 4, "units": 6}
TARGET_IDS = np.array([[2, 5, 4, 6], [2, 7, 6, 0]], "int32")
FEATURES = {
    "features": np.random.default_rng(0).normal(size=(2, 2, 2, 16)).astype("float32"),
    "target_ids": TARGET_IDS,
}


def image_inputs(seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (2, 16, 16, 3), "uint8")
    return {"images": images, "target_ids": TARGET_IDS}


def make(model_class=RecurrentCaptioner, **changes):
    """A model with large random weights, so that whatever matters shows."""
    keras.utils.set_random_seed(0)
    sizes = SIZES
    if model_class is TransformerCaptioner:
        sizes = {**IMAGE_SIZES, "model_dim": 8, "num_heads": 2, "feed_forward_dim": 8}
    model = model_class(9, **{**sizes, **changes})
    model.build()
    model.built = True
    rng = np.random.default_rng(0)
    encoders = {id(weight) for weight in model.image_encoder.weights}
    for weight in model.weights:
        if id(weight) not in encoders:
            weight.assign(0.5 * rng.normal(size=weight.shape))
    return model


def features_of(model, batch=2, seed=0):
    shape = (batch, model.grid_size, model.grid_size, model.image_encoder.dim)
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


CONTRACTS = {
    "soft": {"num_layers": 2, "layer_norm": True, "dropout": 0.5, "readout": "tanh"},
    "pooled first": {"attention": "none", "cell": "gru", "tie_embeddings": True},
    "pooled every": {"attention": None, "inject": "every", "cell": "rnn"},
}
QUICK = ("soft",) if keras.backend.backend() == "jax" else CONTRACTS


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(changes, marks=() if name in QUICK else pytest.mark.slow, id=name)
        for name, changes in CONTRACTS.items()
    ],
)
def test_recurrent_captioners_keep_the_model_contract(changes):
    keras.utils.set_random_seed(0)
    config = {"target_vocabulary_size": 9, **SIZES, **changes}
    check_model(RecurrentCaptioner, config, image_inputs())


@slow_on_jax
def test_the_transformer_keeps_the_model_contract():
    keras.utils.set_random_seed(0)
    sizes = {"num_layers": 2, "model_dim": 8, "num_heads": 2, "feed_forward_dim": 8}
    config = {"target_vocabulary_size": 9, **IMAGE_SIZES, **sizes}
    check_model(TransformerCaptioner, config, image_inputs())


@pytest.mark.parametrize("model_class", [RecurrentCaptioner, TransformerCaptioner])
def test_kept_features_are_as_good_as_images(model_class):
    model = make(model_class)
    inputs = image_inputs()
    features = to_numpy(model.image_encoder(inputs["images"]))
    kept = {"features": features, "target_ids": inputs["target_ids"]}
    expected = teacher_forced(model, inputs)
    for one, other in zip(teacher_forced(model, kept), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def regions_of(model, features):
    """The regions, by their formula, of one image `(N, N, D)`."""
    centred = features - features.mean(axis=-1, keepdims=True)
    normed = centred / np.sqrt(features.var(axis=-1, keepdims=True) + 1e-6)
    regions = model.regions
    scale, offset = regions.norm.get_weights()
    kernel, bias = regions.dense.get_weights()
    places = to_numpy(regions.rows) + to_numpy(regions.columns)
    found = np.maximum((normed * scale + offset) @ kernel + bias + places, 0)
    return found.reshape(-1, regions.region_dim)


def words_of(model):
    return to_numpy(model.target_embedding.embeddings)[TARGET_IDS[0]]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_formula(model, features, cell):
    """Logits and attention of the first row, word by word, as the papers say."""
    regions = regions_of(model, features)
    mean = regions.mean(axis=0)
    decoder = model.decoder
    recurrence = decoder.rnn.layers[0].get_weights()
    kernel, bias = decoder.readout_dense.get_weights()
    out, out_bias = model.logits_dense.get_weights()
    zeros = (np.zeros(model.units),) * (2 if cell == "lstm" else 1)
    if model.attends:
        dense = [layer.get_weights() for layer in decoder.first_states[0]]
        states = [mean @ weights + offset for weights, offset in dense]
        states[0] = np.tanh(states[0])
    elif decoder.inject == "first":
        weights, offset = decoder.image_dense.get_weights()
        states = STEPS[cell](mean @ weights + offset, zeros, recurrence)
    else:
        states = zeros
    logits, looks = [], []
    for token in words_of(model):
        if model.attends:
            context, look = attend(decoder.attention, states[0], regions)
            looks.append(look)
            inputs, seen = np.concatenate([token, context]), [token, context]
        else:
            every = decoder.inject == "every"
            inputs = np.concatenate([token, mean]) if every else token
            seen = [token]
        states = STEPS[cell](inputs, states, recurrence)
        vector = np.concatenate([states[0], *seen]) @ kernel + bias
        logits.append(vector @ out + out_bias)
    return np.array(logits), np.array(looks)


def attend(attention, state, regions):
    names = [weight.path.split("/")[-2] for weight in attention.weights]
    weights = {
        (name, weight.name): to_numpy(weight)
        for name, weight in zip(names, attention.weights, strict=True)
    }
    hidden = np.tanh(
        state @ weights["query_dense", "kernel"]
        + regions @ weights["key_dense", "kernel"]
    )
    look = softmax(hidden @ weights["score_dense", "kernel"][:, 0])
    gate = sigmoid(
        state @ weights["gate_dense", "kernel"] + weights["gate_dense", "bias"]
    )
    return gate * (look @ regions), look


@pytest.mark.parametrize(
    ("changes", "cell"),
    [
        ({}, "lstm"),
        ({"attention": None}, "lstm"),
        ({"attention": None, "inject": "every", "cell": "rnn"}, "rnn"),
        pytest.param({"cell": "gru"}, "gru", marks=pytest.mark.slow),
    ],
)
def test_agrees_with_the_formulas(changes, cell):
    model = make(**changes)
    features = features_of(model)
    inputs = {"features": features, "target_ids": TARGET_IDS}
    logits, scores = teacher_forced(model, inputs)
    expected, looks = by_formula(model, features[0], cell)
    np.testing.assert_allclose(logits[0], expected, rtol=1e-3, atol=1e-4)
    if model.attends:
        np.testing.assert_allclose(scores[0], looks, rtol=1e-3, atol=1e-5)
    else:
        assert not scores.any()


def test_a_pooled_vector_does_not_know_which_region_was_where():
    """Unless the regions themselves say so; here nothing does."""
    model = make(attention=None)
    for weight in (model.regions.rows, model.regions.columns):
        weight.assign(np.zeros(weight.shape))
    features = features_of(model)
    shuffled = features[:, ::-1, ::-1]
    one, _ = teacher_forced(model, {"features": features, "target_ids": TARGET_IDS})
    other, _ = teacher_forced(model, {"features": shuffled, "target_ids": TARGET_IDS})
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


# The upper half of the first image is padding, and a sliver of the second.
WINDOWS = np.array([[0, 8, 16, 16], [0, 3, 16, 16]], "int32")


@pytest.mark.parametrize(
    ("model_class", "changes"),
    [
        (RecurrentCaptioner, {}),
        (RecurrentCaptioner, {"attention": None}),
        (RecurrentCaptioner, {"attention": None, "inject": "every"}),
        (TransformerCaptioner, {}),
    ],
    ids=["soft", "pooled first", "pooled every", "transformer"],
)
def test_cells_without_image_are_neither_known_nor_attended_to(model_class, changes):
    model = make(model_class, **changes)
    inputs = {"features": features_of(model), "target_ids": TARGET_IDS}
    inputs["windows"] = WINDOWS
    logits, scores = teacher_forced(model, inputs)
    other = {**inputs, "features": inputs["features"].copy()}
    other["features"][:, 0] += 7 * np.random.default_rng(1).normal(
        size=other["features"][:, 0].shape
    )
    changed, _ = teacher_forced(model, other)
    np.testing.assert_allclose(changed[0], logits[0], rtol=1e-4, atol=1e-5)
    assert not np.allclose(changed[1], logits[1], atol=0.01)
    assert not scores[0, :, :2].any()
    if model.attends:
        np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-4)
        assert scores[0, :, 2:].all() and scores[1].all()
    for stepped, whole in zip(steps(model, inputs), (logits, scores), strict=True):
        np.testing.assert_allclose(stepped, whole, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("model_class", [RecurrentCaptioner, TransformerCaptioner])
def test_an_image_that_fills_its_square_is_known_as_before(model_class):
    model = make(model_class)
    inputs = {"features": features_of(model), "target_ids": TARGET_IDS}
    whole = np.array([[0, 0, 16, 16]] * 2, "int32")
    found = teacher_forced(model, {**inputs, "windows": whole})
    for one, other in zip(found, teacher_forced(model, inputs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_windows_keep_their_pixels_in_half_precision():
    """Keras would round floats to the precision that the model computes in."""
    model = make(image_size=512, grid_size=16, dtype="mixed_bfloat16")
    features = features_of(model)
    inputs = {"features": features, "target_ids": TARGET_IDS}
    inputs["windows"] = np.array([[0, 0, 512, 449], [0, 0, 512, 448]], "int32")
    _, scores = teacher_forced(model, inputs)
    rows = scores.reshape(2, -1, 16, 16).any(axis=(1, 3)).sum(axis=1)
    assert rows.tolist() == [15, 14]


@slow_on_jax
@pytest.mark.parametrize("model_class", [RecurrentCaptioner, TransformerCaptioner])
def test_the_doubly_stochastic_loss_is_of_real_cells_and_in_training_only(model_class):
    # What reads kept features has no gradient for what made them.
    model = make(model_class, dropout=0.0, train_encoder=False)
    inputs = {"features": features_of(model), "target_ids": TARGET_IDS}
    inputs["windows"] = WINDOWS
    labels = np.array([[5, 4, 6, 3], [7, 6, 3, 0]])
    _, scores = teacher_forced(model, inputs)
    mask = TARGET_IDS != 0
    seen = (scores * mask[..., None]).sum(axis=1)
    penalty = ((1 - seen[0, 2:]) ** 2).sum() + ((1 - seen[1]) ** 2).sum()
    penalty /= mask.sum()

    model.doubly_stochastic = 0.7
    model.compile(
        keras.optimizers.SGD(0.0),  # the weights stay as they are
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=keras.backend.backend() == "tensorflow",
    )
    plain = model.test_on_batch(inputs, labels)
    model.reset_metrics()
    penalised, added = model.train_on_batch(inputs, labels)
    assert float(added) == pytest.approx(0.7 * penalty, rel=1e-3)
    assert float(penalised - plain) == pytest.approx(0.7 * penalty, rel=1e-3)


@slow_on_jax
def test_scheduled_sampling_takes_batches_of_any_shape():
    """Which Keras's `fit` makes unknown, once two batches have differed."""
    model = RecurrentCaptioner(9, **SIZES, train_encoder=False)
    model.scheduled_sampling = ScheduledSampling(half_steps=1)
    model.build()
    model.compile(
        keras.optimizers.Adam(),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    batches = [
        (
            {
                "features": features_of(model, rows),
                "target_ids": np.full((rows, steps), 5, "int32"),
            },
            np.full((rows, steps), 4, "int32"),
        )
        for rows, steps in ((2, 3), (3, 4), (2, 5))
    ]
    batches = (batch for batch in batches)
    history = model.fit(batches, steps_per_epoch=3, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_an_encoder_that_is_not_trained_stays_as_it_is():
    model = make(train_encoder=False)
    trained = {id(weight) for weight in model.trainable_variables}
    assert not trained & {id(weight) for weight in model.image_encoder.weights}
    before = [to_numpy(weight) for weight in model.image_encoder.weights]
    model.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.train_on_batch(image_inputs(), np.array([[5, 4, 6, 3], [7, 6, 3, 0]]))
    for weight, value in zip(model.image_encoder.weights, before, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention": "hard"}, "attention must be one of 'soft', None"),
        ({"inject": "every"}, "inject says at which steps a decoder without"),
        (
            {"attention": None, "inject": "last"},
            "inject must be one of 'first', 'every'",
        ),
        ({"readout": "softmax"}, "readout must be one of 'linear', 'tanh', 'maxout'"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"cell": "qrnn"}, "cell must be one of"),
        ({"grid_size": 3}, "grid_size"),
        ({"encoder": "small-cn"}, "small-cnn"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        RecurrentCaptioner(9, **{**SIZES, **changes})
