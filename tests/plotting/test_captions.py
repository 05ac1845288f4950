"""A panel a word, with what stands beside it."""

import numpy as np
import pytest
from PIL import Image

from keras_attention.plotting.captions import RIGHT, WRONG, plot_caption, words_of
from keras_attention.plotting.gallery import Saying, plot_gallery, plot_pictures

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), "uint8")
TOKENS = ["▁a", "▁straw", "berry", "</s>"]


def maps(count=4):
    return np.random.default_rng(1).random((count, 4, 4))


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def test_pieces_of_a_word_share_a_panel(tmp_path):
    figure = plot_caption(PICTURE, TOKENS, maps(), path=tmp_path / "deep/one.png")
    assert titles(figure) == ["", "a", "strawberry"]
    with Image.open(tmp_path / "deep/one.png") as drawn:
        assert min(drawn.size) > 100


def test_pieces_may_have_their_own():
    figure = plot_caption(PICTURE, TOKENS, maps(), join_words=False)
    assert titles(figure) == ["", "a", "straw", "berry"]


def test_a_word_has_the_mean_of_its_pieces():
    weights = maps()
    _, (word, joined, _) = words_of(TOKENS, weights)
    assert word == "strawberry"
    np.testing.assert_allclose(joined, weights[1:3].mean(axis=0))


def test_chinese_stays_in_pieces():
    tokens = ["▁", "一只", "狗", "</s>"]
    assert [word for word, _, _ in words_of(tokens, maps())] == ["", "一只", "狗"]


def test_the_weight_of_the_peak_is_written():
    weights = np.zeros((1, 4, 4))
    weights[0, 2, 1] = 0.62
    figure = plot_caption(PICTURE, ["▁dog"], weights)
    assert figure.axes[1].get_xlabel() == "62 %"


@pytest.mark.parametrize(
    ("box", "colour"), [((0, 0, 15, 10), RIGHT), ((20, 20, 60, 40), WRONG)]
)
def test_boxes_say_whether_the_peak_is_inside(box, colour):
    weights = np.zeros((1, 4, 4))
    weights[0, 0, 0] = 1
    figure = plot_caption(PICTURE, ["▁dog"], weights, boxes=[[box]])
    (drawn,) = figure.axes[1].patches
    assert drawn.get_edgecolor() == pytest.approx(plot_colour(colour), abs=1e-6)


def plot_colour(name):
    from matplotlib.colors import to_rgba

    return to_rgba(name)


def test_long_captions_wrap_into_rows():
    words = [f"▁word{i}" for i in range(14)]
    figure = plot_caption(PICTURE, words, maps(14), title="two $ signs $")
    assert len(figure.axes) == 15
    rows = {round(axes.get_subplotspec().rowspan.start) for axes in figure.axes}
    assert rows == {0, 1, 2}


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one map for each of 4 tokens"):
        plot_caption(PICTURE, TOKENS, maps(3))
    with pytest.raises(ValueError, match="boxes must be a list for each of 4 tokens"):
        plot_caption(PICTURE, TOKENS, maps(), boxes=[[]])
    with pytest.raises(ValueError, match="picture must be uint8"):
        plot_caption(PICTURE / 255, TOKENS, maps())


def test_galleries_show_the_wrong_word(tmp_path):
    sayings = [
        Saying(
            PICTURE,
            "a dog left of a cat",
            "a fox left of a cat",
            "a fox",
            maps(1)[0],
            ((0, 0, 20, 20),),
            "it looked at: dog",
        ),
        Saying(PICTURE, "两只狗", "两只猫"),
    ]
    figure = plot_gallery(sayings, path=tmp_path / "gallery.png")
    shown = [axes.get_title() for axes in figure.axes]
    assert "“a fox”" in shown
    assert (tmp_path / "gallery.png").stat().st_size > 5000
    with pytest.raises(ValueError, match="at least one saying"):
        plot_gallery([])


def test_pictures_stand_in_a_grid_with_their_captions():
    figure = plot_pictures([PICTURE] * 5, ["a dog " * 8] * 5, columns=3)
    assert len(figure.axes) == 5
    assert "\n" in figure.axes[0].get_xlabel()
    with pytest.raises(ValueError, match="received 1 and 2"):
        plot_pictures([PICTURE], ["a", "b"])
