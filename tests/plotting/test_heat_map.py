"""Heat maps show the scores under the right tokens, and are written whole."""

import numpy as np
import pytest
from PIL import Image

from keras_attention.plotting.heat_map import plot_attention, plot_heads

SOURCE = ["▁gut", "en", "▁Morgen", "</s>"]
TARGET = ["▁good", "▁morning", "</s>"]


def example(*shape, seed=0):
    scores = np.random.default_rng(seed).random(shape)
    return scores / scores.sum(axis=-1, keepdims=True)


def texts(labels):
    return [label.get_text() for label in labels]


def test_shows_the_scores_with_the_source_along_the_top():
    scores = example(3, 4)
    axes = plot_attention(scores, SOURCE, TARGET).axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), scores, rtol=1e-6)
    assert texts(axes.get_xticklabels()) == ["_gut", "en", "_Morgen", "</s>"]
    assert texts(axes.get_yticklabels()) == ["_good", "_morning", "</s>"]
    assert axes.xaxis.get_tick_params()["labeltop"]
    # The first row is at the top.
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_marks_no_words_where_every_token_is_one():
    axes = plot_attention(example(2, 2), ["▁a", "</s>"], ["▁b", "▁"]).axes[0]
    assert texts(axes.get_xticklabels()) == ["a", "</s>"]
    assert texts(axes.get_yticklabels()) == ["b", "_"]


def test_letters_are_joined_as_they_are_written():
    tokens = ["▁می\u200cخواهم", "\u200c", "a\u200eb"]
    axes = plot_attention(np.eye(3), tokens, tokens).axes[0]
    expected = ["_می\u200cخواهم", r"\u200c", r"a\u200eb"]
    assert texts(axes.get_xticklabels()) == texts(axes.get_yticklabels()) == expected


def test_the_bytes_of_a_character_share_a_column_and_a_row():
    spelt = ["▁", "<0xC3>", "<0xA9>", "</s>"]
    scores = [[0.1, 0.2, 0.3, 0.4], [0, 0.5, 0.5, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 1]]
    axes = plot_attention(scores, spelt, spelt).axes[0]
    assert texts(axes.get_xticklabels()) == ["_", "é", "</s>"]
    assert texts(axes.get_yticklabels()) == ["_", "é", "</s>"]
    expected = [[0.1, 0.5, 0.4], [0.25, 0.75, 0], [0, 0, 1]]
    np.testing.assert_allclose(axes.images[0].get_array(), expected, rtol=1e-6)
    heads = plot_heads([scores, scores], spelt, spelt)
    np.testing.assert_allclose(heads.axes[1].images[0].get_array(), expected, rtol=1e-6)


def test_colors_start_at_nothing_and_have_a_bar():
    figure = plot_attention(np.full((1, 4), 0.25), SOURCE, ["x"])
    assert figure.axes[0].images[0].get_clim() == (0, 0.25)
    assert figure.axes[1].get_ylabel() == "attention weight"


@pytest.mark.parametrize(("num_targets", "num_sources"), [(1, 1), (4, 30), (30, 4)])
def test_size_follows_the_number_of_tokens(num_targets, num_sources):
    few = plot_attention(
        example(num_targets, num_sources), ["a"] * num_sources, ["b"] * num_targets
    )
    more = plot_attention(
        example(2 * num_targets, 2 * num_sources),
        ["a"] * 2 * num_sources,
        ["b"] * 2 * num_targets,
    )
    assert all(more.get_size_inches() >= few.get_size_inches())
    assert all(more.get_size_inches() < 30)


def test_dollars_are_no_formulas(tmp_path):
    path = tmp_path / "image.png"
    tokens = ["$x_", r"\frac$", "a\nb"]
    figure = plot_attention(
        example(3, 3), tokens, tokens, title="$5 or $\\x", path=path
    )
    assert texts(figure.axes[0].get_xticklabels()) == ["$x_", r"\frac$", r"a\nb"]
    assert path.exists()


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_ending_chooses_the_format(tmp_path, ending, start):
    path = tmp_path / "new" / f"image.{ending}"
    plot_attention(example(3, 4), SOURCE, TARGET, path=path)
    assert path.read_bytes().startswith(start)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_image_is_bright_where_the_score_is(tmp_path):
    path = tmp_path / "image.png"
    plot_attention(np.eye(2), ["a", "b"], ["a", "b"], path=path)
    colors = Image.open(path).convert("RGB").getcolors(maxcolors=1 << 20)
    counts = {color: count for count, color in colors}
    assert counts[253, 231, 36] > 2000  # viridis at 1
    assert counts[68, 1, 84] > 2000  # viridis at 0


def test_an_unknown_ending_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="xyz"):
        plot_attention(example(3, 4), SOURCE, TARGET, path=tmp_path / "image.xyz")
    assert not list(tmp_path.iterdir())


def test_draws_on_a_figure_that_is_given():
    first = plot_attention(example(3, 4), SOURCE, TARGET)
    first.clear()
    assert plot_attention(example(3, 4), SOURCE, TARGET, figure=first) is first


@pytest.mark.parametrize("num_heads", [1, 2, 5])
def test_heads_share_tokens_and_scale(num_heads):
    scores = example(num_heads, 3, 4)
    *maps, bar = plot_heads(scores, SOURCE, TARGET).axes
    assert [axes.get_xlabel() for axes in maps] == [
        f"head {number + 1}" for number in range(num_heads)
    ]
    top = pytest.approx(scores.max())
    assert all(axes.images[0].get_clim() == (0, top) for axes in maps)
    assert bar.get_ylabel() == "attention weight"


def test_errors_name_both_shapes():
    with pytest.raises(ValueError, match=r"3 target tokens and 4 .*\(4, 3\)"):
        plot_attention(example(4, 3), SOURCE, TARGET)
    with pytest.raises(ValueError, match=r"\(H, T, S\).*\(3, 4\)"):
        plot_heads(example(3, 4), SOURCE, TARGET)
    with pytest.raises(ValueError, match=r"no axis empty.*\(0, 4\)"):
        plot_attention(np.zeros((0, 4)), SOURCE, [])
    with pytest.raises(ValueError, match="finite"):
        plot_attention([[np.nan]], ["a"], ["b"])


def test_what_no_font_has_is_drawn_without_a_warning(tmp_path):
    path = tmp_path / "image.png"
    plot_attention([[1.0]], ["我"], ["\U0002ffff"], title="\U000e0041", path=path)
    assert path.exists()
