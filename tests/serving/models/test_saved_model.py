"""A loaded model runs as in TensorFlow Serving, with all that it brought along."""

import contextlib
import io
import itertools
import threading
import time
import weakref

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
import tensorflow_text

from keras_attention.serving.callers import Caller
from keras_attention.serving.models import saved_model, sessions
from keras_attention.serving.models.loading import load_model
from keras_attention.serving.options import LoadOptions
from keras_attention.serving.wire import tensors
from keras_attention.serving.wire.errors import Code, ServingError
from tests.serving.models.support import (
    Loop,
    Many,
    WithDefault,
    export_module,
    export_odd,
    export_words,
    leaving,
)
from tests.serving.support import TEXTS, export_calculator


class TextModel(tf.Module):
    """Looks words up in a file of its own, and cuts them with tensorflow-text."""

    def __init__(self, vocabulary_file, sentencepiece_model):
        super().__init__()
        initializer = tf.lookup.TextFileInitializer(
            vocabulary_file,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self.table = tf.lookup.StaticHashTable(initializer, -1)
        self.tokenizer = tensorflow_text.SentencepieceTokenizer(sentencepiece_model)

    @tf.function(input_signature=[TEXTS])
    def serve(self, text):
        subwords = self.tokenizer.tokenize(text).to_tensor(0)
        return {"word": self.table.lookup(text), "subwords": subwords}


def test_tables_and_tokenizers_work_after_loading(tmp_path):
    (tmp_path / "words.txt").write_text("ein\nzwei\n")
    model_file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["ein zwei drei", "zwei drei ein"] * 5),
        model_writer=model_file,
        vocab_size=14,
        minloglevel=2,
    )
    original = TextModel(str(tmp_path / "words.txt"), model_file.getvalue())
    tf.saved_model.save(original, str(tmp_path / "1"), signatures=original.serve)
    (tmp_path / "words.txt").unlink()

    model = load_model(tmp_path / "1")
    outputs = model.run("", {"text": tensors.as_array(["zwei", "ein", "vier"])})
    assert outputs["word"].tolist() == [1, 0, -1]
    processor = sentencepiece.SentencePieceProcessor(model_proto=model_file.getvalue())
    for row, text in zip(outputs["subwords"], ["zwei", "ein", "vier"], strict=True):
        ids = processor.encode(text)
        assert row.tolist() == ids + [0] * (len(row) - len(ids))
    model.close()


def test_assets_of_tensorflow_1_are_read_by_its_legacy_operation(tmp_path):
    (tmp_path / "words.txt").write_text("one\ntwo\n")
    export_words(tmp_path / "1", tmp_path / "words.txt")
    (tmp_path / "words.txt").unlink()
    model = load_model(tmp_path / "1")
    words = np.array([b"two", b"three", b"one"], dtype=object)
    assert model.run("", {"word": words})["index"].tolist() == [1, -1, 0]
    model.close()


def test_defaults_of_a_signature_fill_in(tmp_path):
    export_module(WithDefault(), tmp_path / "1")
    model = load_model(tmp_path / "1")
    a, b = np.float32([2, 3]), np.float32([1])
    assert model.run("", {"a": a})["sum"].tolist() == [12, 13]
    assert model.run("", {"a": a, "b": b})["sum"].tolist() == [3, 4]
    with pytest.raises(ServingError) as caught:
        model.run("", {"b": b})
    assert caught.value.message == (
        "Signature input alias: a(feed name: serving_default_a:0) not found in request "
        "and no default value provided. Inputs expected to be in the request {b}, or "
        "default input alias set: b"
    )
    with pytest.raises(ServingError) as caught:
        model.run("", {"a": a, "z": b})
    assert caught.value.message == (
        "Inputs contains invalid name. Used request inputs: a, request input: a,z"
    )
    model.close()


