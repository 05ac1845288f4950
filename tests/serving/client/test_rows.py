"""Languages and words go with their texts, to the signature that takes them."""

import asyncio

import pytest
import tensorflow as tf

from keras_attention.serving import AsyncClient, Client, Server, ServingError
from keras_attention.serving.options import BatchingParameters, LoadOptions
from tests.serving.models.support import png

both = pytest.mark.parametrize("transport", ["rest", "grpc"])
LIMIT = 3
TEXTS = ["a", "b", "c", "d", "e", "f", "g"]
LANGUAGES = ["de", "", "fr", "de", "cs", "", "de"]
WORDS = [["x"], [], ["y z", "x"], [], [], ["z"], ["x", "y", "z"]]
STRINGS = tf.TensorSpec([None], tf.string)
LISTS = tf.TensorSpec([None, None], tf.string)


def echo(values, *said):
    """What is said of each row, behind its value."""
    said = [tf.strings.reduce_join(s, -1, separator=",") if s.shape.rank > 1 else s
            for s in said]  # fmt: skip
    return tf.strings.join([values, *said], separator="|")


class Echo(tf.Module):
    """A multilingual translator with constraints that says what it was asked for."""

    @tf.function(input_signature=[STRINGS] * 3)
    def search(self, text, source_language, target_language):
        said = echo(text, source_language, target_language)
        return {"text": said, "score": tf.zeros_like(said, tf.float32)}

    @tf.function(input_signature=[STRINGS] * 3 + [LISTS] * 2)
    def constrained(self, text, source_language, target_language, constraints, avoid):
        said = echo(text, source_language, target_language, constraints, avoid)
        return {"text": said, "score": tf.zeros_like(said, tf.float32)}


class CaptionEcho(tf.Module):
    @tf.function(input_signature=[STRINGS] + [LISTS] * 2)
    def constrained(self, image_bytes, constraints, avoid):
        size = tf.strings.as_string(tf.strings.length(image_bytes))
        said = echo(size, constraints, avoid)
        return {"caption": said, "score": tf.zeros_like(said, tf.float32)}


@pytest.fixture(scope="module")
def echoes(models, tmp_path_factory):
    """A server that takes three rows at a time."""
    folder = tmp_path_factory.mktemp("echoes")
    module = Echo()
    signatures = {"serving_default": module.search, "constrained": module.constrained}
    tf.saved_model.save(module, str(folder / "echo" / "1"), signatures=signatures)
    module = CaptionEcho()
    signatures = {"constrained": module.constrained}
    tf.saved_model.save(module, str(folder / "captions" / "1"), signatures=signatures)
    paths = {path.name: path for path in folder.iterdir()}
    paths["translator"] = models / "translator"
    batching = BatchingParameters(max_batch_size=LIMIT, num_batch_threads=1)
    load = LoadOptions(batching=batching)
    with Server(paths, grpc_port=0, rest_port=0, load=load) as server:
        yield {
            "rest_url": f"http://127.0.0.1:{server.rest_port}",
            "grpc_target": f"127.0.0.1:{server.grpc_port}",
        }


@pytest.fixture
def client(echoes, transport):
    with Client(**echoes, transport=transport) as client:
        yield client


def texts(translations):
    return [translation.text for translation in translations]


def words_of(said):
    return [[word for word in part.split(",") if word] for part in said.split("|")]


@both
def test_languages_are_one_for_all_or_one_for_each(client):
    found = client.translate(
        TEXTS, "echo", source_language="en", target_language=LANGUAGES
    )
    expected = [f"{t}|en|{name}" for t, name in zip(TEXTS, LANGUAGES, strict=True)]
    assert texts(found) == expected


@both
def test_the_default_language_is_for_what_is_not_said(client):
    assert texts(client.translate("a", "echo")) == ["a||"]
    found = client.translate("a", "echo", target_language="de")
    assert texts(found) == ["a||de"]


@both
def test_words_are_one_list_for_all_or_one_for_each(client):
    found = texts(
        client.translate(
            TEXTS, "echo", target_language="de", constraints=WORDS, avoid=["n", "o"]
        )
    )
    assert [words_of(said) for said in found] == [
        [[text], [], ["de"], words, ["n", "o"]]
        for text, words in zip(TEXTS, WORDS, strict=True)
    ]
    # What TensorFlow Serving pads requests of one batch with: nothing.
    assert all(said.split("|")[3].split(",")[0] == "" for said in found)


@both
def test_without_words_no_signature_for_them_is_needed(client):
    nothing = {"constraints": [[], []], "avoid": []}
    assert texts(client.translate(["a", "b"], "translator", **nothing)) == ["A", "B"]
    found = client.translate("a", "echo", signature_name="constrained")
    assert words_of(found[0].text) == [["a"], [], [], [], []]


@both
def test_captions_have_words_too(client):
    images = [png(colour) for colour in (10, 20, 30, 40)]
    words = [["x"], [], ["y"], []]
    found = client.caption(images, "captions", constraints=["n"], avoid=words)
    assert [words_of(caption.text) for caption in found] == [
        [[str(len(image))], ["n"], each]
        for image, each in zip(images, words, strict=True)
    ]


def test_the_client_that_awaits_says_the_same(echoes):
    async def main():
        async with AsyncClient(**echoes) as client:
            return await client.translate(
                TEXTS, "echo", target_language=LANGUAGES, constraints=WORDS
            )

    for said, name, words in zip(asyncio.run(main()), LANGUAGES, WORDS, strict=True):
        assert words_of(said.text)[2:4] == [[name] if name else [], words]


@both
@pytest.mark.parametrize("name", ["source_language", "target_language"])
def test_a_model_of_one_pair_takes_no_language(client, name):
    message = (
        f"{name} needs a multilingual model.*; received {name} for translator, "
        "whose signature 'serving_default' takes text: request another, or leave"
    )
    with pytest.raises(ValueError, match=message):
        client.translate("a", "translator", **{name: "de"})


@both
@pytest.mark.parametrize("nothing", ["", ["", ""]])
def test_the_default_is_no_language_that_is_asked_for(client, nothing):
    found = client.translate(["a", "b"], "translator", source_language=nothing)
    assert texts(found) == ["A", "B"]


def test_texts_are_strings(echoes):
    with Client(**echoes) as client:
        with pytest.raises(ValueError, match="texts must be strings; received a int"):
            client.translate(5, "translator")


@both
@pytest.mark.parametrize("name", ["constraints", "avoid"])
def test_a_model_exported_without_words_is_named(client, name):
    message = (
        'key "constrained" not found.*the model has attend, greedy, serving_default; '
        "for constraints and avoid, export it with constrained=True"
    )
    with pytest.raises(ServingError, match=message):
        client.translate("a", "translator", **{name: ["x"]})
    message = f"{name} needs the signature 'constrained'.*'greedy' takes text"
    with pytest.raises(ValueError, match=message):
        client.translate("a", "translator", signature_name="greedy", **{name: ["x"]})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target_language": ["de"]}, "one language for all, or .*; received 1 for 2"),
        ({"target_language": ["de", 3]}, r"target_language\[1\] is of type int"),
        ({"constraints": [["x"]]}, "one list of words for all, .*; received 1 lists"),
        ({"avoid": [["x"], [" "]]}, r"avoid\[1\] must be words; received ' '"),
        ({"avoid": ["x"], "attention": True}, "received attention=True and avoid"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_before_a_server_is_asked(given, message):
    with Client("http://127.0.0.1:1") as client:
        with pytest.raises(ValueError, match=message):
            client.translate(["a", "b"], "m", **given)
