"""What a model took is there for the next one."""

import shutil
import time

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.serving.callers import Caller
from keras_attention.serving.models.loading import load_model
from keras_attention.serving.versions.repository import load_version
from keras_attention.serving.wire.errors import ServingError
from tests.serving.models.support import Loop, export_module, leaving
from tests.serving.support import (
    eventually,
    export_calculator,
    needs_resident,
    resident_megabytes,
)
from tests.serving.versions.support import serving

MEGABYTES = 20


class Large(tf.Module):
    def __init__(self):
        super().__init__()
        self.weights = tf.Variable(tf.ones([MEGABYTES * 1024, 256]))

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def multiply(self, x):
        return {"y": x @ self.weights[:4]}


@pytest.mark.slow
@needs_resident
def test_memory_does_not_grow_over_fifty_reloads(tmp_path):
    model = Large()
    tf.saved_model.save(model, str(tmp_path / "large"), signatures=model.multiply)
    del model
    shutil.copytree(tmp_path / "large", tmp_path / "m" / "1")
    resident = []
    with serving({"m": tmp_path / "m"}, load_version) as repository:
        for number in range(2, 52):
            shutil.copytree(tmp_path / "large", tmp_path / "m" / "new")
            (tmp_path / "m" / "new").rename(tmp_path / "m" / str(number))
            eventually(lambda n=number: repository.status("m")[0][:2] == (n, 30))
            eventually(lambda: repository.status("m")[1][1].name == "END")
            shutil.rmtree(tmp_path / "m" / str(number - 1))
            with repository.use("m") as version:
                assert version.number == number
                outputs = version.model.run("", {"x": np.ones([1, 4], "float32")})
            assert outputs["y"][0, 0] == 4
            resident.append(resident_megabytes())
    print(f"{resident[5]:.0f} MB resident at first, {resident[-1]:.0f} at last")
    # Two at a time is all there ever is; what is left is noise.
    assert max(resident[5:]) - resident[5] < MEGABYTES / 2, resident


@needs_resident
def test_memory_does_not_grow_with_requests_that_fail(tmp_path):
    export_calculator(tmp_path / "1")
    model = load_model(tmp_path / "1")
    wrong = {"x": np.ones([1, 3], np.float32)}

    def fail(times):
        for _ in range(times):
            with pytest.raises(ServingError, match="size-incompatible"):
                model.run("", wrong, caller=Caller(time.monotonic() + 60.0))
        return resident_megabytes()

    before = fail(5_000)
    assert fail(40_000) - before < 10  # it was 27
    model.close()


@pytest.mark.slow
@needs_resident
def test_memory_does_not_grow_with_loops_that_are_stopped(tmp_path):
    export_module(Loop(), tmp_path / "1")
    model = load_model(tmp_path / "1")
    for_ever = {"n": np.int32([2**31 - 1])}

    def stop(times):
        for _ in range(times):
            with pytest.raises(ServingError, match="CANCELLED"):
                model.run("", for_ever, caller=leaving(0.001))
        return resident_megabytes()

    before = stop(300)
    assert stop(1500) - before < 0.8  # it was 1.2
    model.close()
