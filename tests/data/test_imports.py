"""Reading and preparing text needs neither Keras nor TensorFlow."""

import subprocess
import sys

CODE = """
import sys
import keras_attention.data.text.toy, keras_attention.data.corpora
import keras_attention.data.text.translations
print(*({name.partition(".")[0] for name in sys.modules}
        & {"keras", "tensorflow", "tensorflow_text", "jax"}))
"""


def test_preparing_text_imports_no_backend():
    command = [sys.executable, "-c", CODE]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
