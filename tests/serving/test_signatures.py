"""Signatures as `tf.saved_model.save` writes them, over both protocols."""

import httpx
import pytest
import tensorflow as tf

from keras_attention.serving import Client, Server, ServingError
from keras_attention.serving.options import BatchingParameters, LoadOptions
from tests.serving.models.support import HalfPlusTwo, Parts, export_sparse


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signatures")
    half, parts = HalfPlusTwo(), Parts()
    signatures = {"regress": half.regress, "classify": half.classify}
    tf.saved_model.save(half, str(folder / "half" / "1"), signatures=signatures)
    signatures = {"serving_default": parts.serve, "sums": parts.sums}
    tf.saved_model.save(parts, str(folder / "parts" / "1"), signatures=signatures)
    export_sparse(folder / "sparse" / "1")
    return {name: folder / name for name in ("half", "parts", "sparse")}


@pytest.fixture(scope="module", params=[None, BatchingParameters(max_batch_size=8)])
def server(folders, request):
    options = LoadOptions(batching=request.param)
    with Server(folders, grpc_port=0, rest_port=0, load=options) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    rest_url = f"http://127.0.0.1:{server.rest_port}"
    with Client(rest_url, f"127.0.0.1:{server.grpc_port}") as client:
        yield client


def test_several_signatures_read_the_same_examples(client):
    tasks = [("regress", "regress"), ("classify", "classify")]
    examples = [{"x": 80.0}, {"x": 20.0}, {}]
    values, classes = client.multi_inference("half", tasks, examples)
    assert [result.value for result in values] == [42.0, 12.0, 2.0]
    scores = [[score for _, score in result.classes] for result in classes]
    assert scores == [[42.0, 43.0], [12.0, 13.0], [2.0, 3.0]]
    (alone,) = client.multi_inference("half", tasks[:1], examples)
    assert alone == values


def test_outputs_that_no_response_can_hold_are_named(client):
    inputs = {"text": ["a b", "c"]}
    for name in ("ragged", "sparse"):
        with pytest.raises(
            ServingError, match=f"{name} is a {name} one, which no resp"
        ):
            client.predict("parts", inputs, outputs=[name], transport="grpc")
    for transport in ("rest", "grpc"):
        with pytest.raises(ServingError, match="INVALID_ARGUMENT: .*ragged is a ragge"):
            client.predict("parts", inputs, transport=transport)
    others = client.predict(
        "parts", inputs, outputs=["padded", "number"], transport="grpc"
    )
    assert others["padded"].tolist() == [["a", "b"], ["c", ""]]
    assert others["number"].tolist() == [2, 1]


def test_inputs_that_no_request_can_hold_are_named(server, client):
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/sparse:predict"
    response = httpx.post(url, json={"instances": [[1.0, 2.0, 3.0]]})
    assert response.status_code == 400
    assert "its input x is a sparse one" in response.json()["error"]
    with pytest.raises(ServingError, match="its input x is a sparse one"):
        client.predict("sparse", {"x": [[1.0, 2.0, 3.0]]}, transport="grpc")


def test_a_ragged_input_is_fed_by_its_parts(client):
    """As TensorFlow 2 exports it; parts have no rows of which to make batches."""
    _, signatures = client.metadata("parts")
    values, splits = sorted(signatures["sums"].inputs)
    inputs = {values: [1.0, 2.0, 3.0], splits: [0, 2, 3]}
    for transport in ("rest", "grpc"):
        try:
            outputs = client.predict("parts", inputs, "sums", transport=transport)
        except ServingError as error:
            assert "0th dimension does not equal" in error.message
        else:
            assert outputs["sum"].tolist() == [3.0, 3.0]
