"""Curves keep their colours, and lists of one length."""

import pytest

from keras_attention.plotting.curves import Curve, Panel, plot_curves


def panel(title, *labels):
    curves = [Curve(label, [5, 15], [30, 20], [28, 17], [32, 23]) for label in labels]
    return Panel(title, "words", "BLEU", curves)


def test_a_label_has_one_colour_in_all_panels_and_one_place_in_the_legend():
    figure = plot_curves([panel("one", "a", "b"), panel("two", "b", "c")])
    one, two = ([line.get_color() for line in axes.get_lines()] for axes in figure.axes)
    assert one[1] == two[0]
    assert len({*one, *two}) == 3
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]


def test_intervals_are_drawn_and_scores_begin_at_zero():
    (axes,) = plot_curves([panel("one", "a")]).axes
    (band,) = axes.collections
    heights = {float(y) for _, y in band.get_paths()[0].vertices}
    assert {28.0, 17.0, 32.0, 23.0} <= heights
    assert axes.get_ylim()[0] == 0


def test_an_image_is_written_whole(tmp_path):
    path = tmp_path / "new" / "curves.png"
    plot_curves([panel("$1 and $2", "价")], path=path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in path.parent.iterdir()] == ["curves.png"]


@pytest.mark.parametrize("panels", [[], [panel("one")], [panel("one", *"abcdefg")]])
def test_too_few_and_too_many_curves_are_refused(panels):
    with pytest.raises(ValueError, match="expected 1 to 6 different curves"):
        plot_curves(panels)


def test_lists_that_differ_are_refused():
    curve = Curve("a", [5, 15], [30, 20], [28], [32, 23])
    with pytest.raises(ValueError, match=r"received \[2, 2, 1, 2\] for 'a' of 'one'"):
        plot_curves([Panel("one", "words", "BLEU", [curve])])
