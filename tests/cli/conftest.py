"""Commands that need no bundle on disk."""

import pytest

from keras_attention.cli import bundles
from tests.translators import make_recurrent_translator


@pytest.fixture
def loaded(monkeypatch, translator):
    """Commands find the session's translator, whose programs are compiled."""
    monkeypatch.setattr(bundles, "load", lambda bundle: translator)


@pytest.fixture
def blind(monkeypatch, translator):
    """Commands find a translator without attention."""
    found = make_recurrent_translator(translator.source_tokenizer, None)
    monkeypatch.setattr(bundles, "load", lambda bundle: found)