def test_methods_are_checked_where_that_is_wanted(tmp_path):
    export_odd(tmp_path / "1")
    model = load_model(tmp_path / "1", LoadOptions(check_method_names=True))
    with pytest.raises(ServingError) as caught:
        model.run("", {"x": np.float32([1])})
    assert (caught.value.code.name, caught.value.message) == (
        "INTERNAL",
        "Expected prediction signature method_name to be one of "
        "{tensorflow/serving/predict, tensorflow/serving/classify, "
        "tensorflow/serving/regress}. Was: ",
    )
    model.close()


def test_a_model_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(ServingError) as caught:
        load_model(tmp_path)
    assert caught.value.code in (Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.INTERNAL)
    assert str(tmp_path) in caught.value.message


FOR_EVER = {"n": np.int32([2**31 - 1])}


@pytest.fixture(scope="module")
def loop_of(tmp_path_factory):
    """A model that counts, in a session of so many threads; 0 for any number."""
    folder = tmp_path_factory.mktemp("loop") / "1"
    export_module(Loop(), folder)
    made = {}

    def load(threads):
        if threads not in made:
            options = LoadOptions(inter_op_parallelism=threads)
            made[threads] = load_model(folder, options)
        return made[threads]

    yield load
    for model in made.values():
        model.close()


@pytest.fixture(scope="module")
def loop(loop_of):
    return loop_of(0)


def test_a_run_that_takes_too_long_is_cancelled(loop):
    with pytest.raises(ServingError) as caught:
        loop.run("", FOR_EVER, caller=leaving(0.05, deadline=True))
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert caught.value.message == "Timed out waiting for notification"
    assert loop.run("", {"n": np.int32([3])}, caller=Caller())["count"].tolist() == [3]
    assert loop.run("", {"n": np.int32([4])})["count"].tolist() == [4]


@pytest.mark.parametrize("threads", [0, 1])
def test_a_run_whose_caller_leaves_is_stopped_and_nobody_else_s(loop_of, threads):
    loop = loop_of(threads)
    started = time.monotonic()
    stopped = []

    def send():
        with pytest.raises(ServingError) as caught:
            loop.run("", FOR_EVER, caller=leaving(0.2))
        stopped.append(caught.value.code)

    runs = [threading.Thread(target=send) for _ in range(3)]
    for thread in runs:
        thread.start()
    if threads == 0:  # one thread is busy
        patient = loop.run("", {"n": np.int32([2000])}, caller=Caller())
        assert patient["count"].tolist() == [2000]
    for thread in runs:
        thread.join(30)
    assert stopped == [Code.CANCELLED] * 3
    assert time.monotonic() - started < 20
    assert loop.run("", {"n": np.int32([3])}, caller=Caller())["count"].tolist() == [3]


def test_a_run_for_nobody_does_not_begin(loop):
    caller = Caller()
    caller.leave()
    with pytest.raises(ServingError, match="CANCELLED"):
        loop.run("", FOR_EVER, caller=caller)


def test_whenever_a_caller_leaves_later_runs_are_whole(loop):
    """Also in the very moment in which the run ends."""
    rng = np.random.default_rng(0)
    for i in range(60):
        with contextlib.suppress(ServingError):
            loop.run("", {"n": np.int32([20])}, caller=leaving(rng.uniform(0, 0.002)))
        count = loop.run("", {"n": np.int32([i])}, caller=Caller())["count"]
        assert count.tolist() == [i]


class Late(Caller):
    """Whose deadline passes while the model is at work."""

    def check(self, late=""):
        if late:
            raise ServingError(Code.DEADLINE_EXCEEDED, late)


def test_what_cannot_be_stopped_is_late_all_the_same(tmp_path):
    export_calculator(tmp_path / "1")
    model = load_model(tmp_path / "1")
    with pytest.raises(ServingError) as caught:
        model.run("", {"x": np.ones([1, 2], np.float32)}, caller=Late())
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    model.close()


