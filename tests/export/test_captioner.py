"""An exported captioner gives the captions of one in process, over REST and gRPC."""

import base64
import re

import httpx
import keras
import numpy as np
import pytest

from keras_attention.export import export
from keras_attention.serving.client.client import Client
from keras_attention.serving.models.warmup import read_warmup
from keras_attention.serving.server import Server
from keras_attention.serving.wire.errors import Code, ServingError
from tests.captioners import OPTIONS, encoded_image, encoded_images, make_captioner
from tests.data.image_files import BAD as BAD_IMAGES

tf = pytest.importorskip("tensorflow")
support = pytest.importorskip("tests.export.support")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's"
)

STRINGS, FLOATS = tf.string, tf.float32
OUTPUTS = {
    "serving_default": {
        "caption": (STRINGS, 1),
        "score": (FLOATS, 1),
        "n_best_caption": (STRINGS, 2),
        "n_best_score": (FLOATS, 2),
    },
    "greedy": {"caption": (STRINGS, 1), "score": (FLOATS, 1)},
    "attend": {
        "caption": (STRINGS, 1),
        "score": (FLOATS, 1),
        "tokens": (STRINGS, 2),
        "attention_grids": (FLOATS, 4),
    },
}
# With soft attention; from a pooled vector, of the middle of each image.
NAMES = ("soft", "pooled")
BOTH = ("rest", "grpc")


@pytest.fixture(scope="module")
def captioners(captioner):
    return {"soft": captioner, "pooled": make_captioner(attention=None, fit="crop")}


