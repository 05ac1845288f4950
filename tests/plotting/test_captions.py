"""A panel a word, with what stands beside it."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from keras_attention.plotting.captions import RIGHT, WRONG, plot_caption, words_of

# Where no font has Chinese, boxes stand for it.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph .* missing")

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), "uint8")
TOKENS = ["▁a", "▁straw", "berry", "</s>"]


def maps(count=4):
    return np.random.default_rng(1).random((count, 4, 4))


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def test_subwords_of_a_word_share_a_panel(tmp_path):
    figure = plot_caption(IMAGE, TOKENS, maps(), path=tmp_path / "deep/one.png")
    assert titles(figure) == ["", "a", "strawberry"]
    with Image.open(tmp_path / "deep/one.png") as drawn:
        assert min(drawn.size) > 100


def test_subwords_may_have_their_own():
    figure = plot_caption(IMAGE, TOKENS, maps(), join_words=False)
    assert titles(figure) == ["", "a", "straw", "berry"]


def test_a_word_has_the_mean_of_its_subwords():
    weights = maps()
    _, (word, joined, _) = words_of(TOKENS, weights)
    assert word == "strawberry"
    np.testing.assert_allclose(joined, weights[1:3].mean(axis=0))


def words(tokens, **options):
    return [word for word, _, _ in words_of(tokens, maps(len(tokens)), **options)]


def test_chinese_stays_in_subwords():
    assert words(["▁", "一只", "狗", "</s>"]) == ["一只", "狗"]
    assert words(["▁一", "只", "狗", "，", "▁两只", "猫", "。"]) == [
        "一",
        "只",
        "狗",
        "，",
        "两只",
        "猫",
        "。",
    ]


def test_a_caption_may_be_one_word():
    assert words(["▁straw", "berry"]) == ["strawberry"]
    assert words(["</s>"]) == words([]) == []


def test_a_full_stop_does_not_move_the_peak_of_its_word():
    weights = maps(3)
    _, (word, joined, _) = words_of(["▁a", "▁dog", "."], weights)
    assert word == "dog."
    np.testing.assert_array_equal(joined, weights[1].astype(joined.dtype))


def test_a_word_has_the_boxes_of_its_subwords():
    boxes = [[], [(0, 0, 1, 1)], [(2, 2, 3, 3)], []]
    found = words_of(TOKENS, maps(), boxes)
    assert [len(things) for _, _, things in found] == [0, 2]


def test_the_weight_of_the_peak_is_written():
    weights = np.zeros((1, 4, 4))
    weights[0, 2, 1] = 0.62
    figure = plot_caption(IMAGE, ["▁dog"], weights)
    assert figure.axes[1].get_xlabel() == "62 %"


@pytest.mark.parametrize(
    ("box", "color"), [((0, 0, 15, 10), RIGHT), ((20, 20, 60, 40), WRONG)]
)
def test_boxes_say_whether_the_peak_is_inside(box, color):
    weights = np.zeros((1, 4, 4))
    weights[0, 0, 0] = 1
    figure = plot_caption(IMAGE, ["▁dog"], weights, boxes=[[box]])
    (drawn,) = figure.axes[1].patches
    assert to_hex(drawn.get_edgecolor()) == color


def texts(figure):
    """What stands beside the panels: title and legend."""
    found = [one for one in figure.findobj(Text) if one.axes is None]
    return [one for one in found if one.get_text() and "00 %" not in one.get_text()]


def written(figure):
    return [one.get_text() for one in texts(figure)]


HIT, MISS = [(0, 0, 15, 10)], [(20, 20, 60, 40)]
PERCENT = "% of attention in the most attended region"
INSIDE, OUTSIDE = (
    ["□", f" what is named, with that region {where}"]
    for where in ("inside", "outside")
)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        (None, [PERCENT]),
        ([[], HIT, HIT], [PERCENT, *INSIDE]),
        ([[], MISS, []], [PERCENT, *OUTSIDE]),
        ([[], MISS, HIT], [PERCENT, *INSIDE, *OUTSIDE]),
    ],
)
def test_a_legend_says_what_boxes_and_percentages_mean(boxes, expected):
    weights = np.zeros((3, 4, 4))
    weights[:, 0, 0] = 1
    figure = plot_caption(IMAGE, ["▁a", "▁dog", "▁cat"], weights, boxes=boxes)
    assert sorted(written(figure)) == sorted(expected)
    labels = extents(figure, [axes.xaxis.label for axes in figure.axes[1:]])
    highest = max(note.y1 for note in extents(figure, texts(figure)))
    assert highest < min(label.y0 for label in labels)


def test_without_words_there_is_no_legend():
    assert written(plot_caption(IMAGE, [], np.zeros((0, 4, 4)))) == []


@pytest.mark.parametrize(
    ("shape", "words", "inches"),
    [((60, 40), 3, 1.45), ((480, 640), 3, 2.7), ((640, 480), 40, 1.44)],
)
def test_photographs_have_panels_that_are_large_enough_to_see(shape, words, inches):
    image = np.zeros((*shape, 3), "uint8")
    figure = plot_caption(image, [f"▁w{i}" for i in range(words)], maps(words))
    panel = figure.axes[1].get_window_extent()
    longest = max(panel.width, panel.height) / figure.dpi
    assert longest >= inches - 0.01
    assert max(figure.axes[1].images[0].get_array().shape) / longest > 130
    assert figure.get_figwidth() < 15


def test_boxes_and_maps_of_a_letterboxed_image_meet():
    """The image is the middle half of the square: row 1 of 4 is its upper half."""
    weights = np.zeros((1, 4, 4))
    weights[0, 1, 3] = 1
    wide = IMAGE[:30]
    figure = plot_caption(
        wide, ["▁dog"], weights, window=(0, 0.25, 1, 0.75), boxes=[[(45, 0, 60, 15)]]
    )
    panel = figure.axes[1]
    (drawn,) = panel.patches
    assert to_hex(drawn.get_edgecolor()) == RIGHT
    height, width = panel.images[0].get_array().shape[:2]
    corner = np.add(drawn.get_xy(), 0.5)
    np.testing.assert_allclose(corner, (0.75 * width, 0))
    assert drawn.get_height() == pytest.approx(height / 2)


def extents(figure, texts):
    figure.draw_without_rendering()
    return [text.get_window_extent() for text in texts]


def test_long_captions_wrap_into_rows():
    words = [f"▁word{i}" for i in range(14)]
    figure = plot_caption(IMAGE, words, maps(14), title="two $ signs $")
    assert len(figure.axes) == 15
    assert len({round(axes.get_position().y0, 3) for axes in figure.axes}) == 3
    assert "two $ signs $" in written(figure)


def test_long_words_keep_to_their_panels():
    """Even above images that are tall and narrow."""
    tokens = ["▁hippopotamus", "▁Haftpflichtversicherung", "▁一只长颈鹿站在一棵树下"]
    figure = plot_caption(IMAGE[:, :8], tokens, maps(3), title="a b c d " * 9)
    titles = extents(figure, [axes.title for axes in figure.axes[1:]])
    for left, right in zip(titles, titles[1:], strict=False):
        assert left.x1 < right.x0
    heading = extents(figure, [t for t in figure.texts if "a b" in t.get_text()])
    assert len(heading) > 1
    assert min(line.y0 for line in heading) > max(title.y1 for title in titles)
    assert max(line.x1 for line in heading) <= figure.bbox.x1


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one map for each of 4 tokens"):
        plot_caption(IMAGE, TOKENS, maps(3))
    with pytest.raises(ValueError, match="boxes must be a list for each of 4 tokens"):
        plot_caption(IMAGE, TOKENS, maps(), boxes=[[]])
    with pytest.raises(ValueError, match="image must be uint8"):
        plot_caption(IMAGE / 255, TOKENS, maps())
    with pytest.raises(ValueError, match=r"\(x0, y0, x1, y1\) in pixels.*\(1, 3\)"):
        plot_caption(IMAGE, TOKENS, maps(), boxes=[[(1, 2, 3)], [], [], None])
    with pytest.raises(ValueError, match="window must be .* x0 < x1"):
        plot_caption(IMAGE, TOKENS, maps(), window=(0, 0.5, 1, 0.5))


def test_the_bytes_of_a_sign_share_a_panel():
    tokens = ["▁", *[f"<0x{byte:02X}>" for byte in "狗猫".encode()], "</s>"]
    weights = np.random.default_rng(0).random((8, 4, 4))
    boxes = [[], [[0, 0, 1, 1]], [[0, 0, 2, 2]], [], [[0, 0, 3, 3]], [], [], []]
    found = words_of(tokens, weights, boxes)
    assert [word for word, _, _ in found] == ["狗", "猫"]
    np.testing.assert_allclose(found[0][1], weights[1:4].mean(axis=0))
    assert found[0][2] == [[0, 0, 1, 1], [0, 0, 2, 2]]
    assert found[1][2] == [[0, 0, 3, 3]]
