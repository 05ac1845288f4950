"""In process, over REST and over gRPC, one by one and in batches: the same outputs.

Our three families, and models as TensorFlow 1 and 2 save them. The reference is
computed another way than the server does it: by what `tf.saved_model.load` gives, or by
a plain session for TensorFlow 1.
"""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.export import export
from keras_attention.serving.client.client import Client
from keras_attention.serving.options import BatchingParameters, LoadOptions
from keras_attention.serving.server import Server
from tests.captioners import encoded_images
from tests.serving.models.support import (
    Lengths,
    MeanColour,
    export_half_plus_two,
    export_module,
    png,
)
from tests.serving.support import export_calculator
from tests.translators import TEXTS

pytestmark = [
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's"
    ),
    pytest.mark.filterwarnings("ignore:.*were cut:UserWarning"),
]
v1 = tf.compat.v1

BATCHED = LoadOptions(
    batching=BatchingParameters(
        max_batch_size=64,
        batch_timeout_micros=2000,
        allowed_batch_sizes=(1, 4, 16, 64),
        pad_variable_length_inputs=True,
    )
)
FLOATS = np.float32([[0.1, -2.5], [3e8, 1e-8], [0.0, 7.0]])
TOKENS = [["a", "b", ""], ["ä", "", ""]]
COLOURS = ((0, 0, 0), (255, 128, 3))

CASES = {
    "transformer": ("transformer", "", {"text": list(TEXTS)}),
    "transformer, greedy": ("transformer", "greedy", {"text": list(TEXTS)}),
    "transformer, attend": ("transformer", "attend", {"text": list(TEXTS)}),
    "recurrent": ("recurrent", "", {"text": list(TEXTS)}),
    "recurrent, attend": ("recurrent", "attend", {"text": list(TEXTS)}),
    "captioner": ("captioner", "", {"image_bytes": encoded_images}),
    "captioner, attend": ("captioner", "attend", {"image_bytes": encoded_images}),
    "TF1": ("half", "", {"x": FLOATS[:, :1]}),
    "TF1, table": ("half", "lookup", {"word": ["two", "none", "one"]}),
    "TF2, numbers": ("calculator", "", {"x": FLOATS}),
    "TF2, texts": ("calculator", "upper", {"text": ["a", "", "naïve \U0001f600"]}),
    "TF2, integers": ("calculator", "count", {"n": [1, -(2**31), 2**31 - 2]}),
    "TF2, tokens": ("lengths", "", {"tokens": TOKENS}),
    "TF2, images": (
        "colours",
        "",
        {"image_bytes": lambda: [png(c) for c in COLOURS]},
    ),
}


