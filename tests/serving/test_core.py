"""What was read of a version is what runs, whatever comes and goes meanwhile."""

import threading

import pytest

from keras_attention.serving.core import Core, ModelSpec
from keras_attention.serving.wire.errors import Code, ServingError
from tests.serving.support import eventually
from tests.serving.versions.support import serving, states_of, write_version


class Numbered:
    """Responds with its version's number, as long as it is not closed."""

    def __init__(self, folder, options, metrics, name):
        self.number = int(folder.name)
        self.closed = threading.Event()

    def run(self, signature_name, inputs, output_filter=(), timeout=None):
        assert not self.closed.is_set()
        return {"number": self.number, "signature": signature_name, **inputs}

    def close(self):
        self.closed.set()


def test_the_version_that_is_held_runs_though_another_has_taken_over(tmp_path):
    write_version(tmp_path / "m", 1)
    with serving({"m": tmp_path / "m"}, Numbered) as repository:
        core = Core(repository)
        with core.use(ModelSpec("m")) as held:
            write_version(tmp_path / "m" / "unfinished", 2)
            (tmp_path / "m" / "unfinished" / "2").rename(tmp_path / "m" / "2")
            eventually(lambda: states_of(repository).get(2) == "AVAILABLE")
            response = core.predict(held, {"x": 3})
            assert not held.model.closed.is_set()
        eventually(held.model.closed.is_set)
        with core.use(ModelSpec("m", signature_name="other")) as later:
            assert core.predict(later, {}).outputs["number"] == 2
    assert response.model_spec == ModelSpec("m", 1, "", "serving_default")
    assert response.outputs == {"number": 1, "signature": "serving_default", "x": 3}
    assert later.model_spec == ModelSpec("m", 2, "", "other")


def test_nothing_is_held_where_there_is_nothing(tmp_path):
    write_version(tmp_path / "m", 1)
    with serving({"m": tmp_path / "m"}, Numbered) as repository:
        core = Core(repository)
        for model_spec, code in [
            (ModelSpec(""), Code.INVALID_ARGUMENT),
            (ModelSpec("other"), Code.NOT_FOUND),
            (ModelSpec("m", 5), Code.NOT_FOUND),
        ]:
            with pytest.raises(ServingError) as error, core.use(model_spec):
                raise AssertionError("there is no such version")
            assert error.value.code is code
