"""Recurrent models are trained, resumed and kept like any other."""

import dataclasses
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_attention.layers.scheduled_sampling import ScheduledSampling
from keras_attention.tasks.translator import Translator
from keras_attention.training.recipe import ModelConfig
from keras_attention.training.trainer import Trainer
from tests.support import slow_on_jax, to_numpy
from tests.training.support import assert_equal_weights, quiet, tiny_recipe
from tests.training.test_trainer import rows, same_state

# With all that a state must remember: dropout's seeds, the coins and their number.
SAMPLED = {
    "scheduled_sampling": "linear",
    "sampling_half_steps": 10,
    "guided_alignment": 0.5,
}


def recurrent_recipe(model=(), **training):
    """As `tiny_recipe`, of one shape: each is compiled."""
    options = {"embedding_dim": 8, "units": 16, "dropout": 0.2, **dict(model)}
    model = ModelConfig("recurrent", "tiny", options)
    return tiny_recipe(model, **{"max_shapes": 1, **SAMPLED, **training})


def train(folder, recipe, **options):
    trainer = Trainer(recipe, folder, quiet())
    models = []
    make = trainer._built_model

    def spy(*arguments):
        models.append(make(*arguments))
        return models[-1]

    trainer._built_model = spy
    return trainer.run(**options), models[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`(translator, the model in training, folder)` of a run left alone."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return *train(folder, recurrent_recipe()), folder


def test_loss_falls(run):
    losses = [float(row["val_loss"]) for row in rows(run[2])]
    assert losses[-1] < losses[0] < np.log(30)


def test_it_was_shown_its_own_words_as_often_as_it_was_trained(run):
    sampling = run[1].scheduled_sampling
    assert isinstance(sampling, ScheduledSampling)
    # Validation and the final scores are no training.
    assert float(to_numpy(sampling.num_batches)) == 20


def test_the_bundle_knows_nothing_of_how_it_was_trained(run):
    translator, _, folder = run
    loaded = Translator.load(folder / "bundle")
    assert_equal_weights(loaded, translator)
    assert loaded.model.scheduled_sampling is None
    assert loaded.model.guided_alignment == 0
    assert loaded.training["parameters"] == loaded.model.count_params()
    assert loaded.translate("a b") == translator.translate("a b")


@slow_on_jax
def test_a_run_stopped_and_resumed_ends_as_one_left_alone(run, tmp_path):
    translator, model, folder = run
    train(tmp_path, recurrent_recipe(max_steps=8))
    resumed, again = train(tmp_path, recurrent_recipe(), resume=True)
    assert_equal_weights(resumed, translator)
    same_state(tmp_path, folder)
    for one, other in zip(
        again.scheduled_sampling.variables,
        model.scheduled_sampling.variables,
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_the_bundle_moves_to_the_other_backend(run):
    translator, _, folder = run
    other = {"tensorflow": "jax", "jax": "tensorflow"}[keras.backend.backend()]
    code = (
        "from keras_attention.tasks.translator import Translator; "
        f"t = Translator.load({str(folder / 'bundle')!r}).translate(['a b c'])[0]; "
        "print(t.text, t.score, sep='|')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": other},
        capture_output=True,
        text=True,
        check=True,
    )
    text, score = result.stdout.splitlines()[-1].rsplit("|", 1)
    (expected,) = translator.translate(["a b c"])
    assert text == expected.text
    assert float(score) == pytest.approx(expected.score, rel=1e-4)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_batches_have_alignments_if_attention_is_guided(tmp_path, monkeypatch, weight):
    class Prepared(Exception):
        pass

    def look(self, model, batches, *_):
        assert model.guided_alignment == weight
        inputs, labels, _ = batches.batch_at(0)
        assert ("alignments" in inputs) == (weight > 0)
        if weight:  # of copied words: the diagonal, END included
            is_label = (labels > 0)[:, :, None]
            same = inputs["source_ids"][:, None] == labels[:, :, None]
            assert (is_label & same)[inputs["alignments"] > 0].all()
            np.testing.assert_array_equal(
                inputs["alignments"].sum(axis=-1), is_label[..., 0]
            )
        raise Prepared

    monkeypatch.setattr(Trainer, "_fit", look)
    with pytest.raises(Prepared):
        train(tmp_path, recurrent_recipe(guided_alignment=weight))


@pytest.mark.parametrize("attention", ["none", "luong"])
def test_alignments_need_attention(tmp_path, attention):
    trainer = Trainer(recurrent_recipe({"attention": attention}), tmp_path / "run")
    if attention == "luong":
        assert trainer._model_options()["attention"] == "luong"
        return
    with pytest.raises(ValueError, match="guided_alignment draws .* this model has no"):
        trainer.run()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"coverage_penalty": 0.2}, "coverage_penalty counts .* this model has no"),
        ({"unknown": "copy"}, "unknown copies the source word .* model has no atten"),
    ],
)
def test_what_only_attention_can_do_needs_it(tmp_path, option, message):
    recipe = recurrent_recipe({"attention": "none"}, guided_alignment=0.0)
    decoding = recipe.decoding.replace(**option)
    recipe = dataclasses.replace(recipe, decoding=decoding)
    with pytest.raises(ValueError, match=message):
        Trainer(recipe, tmp_path / "run").run()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"unit": 8}, r"key 'unit' in \[model\]; did you mean 'units'"),
        ({"units": 7}, r"\[model\] does not describe a model: units must be even"),
        ({"input_feeding": True}, 'which only attention="luong" has'),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    tmp_path, options, message
):
    with pytest.raises(ValueError, match=message):
        Trainer(recurrent_recipe(options), tmp_path / "run").run()
    assert not (tmp_path / "run").exists()


def test_scheduled_sampling_needs_a_decoder_that_steps_in_training():
    with pytest.raises(ValueError, match='model.family="transformer". Set'):
        tiny_recipe(scheduled_sampling="linear")


@pytest.mark.slow
def test_mixed_precision_with_all_options_stays_finite(tmp_path):
    recipe = recurrent_recipe(
        {"cell": "lstm", "num_layers": 2, "residual": True, "layer_norm": True},
        precision="mixed_bfloat16",
        accumulation_steps=2,
        ema_momentum=0.5,
        max_steps=2,
    )
    translator, model = train(tmp_path, recipe)
    assert all(np.isfinite(to_numpy(weight)).all() for weight in model.weights)
    assert Translator.load(tmp_path / "bundle").model.dtype_policy.name == (
        "mixed_bfloat16"
    )
