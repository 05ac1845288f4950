"""Images stand in rows with what was said of them, and nothing overlaps."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from keras_attention.plotting.captions import WRONG
from keras_attention.plotting.gallery import (
    SEEN,
    UNSEEN,
    Saying,
    plot_gallery,
    plot_images,
)

# Where no font has Chinese, boxes stand for it.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph .* missing")

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), "uint8")


def attention_at(row, column):
    weights = np.zeros((4, 4))
    weights[row, column] = 0.9
    return weights


WRONG_NAME = Saying(
    IMAGE,
    "a dog left of a cat",
    "a fox left of a cat",
    "a fox",
    attention_at(0, 0),
    ((0, 0, 20, 20), (30, 20, 60, 40)),
    "it looked at: dog",
)
LONG = WRONG_NAME._replace(
    truth="a dog left of a cat " * 6,
    note="it looked at: dog " * 5,
)
UNSPACED = Saying(
    IMAGE[:, :20], "两只狗在一棵树的左边" * 5, "两只猫", "猫", attention_at(1, 1)
)


def written(figure, color=None):
    return [
        text
        for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))
        if text.get_text().strip() and color in (None, to_hex(text.get_color()))
    ]


def test_the_wrong_word_is_coloured_in_its_caption(tmp_path):
    figure = plot_gallery([WRONG_NAME], path=tmp_path / "gallery.png")
    red = [text.get_text() for text in written(figure, WRONG)]
    assert sorted(red) == ["a fox", "“a fox”"]
    texts = [text.get_text() for text in written(figure)]
    assert " left of a cat" in texts and "it looked at: dog" in texts
    with Image.open(tmp_path / "gallery.png") as drawn:
        assert min(drawn.size) > 200


def test_of_two_equal_words_the_right_one_is_wrong():
    saying = WRONG_NAME._replace(said="a fox and a fox", start=5)
    texts = [text.get_text() for text in written(plot_gallery([saying]))]
    assert "a fox and " in texts


def test_a_word_that_is_not_in_the_caption_colours_nothing():
    figure = plot_gallery([WRONG_NAME._replace(word="an owl")])
    assert [text.get_text() for text in written(figure, WRONG)] == ["“an owl”"]


def test_boxes_say_what_was_attended_to():
    figure = plot_gallery([WRONG_NAME])
    drawn = [to_hex(patch.get_edgecolor()) for patch in figure.axes[1].patches]
    assert drawn == [SEEN, UNSEEN]


def test_without_attention_the_image_stands_alone():
    figure = plot_gallery([WRONG_NAME._replace(attention=None)])
    assert len(figure.axes) == 1


def test_parts_of_a_line_follow_each_other():
    figure = plot_gallery([WRONG_NAME])
    figure.draw_without_rendering()
    parts = {text.get_text(): text.get_window_extent() for text in written(figure)}
    assert parts["a fox"].x1 == pytest.approx(parts[" left of a cat"].x0, abs=1.5)


@pytest.mark.parametrize(
    "figure",
    [
        pytest.param(
            lambda: plot_gallery([LONG, UNSPACED, WRONG_NAME, LONG], columns=2),
            id="gallery",
        ),
        pytest.param(
            lambda: plot_images(
                [IMAGE, IMAGE[:, :20], IMAGE[:10], IMAGE, IMAGE],
                ["a dog " * 20, "两只狗" * 20, "a" * 99, "", "a cat costs $5 or $6"],
                columns=3,
            ),
            id="images",
        ),
    ],
)
def test_nothing_overlaps(figure):
    figure = figure()
    figure.draw_without_rendering()
    places = [text.get_window_extent() for text in written(figure)]
    places += [axes.get_window_extent() for axes in figure.axes]
    for number, place in enumerate(places):
        for other in places[:number]:
            across = min(place.x1, other.x1) - max(place.x0, other.x0)
            down = min(place.y1, other.y1) - max(place.y0, other.y0)
            # Parts of one line touch, and lines may by a pixel.
            assert min(across, down) <= 1.5


def test_images_of_a_row_stand_on_one_line():
    figure = plot_gallery([LONG, WRONG_NAME], columns=2)
    assert len({round(axes.get_position().y1, 6) for axes in figure.axes}) == 1


def test_images_stand_in_a_grid_with_their_captions():
    figure = plot_images([IMAGE] * 5, ["a dog " * 8] * 5, columns=3)
    assert len(figure.axes) == 5
    assert len({round(axes.get_position().y0, 6) for axes in figure.axes}) == 2
    assert len(figure.texts) > 5


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="at least one saying"):
        plot_gallery([])
    with pytest.raises(ValueError, match="columns must be 1 or more; received 0"):
        plot_gallery([WRONG_NAME], columns=0)
    with pytest.raises(ValueError, match=r"\(1, N, N\).*received the shape \(1, 4\)"):
        plot_gallery([WRONG_NAME._replace(attention=np.ones(4))])
    with pytest.raises(ValueError, match="received 1 and 2"):
        plot_images([IMAGE], ["a", "b"])
