"""Of weights without numbers nothing is left for Keras to make later."""

import keras
import pytest

from keras_attention.models.shapes_alone import shapes_alone

# No machine has room for them.
HUGE = 2**26


def test_nothing_is_pending_afterwards():
    with shapes_alone():
        layer = keras.layers.Dense(HUGE)
        layer.build((None, HUGE))
        assert layer.count_params() == HUGE * HUGE + HUGE
    with keras.StatelessScope():
        pass  # Keras makes what is pending as this ends.
    assert not keras.layers.Dense(2)(keras.ops.ones((1, 3))).shape[0] - 1


def test_nor_after_an_error():
    with pytest.raises(ValueError, match="stop"), shapes_alone():
        keras.layers.Dense(HUGE).build((None, HUGE))
        raise ValueError("stop")
    with keras.StatelessScope():
        pass
