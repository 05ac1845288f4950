"""A server in the foreground says where it is, follows its file, and ends well."""

import gc
import os
import signal
import socket
import threading
import time

import httpx
import pytest

from keras_attention.serving.commands.running import run
from keras_attention.serving.config import read_models_config
from keras_attention.serving.options import (
    BatchingParameters,
    LoadOptions,
    ServerOptions,
)
from keras_attention.serving.server import Server
from tests.serving.support import eventually


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Visitor(threading.Thread):
    """Does something with the server that runs in the main thread, then ends it."""

    def __init__(self, port, visit):
        super().__init__(daemon=True)
        self.url = f"http://127.0.0.1:{port}"
        self.visit = visit
        self.error = None
        self.start()

    def run(self):
        try:
            eventually(lambda: self.get("/v2/health/ready") == 200, 60)
            self.visit(self)
        except BaseException as error:
            self.error = error
        finally:
            # Unless nobody listens any more: it would end the tests.
            if callable(signal.getsignal(signal.SIGTERM)):
                os.kill(os.getpid(), signal.SIGTERM)

    def get(self, path):
        try:
            return httpx.get(self.url + path).status_code
        except httpx.HTTPError:
            return None

    def check(self):
        self.join(60)
        if self.error is not None:
            raise self.error


def options(**changes):
    return ServerOptions(grpc_port=None, rest_port=free_port(), **changes)


def test_it_says_where_it_is_and_ends_when_it_is_told_to(models, capsys):
    chosen = options()
    before = signal.getsignal(signal.SIGTERM)
    visitor = Visitor(chosen.rest_port, lambda _: None)
    run({"m": models / "calculator"}, chosen)
    visitor.check()
    printed = capsys.readouterr().out
    assert f"REST: http://127.0.0.1:{chosen.rest_port}/v1/models" in printed
    assert "Listening on this machine only" in printed
    assert "Stopping: finishing in-flight requests" in printed
    assert signal.getsignal(signal.SIGTERM) is before
    assert visitor.get("/v2/health/live") is None


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_hanging_up_opens_the_access_log_anew_and_ends_nothing(models, tmp_path):
    log = tmp_path / "access.log"
    chosen = options(access_log=str(log))
    before = signal.getsignal(signal.SIGHUP)

    def visit(visitor):
        for number in range(3):
            assert visitor.get("/v1/models/m") == 200
            eventually(lambda: log.exists() and log.read_text())
            log.rename(tmp_path / f"access.log.{number}")
            os.kill(os.getpid(), signal.SIGHUP)
            eventually(log.exists)

    visitor = Visitor(chosen.rest_port, visit)
    assert run({"m": models / "calculator"}, chosen)
    visitor.check()
    for number in range(3):
        (line,) = (tmp_path / f"access.log.{number}").read_text().splitlines()
        assert '"model": "m"' in line
    assert signal.getsignal(signal.SIGHUP) is before


def test_a_signal_amid_garbage_collection_is_not_lost(models, monkeypatch):
    """What a handler raises there would be."""

    def end(*_):
        gc.callbacks.remove(end)  # once: a second signal would end the tests
        os.kill(os.getpid(), signal.SIGTERM)

    chosen = options()
    started = Server.start

    def start(server):
        started(server)
        gc.callbacks.append(end)

    monkeypatch.setattr(Server, "start", start)
    run({"m": models / "calculator"}, chosen)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{chosen.rest_port}/v2/health/live")


def test_a_signal_ends_it_while_it_waits_for_models(tmp_path, capsys):
    def end():
        eventually(lambda: callable(signal.getsignal(signal.SIGTERM)))
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    teller = threading.Thread(target=end)
    teller.start()
    run({"m": tmp_path / "none"}, options(wait_for_models=True))
    teller.join()
    assert "REST" not in capsys.readouterr().out


def test_what_is_under_way_is_finished(models):
    """A request that waits for company in a batch gets its response before the end."""
    waiting = BatchingParameters(max_batch_size=4, batch_timeout_micros=1_500_000)
    chosen = options(load=LoadOptions(batching=waiting), monitoring_path="/metrics")
    responses = []

    def send(url):
        responses.append(httpx.post(url, json={"instances": [[1.0, 2.0]]}, timeout=60))

    def visit(visitor):
        url = f"{visitor.url}/v1/models/m:predict"
        visitor.thread = threading.Thread(target=send, args=(url,))
        visitor.thread.start()
        waits = 'queue_depth{model_name="m"} 1'
        eventually(lambda: waits in httpx.get(f"{visitor.url}/metrics").text)

    visitor = Visitor(chosen.rest_port, visit)
    run({"m": models / "calculator"}, chosen)
    visitor.check()
    visitor.thread.join(60)
    assert responses[0].json() == {"predictions": [[2.0, 4.0]]}


CONFIG = """
model_config_list {{
  config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" }}
}}
"""


def replace(file, text):
    """At once: a file that is half written may be read."""
    new = file.with_name("new")
    new.write_text(text)
    new.rename(file)


