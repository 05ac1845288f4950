"""Commands that need no bundle on disk."""

import pytest

from keras_attention.cli import bundles
from tests.conversion.support import imported_multilingual
from tests.translators import make_recurrent_translator


@pytest.fixture
def load(monkeypatch):
    """Has commands find a given `Translator` or `Captioner`, whatever they ask for."""

    def find(task):
        monkeypatch.setattr(bundles, "task_of", lambda bundle: task.task)
        monkeypatch.setattr(
            bundles, "load", lambda bundle, wanted=None, ensemble=None, **others: task
        )

    return find


@pytest.fixture
def loaded(load, translator):
    """Commands find the session's translator, whose programs are compiled."""
    load(translator)


@pytest.fixture
def loaded_captioner(load, captioner):
    """Likewise, the session's captioner."""
    load(captioner)


@pytest.fixture
def multilingual(load):
    """Commands find a model of a hundred languages, by default from "en" to "de"."""
    translator = imported_multilingual("m2m100")
    load(translator)
    return translator


@pytest.fixture
def blind(load, translator):
    """Commands find a translator without attention."""
    load(make_recurrent_translator(translator.source_tokenizer, None))
