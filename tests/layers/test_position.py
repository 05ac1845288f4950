"""SinePositionEncoding is the formula of the paper, wherever it starts."""

import numpy as np
import pytest

from keras_attention.layers.position import SinePositionEncoding
from tests.support import check_layer, to_numpy


def formula(positions, dim, max_wavelength=10000.0):
    encoding = np.zeros((*positions.shape, dim))
    for i in range(dim):
        rate = max_wavelength ** (-(i - i % 2) / dim)
        wave = np.cos if i % 2 else np.sin
        encoding[..., i] = wave(positions * rate)
    return encoding


@pytest.mark.parametrize("config", [{}, {"max_wavelength": 50.0}])
def test_keeps_the_layer_contract(config):
    check_layer(SinePositionEncoding, config, inputs=(2, 5, 6))


@pytest.mark.parametrize("dim", [6, 7])
@pytest.mark.parametrize("max_wavelength", [10000.0, 50.0])
def test_agrees_with_the_formula(dim, max_wavelength):
    layer = SinePositionEncoding(max_wavelength=max_wavelength)
    encoding = to_numpy(layer(np.ones((2, 9, dim), "float32")))
    expected = formula(np.arange(9), dim, max_wavelength)
    np.testing.assert_allclose(encoding, [expected, expected], atol=1e-5)


@pytest.mark.parametrize("start_index", [4, np.int32(4)])
def test_starts_where_decoding_has_come_to(start_index):
    layer = SinePositionEncoding()
    whole = to_numpy(layer(np.zeros((1, 9, 6), "float32")))
    rest = to_numpy(layer(np.zeros((1, 5, 6), "float32"), start_index=start_index))
    np.testing.assert_allclose(rest, whole[:, 4:], atol=1e-6)


def test_encodes_positions_of_any_shape():
    positions = np.array([[0, 7, 2], [2, 1, 1]])
    encoding = to_numpy(SinePositionEncoding().encode_positions(positions, 6))
    np.testing.assert_allclose(encoding, formula(positions, 6), atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_tells_late_positions_apart_in_half_precision(dtype):
    layer = SinePositionEncoding(dtype=dtype)
    encoding = to_numpy(layer(np.zeros((1, 2, 6), "float32"), start_index=2048))
    np.testing.assert_allclose(
        encoding[0], formula(np.array([2048, 2049]), 6), atol=1e-2
    )
