"""The client gives what the model gives, by either way, and clear errors."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from keras_attention.serving.client.client import Client
from keras_attention.serving.server import Server
from keras_attention.serving.wire.errors import Code, ServingError
from tests.serving.support import scaled

both = pytest.mark.parametrize("transport", ["rest", "grpc"])


@both
def test_predict_agrees_with_the_model_in_process(client, transport):
    x = [[0.1, 2], [3.5, np.nan]]
    outputs = client.predict("calculator", {"x": x}, transport=transport)
    expected = scaled(x)
    assert outputs["y"].dtype == np.float32
    np.testing.assert_array_equal(outputs["y"], expected)


@both
def test_every_kind_of_output(client, transport):
    inputs = {"text": ["a", "äb"]}
    outputs = client.predict(
        "calculator", inputs, "upper", version=3, transport=transport
    )
    assert outputs["upper"].tolist() == ["A", "äB"]
    assert outputs["raw_bytes"].tolist() == [b"a", "äb".encode()]
    assert outputs["length"].tolist() == [1, 3]
    assert outputs["score"].dtype == np.float32
    chosen = client.predict(
        "calculator", inputs, "upper", transport=transport, outputs=["length"]
    )
    assert list(chosen) == ["length"]


@both
def test_bytes_that_are_no_text_pass(client, transport):
    inputs = {"text": [b"\xff\0"]}
    outputs = client.predict("calculator", inputs, "upper", transport=transport)
    assert outputs["raw_bytes"].tolist() == [b"\xff\0"]


@both
def test_several_inputs_and_a_scalar(client, transport):
    inputs = {"a": [1, 2], "b": np.array([0.5, 1.5])}
    outputs = client.predict("calculator", inputs, "combine", transport=transport)
    assert outputs["sum"].tolist() == [1.5, 3.5]
    assert outputs["total"].shape == () and outputs["total"] == 5


@both
def test_an_empty_batch(client, transport):
    x = np.zeros([0, 2], np.float32)
    if transport == "rest":
        x = x.tolist()
    if transport == "grpc":
        outputs = client.predict("calculator", {"x": x}, transport=transport)
        assert outputs["y"].shape == (0, 2)
    outputs = client.predict("calculator", {"n": []}, "count", transport=transport)
    assert outputs["next"].shape == (0,)


@both
def test_translate(client, transport):
    (translation,) = client.translate(["guten Tag"], "translator", transport=transport)
    assert translation.text == "GUTEN TAG"
    assert translation.score == -9
    assert translation.n_best == [("GUTEN TAG", -9.0), ("guten Tag", -10.0)]
    assert translation.attention_scores is None
    assert client.translate([], "translator", transport=transport) == []


@both
def test_translate_with_attention_takes_the_padding_off(client, transport):
    long, short = client.translate(
        ["a b c", "d"], "translator", transport=transport, attention=True
    )
    assert (long.text, short.text) == ("A B C", "D")
    assert short.source_tokens == ["d"] and short.target_tokens == ["D"]
    assert long.source_tokens == ["a", "b", "c"]
    np.testing.assert_array_equal(short.attention_scores, [[1]])
    np.testing.assert_array_equal(long.attention_scores, np.eye(3))


@both
def test_status_and_metadata(client, transport):
    (status,) = client.status("calculator", transport=transport)
    assert status == (3, "AVAILABLE", "OK", "")
    version, signatures = client.metadata("calculator", transport=transport)
    assert version == 3
    assert signatures["serving_default"].inputs["x"].shape == (-1, 2)
    assert sorted(signatures["combine"].outputs) == ["difference", "sum", "total"]


@both
@pytest.mark.parametrize(
    ("model", "inputs", "options", "code"),
    [
        ("zz", {}, {}, Code.NOT_FOUND),
        ("calculator", {}, {"version": 5}, Code.NOT_FOUND),
        ("calculator", {}, {"signature_name": "s"}, Code.FAILED_PRECONDITION),
        ("calculator", {"x": [[1, 2]]}, {"outputs": ["z"]}, Code.INVALID_ARGUMENT),
    ],
)
def test_refusals_are_clear(client, transport, model, inputs, options, code):
    with pytest.raises(ServingError) as caught:
        client.predict(model, inputs, transport=transport, **options)
    assert caught.value.code is code
    assert caught.value.message


@both
@pytest.mark.parametrize(
    ("signature_name", "inputs", "message"),
    [
        ("count", {"n": [1.5]}, "input 'n' must be int32: expected integers"),
        ("serving_default", {"x": [[1, 2], [3]]}, "input 'x' must be float"),
        ("serving_default", {"x": [[1, 2, 3]]},
         r"input 'x' must have shape \[\?, 2\]; received \[1, 3\]"),
        ("serving_default", {}, "the signature takes x; received nothing"),
        ("combine", {"a": [1], "c": [2]}, "the signature takes a, b; received a, c"),
        ("upper", ["a"], "inputs must be a dict .* takes text; received list"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit_are_named(
    client, transport, signature_name, inputs, message
):
    with pytest.raises(ValueError, match=message):
        client.predict("calculator", inputs, signature_name, transport=transport)


@both
def test_an_absent_server_is_named(transport):
    with Client("http://127.0.0.1:1", "127.0.0.1:1", timeout=5) as client:
        with pytest.raises(ServingError, match=r"127\.0\.0\.1:1.*running") as caught:
            client.status("calculator", transport=transport)
    assert caught.value.code is Code.UNAVAILABLE


def test_a_socket_is_as_good_as_a_port(models, tmp_path):
    path = str(tmp_path / "grpc.sock")
    paths = {"calculator": models / "calculator"}
    with Server(paths, grpc_port=None, rest_port=None, grpc_socket_path=path):
        with Client(grpc_target=f"unix:{path}", transport="grpc") as client:
            outputs = client.predict("calculator", {"x": [[1, 2]]})
    assert outputs["y"].tolist() == [[2, 4]]


@both
def test_large_arrays_arrive_as_they_are(client, transport):
    x = np.random.default_rng(0).normal(size=[20_000, 2]).astype(np.float32)
    outputs = client.predict("calculator", {"x": x}, transport=transport)
    np.testing.assert_array_equal(outputs["y"], 2 * x)


@both
def test_a_model_that_does_not_translate_is_named(client, transport):
    options = {"signature_name": "upper", "transport": transport}
    with pytest.raises(ValueError, match="must have the outputs text and score; rec"):
        client.translate("a", "calculator", **options)


def test_an_unknown_transport_is_named(client):
    with pytest.raises(ValueError, match="'rest' or 'grpc', received 'soap'"):
        client.status("calculator", transport="soap")


@both
def test_eight_threads_get_their_own_responses(client, transport):
    def send(i):
        x = np.full([1 + i % 3, 2], i, np.float32)
        outputs = client.predict("calculator", {"x": x}, transport=transport)
        return np.array_equal(outputs["y"], 2 * x)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(send, range(64)))
