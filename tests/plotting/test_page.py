"""Text keeps to its width, wherever it may be broken."""

import numpy as np
import pytest

from keras_attention.plotting.fonts import font_families
from keras_attention.plotting.page import Page, shrink, text_width, wrap

# Where no font has Chinese, boxes stand for it.
pytestmark = pytest.mark.filterwarnings("ignore:Glyph .* missing")

TEXTS = [
    "two dogs and a red apple left of a tree",
    "两只狗和一个红苹果在一棵树的左边，旁边有一只猫。",
    "Haftpflichtversicherungsgesellschaft und ein 狗 und so weiter",
    "a  word\nor   two",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("inches", [0.5, 1.0, 3.0])
def test_lines_are_no_wider_than_they_may_be(text, inches):
    families = font_families(text)
    lines = wrap(text, inches, families, 8)
    assert all(text_width(line, families, 8) <= inches for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize("dots_per_inch", [72, 100, 150])
@pytest.mark.parametrize("text", TEXTS[:3])
def test_widths_are_those_of_what_is_drawn(text, dots_per_inch):
    families = font_families(text)
    page = Page(9, 1, families)
    page.figure.set_dpi(dots_per_inch)
    page.write([text], 0, 0, 8)
    page.figure.draw_without_rendering()
    drawn = page.figure.texts[0].get_window_extent().width / dots_per_inch
    assert text_width(text, families, 8) == pytest.approx(drawn, rel=0.08)


def test_words_are_broken_only_if_they_must_be():
    families = font_families("")
    assert wrap("left of trees", 0.5, families, 8) == ["left of", "trees"]
    assert wrap("", 1, families, 8) == []
    assert wrap("ab", 0.001, families, 8) == ["a", "b"]


def test_closing_marks_begin_no_line():
    text = "狗，" * 8
    families = font_families(text)
    for inches in np.linspace(0.4, 1.2, 9):
        assert not any(
            line.startswith("，") for line in wrap(text, inches, families, 8)
        )


def test_letters_shrink_before_lines_break():
    families = font_families("")
    width = text_width("hippopotamus", families, 10)
    assert shrink("hippopotamus", width, families, 10, 7) == 10
    assert shrink("hippopotamus", 0.8 * width, families, 10, 7) == pytest.approx(8)
    assert shrink("hippopotamus", 0.2 * width, families, 10, 7) == 7