def test_a_slow_run_holds_up_no_other(loop):
    loop.run("", {"n": np.int32([1])})
    slow = threading.Thread(
        target=lambda: pytest.raises(
            ServingError, loop.run, "", FOR_EVER, caller=leaving(2.0)
        )
    )
    slow.start()
    counts = [loop.run("", {"n": np.int32([i])})["count"][0] for i in range(50)]
    assert slow.is_alive() and counts == list(range(50))
    slow.join()


@pytest.mark.parametrize(
    ("options", "quick", "moves"),
    [
        (LoadOptions(), 60.0, True),
        (LoadOptions(), 0.0, False),
        (LoadOptions(inter_op_parallelism=2), 60.0, False),
    ],
    ids=["quick", "slow", "threads are given"],
)
def test_what_proves_quick_runs_in_the_thread_of_its_request(
    tmp_path, monkeypatch, options, quick, moves
):
    here = []

    def run_session(*arguments, **keywords):
        here.append(keywords["here"])
        return sessions.run_session(*arguments, **keywords)

    monkeypatch.setattr(saved_model, "run_session", run_session)
    monkeypatch.setattr(saved_model, "_QUICK", quick)
    export_module(Many(), tmp_path / "1")
    model = load_model(tmp_path / "1", options)
    inputs = {"x": np.float32([0])}
    assert [model.run("", inputs, ["y7"], Caller())["y7"] for _ in range(3)] == [7] * 3
    assert here == [False, moves, moves]
    model.close()


def test_any_choice_of_outputs_is_given_and_few_are_kept(tmp_path):
    export_module(Many(), tmp_path / "1")
    model = load_model(tmp_path / "1")
    names = [f"y{i}" for i in range(1, 9)]
    for size in (1, 2, 3, 4):
        for choice in itertools.combinations(names, size):
            choice = choice[::-1]
            outputs = model.run("", {"x": np.float32([0])}, choice)
            assert [f"y{y[0]:g}" for y in outputs.values()] == list(choice)
    assert len(model._handles) <= 65
    model.close()


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd") / "1"
    export_odd(folder)
    model = load_model(folder)
    yield model
    model.close()


def test_a_model_without_variables_runs(odd):
    assert odd.run("", {"x": np.float32([1, 2])})["y"].tolist() == [2, 4]


def test_a_string_alone_keeps_its_trailing_zeros(odd):
    text = np.array(b"a\0", dtype=object)
    assert odd.run("text", {"text": text})["same"][()] == b"a\0"


@pytest.mark.parametrize(
    ("signature", "inputs", "code", "message"),
    [
        (
            "",
            {"x": np.int32([1])},
            "INVALID_ARGUMENT",
            "Expects arg[0] to be float but int32 is provided",
        ),
        (
            "no_output",
            {"x": np.float32([1])},
            "NOT_FOUND",
            "FetchOutputs node nowhere:0: not found",
        ),
        (
            "no_input",
            {"x": np.float32([1])},
            "NOT_FOUND",
            "FeedInputs: unable to find feed output nowhere:0",
        ),
    ],
)
def test_what_does_not_fit_the_graph_is_told_in_the_runtime_s_words(
    odd, signature, inputs, code, message
):
    with pytest.raises(ServingError) as caught:
        odd.run(signature, inputs)
    assert (caught.value.code.name, caught.value.message) == (code, message)


def test_tags_choose_among_graphs(tmp_path):
    export_odd(tmp_path / "1", tags=("serve", "gpu"))
    model = load_model(tmp_path / "1", LoadOptions(tags=("serve", "gpu")))
    assert model.run("", {"x": np.float32([1])})["y"].tolist() == [2]
    model.close()
    with pytest.raises(ServingError, match="could not be found in SavedModel"):
        load_model(tmp_path / "1")


def test_a_closed_model_leaves_nothing_behind(tmp_path):
    export_odd(tmp_path / "1")
    model = load_model(tmp_path / "1")
    model.run("", {"x": np.float32([1])})
    remains = weakref.ref(model._session), weakref.ref(model._session.graph)
    model.close()
    assert [remain() for remain in remains] == [None, None]
