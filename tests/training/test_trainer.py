"""`Trainer` learns, resumes exactly, and leaves what it promises."""

import csv
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_attention.models.transformer import Transformer
from keras_attention.tasks.translator import Translator
from keras_attention.training.accumulation import innermost
from keras_attention.training.recipe import ModelConfig, load_recipe
from keras_attention.training.state import save_state
from keras_attention.training.trainer import Trainer
from keras_attention.training.translation import (
    TranslationTraining,
    TranslationValidation,
)
from keras_attention.training.validation import load_weights
from tests.support import held_elsewhere
from tests.training.support import assert_equal_weights, quiet, tiny_recipe, weights

# With all that a state must remember: dropout's seeds, moving averages, rounds.
EXACT = {"ema_momentum": 0.9, "average_checkpoints": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`(translator, folder, what was said)` of a run that was left alone."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    console = quiet()
    translator = Trainer(tiny_recipe(**EXACT), folder, console).run()
    return translator, folder, console.file.getvalue()


def rows(folder):
    with (folder / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_loss_falls(run):
    losses = [float(row["val_loss"]) for row in rows(run[1])]
    assert losses[-1] < losses[0] < np.log(30)


def test_history_has_a_row_for_each_round(run):
    found = rows(run[1])
    assert [row["step"] for row in found] == ["8", "16", "20"]
    assert list(found[0])[:5] == "step loss accuracy val_loss val_accuracy".split()
    assert {"val_bleu", "val_chrf", "val_exact"} < set(found[0])
    for row in found:
        assert all(np.isfinite(float(value)) for value in row.values())


def test_tensorboard_has_its_logs(run):
    for kind in ("train", "validation"):
        assert list((run[1] / "logs" / kind).glob("events.out.tfevents.*"))


def test_says_what_it_does(run):
    said = run[2]
    assert "174 training pairs, 22 validation, 4 test; 6,112 parameters" in said
    assert "batch shapes (rows×source×target)" in said
    assert [line[:7] for line in said.splitlines() if line.startswith("step")] == [
        "step 8 ",
        "step 16",
        "step 20",
    ]
    assert "training ends after step 20: training.max_steps=20 are done" in said


def test_the_bundle_is_what_was_returned(run):
    translator, folder, _ = run
    loaded = Translator.load(folder / "bundle")
    assert_equal_weights(loaded, translator)
    assert (
        loaded.metrics
        == translator.metrics
        == json.loads((folder / "bundle" / "metrics.json").read_text())
    )
    assert loaded.training["steps"] == 20
    assert loaded.training["recipe"]["data"]["corpus"] == "copy"
    assert loaded.metrics["split"] == "test"
    assert loaded.metrics["copying_the_source"]["exact_match_percent"] == 100
    # A toy task knows where its words come from.
    assert loaded.metrics["attention"]["sentences"] == loaded.metrics["sentences"]
    assert 0 <= loaded.metrics["attention"]["error_rate"] <= 1


def test_a_finished_run_resumed_is_the_same_run(run, tmp_path):
    translator, folder, _ = run
    shutil.copytree(folder, tmp_path / "run")
    console = quiet()
    again = Trainer(tiny_recipe(**EXACT), tmp_path / "run", console).run(resume=True)
    assert_equal_weights(again, translator)
    assert rows(tmp_path / "run") == rows(folder)
    said = console.file.getvalue()
    assert "nothing is left to train: training.max_steps=20 are done" in said


@pytest.mark.parametrize("better", [True, False])
def test_the_mean_of_rounds_is_taken_if_it_scores_better(
    run, tmp_path, monkeypatch, better
):
    folder = run[1]
    shutil.copytree(folder, tmp_path / "run")
    state = json.loads((folder / "state/state-20/memory.json").read_text())
    best = state["validation"]["best"]
    monkeypatch.setattr(
        TranslationValidation,
        "__call__",
        lambda self: {"bleu": best + (1 if better else -1)},
    )
    # The scores of the result are another test's.
    monkeypatch.setattr(TranslationTraining, "final_scores", lambda *_: {})
    console = quiet()
    trainer = Trainer(tiny_recipe(**EXACT), tmp_path / "run", console)
    averaged = trainer.run(resume=True)
    assert "mean of the last 2 rounds: bleu" in console.file.getvalue()

    steps = [state["validation"]["best_step"]]
    if better:
        steps = state["validation"]["recent"]
        assert len(steps) == 2
    expected = Translator.load(folder / "bundle")
    load_weights(
        expected.model, *(folder / "weights" / f"step-{step}.npz" for step in steps)
    )
    assert_equal_weights(averaged, expected)


def test_a_run_killed_and_resumed_ends_as_one_left_alone(run, tmp_path, monkeypatch):
    """Killed when all of a round is done but its state; resumed with more steps."""
    translator, folder, _ = run
    mine = tmp_path / "run"

    def save_or_die(folder, step, *rest):
        if step == 16:
            raise KeyboardInterrupt
        save_state(folder, step, *rest)

    console = quiet()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("keras_attention.training.callbacks.save_state", save_or_die)
        Trainer(tiny_recipe(**EXACT, max_steps=16), mine, console).run()
    assert "stopped at step 16; --resume goes on" in console.file.getvalue()
    assert [row["step"] for row in rows(mine)] == ["8", "16"]

    console = quiet()
    resumed = Trainer(tiny_recipe(**EXACT), mine, console).run(resume=True)
    assert "resuming after step 8" in console.file.getvalue()
    same_state(mine, folder)
    assert_equal_weights(resumed, translator)
    assert resumed.metrics == translator.metrics
    timeless = [
        key for key in rows(mine)[0] if "second" not in key and "waiting" not in key
    ]
    for one, other in zip(rows(mine), rows(folder), strict=True):
        assert [one[key] for key in timeless] == [other[key] for key in timeless]


def same_state(one, other):
    """The last states agree in every array, and in all that is not a time."""
    with (
        np.load(one / "state/state-20/variables.npz") as mine,
        np.load(other / "state/state-20/variables.npz") as theirs,
    ):
        assert mine.files == theirs.files
        for name in mine.files:
            np.testing.assert_array_equal(mine[name], theirs[name])
    callbacks = [
        json.loads((folder / "state/state-20/memory.json").read_text())
        for folder in (one, other)
    ]
    for state in callbacks:
        del state["pace"]["seconds"], state["pace"]["waiting"]
    assert callbacks[0] == callbacks[1]


@pytest.mark.parametrize(
    "precision",
    ["mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.slow)],
)
def test_mixed_precision_with_all_options_stays_finite(tmp_path, precision):
    recipe = tiny_recipe(
        precision=precision,
        optimizer="adamw",
        weight_decay=0.01,
        accumulation_steps=2,
        ema_momentum=0.5,
        schedule="cosine",
        warmup_steps=1,
        max_steps=4,
    )
    translator = Trainer(recipe, tmp_path, quiet()).run()
    assert all(np.all(np.isfinite(weight)) for weight in weights(translator))
    assert float(rows(tmp_path)[0]["loss"]) < 4
    # At its end a cosine is zero, accumulation or not.
    assert float(rows(tmp_path)[0]["learning_rate"]) == pytest.approx(0, abs=1e-8)
    loaded = Translator.load(tmp_path / "bundle")
    assert loaded.model.dtype_policy.name == precision


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_steps": 20}, "training.max_steps=20 are done"),
        ({"max_steps": 21}, ""),
        ({"max_steps": 21, "max_minutes": 2.0}, "training.max_minutes=2 are over"),
        ({"max_steps": 21, "max_minutes": 2.1}, ""),
        ({"max_steps": 21, "patience": 3}, "training.patience=3, and 3 validations"),
        ({"max_steps": 21, "patience": 4}, ""),
    ],
)
def test_a_run_is_over_when_one_of_its_limits_is_reached(tmp_path, limits, reason):
    """Resumed with the same limits, it does not go on."""
    trainer = Trainer(tiny_recipe(**limits), tmp_path, quiet())
    pace = SimpleNamespace(step=20, state={"seconds": 120.0})
    validation = SimpleNamespace(state={"waited": 3})
    found = trainer._end(pace, validation)
    assert found.startswith(reason) and bool(found) == bool(reason)


def recurrent_recipe(cell="rnn", jit_compile="auto", **options):
    options = {"embedding_dim": 8, "units": 8, "cell": cell, **options}
    return tiny_recipe(
        ModelConfig("recurrent", "tiny", options), jit_compile=jit_compile
    )


@pytest.fixture
def gpu(monkeypatch):
    """TensorFlow says that there is a GPU."""
    tf = pytest.importorskip("tensorflow")
    gpus = [SimpleNamespace(name="GPU:0", device_type="GPU")]
    for kind in ("physical", "logical"):
        monkeypatch.setattr(tf.config, f"list_{kind}_devices", lambda kind=None: gpus)


ON_TENSORFLOW = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="JAX compiles all"
)


