"""Where tests run: on the CPU, quietly, from a fixed seed."""

import os
import random
import sys

import pytest

# Before Keras or TensorFlow is imported, here and in the processes that tests start.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("JAX_PLATFORMS", "cpu")


@pytest.fixture(autouse=True)
def seed():
    """Seeds what has been imported: a test without tensors stays without Keras."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)
    else:
        random.seed(0)


@pytest.fixture(scope="session")
def translator():
    """An untrained `Translator`, one tokenizer for both languages; left as it is."""
    from tests.translators import make_translator

    return make_translator()


@pytest.fixture(scope="session")
def recurrent_translator():
    """Likewise, a recurrent model, and a tokenizer for each language."""
    from tests.translators import make_translator, recurrent

    return make_translator(shared=False, family=recurrent)


@pytest.fixture(scope="session")
def bundle(translator, tmp_path_factory):
    """The folder of a bundle of `translator`; left as it is."""
    path = tmp_path_factory.mktemp("bundles") / "tiny"
    translator.save(path)
    return path


@pytest.fixture(scope="session")
def captioner():
    """An untrained `Captioner` with soft attention; left as it is."""
    from tests.captioners import make_captioner

    return make_captioner()


@pytest.fixture(scope="session")
def captioner_bundle(captioner, tmp_path_factory):
    """The folder of a bundle of `captioner`; left as it is."""
    path = tmp_path_factory.mktemp("bundles") / "tiny-captioner"
    captioner.save(path)
    return path