def test_a_models_config_is_followed_and_mistakes_in_it_change_nothing(
    models, tmp_path, caplog
):
    file = tmp_path / "models.config"
    path = models / "calculator"
    file.write_text(CONFIG.format(name="first", path=path))
    chosen = options()

    def visit(visitor):
        replace(file, "model_config_list {")
        eventually(lambda: "changes nothing" in caplog.text)
        assert visitor.get("/v1/models/first") == 200
        replace(file, CONFIG.format(name="second", path=path))
        eventually(lambda: visitor.get("/v1/models/second/metadata") == 200)
        eventually(lambda: visitor.get("/v1/models/first/metadata") == 404)

    visitor = Visitor(chosen.rest_port, visit)
    run(read_models_config(file), chosen, file, 0.05)
    visitor.check()
    assert caplog.text.count("changes nothing") == 1


def test_versions_that_are_not_there_change_nothing_and_the_good_file_helps(
    models, tmp_path, caplog
):
    (version,) = (models / "calculator").iterdir()
    for number in ("1", "2"):
        (tmp_path / "m").mkdir(exist_ok=True)
        (tmp_path / "m" / number).symlink_to(version)
    file = tmp_path / "models.config"

    def say(*numbers, **labels):
        versions = " ".join(f"versions: {number}" for number in numbers)
        also = f"model_version_policy {{ specific {{ {versions} }} }}"
        for key, number in labels.items():
            also += f' version_labels {{ key: "{key}" value: {number} }}'
        text = CONFIG.format(name="m", path=tmp_path / "m")
        replace(file, text.replace("model_platform", f"{also} model_platform"))

    def label(visitor, name):
        """The version that a label means."""
        url = f"{visitor.url}/v1/models/m/labels/{name}"
        (status,) = httpx.get(url).json()["model_version_status"]
        assert status["state"] == "AVAILABLE"
        return int(status["version"])

    def visit(visitor):
        for wrong in ({}, {"stable": 1}):
            caplog.clear()
            say(11, 12, **wrong)
            eventually(lambda: "changes nothing: INVALID_ARGUMENT" in caplog.text)
            time.sleep(0.2)
            assert caplog.text.count("changes nothing") == 1
            assert label(visitor, "stable") == 1
            assert visitor.get("/v1/models/m/versions/2/metadata") == 200
            say(1, 2, stable=1, canary=2)
            eventually(lambda: visitor.get("/v1/models/m/labels/canary") == 200)
            assert (label(visitor, "stable"), label(visitor, "canary")) == (1, 2)
            say(1, 2, stable=1)
            eventually(lambda: visitor.get("/v1/models/m/labels/canary") == 400)
        say(2, stable=2)
        eventually(lambda: label(visitor, "stable") == 2)
        say(1, stable=1)
        eventually(lambda: label(visitor, "stable") == 1)

    say(1, 2, stable=1)
    chosen = options()
    visitor = Visitor(chosen.rest_port, visit)
    run(read_models_config(file), chosen, file, 0.05)
    visitor.check()


def test_a_config_that_waits_for_a_model_neither_blocks_the_next_nor_the_end(
    models, tmp_path
):
    file = tmp_path / "models.config"
    path = models / "calculator"
    absent = tmp_path / "absent"
    file.write_text(CONFIG.format(name="first", path=path))
    chosen = options(wait_for_models=True)

    def also(name, path):
        text = CONFIG.format(name="first", path=models / "calculator")
        text += CONFIG.format(name=name, path=path)
        text = text.replace("}\n\nmodel_config_list {", "")  # one list, not two
        replace(file, text)

    def visit(visitor):
        also("absent", absent)
        eventually(lambda: "absent" in httpx.get(f"{visitor.url}/v1/models").text)
        also("second", path)
        eventually(lambda: visitor.get("/v1/models/second/metadata") == 200)
        also("absent", absent)
        eventually(lambda: "absent" in httpx.get(f"{visitor.url}/v1/models").text)

    visitor = Visitor(chosen.rest_port, visit)
    assert run(read_models_config(file), chosen, file, 0.05)
    visitor.check()


def test_what_was_written_while_models_were_loaded_is_read(models, tmp_path):
    file = tmp_path / "models.config"
    path = models / "calculator"
    file.write_text(CONFIG.format(name="first", path=path))
    found = read_models_config(file)
    file.write_text(CONFIG.format(name="second", path=path))
    chosen = options()

    def visit(visitor):
        eventually(lambda: visitor.get("/v1/models/second/metadata") == 200)
        file.unlink()
        time.sleep(0.2)
        file.write_text(CONFIG.format(name="third", path=path))
        eventually(lambda: visitor.get("/v1/models/third/metadata") == 200)

    visitor = Visitor(chosen.rest_port, visit)
    run(found, chosen, file, 0.05)
    visitor.check()


def test_it_may_begin_with_no_models_and_drop_all_of_them(models, tmp_path, caplog):
    file = tmp_path / "models.config"
    file.write_text("")
    chosen = options()

    def visit(visitor):
        replace(file, CONFIG.format(name="first", path=models / "calculator"))
        eventually(lambda: visitor.get("/v1/models/first/metadata") == 200)
        replace(file, "")  # more likely a file that is being written
        eventually(lambda: "is empty" in caplog.text)
        assert visitor.get("/v1/models/first/metadata") == 200
        replace(file, "model_config_list {}")
        eventually(lambda: visitor.get("/v1/models/first/metadata") == 404)

    visitor = Visitor(chosen.rest_port, visit)
    run(read_models_config(file, at_start=True), chosen, file, 0.05)
    visitor.check()


def test_a_model_that_is_not_there_ends_it_at_once(tmp_path):
    with pytest.raises(ValueError, match="that folder does not exist"):
        run({"m": tmp_path / "none"}, options())