@ON_TENSORFLOW
@pytest.mark.parametrize(("cell", "compiles"), [("gru", False), ("rnn", True)])
@pytest.mark.parametrize("attention", ["bahdanau", "luong"])
def test_on_a_gpu_xla_compiles_what_it_can(tmp_path, gpu, attention, cell, compiles):
    """And what it cannot, cuDNN's kernels, is refused before the corpus is read."""
    recipe = recurrent_recipe(cell, attention=attention)
    trainer = Trainer(recipe, tmp_path / "run")
    model = trainer._model(trainer.work.sizes(), trainer._model_options())
    model.build()
    trainer._compile(model)
    assert model.jit_compile is compiles

    recipe = recurrent_recipe(cell, "true", attention=attention)
    trainer = Trainer(recipe, tmp_path / "run")
    if compiles:
        trainer._model_options()
    else:
        wanted = 'cannot compile; set training.jit_compile to "auto" or "false"'
        with pytest.raises(ValueError, match=wanted):
            trainer.run()
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["bahdanau", "luong"])
def test_xla_compiles_a_training(tmp_path, attention):
    """Padded batches of two lengths, as `fit` hands them over: their axes unknown."""
    recipe = recurrent_recipe("gru", "true", attention=attention)
    recipe = dataclasses.replace(
        recipe, training=dataclasses.replace(recipe.training, max_steps=2)
    )
    Trainer(recipe, tmp_path / "run", quiet()).run()
    assert float(rows(tmp_path / "run")[0]["loss"]) < 5


