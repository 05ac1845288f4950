"""What XLA compiled gives what was exported gives; the rest runs as it was exported."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.export import export
from keras_attention.serving.models import compilation, compiled_search
from keras_attention.serving.models.loading import load_model
from keras_attention.serving.models.warmup import write_warmup
from keras_attention.serving.options import LoadOptions
from tests.captioners import encoded_image
from tests.serving.models.support import Echo, Line, export_module

COMPILED = LoadOptions(xla_compilation=True)


SIGNATURES = ["serving_default", "greedy", "attend"]


@pytest.fixture(scope="module", autouse=True)
def few_shapes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compilation, "ROWS", (2,))
        patch.setattr(compiled_search, "LENGTHS", (16,))
        yield


@pytest.fixture(scope="module")
def two(translator, tmp_path_factory):
    """A translator, as it was exported and compiled."""
    folder = tmp_path_factory.mktemp("compiled")
    models = load_both(export(translator, folder, "model", warmup=False))
    yield models
    for model in models:
        model.close()


def load_both(folder):
    return load_model(folder), load_model(folder, COMPILED)


def count_runs(model):
    """Counts how often compiled signatures give a result, from now on."""
    counts = {}
    for name, compiled in model._compiled.items():

        def count(feeds, run, name=name, compiled=compiled):
            found = compiled(feeds, run)
            counts[name] = counts.get(name, 0) + (found is not None)
            return found

        model._compiled[name] = count
    return counts


def check_same(models, signature_names, inputs):
    """Runs both; returns how many of the signatures' runs were compiled."""
    plain, compiled = models
    counts = count_runs(compiled)
    for name in signature_names:
        expected, found = plain.run(name, inputs), compiled.run(name, inputs)
        assert expected.keys() == found.keys()
        for alias, array in expected.items():
            if array.dtype == object:
                np.testing.assert_array_equal(found[alias], array, alias)
            else:
                np.testing.assert_allclose(
                    found[alias], array, rtol=1e-4, atol=1e-5, err_msg=alias
                )
    return sum(counts.values())


def test_a_translator_says_the_same(two):
    for texts in ["a b c", ""], ["b c"]:
        inputs = {"text": np.array(texts, object)}
        assert check_same(two, SIGNATURES, inputs) == 3


@pytest.mark.parametrize("texts", [["a"] * 3, ["a b c " * 20], []])
def test_what_fits_no_shape_runs_as_exported(two, texts):
    assert check_same(two, ["greedy"], {"text": np.array(texts, object)}) == 0


@pytest.mark.slow
def test_a_recurrent_translator_says_the_same(recurrent_translator, tmp_path):
    models = load_both(export(recurrent_translator, tmp_path, "model", warmup=False))
    inputs = {"text": np.array(["a b c", ""], object)}
    assert check_same(models, SIGNATURES, inputs) == 3


@pytest.mark.slow
def test_a_captioner_says_the_same(captioner, tmp_path):
    models = load_both(export(captioner, tmp_path, "model", warmup=False))
    inputs = {"image_bytes": np.array([encoded_image()], object)}
    assert check_same(models, SIGNATURES, inputs) == 3


def test_other_models_are_compiled_for_the_shapes_of_their_warmup(tmp_path):
    export_module(Line(), tmp_path)
    write_warmup(tmp_path, "m", [("serving_default", {"x": np.ones((3, 2), "f4")})])
    models = load_both(tmp_path)
    for rows, compiled in (3, 1), (2, 0):
        x = np.random.default_rng(0).normal(size=(rows, 2)).astype("float32")
        assert check_same(models, ["serving_default"], {"x": x}) == compiled


def test_what_xla_does_not_know_runs_as_exported(tmp_path):
    export_module(Echo(), tmp_path)
    inputs = {"text": np.array([b"hello"], object)}
    write_warmup(tmp_path, "m", [("serving_default", inputs)])
    assert check_same(load_both(tmp_path), ["serving_default"], inputs) == 0


class AddsInPlace(tf.Module):
    """Adds one to the second row, by the operation that searches write with."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serve(self, x):
        return {
            "y": tf.raw_ops.ScatterNdNonAliasingAdd(
                input=x + 1.0, indices=[[1]], updates=[[1.0, 1.0]]
            )
        }


def test_what_others_add_is_added(tmp_path):
    export_module(AddsInPlace(), tmp_path)
    inputs = {"x": np.ones((3, 2), "float32")}
    write_warmup(tmp_path, "m", [("serving_default", inputs)])
    assert check_same(load_both(tmp_path), ["serving_default"], inputs) == 1


def test_a_warmup_request_with_an_unknown_input_leaves_the_signature_alone(tmp_path):
    export_module(Line(), tmp_path)
    wrong = {"z": np.ones((3, 2), "float32")}
    write_warmup(tmp_path, "m", [("serving_default", wrong)])
    for model in load_both(tmp_path):
        assert list(model.signature("").inputs) == ["x"]
