"""What a backend says of this machine is told only where it fails to load."""

import os
import subprocess
import sys

import pytest

# This Keras is not one to register classes with.
PREPARE = """
import sys
from keras_attention.cli.backend_loading import load_backend
from keras_attention.registration import AfterKeras
sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, AfterKeras)]
"""
LOUD = 'import os\nos.write(2, b"I0000 of this machine\\n")\n'


def load(tmp_path, modules, then=""):
    """Loads a backend made of small modules; returns the process."""
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    script = f"{PREPARE}load_backend()\n{then}"
    paths = [str(tmp_path), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )


@pytest.mark.parametrize("backend", ["import tensorflow", ""])
def test_tensorflow_is_silent_whenever_it_is_imported(tmp_path, backend):
    """With Keras, as its backend; or later, beside another one."""
    modules = {"keras": backend, "tensorflow": f"{LOUD}answer = 42"}
    then = """
import importlib.util
assert importlib.util.find_spec("tensorflow")  # A look takes nothing away.
import tensorflow
print(tensorflow.answer, file=sys.stderr)
"""
    result = load(tmp_path, modules, then)
    assert (result.returncode, result.stderr) == (0, "42\n")


@pytest.mark.parametrize("failing", ["keras", "tensorflow"])
def test_what_fails_to_load_says_all(tmp_path, failing):
    modules = {"keras": "", "tensorflow": ""}
    modules[failing] = f"{LOUD}raise OSError('no library')"
    result = load(tmp_path, modules, "import tensorflow")
    assert result.returncode == 1
    assert "I0000 of this machine" in result.stderr
    assert "OSError: no library" in result.stderr
