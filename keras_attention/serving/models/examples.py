"""The Input of Classify, Regress and MultiInference: serialized `tf.Example`s."""

from tensorflow_serving.apis import input_pb2

from keras_attention.serving.wire.errors import invalid_argument


def read_input(message):
    """Reads an `Input`.

    Args:
        message: `input_pb2.Input`.

    Returns:
        List of bytes, one serialized `tf.Example` each. A context is put before each
        of them: in a serialized message, what comes later wins.

    Raises:
        ServingError: if there is no example.
    """
    kind = message.WhichOneof("kind")
    if kind == "example_list":
        examples = message.example_list.examples
        context = b""
    elif kind == "example_list_with_context":
        examples = message.example_list_with_context.examples
        context = message.example_list_with_context.context.SerializeToString()
    else:
        examples = []
    if not examples:
        raise invalid_argument("Input is empty.")
    return [context + example.SerializeToString() for example in examples]


def make_input(examples):
    """The `Input` of a list of serialized `tf.Example`s."""
    message = input_pb2.Input()
    for example in examples:
        message.example_list.examples.add().ParseFromString(example)
    return message
