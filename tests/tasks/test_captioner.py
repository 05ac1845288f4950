"""Captioner: what it says is what the search found, of images however they come."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from keras_attention.data.images.sources import BadImage, load_images
from keras_attention.models.recurrent_captioner import RecurrentCaptioner
from keras_attention.models.transformer_captioner import TransformerCaptioner
from keras_attention.tasks.captioner import Caption, CaptionHypothesis
from tests.captioners import (
    OPTIONS,
    encoded_image,
    encoded_images,
    make_captioner,
    pixels,
)
from tests.support import slow_on_jax


@pytest.fixture(scope="module")
def pooled():
    return make_captioner(attention=None)


def test_a_caption_holds_its_text_and_attention(captioner):
    captions = captioner.caption(encoded_images(), return_attention=True)
    assert len(captions) == len(encoded_images())
    for number, caption in enumerate(captions):
        assert caption.name == str(number)
        assert len(caption.hypotheses) == OPTIONS.n_best
        scores = [hypothesis.score for hypothesis in caption.hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert str(caption) == caption.text == caption.hypotheses[0].text
        for hypothesis in caption.hypotheses:
            tokens, text = hypothesis.tokens, hypothesis.text
            assert tokens[-1] == "</s>"
            assert len(tokens) <= OPTIONS.max_length
            assert "".join(tokens[:-1]).replace("▁", " ").strip() == text
            assert hypothesis.attention.shape == (len(tokens), 4, 4)
            np.testing.assert_allclose(hypothesis.attention.sum((1, 2)), 1, rtol=1e-5)
            spoken = [text[begin:end].strip() for begin, end in hypothesis.spans]
            assert spoken == [t.replace("▁", "").replace("</s>", "") for t in tokens]


@slow_on_jax
def test_images_come_in_many_forms(captioner, tmp_path):
    content = encoded_image("PNG", seed=2)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    image = Image.open(io.BytesIO(content))
    forms = [path, str(path), content, image, np.asarray(image)]
    captions = captioner.caption(forms)
    assert {(caption.text, round(caption.score, 4)) for caption in captions} == {
        (captions[0].text, round(captions[0].score, 4))
    }
    assert [caption.name for caption in captions] == [str(path)] * 2 + ["2", "3", "4"]
    (alone,) = captioner.caption(path)
    assert alone.text == captions[0].text


@slow_on_jax
def test_a_batch_gives_what_its_images_give_one_by_one(captioner):
    together = captioner.caption(encoded_images(), return_attention=True)
    apart = captioner.caption(encoded_images(), return_attention=True, batch_size=2)
    for one, other in zip(together, apart, strict=True):
        assert one.text == other.text
        assert one.score == pytest.approx(other.score, rel=1e-4)
        np.testing.assert_allclose(one.attention, other.attention, atol=1e-5)


@slow_on_jax
def test_progress_counts_images(captioner):
    seen = []
    captioner.caption(encoded_images(), batch_size=2, progress=seen.append)
    assert seen == [2, 4, 5]


@slow_on_jax
def test_kept_features_are_as_good_as_images(captioner):
    squares, windows = load_images(encoded_images(), 32)
    expected = captioner.caption(encoded_images())
    features = np.asarray(captioner.model.image_encoder(squares))
    for kept, tolerance in ((features, 1e-4), (features.astype("float16"), 0.05)):
        inputs = {"features": kept, "windows": windows}
        found = captioner.caption_inputs(inputs, names=list("abcde"))
        assert [caption.name for caption in found] == list("abcde")
        for one, other in zip(found, expected, strict=True):
            assert one.score == pytest.approx(other.score, rel=tolerance, abs=0.1)


# Of a panorama the padding takes all rows of cells but two, or one.
PANORAMAS = [
    encoded_image("PNG", 20, 90, seed=4),
    encoded_image("JPEG", 12, 240, seed=6),
    encoded_image("PNG", 90, 12, seed=8),
]


def padding_of(shape=(4, 4)):
    found = np.ones((3, *shape), bool)
    found[:2, 1:3] = found[2, :, 1:3] = False
    return found


@slow_on_jax
@pytest.mark.parametrize("family", [RecurrentCaptioner, TransformerCaptioner])
def test_padding_is_not_attended_to(family):
    captioner = make_captioner(family=family)
    captions = captioner.caption(PANORAMAS, return_attention=True)
    texts = [caption.text for caption in captions]
    forced = captioner.force_decode(PANORAMAS, texts)
    for found in (captions, forced):
        for caption, padding in zip(found, padding_of(), strict=True):
            for hypothesis in caption.hypotheses:
                assert not hypothesis.attention[:, padding].any()
                seen = hypothesis.attention[:, ~padding]
                np.testing.assert_allclose(seen.sum(-1), 1, rtol=1e-5)
    assert [c.window for c in captions] == [
        (0, 12, 32, 19),
        (0, 15, 32, 17),
        (14, 0, 18, 32),
    ]


@slow_on_jax
def test_the_coverage_penalty_is_of_cells_with_image():
    captioner = make_captioner()
    scores = []
    for coverage_penalty in (0.0, 0.5):
        captioner.options = OPTIONS.replace(coverage_penalty=coverage_penalty)
        scores.append(captioner.force_decode(PANORAMAS, ["a dog"] * 3))
    for plain, punished, padding in zip(*scores, padding_of(), strict=True):
        seen = punished.attention.sum(axis=0)[~padding]
        expected = 0.5 * np.log(np.minimum(seen, 1)).sum()
        assert punished.score - plain.score == pytest.approx(expected, rel=1e-3)


def test_inputs_that_do_not_belong_together_are_refused(captioner):
    images, windows = load_images(PANORAMAS, 32)
    features = np.zeros((3, 4, 4, 96), "float16")
    for wrong, message in [
        ({"features": features, "images": images}, '"images" or "features"'),
        ({"windows": windows}, "received 'windows'"),
        ({"images": images, "windows": windows[:2]}, "one window for each image"),
    ]:
        with pytest.raises(ValueError, match=message):
            captioner.caption_inputs(wrong)


def test_squares_of_the_models_size_stay_as_they_are(captioner):
    square = pixels(32, 32, seed=7)
    (caption,) = captioner.caption([square])
    (other,) = captioner.caption_inputs({"images": square[None]})
    assert caption.text == other.text
    assert caption.score == pytest.approx(other.score, rel=1e-4)


def test_a_prefix_is_what_captions_begin_with(captioner):
    prefixes = ["the dog", "", "a red house", "one", "a"]
    captions = captioner.caption(encoded_images(), prefixes=prefixes)
    assert all(c.text.startswith(p) for c, p in zip(captions, prefixes, strict=True))
    with pytest.raises(ValueError, match="5 images and 1 prefixes"):
        captioner.caption(encoded_images(), prefixes=["a"])


@slow_on_jax
def test_beam_and_n_best_agree_with_each_other(captioner):
    (caption,) = captioner.caption(encoded_images()[:1], n_best=4)
    assert len(caption.hypotheses) == 4
    (greedy,) = captioner.caption(encoded_images()[:1], beam=1)
    assert len(greedy.hypotheses) == 1
    with pytest.raises(ValueError, match="n_best=3 hypotheses cannot come out of beam"):
        captioner.caption(encoded_images()[:1], beam=2, n_best=3)


def test_any_caption_can_be_forced(captioner):
    texts = ["a red dog left of a car.", "the small boat.", "x", "", "one one one"]
    forced = captioner.force_decode(encoded_images(), texts)
    assert [caption.text for caption in forced] == texts
    for caption in forced:
        assert caption.attention.shape == (len(caption.tokens), 4, 4)
        assert len(caption.spans) == len(caption.tokens)
    with pytest.raises(ValueError, match="one caption for each image is needed"):
        captioner.force_decode(encoded_images(), ["a"])


def test_forcing_attends_where_the_search_did(captioner):
    texts = ["a dog", "the red house", "one", "a small boat", "the"]
    captions = captioner.caption(
        encoded_images(), prefixes=texts, return_attention=True
    )
    forced = captioner.force_decode(encoded_images(), texts)
    for one, other in zip(forced, captions, strict=True):
        count = len(one.tokens) - 1
        assert one.tokens[:count] == other.tokens[:count]
        np.testing.assert_allclose(
            one.attention[:count], other.attention[:count], atol=1e-4
        )


@slow_on_jax
def test_without_attention_there_are_no_grids(pooled):
    (caption,) = pooled.caption(encoded_images()[:1], return_attention=True)
    assert caption.attention is None
    (forced,) = pooled.force_decode(encoded_images()[:1], "a dog.")
    assert forced.attention is None or not forced.attention.any()


@slow_on_jax
def test_a_transformer_captions_too():
    captioner = make_captioner(family=TransformerCaptioner)
    (caption,) = captioner.caption(encoded_images()[:1], return_attention=True)
    assert caption.attention.shape == (len(caption.tokens), 4, 4)
    np.testing.assert_allclose(caption.attention.sum((1, 2)), 1, rtol=1e-5)


@slow_on_jax
def test_how_an_image_becomes_a_square_is_kept(captioner):
    wide = encoded_image("PNG", 20, 90, seed=4)
    cropped = make_captioner(fit="crop")
    assert cropped.caption([wide])[0].score != pytest.approx(
        captioner.caption([wide])[0].score, rel=1e-3
    )


@slow_on_jax
def test_captions_are_json(captioner):
    (caption,) = captioner.caption(encoded_images()[:1], return_attention=True)
    found = json.loads(json.dumps(caption.as_dict()))
    assert found["image"] == "0"
    assert found["text"] == caption.text
    best = found["n_best"][0]
    assert set(best) == {"text", "score", "log_prob", "tokens", "attention"}
    np.testing.assert_allclose(best["attention"], caption.attention, atol=1e-5)


def test_bytes_are_shown_as_the_characters_that_they_spell():
    tokens = ["▁a", "▁", *(f"<0x{byte:02X}>" for byte in "狗".encode()), "</s>"]
    spans = [(0, 1), (1, 2), (2, 2), (2, 2), (2, 3), (3, 3)]
    grids = np.random.default_rng(0).random((6, 4, 4)).astype("float32")
    spelt = Caption("0", [CaptionHypothesis("a 狗", 0.0, 0.0, tokens, spans, grids)])
    shown = spelt.in_characters()
    assert shown.tokens == ["▁a", "▁", "狗", "</s>"]
    assert shown.spans == [(0, 1), (1, 2), (2, 3), (3, 3)]
    np.testing.assert_allclose(shown.attention[2], grids[2:5].mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(shown.attention[[0, 1, 3]], grids[[0, 1, 5]])
    assert spelt.as_dict()["n_best"][0]["tokens"] == shown.tokens
    bare = Caption("0", [CaptionHypothesis("a 狗", 0.0, 0.0, tokens, spans)])
    assert bare.in_characters().attention is None


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("none.jpg", "there is no image none.jpg"),
        (b"", "empty"),
        (b"no image", "is not an image that can be read"),
        (encoded_image("JPEG")[:-300], "truncated or damaged"),
        (np.zeros((4, 4), "float32"), "an array must be uint8"),
    ],
)
def test_what_is_no_image_is_named(captioner, image, message):
    with pytest.raises(BadImage, match=message):
        captioner.caption([encoded_images()[0], image])


@pytest.mark.parametrize("name", ["batch_size", "beam", "n_best"])
@pytest.mark.parametrize("value", [0, 2.5, "4", True])
def test_numbers_are_checked(captioner, name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        captioner.caption(encoded_images()[:1], **{name: value})
    if name == "batch_size":
        with pytest.raises(ValueError, match="batch_size must be"):
            captioner.force_decode(encoded_images()[:1], ["a"], batch_size=value)


@slow_on_jax
def test_without_a_limit_a_caption_ends_where_the_model_ends_it(captioner):
    options = {"beam": 1, "no_repeat_ngram": 1}
    (limited,) = captioner.caption(encoded_images()[:1], max_length=200, **options)
    (free,) = captioner.caption(encoded_images()[:1], max_length=2**31 - 1, **options)
    assert free.tokens == limited.tokens and free.tokens[-1] == "</s>"


def test_unknown_words_are_not_written_unless_allowed(captioner):
    anything = {"temperature": np.inf, "n_best": 8}  # all that may be said, evenly
    found = captioner.caption(encoded_images(), unknown="allow", **anything)
    assert any("<unk>" in h.tokens for c in found for h in c.hypotheses)
    for options in (anything, {"n_best": 3}):
        for caption in captioner.caption(encoded_images(), **options):
            for hypothesis in caption.hypotheses:
                assert "<unk>" not in hypothesis.tokens and "⁇" not in hypothesis.text


def test_an_image_has_no_words_to_copy(captioner):
    with pytest.raises(ValueError, match='unknown="copy" takes words of a source text'):
        captioner.caption(encoded_images()[:1], unknown="copy")


def test_a_prefix_with_unknown_words_is_said_as_it_was_given(captioner):
    (caption,) = captioner.caption(encoded_images()[:1], prefixes=["a 狐狸"])
    assert caption.text.startswith("a 狐狸") and "⁇" not in caption.text
    begin, end = caption.spans[caption.tokens.index("<unk>")]
    assert caption.text[begin:end] == "狐狸"


def test_no_images_are_no_work(captioner):
    done = []
    assert captioner.caption([], progress=done.append) == []
    assert captioner.force_decode([], []) == []
    images = np.zeros((0, 32, 32, 3), "uint8")
    assert captioner.caption_inputs({"images": images}, progress=done.append) == []
    assert captioner.force_inputs({"images": images}, []) == []
    assert done == []
