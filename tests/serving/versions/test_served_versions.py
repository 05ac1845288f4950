"""Real models, from the disk to their users and away again."""

import shutil
import threading

import numpy as np
import pytest

from keras_attention.serving.config import ServedModelConfig, VersionPolicy
from keras_attention.serving.models.warmup import write_warmup
from keras_attention.serving.options import BatchingParameters, LoadOptions
from keras_attention.serving.versions.repository import load_version
from keras_attention.serving.wire.errors import Code
from tests.serving.support import eventually, export_calculator
from tests.serving.versions.support import serving


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Folder with the versions 1 and 2, which multiply by 1 and 2."""
    folder = tmp_path_factory.mktemp("versions")
    for version in (1, 2):
        export_calculator(folder / str(version), factor=float(version))
    return folder


def served(models, **options):
    return serving(models, load_version, **options)


def factor(repository, number=None):
    with repository.use("m", number) as version:
        outputs = version.model.run("", {"x": np.float32([[1, 1]])})
        return outputs["y"][0, 0]


def test_requests_run_while_a_version_replaces_another(versions, tmp_path):
    shutil.copytree(versions / "1", tmp_path / "1")
    stop = threading.Event()
    responses = []

    def send(repository):
        while not stop.is_set():
            responses.append(factor(repository))

    with served({"m": tmp_path}) as repository:
        thread = threading.Thread(target=send, args=(repository,))
        thread.start()
        try:
            eventually(lambda: responses)
            shutil.copytree(versions / "2", tmp_path / "new")
            (tmp_path / "new").rename(tmp_path / "2")
            eventually(lambda: responses[-1] == 2)
        finally:
            stop.set()
            thread.join()
    assert set(responses) == {1, 2}
    assert responses == sorted(responses)


def test_versions_side_by_side_keep_their_weights(versions):
    models = {"m": ServedModelConfig(versions, VersionPolicy(every=True))}
    with served(models) as repository:
        assert [factor(repository, number) for number in (1, 2, 1)] == [1, 2, 1]


def test_a_version_that_is_no_model_says_why(versions, tmp_path):
    shutil.copytree(versions / "1", tmp_path / "1")
    with served({"m": tmp_path}) as repository:
        shutil.copytree(versions / "2", tmp_path / "2")
        (tmp_path / "2" / "saved_model.pb").write_bytes(b"not a model")
        eventually(lambda: len(repository.status("m")) == 2)
        eventually(lambda: repository.status("m", 2)[0][1].name == "END")
        ((_, _, error),) = repository.status("m", 2)
        assert error.code is not Code.OK and "saved_model.pb" in error.message
        assert factor(repository) == 1


def test_a_warm_up_that_fails_keeps_the_version_away(versions, tmp_path):
    shutil.copytree(versions / "1", tmp_path / "1")
    write_warmup(tmp_path / "1", "m", [("nothing", {})])
    with pytest.raises(ValueError, match="version 1: "):
        with served({"m": tmp_path}):
            pass
    with served({"m": tmp_path}, load=LoadOptions(enable_warmup=False)) as repository:
        assert factor(repository) == 1


def test_options_reach_the_model(versions):
    load = LoadOptions(batching=BatchingParameters(max_batch_size=2))
    with served({"m": versions}, load=load) as repository:
        assert factor(repository) == 2
        with repository.use("m") as version:
            with pytest.raises(Exception, match="Task size 3 is larger than"):
                version.model.run("", {"x": np.ones([3, 2], "float32")})
