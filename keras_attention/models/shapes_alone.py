"""Models whose weights have shapes and no numbers."""

import contextlib

import keras

# Keras has no public name for what is pending.
from keras.src.backend.common import global_state


@contextlib.contextmanager
def shapes_alone():
    """Within, weights that are made have shapes alone, and afterwards are forgotten.

    A plain `keras.StatelessScope(initialize_variables=False)` leaves them pending, and
    Keras would give them numbers at the end of the next such scope, whoever opens it:
    memory for a model that nobody has any more, or more than there is.
    """
    name = "uninitialized_variables"
    pending = global_state.get_global_attribute(name, [], set_to_default=True)
    count = len(pending)
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        del pending[count:]