def accumulating(tmp_path, steps):
    """A model without dropout, compiled by a trainer, and its first weights."""
    keras.utils.set_random_seed(3)
    model = Transformer(
        9, 9, num_layers=1, model_dim=8, num_heads=2, feed_forward_dim=8, dropout=0.0
    )
    model.build()
    model.built = True
    recipe = tiny_recipe(
        accumulation_steps=steps, ema_momentum=0.8, max_steps=8 * steps, epsilon=1e-2
    )
    Trainer(recipe, tmp_path, quiet())._compile(model)
    assert innermost(model.optimizer).epsilon == 1e-2
    return model


def test_two_parts_accumulated_are_one_whole(tmp_path):
    rng = np.random.default_rng(0)
    ids = rng.integers(4, 9, size=(8, 3)) * (np.arange(3) < [[3]] * 5 + [[1]] * 3)
    inputs = {"source_ids": ids, "target_ids": ids}
    whole, parts = accumulating(tmp_path, 1), accumulating(tmp_path, 2)
    for _ in range(3):
        whole.train_on_batch(inputs, ids)
        for part in (slice(0, 4), slice(4, 8)):
            half = {name: array[part] for name, array in inputs.items()}
            parts.train_on_batch(half, ids[part])
    # A window that is open changes nothing.
    parts.train_on_batch(half, ids[part])
    for averaged in (False, True):
        if averaged:
            for model in (whole, parts):
                model.optimizer.finalize_variable_values(model.trainable_variables)
        for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layer": 1}, r"key 'num_layer' in \[model\]; did you mean 'num_layers'"),
        (
            {"source_vocabulary_size": 9},
            "unknown key 'source_vocabulary_size'",
        ),
    ],
)
def test_a_wrong_model_is_refused_before_anything_is_written(
    tmp_path, options, message
):
    recipe = tiny_recipe()
    recipe = dataclasses.replace(
        recipe, model=dataclasses.replace(recipe.model, options=options)
    )
    with pytest.raises(ValueError, match=message):
        Trainer(recipe, tmp_path / "run").run()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpus": "revers"}, "unknown data.corpus 'revers'; did you mean 'reverse'"),
        ({"corpus": "pairs.tsv"}, "data.corpus: there is no file pairs.tsv"),
        ({"alignments": "a.align"}, "data.alignments: there is no file a.align"),
    ],
)
def test_a_missing_corpus_is_found_out_before_anything_is_written(
    tmp_path, changes, message
):
    recipe = tiny_recipe()
    data = dataclasses.replace(recipe.data, **changes)
    with pytest.raises(ValueError, match=message):
        Trainer(dataclasses.replace(recipe, data=data), tmp_path / "run").run()
    assert not (tmp_path / "run").exists()