@pytest.fixture(scope="module")
def saved_models(captioners, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models")
    for name, captioner in captioners.items():
        assert export(captioner, folder, name) == folder / name / "1"
    return folder


@pytest.fixture(scope="module")
def server(saved_models):
    models = {name: saved_models / name for name in NAMES}
    with Server(models, grpc_port=0, rest_port=0) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    rest_url = f"http://127.0.0.1:{server.rest_port}"
    with Client(rest_url, f"127.0.0.1:{server.grpc_port}") as client:
        yield client


@pytest.fixture(scope="module")
def modules(saved_models):
    return {n: tf.saved_model.load(str(saved_models / n / "1")) for n in NAMES}


@pytest.fixture(scope="module")
def in_process(captioners):
    return {
        name: captioner.caption(encoded_images(), return_attention=True)
        for name, captioner in captioners.items()
    }


def test_signatures_take_images_and_give_what_is_promised(modules):
    loaded = modules["soft"]
    assert support.signature_shapes(loaded) == OUTPUTS
    for signature in loaded.signatures.values():
        _, inputs = signature.structured_input_signature
        assert list(inputs) == ["image_bytes"]
        assert inputs["image_bytes"].dtype == STRINGS
        assert inputs["image_bytes"].shape.as_list() == [None]
    outputs = loaded.signatures["serving_default"].structured_outputs
    assert outputs["n_best_caption"].shape.as_list() == [None, OPTIONS.n_best]


@pytest.mark.parametrize("name", NAMES)
class TestParity:
    """In process, as a SavedModel, over REST and over gRPC."""

    def test_n_best(self, client, modules, in_process, name):
        outputs = support.outputs_of(
            modules[name], "serving_default", image_bytes=encoded_images()
        )
        rest, grpc = (client.caption(encoded_images(), name, way) for way in BOTH)
        assert len({caption.text for caption in in_process[name]}) == len(
            encoded_images()
        )
        for i, caption in enumerate(in_process[name]):
            texts = [hypothesis.text for hypothesis in caption.hypotheses]
            scores = [hypothesis.score for hypothesis in caption.hypotheses]
            saved = outputs["n_best_caption"][i], outputs["n_best_score"][i]
            for served in (
                list(zip(*saved, strict=True)),
                rest[i].n_best,
                grpc[i].n_best,
            ):
                assert [text for text, _ in served] == texts
                found = [score for _, score in served]
                np.testing.assert_allclose(found, scores, rtol=1e-4)
            for served in (rest[i], grpc[i]):
                assert served.text == outputs["caption"][i] == caption.text
                assert served.score == pytest.approx(caption.score, rel=1e-4)
                assert served.tokens is served.attention_grids is None

    def test_attention(self, client, modules, in_process, name):
        outputs = support.outputs_of(
            modules[name], "attend", image_bytes=encoded_images()
        )
        rest, grpc = (
            client.caption(encoded_images(), name, way, attention=True) for way in BOTH
        )
        for i, caption in enumerate(in_process[name]):
            length, size = len(caption.tokens), 4
            grids = caption.attention
            if grids is None:  # nobody looked anywhere
                grids = np.zeros((length, size, size))
            for served in (rest[i], grpc[i]):
                assert served.text == outputs["caption"][i] == caption.text
                assert served.score == pytest.approx(caption.score, rel=1e-4)
                assert served.tokens == caption.tokens
                assert served.attention_grids.shape == (length, size, size)
                np.testing.assert_allclose(served.attention_grids, grids, atol=1e-4)
            saved = outputs["attention_grids"][i]
            np.testing.assert_allclose(saved[:length], grids, atol=1e-4)
            assert not saved[length:].any()
            if name == "soft" and i == 3:  # A panorama, on grey above and below.
                assert not saved[:, [0, 3]].any() and saved[:length, 1:3].all()
            assert not any(outputs["tokens"][i][length:])

    def test_greedy(self, client, modules, captioners, name):
        greedy = captioners[name].caption(encoded_images(), beam=1)
        found = [
            support.outputs_of(modules[name], "greedy", image_bytes=encoded_images())
        ]
        found += [
            client.predict(
                name, {"image_bytes": encoded_images()}, "greedy", transport=way
            )
            for way in BOTH
        ]
        for outputs in found:
            assert list(outputs["caption"]) == [caption.text for caption in greedy]
            scores = [caption.score for caption in greedy]
            np.testing.assert_allclose(outputs["score"], scores, rtol=1e-4)


def test_files_are_sent_by_their_paths(client, in_process, tmp_path):
    path = tmp_path / "one.png"
    path.write_bytes(encoded_images()[0])
    for image in (path, str(path), [encoded_images()[0]]):
        (caption,) = client.caption(image, "soft")
        assert caption.text == in_process["soft"][0].text
    assert client.caption([], "soft") == []
    with pytest.raises(FileNotFoundError, match="none.jpg"):
        client.caption(tmp_path / "none.jpg", "soft")


def test_json_over_http_is_what_the_documents_say(server, in_process):
    """As any program would call it, without this package's client."""
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/soft:predict"
    image = {"b64": base64.b64encode(encoded_images()[1]).decode()}
    (prediction,) = httpx.post(url, json={"instances": [image]}).json()["predictions"]
    assert set(prediction) == set(OUTPUTS["serving_default"])
    assert prediction["caption"] == in_process["soft"][1].text
    request = {"signature_name": "attend", "instances": [{"image_bytes": image}]}
    (prediction,) = httpx.post(url, json=request).json()["predictions"]
    assert prediction["tokens"] == in_process["soft"][1].tokens


BAD = {
    "no image": (b"GIF89a and so on", "must be the content of a JPEG or PNG file"),
    "nothing": (b"", "must be the content of a JPEG or PNG file"),
    "half a JPEG": (encoded_image("JPEG")[:-400], "must be whole|Invalid JPEG data"),
    "half a PNG": (encoded_image("PNG")[:-40], "Invalid PNG data"),
    "a bomb": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\2\0\0\0" + bytes(40),
        "pixels at most",
    ),
    "a JPEG of many scans": (
        BAD_IMAGES["a jpeg of many scans"][0],
        "may take 1,000,000,000 steps to decode",
    ),
    "a JPEG that promises too much": (
        BAD_IMAGES["a progressive jpeg that promises too much"][0],
        "fewer bytes than its pixels take",
    ),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("transport", BOTH)
def test_what_is_no_image_is_refused(client, transport, kind):
    image_bytes, message = BAD[kind]
    inputs = {"image_bytes": [encoded_images()[0], image_bytes]}
    with pytest.raises(ServingError, match=message) as caught:
        client.predict("soft", inputs, transport=transport)
    assert caught.value.code is Code.INVALID_ARGUMENT
    # In words for people: no nodes, no brackets around what an assertion says.
    assert not re.search(r"node|\[|\n|assertion", caught.value.message)
    # And the server goes on.
    assert client.caption(encoded_images()[:1], "soft", transport)


def test_a_bad_request_is_http_400(server):
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/soft:predict"
    response = httpx.post(url, json={"instances": [{"b64": "bm8gcGljdHVyZQ=="}]})
    assert response.status_code == 400
    assert "JPEG or PNG" in response.json()["error"]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_batch_of_none_is_no_error(modules, name):
    outputs = support.outputs_of(modules["soft"], name, image_bytes=[])
    assert set(outputs) == set(OUTPUTS[name])
    for key, value in outputs.items():
        assert (value.ndim, value.shape[0]) == (OUTPUTS[name][key][1], 0)


@pytest.mark.parametrize("name", NAMES)
def test_every_op_is_one_that_the_official_image_links(saved_models, name):
    assert "DecodePng" in support.check_ops(saved_models / name / "1")


def test_weights_are_saved_once(saved_models, captioners):
    support.check_saved_once(saved_models / "soft" / "1", captioners["soft"].model)


@pytest.mark.slow
def test_a_pretrained_encoder_is_exported_too(tmp_path):
    sizes = {"encoder": "efficientnet-lite0", "image_size": 64, "train_encoder": False}
    captioner = make_captioner(**sizes)
    version = export(captioner, tmp_path, "lite")
    support.check_ops(version)
    loaded = tf.saved_model.load(str(version))
    outputs = support.outputs_of(loaded, "greedy", image_bytes=encoded_images())
    expected = captioner.caption(encoded_images(), beam=1)
    assert list(outputs["caption"]) == [caption.text for caption in expected]
    assert not support.outputs_of(loaded, "greedy", image_bytes=[])["caption"].size


def test_warm_up_requests_are_a_png_and_a_jpeg(saved_models):
    logs = read_warmup(saved_models / "soft" / "1")
    requests = [log.predict_log.request for log in logs]
    assert {request.model_spec.signature_name for request in requests} == set(OUTPUTS)
    beginnings = {r.inputs["image_bytes"].string_val[0][:3] for r in requests}
    assert beginnings == {b"\x89PN", b"\xff\xd8\xff"}
