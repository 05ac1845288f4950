"""hf:// addresses; the Hub's client is one that keeps a folder of ours."""

import sys
import types

import pytest

from keras_attention.conversion.hub import local_folder
from tests.conversion.support import CHECKPOINTS


@pytest.fixture
def hub(monkeypatch):
    """A client whose `answer` may be changed, and what it was asked."""
    client = types.ModuleType("huggingface_hub")
    client.asked = []
    client.answer = lambda patterns: CHECKPOINTS / "opus"

    def snapshot_download(name, revision=None, allow_patterns=()):
        client.asked.append((name, revision, allow_patterns))
        return str(client.answer(allow_patterns))

    client.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    return client


def test_a_folder_is_itself(tmp_path):
    assert local_folder(tmp_path) == tmp_path
    assert local_folder(str(tmp_path)) == tmp_path


def test_a_model_is_downloaded_without_what_nobody_needs(hub):
    assert local_folder("hf://Helsinki-NLP/opus-mt-en-de") == CHECKPOINTS / "opus"
    ((name, revision, patterns),) = hub.asked
    assert (name, revision) == ("Helsinki-NLP/opus-mt-en-de", None)
    assert patterns == ["*.json", "*.spm", "model*.safetensors"]


def test_old_files_only_where_there_are_no_others(hub):
    hub.answer = lambda patterns: CHECKPOINTS / "tc-big"
    assert local_folder("hf://owner/name@v1.0") == CHECKPOINTS / "tc-big"
    assert [patterns[-1] for *_, patterns in hub.asked] == [
        "model*.safetensors",
        "pytorch_model*.bin",
    ]
    assert {revision for _, revision, _ in hub.asked} == {"v1.0"}


@pytest.mark.parametrize(
    "address",
    ["hf://", "hf://name", "hf://a/b/c", "hf://../b", "hf://a/b@..", "hf://a b/c"],
)
def test_addresses_that_are_none(address, hub):
    with pytest.raises(ValueError, match="hf://owner/name"):
        local_folder(address)
    assert not hub.asked


def test_what_the_hub_does_not_give(hub):
    def answer(patterns):
        raise OSError("no network, and nothing in the cache")

    hub.answer = answer
    with pytest.raises(ValueError, match=r"hf://a/b could not be downloaded: no netw"):
        local_folder("hf://a/b")


def test_without_the_client(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"pip install 'keras-attention-models\[hub\]"):
        local_folder("hf://a/b")