def test_a_run_of_a_live_process_is_left_alone(run, tmp_path):
    shutil.copytree(run[1], tmp_path / "run")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")}
    trainer = Trainer(tiny_recipe(**EXACT), tmp_path / "run", quiet())
    with held_elsewhere(tmp_path / "run"):
        for how in ({}, {"resume": True}, {"force": True}):
            with pytest.raises(ValueError, match="run is in use by process"):
                trainer.run(**how)
        with pytest.raises(ValueError, match="run is in use by process"):
            trainer.prepare()
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")}
    assert after == before


def test_a_wrong_preset_is_refused(tmp_path):
    recipe = tiny_recipe()
    recipe = dataclasses.replace(
        recipe, model=dataclasses.replace(recipe.model, preset="smal")
    )
    with pytest.raises(ValueError, match="model.preset 'smal'; did you mean 'small'"):
        Trainer(recipe, tmp_path / "run").run()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"num_heads": 3}, ""),
        ({"num_layers": "1"}, "num_layers must be int; received '1'"),
        ({"dropout": float("nan")}, "dropout must be a finite number; received nan"),
        ({"norm_first": 1}, "norm_first must be bool; received 1"),
    ],
)
def test_a_size_that_does_not_fit_is_the_recipes_fault(tmp_path, option, message):
    recipe = tiny_recipe()
    options = {**recipe.model.options, **option}
    recipe = dataclasses.replace(
        recipe, model=dataclasses.replace(recipe.model, options=options)
    )
    wanted = rf"\[model\] does not describe a model: {message}"
    with pytest.raises(ValueError, match=wanted):
        Trainer(recipe, tmp_path / "run", quiet()).run()


def test_a_recipe_may_be_named(tmp_path):
    assert Trainer("reverse", tmp_path).recipe == load_recipe("reverse")
    path = tmp_path / "mine.toml"
    path.write_text(tiny_recipe().to_toml())
    assert Trainer(path, tmp_path).recipe == tiny_recipe()


def test_without_validation_pairs_there_is_nothing_to_go_by(tmp_path):
    recipe = tiny_recipe()
    recipe = dataclasses.replace(
        recipe, data=dataclasses.replace(recipe.data, valid_share=0.0)
    )
    with pytest.raises(ValueError, match="no validation pair .* raise data.valid_sha"):
        Trainer(recipe, tmp_path / "run", quiet()).run()


@pytest.mark.slow
def test_a_real_kill_changes_nothing(run, tmp_path):
    """SIGKILL as soon as the first state is being written, then after the second."""
    translator, folder, _ = run
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(tiny_recipe(**EXACT).to_toml())
    mine = tmp_path / "run"
    command = [sys.executable, "-m", "keras_attention", "train", str(recipe)]
    command += ["--out", str(mine)]

    kill_when(command, lambda: any(mine.glob("state/.state-8-*")))
    kill_when([*command, "--resume"], lambda: (mine / "state/state-16").exists())
    result = subprocess.run([*command, "--resume"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "bundle: " in result.stdout

    if (mine / "state/state-20").exists():
        same_state(mine, folder)
    assert_equal_weights(Translator.load(mine / "bundle"), translator)
    assert not list(mine.glob("state/.state-*"))


def kill_when(command, condition):
    """Starts a process and kills it when the condition holds, unless it has ended."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 250
    while process.poll() is None and not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
