"""Requests larger than a batch of the server are split; nobody sees where."""

import asyncio

import pytest

from keras_attention.serving import AsyncClient, Client, Server, ServingError
from keras_attention.serving.client.request_splitting import in_parts
from keras_attention.serving.options import BatchingParameters, LoadOptions
from keras_attention.serving.wire.errors import Code
from tests.serving.models.support import export_module, png
from tests.serving.support import Captioner

TEXTS = ["a", "b b", "c c c", "d", "e e", "f", "g g g g"]
COLOURS = [10, 20, 30, 40, 50, 60, 70]
LIMIT = 3
ways = pytest.mark.parametrize("way", ["rest", "grpc", "socket"])


@pytest.fixture(scope="module")
def narrow(models, tmp_path_factory):
    """A server that takes three at a time."""
    folder = tmp_path_factory.mktemp("narrow")
    export_module(Captioner(), folder / "captioner" / "1")
    paths = {name: models / name for name in ("translator", "half")}
    paths["captioner"] = folder / "captioner"
    batching = BatchingParameters(max_batch_size=LIMIT, num_batch_threads=1)
    with Server(
        paths,
        grpc_port=0,
        rest_port=0,
        grpc_socket_path=str(folder / "grpc.sock"),
        load=LoadOptions(batching=batching),
        monitoring_path="/metrics",
    ) as server:
        yield server


def addresses(server, way):
    target = f"127.0.0.1:{server.grpc_port}"
    if way == "socket":
        target = f"unix:{server.options.grpc_socket_path}"
    transport = "rest" if way == "rest" else "grpc"
    return {
        "rest_url": f"http://127.0.0.1:{server.rest_port}",
        "grpc_target": target,
        "transport": transport,
    }


@pytest.fixture
def narrow_client(narrow, way):
    with Client(**addresses(narrow, way)) as client:
        yield client


@ways
@pytest.mark.parametrize("attention", [False, True])
def test_translations_are_those_of_a_server_without_a_limit(
    narrow_client, client, attention
):
    expected = client.translate(TEXTS, "translator", attention=attention)
    # Before the limit is known, and after.
    for texts in (TEXTS, TEXTS[::-1]):
        translations = narrow_client.translate(texts, "translator", attention=attention)
        for translation, text in zip(translations, texts, strict=True):
            wanted = expected[TEXTS.index(text)]
            assert translation.text == wanted.text
            assert translation.n_best == wanted.n_best
            assert translation.source_tokens == wanted.source_tokens
            if attention:
                scores = translation.attention_scores
                assert scores.tolist() == wanted.attention_scores.tolist()


@ways
def test_captions_come_in_the_order_of_their_images(narrow_client):
    captions = narrow_client.caption([png(colour) for colour in COLOURS], "captioner")
    assert [caption.text for caption in captions] == [str(c) for c in COLOURS]
    assert captions[-1].n_best == [("70", 0.0)]


@ways
def test_the_client_that_awaits_does_the_same(narrow, way):
    async def main():
        async with AsyncClient(**addresses(narrow, way)) as client:
            images = [png(colour) for colour in COLOURS]
            return await asyncio.gather(
                client.translate(TEXTS, "translator"),
                client.caption(images, "captioner"),
            )

    translations, captions = asyncio.run(main())
    assert [response.text for response in translations] == [t.upper() for t in TEXTS]
    assert [response.text for response in captions] == [str(c) for c in COLOURS]


@ways
def test_examples_are_split_too(narrow_client):
    examples = [{"x": float(number)} for number in range(8)]
    values = [2.0 + number / 2 for number in range(8)]
    results = narrow_client.regress("half", examples, "regress_x_to_y")
    assert [result.value for result in results] == values
    results = narrow_client.classify("half", examples, "classify_words")
    assert [result.classes[0] for result in results] == [("small", v) for v in values]
    tasks = [("regress_x_to_y3", "regress"), ("classify_words", "classify")]
    regressed, classified = narrow_client.multi_inference("half", tasks, examples)
    assert [result.value for result in regressed] == [value + 1 for value in values]
    assert [result.label for result in classified] == ["large"] * 8


@ways
def test_a_bad_image_in_the_last_part_is_an_error(narrow_client):
    images = [png(colour) for colour in COLOURS]
    images[-1] = images[-1][:20]
    with pytest.raises(ServingError) as caught:
        narrow_client.caption(images, "captioner")
    assert caught.value.code is Code.INVALID_ARGUMENT


@ways
def test_what_does_not_fit_is_said_before_any_part_is_sent(narrow, narrow_client):
    def runs():
        name = ":tensorflow:serving:batching_session:wrapped_run_count"
        return narrow.metrics.counter(name).value()

    narrow_client.translate(TEXTS, "translator")
    before = runs()
    with pytest.raises(ValueError, match="input 'text' must be string"):
        narrow_client.translate([*TEXTS, 3], "translator")
    assert runs() == before


@ways
def test_predict_is_one_request_and_says_so(narrow_client):
    with pytest.raises(ServingError, match="maximum input batch size 3"):
        narrow_client.predict("translator", {"text": TEXTS})


class Refusing:
    """Steps of a server that takes `limit` values at a time, and says so in `words`."""

    def __init__(self, limit, words="Task size {} is larger than maximum input "
                 "batch size {}", code=Code.INVALID_ARGUMENT):  # fmt: skip
        self.limit, self.words, self.code = limit, words, code
        self.sizes = []

    def send(self, part):
        yield
        self.sizes.append(len(part))
        if len(part) > self.limit:
            message = self.words.format(len(part), self.limit)
            raise ServingError(self.code, message)
        return [value.upper() for value in part]

    def responses(self, values, limits):
        steps = in_parts(values, self.send, limits, "m")
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value


def test_a_limit_is_learnt_once():
    server, limits = Refusing(3), {}
    expected = [["A", "B", "C"], ["D", "E", "F"], ["G"]]
    assert server.responses(list("abcdefg"), limits) == expected
    assert server.sizes == [7, 3, 3, 1]
    assert server.responses(list("abcdef"), limits) == expected[:2]
    assert server.responses([], limits) == [[]]
    assert server.sizes[4:] == [3, 3, 0]


def test_a_limit_that_has_shrunk_is_learnt_anew_in_the_middle():
    server, limits = Refusing(2), {"m": 3, "other": 9}
    assert server.responses(list("abcde"), limits) == [["A", "B"], ["C", "D"], ["E"]]
    assert server.sizes == [3, 2, 2, 1]
    assert limits == {"m": 2, "other": 9}


def test_older_servers_say_it_in_other_words():
    words = "Task size {} is larger than maximum batch size {}"
    assert Refusing(2, words).responses(list("abc"), {}) == [["A", "B"], ["C"]]


@pytest.mark.parametrize(
    ("limit", "options"),
    [
        (2, {"words": "Batch {} of {} is wrong"}),
        (2, {"code": Code.RESOURCE_EXHAUSTED}),
        (0, {}),
        # It refuses three and says that it takes four: no part would please it.
        (2, {"words": "Task size {} is larger than maximum input batch size 4"}),
    ],
)
def test_other_refusals_are_final(limit, options):
    server = Refusing(limit, **options)
    with pytest.raises(ServingError):
        server.responses(list("abc"), {})
    assert server.sizes == [3]