@pytest.fixture(scope="module")
def folder(translator, recurrent_translator, captioner, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    export(translator, folder, "transformer")
    export(recurrent_translator, folder, "recurrent")
    export(captioner, folder, "captioner")
    export_calculator(folder / "calculator" / "1")
    export_half_plus_two(folder / "half" / "1")
    export_module(Lengths(), folder / "lengths" / "1")
    export_module(MeanColour(), folder / "colours" / "1")
    return folder


@pytest.fixture(scope="module", params=["one by one", "in batches"])
def client(request, folder):
    paths = {path.name: path for path in folder.iterdir()}
    load = LoadOptions() if request.param == "one by one" else BATCHED
    with Server(paths, grpc_port=0, rest_port=0, load=load) as server:
        rest_url = f"http://127.0.0.1:{server.rest_port}"
        with Client(rest_url, f"127.0.0.1:{server.grpc_port}") as client:
            yield client


@pytest.fixture(scope="module")
def in_process(folder):
    known = {}

    def run(case):
        if case not in known:
            known[case] = reference(folder, *CASES[case])
        return known[case]

    return run


def made(inputs):
    return {name: v() if callable(v) else v for name, v in inputs.items()}


def reference(folder, model, signature_name, inputs):
    inputs = made(inputs)
    signature_name = signature_name or "serving_default"
    if model == "half":
        return by_session(folder / model / "1", signature_name, inputs)
    loaded = tf.saved_model.load(str(folder / model / "1"))
    signature = loaded.signatures[signature_name]
    _, specs = signature.structured_input_signature
    outputs = signature(
        **{name: tf.constant(v, specs[name].dtype) for name, v in inputs.items()}
    )
    return {name: tensor.numpy() for name, tensor in outputs.items()}


def by_session(path, signature_name, inputs):
    with tf.Graph().as_default(), v1.Session() as session:
        definitions = v1.saved_model.load(session, ["serve"], str(path)).signature_def
        signature = definitions[signature_name]
        feeds = {signature.inputs[name].name: value for name, value in inputs.items()}
        fetches = {name: info.name for name, info in signature.outputs.items()}
        return session.run(fetches, feeds)


def check_equal(expected, received):
    assert received.keys() == expected.keys()
    for name, array in expected.items():
        got = received[name]
        if array.dtype == object:
            read = (lambda item: item) if name.endswith("_bytes") else bytes.decode
            array = np.array([read(item) for item in array.ravel()], dtype=object)
            assert got.ravel().tolist() == array.tolist(), name
        elif array.dtype.kind == "f":
            # Batches of other sizes round otherwise, in the last bits.
            np.testing.assert_allclose(got, array, rtol=2e-5, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(got, array, err_msg=name)
            assert got.dtype == array.dtype


@pytest.mark.parametrize("transport", ["rest", "grpc"])
@pytest.mark.parametrize("case", CASES)
def test_predict(client, in_process, case, transport):
    model, signature_name, inputs = CASES[case]
    received = client.predict(
        model, made(inputs), signature_name or "serving_default", transport=transport
    )
    check_equal(in_process(case), received)


@pytest.mark.parametrize("case", ["transformer", "recurrent", "captioner", "TF1"])
def test_many_callers_get_their_own_responses(client, in_process, case):
    """One row each, over both transports at once, in an order of their own."""
    model, signature_name, inputs = CASES[case]
    ((alias, values),) = made(inputs).items()
    expected = in_process(case)
    responses = {}

    def send(i):
        responses[i] = client.predict(
            model,
            {alias: values[i : i + 1]},
            signature_name or "serving_default",
            transport=("rest", "grpc")[i % 2],
        )

    threads = [threading.Thread(target=send, args=(i,)) for i in range(len(values))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(responses) == len(values)
    for i, response in responses.items():
        check_equal(
            {name: array[i : i + 1] for name, array in expected.items()}, response
        )


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_classify_and_regress(client, transport):
    examples = [{"x": 80.0}, {"x": 20.0}, {}]
    values = client.regress("half", examples, "regress_x_to_y", transport=transport)
    assert [result.value for result in values] == [42, 12, 2]
    results = client.classify("half", examples, "classify_words", transport=transport)
    assert [result.classes for result in results] == [
        [("small", value), ("large", value + 1)] for value in (42.0, 12.0, 2.0)
    ]


@pytest.mark.parametrize("transport", ["rest", "grpc"])
@pytest.mark.parametrize("name", ["transformer", "recurrent"])
def test_translators_in_process(request, client, name, transport):
    fixture = {"transformer": "translator", "recurrent": "recurrent_translator"}[name]
    translator = request.getfixturevalue(fixture)
    served = client.translate(list(TEXTS), name, transport=transport, attention=True)
    for here, there in zip(
        translator.translate(TEXTS, return_attention=True), served, strict=True
    ):
        assert there.text == here.text
        assert there.score == pytest.approx(here.score, rel=1e-4)


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_captioners_in_process(client, captioner, transport):
    served = client.caption(encoded_images(), "captioner", transport=transport)
    for here, there in zip(captioner.caption(encoded_images()), served, strict=True):
        assert there.text == here.text
        assert there.score == pytest.approx(here.score, rel=1e-4)


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_what_models_say_of_themselves(client, folder, transport):
    for name in ("transformer", "captioner", "half", "lengths"):
        version, signatures = client.metadata(name, transport=transport)
        assert version == 1
        with tf.Graph().as_default(), v1.Session() as session:
            path = str(folder / name / "1")
            definitions = v1.saved_model.load(session, ["serve"], path).signature_def
        assert signatures.keys() == definitions.keys()
        for key, definition in definitions.items():
            assert signatures[key].inputs.keys() == definition.inputs.keys()
            assert signatures[key].outputs.keys() == definition.outputs.keys()
