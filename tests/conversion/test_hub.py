"""hf:// addresses; the Hub's client is one that keeps a folder of ours."""

import functools
import hashlib
import http.server
import json
import sys
import threading
import types
import urllib.parse

import pytest

from keras_attention import Translator
from keras_attention.conversion.hub import local_folder
from tests.conversion.support import CHECKPOINTS, MULTILINGUAL


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
    assert patterns == ["*.json", "*.spm", "*.bpe.model", "model*.safetensors"]


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
        raise OSError("no network, and nothing in the cache.")

    hub.answer = answer
    with pytest.raises(
        ValueError, match=r"hf://a/b could not be downloaded: no netw.*ache\. Check"
    ):
        local_folder("hf://a/b")


def test_without_the_client(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"pip install 'keras-attention-models\[hub\]"):
        local_folder("hf://a/b")


@pytest.fixture
def endpoint(monkeypatch, tmp_path):
    """The Hub's own client, and a stand-in for the Hub on this machine."""
    commit = "0" * 40
    folders = {
        "owner/name": CHECKPOINTS / "multi-target",
        "owner/nllb": MULTILINGUAL / "nllb",
    }
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(with_body=False)

        def do_GET(self):
            self.answer()

        def answer(self, with_body=True):
            path = urllib.parse.unquote(self.path.partition("?")[0])
            asked.append(path)
            name = "/".join(path.removeprefix("/api/models").split("/")[1:3])
            folder = folders.get(name)
            if folder is None:
                return self.send_error(404)
            if path.startswith(f"/api/models/{name}/tree/"):
                tree = [
                    {
                        "type": "file",
                        "path": each.name,
                        "size": each.stat().st_size,
                        "oid": "0" * 40,
                    }
                    for each in folder.iterdir()
                ]
                return self.send(json.dumps(tree).encode(), with_body)
            if path.startswith(f"/api/models/{name}/revision/"):
                siblings = [{"rfilename": each.name} for each in folder.iterdir()]
                body = {"id": name, "sha": commit, "siblings": siblings}
                return self.send(json.dumps(body).encode(), with_body)
            file = folder / path.rpartition("/")[2]
            if path.startswith(f"/{name}/resolve/{commit}/") and file.is_file():
                return self.send(file.read_bytes(), with_body)
            self.send_error(404)

        def send(self, body, with_body):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    client = pytest.importorskip("huggingface_hub")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        download = functools.partial(
            client.snapshot_download, endpoint=address, cache_dir=tmp_path
        )
        monkeypatch.setattr(client, "snapshot_download", download)
        yield asked
        server.shutdown()


def test_the_hubs_own_client(endpoint):
    folder = local_folder("hf://owner/name")
    found = {path.name for path in folder.iterdir()}
    wanted = {path.name for path in (CHECKPOINTS / "multi-target").iterdir()}
    # Neither .npz nor anything else that is not read.
    assert found == wanted - {"expected.npz"}
    for name in found:
        ours, theirs = folder / name, CHECKPOINTS / "multi-target" / name
        assert ours.read_bytes() == theirs.read_bytes()


def test_what_cuts_texts_of_many_languages_is_downloaded_too(endpoint):
    translator = Translator.from_m2m100("hf://owner/nllb")
    assert "deu_Latn" in translator.languages


def test_a_model_that_the_hub_does_not_have(endpoint):
    with pytest.raises(ValueError, match="hf://owner/other could not be downloaded"):
        local_folder("hf://owner/other")
