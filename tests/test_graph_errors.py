"""What a graph says of an error is told without the names of its nodes."""

import pytest

from keras_attention.graph_errors import plain_message

SAID = {
    # As an eager call of an exported model has it,
    "Graph execution error:\n\nDetected at node map/while/Assert/Assert defined at "
    "(most recent call last):\n<stack traces unavailable>\nassertion failed: "
    "[image_bytes must be a JPEG; received other bytes]\n\t "
    "[[{{node map/while/Assert/Assert}}]] "
    "[Op:__inference_signature_wrapper_serving_default_19095]": (
        "image_bytes must be a JPEG; received other bytes"
    ),
    # a session, and TensorFlow Serving,
    "assertion failed: [at most 50,000,000 pixels; received height and width] [7000] "
    "[8000]\n\t [[{{node map/while/cond/Assert}}]]": (
        "at most 50,000,000 pixels; received height and width 7000 8000"
    ),
    "Invalid PNG data, size 100\n\t [[{{node map/while/cond/DecodePng}}]]": (
        "Invalid PNG data, size 100"
    ),
    # and a function.
    "{{function_node __inference_f_12}} {{function_node __inference_g_3}} Invalid JPEG "
    "data, size 4 [Op:DecodeJpeg]": "Invalid JPEG data, size 4",
    "2 root error(s) found.\n  (0) INVALID_ARGUMENT: bad\n\t [[{{node a}}]]\n\t "
    "[[b/_3]]\n  (1) INVALID_ARGUMENT: bad\n\t [[{{node a}}]]\n0 successful "
    "operations.\n0 derived errors ignored.": "bad",
    # What is of no graph stays as it is.
    "Servable not found for request: Latest(m)": (
        "Servable not found for request: Latest(m)"
    ),
    "[1, 2] is\n  no {{text}}": "[1, 2] is\n  no {{text}}",
}


@pytest.mark.parametrize("number", range(len(SAID)))
def test_nodes_are_left_out(number):
    said, plain = list(SAID.items())[number]
    assert plain_message(said) == plain
