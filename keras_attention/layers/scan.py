"""A recurrence along the first axis, step by step, that XLA can differentiate."""

import keras
from keras import ops, tree


def scan(step, carry, inputs, keep):
    """Runs `carry = step(carry, input)` over all inputs, and stacks what is kept.

    As `keras.ops.scan`, which on TensorFlow says nowhere how long its loop may be. The
    gradient of such a loop keeps lists without a bound, which XLA does not compile
    ("requires a fixed tensor list size", Keras 3.15). This one says so.

    Args:
        step: function of a carry and of one element of the inputs; returns the next
            carry, of the same structure, shapes and dtypes.
        carry: nested structure of tensors, where the recurrence begins.
        inputs: tensor `(T, …)`, or nested structure of such.
        keep: function of a carry, which returns the nested structure to stack.

    Returns:
        What `keep` returned at each step, each tensor `(T, …)`.

    Example:

    >>> ones = np.ones((3, 2))
    >>> sums = scan(lambda total, x: total + x, np.zeros(2), ones, lambda x: x)
    >>> keras.ops.convert_to_numpy(sums)[:, 0].tolist()
    [1.0, 2.0, 3.0]
    """
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_scan(step, carry, inputs, keep)

    def step_and_keep(carry, inputs):
        carry = step(carry, inputs)
        return carry, keep(carry)

    _, kept = ops.scan(step_and_keep, carry, inputs)
    return kept


def _tensorflow_scan(step, carry, inputs, keep):
    import tensorflow as tf

    carry, inputs = (
        tree.map_structure(ops.convert_to_tensor, x) for x in (carry, inputs)
    )
    flat_inputs = tree.flatten(inputs)
    length = tf.shape(flat_inputs[0])[0]

    def array(dtype, shape):
        return tf.TensorArray(dtype, size=length, element_shape=shape)

    sources = [array(x.dtype, x.shape[1:]).unstack(x) for x in flat_inputs]
    kept = [array(x.dtype, x.shape) for x in tree.flatten(keep(carry))]

    def body(i, flat_carry, kept):
        element = tree.pack_sequence_as(inputs, [source.read(i) for source in sources])
        new = step(tree.pack_sequence_as(carry, flat_carry), element)
        flat_new = tree.flatten(new)
        for before, after in zip(flat_carry, flat_new, strict=True):
            after.set_shape(before.shape)
        stacks = zip(kept, tree.flatten(keep(new)), strict=True)
        return i + 1, flat_new, [stack.write(i, x) for stack, x in stacks]

    _, _, stacks = tf.while_loop(
        lambda i, *_: i < length,
        body,
        (0, tree.flatten(carry), kept),
        maximum_iterations=length,
    )
    return tree.pack_sequence_as(keep(carry), [stack.stack() for stack in stacks])
