"""A map of few cells lies over the image where it belongs."""

import numpy as np
import pytest

from keras_attention.plotting.overlay import (
    SIDE,
    check_maps,
    checked_pixels,
    fit_panel,
    overlay,
    peak_place,
    smooth_map,
)


def one_cell(row, column, cells=4):
    attention = np.zeros((cells, cells))
    attention[row, column] = 0.7
    return attention


def brightest(smooth):
    return np.unravel_index(smooth.argmax(), smooth.shape)


@pytest.mark.parametrize("cell", [(1, 1), (1, 2), (3, 2)])
def test_the_brightest_spot_is_the_middle_of_the_cell(cell):
    smooth = smooth_map(one_cell(*cell, cells=5), (100, 100))
    expected = [20 * (index + 0.5) for index in cell]
    np.testing.assert_allclose(brightest(smooth), expected, atol=1.5)
    assert smooth.max() > 0.99 and smooth.min() == 0


@pytest.mark.parametrize("cell", [(0, 0), (0, 2), (3, 3)])
def test_at_the_edge_it_is_in_the_cell(cell):
    smooth = smooth_map(one_cell(*cell), (80, 80))
    assert tuple(np.array(brightest(smooth)) // 20) == cell


def test_even_attention_is_even():
    for cells in (1, 2, 7):
        even = smooth_map(np.full((cells, cells), 0.1), (50, 40))
        np.testing.assert_allclose(even, 1, rtol=1e-5)
    assert not smooth_map(np.zeros((4, 4)), (50, 40)).any()


def test_maps_are_smooth_and_never_negative():
    rng = np.random.default_rng(0)
    smooth = smooth_map(rng.random((8, 8)), (128, 96))
    assert smooth.shape == (96, 128)
    assert smooth.min() >= 0 and 0.99 < smooth.max() <= 1
    assert np.abs(np.diff(smooth, axis=1)).max() < 0.1


def test_a_map_is_a_b_spline():
    """Far from the edges it is the sum of SciPy's elements, one for each cell."""
    interpolate = pytest.importorskip("scipy.interpolate")
    attention = np.random.default_rng(1).random((9, 9))
    attention[[0, 1, -2, -1]] = attention[:, [0, 1, -2, -1]] = 0
    element = interpolate.BSpline.basis_element([-2, -1, 0, 1, 2], extrapolate=False)
    places = np.arange(90) / 10 + 0.05 - 0.5
    spread = np.nan_to_num(element(places[:, None] - np.arange(9)))
    expected = spread @ attention @ spread.T
    smooth = smooth_map(attention, (90, 90))
    np.testing.assert_allclose(smooth, expected / expected.max(), atol=0.02)


def test_a_window_takes_its_part_of_the_square():
    """A wide image, letterboxed: its upper edge lies at a quarter of the square."""
    smooth = smooth_map(one_cell(1, 1), (80, 40), window=(0, 0.25, 1, 0.75))
    assert tuple(np.array(brightest(smooth)) // 20) == (0, 1)


def test_where_a_crop_left_something_out_nothing_is_attended_to():
    smooth = smooth_map(np.ones((4, 4)), (160, 80), window=(-0.5, 0, 1.5, 1))
    assert smooth[40, 80] > 0.9
    assert smooth[40, 5] == smooth[40, 155] == 0


def test_what_is_attended_to_keeps_its_colours():
    image = np.full((60, 60, 3), (200, 40, 40), "uint8")
    lit = overlay(image, one_cell(1, 1, cells=3))
    middle, corner = lit[SIDE // 2, SIDE // 2], lit[2, 2]
    np.testing.assert_allclose(middle, (200, 40, 40), atol=6)
    assert corner.max() < 70 and np.ptp(corner.astype(int)) < 0.3 * 160


def test_things_as_bright_as_their_background_can_be_told_where_it_is_dark():
    image = np.full((60, 60, 3), (60, 150, 60), "uint8")
    image[:, 30:] = (60, 60, 255)
    dark = overlay(image, one_cell(0, 0, cells=9)).astype(int)
    assert np.abs(dark[-1, 20] - dark[-1, -20]).max() > 15


def test_panels_keep_the_proportions_of_images():
    assert fit_panel(np.zeros((30, 60, 3), "uint8")).shape == (SIDE // 2, SIDE, 3)
    assert fit_panel(np.zeros((900, 3, 3), "uint8")).shape == (SIDE, 1, 3)


def test_the_peak_is_the_middle_of_its_cell():
    assert peak_place(one_cell(0, 3)) == (0.875, 0.125)
    # Of what is image in it.
    assert peak_place(one_cell(1, 3), (0, 0.375, 1, 0.625)) == (0.875, 0.4375)


def test_even_attention_is_even_up_to_the_edge_of_a_padded_image():
    attention = np.zeros((4, 4))
    attention[1:3] = 0.1  # As padding is not looked at.
    even = smooth_map(attention, (50, 20), (0, 0.3, 1, 0.7))
    np.testing.assert_allclose(even, 1, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4), (4, 4, 4)])
def test_other_shapes_are_no_images(shape):
    with pytest.raises(ValueError, match=r"must be uint8 \(H, W, 3\)"):
        checked_pixels(np.zeros(shape, "uint8"))


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (np.zeros((2, 3, 4)), r"must be \(2, N, N\).* received the shape \(2, 3, 4\)"),
        (np.zeros((3, 4, 4)), "one map for each of 2 tokens"),
        (np.full((2, 4, 4), np.nan), "attention must be finite"),
    ],
)
def test_other_shapes_are_no_maps(maps, message):
    with pytest.raises(ValueError, match=message):
        check_maps(maps, 2)
