"""A dense layer over the last axis, whatever stands before it."""

from keras import ops


def project(dense, features):
    """`dense(features)` `(…, units)` of `(…, dim)`, as one product of two matrices.

    On TensorFlow, Keras's `Dense` multiplies three axes by `tf.tensordot`. XLA does not
    compile the gradient of that within a loop, where axes' lengths are not known ("must
    be a compile-time constant"). Four it has multiplied by broadcasting since Keras
    3.12, with which TensorFlow 2.21 writes past its memory on CPUs (tensorflow issue
    117700).
    """
    flat = dense(ops.reshape(features, (-1, ops.shape(features)[-1])))
    return ops.reshape(flat, (*ops.shape(features)[:-1], dense.units))
