"""Large arrays on gRPC's wire, without the copies that protobuf makes."""

import numpy as np

from keras_attention.serving.wire import protos, tensors

# Below this many bytes copies cost less than the care.
LARGE = 2**16


def input_chunks(name, array):
    """One item of `PredictRequest.inputs` as the bytes that protobuf would write.

    Args:
        name: str.
        array: NumPy array of numbers.

    Returns:
        List of bytes and memoryviews, to be joined. What is written one after another
        is merged where it is read, so they may follow the rest of a request.
    """
    proto = protos.TensorProto(dtype=tensors.NUMBERS[array.dtype])
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    head = proto.SerializeToString() + _tag(4, len(content))  # tensor_content
    key = name.encode()
    key = _tag(1, len(key)) + key
    value = _tag(2, len(head) + len(content))
    item = _tag(2, len(key) + len(value) + len(head) + len(content))  # inputs
    return [item, key, value, head, content]


def _tag(number, size):
    """What stands before a field of `size` bytes."""
    varint = bytearray([number << 3 | 2])
    while size > 127:
        varint.append(size & 127 | 128)
        size >>= 7
    varint.append(size)
    return bytes(varint)
