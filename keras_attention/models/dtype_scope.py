"""A dtype policy for layers that take none."""

import contextlib

import keras


@contextlib.contextmanager
def dtype_policy_scope(dtype):
    """Within, layers to which no dtype policy is passed on have this one.

    Args:
        dtype: dtype policy, or None: that of Keras stays.
    """
    before = keras.config.dtype_policy()
    if dtype is not None:
        keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
