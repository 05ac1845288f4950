"""Small models to serve, and ways to call them."""

import contextlib
import gzip
import shlex
import socket
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import tensorflow as tf

from keras_attention.serving.metrics import Metrics
from keras_attention.serving.options import ServerOptions
from keras_attention.serving.requests import Requests

FLOATS = tf.TensorSpec([None, 2], tf.float32, name="x")
TEXTS = tf.TensorSpec([None], tf.string, name="text")
NUMBER = tf.TensorSpec([None], tf.float32)
WHOLE = tf.TensorSpec([None], tf.int32, name="n")


class Calculator(tf.Module):
    """y = factor · x, by a matrix that minds the shape of x, and some oddities."""

    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[FLOATS])
    def scale(self, x):
        return {"y": x @ (self.factor * tf.eye(2))}

    @tf.function(input_signature=[TEXTS])
    def upper(self, text):
        upper = tf.strings.upper(text)
        length = tf.strings.length(text)
        score = tf.cast(length, tf.float32) * 0.1
        return {"upper": upper, "length": length, "score": score, "raw_bytes": text}

    @tf.function(input_signature=[NUMBER, NUMBER])
    def combine(self, a, b):
        return {"sum": a + b, "difference": a - b, "total": tf.reduce_sum(a + b)}

    @tf.function(input_signature=[WHOLE])
    def count(self, n):
        return {"next": n + 1}

    @tf.function(input_signature=[FLOATS])
    def shrink(self, x):
        return {"x": x, "first": x[:1]}


def export_calculator(folder, factor=2.0):
    model = Calculator(factor)
    signatures = {
        "serving_default": model.scale,
        "upper": model.upper,
        "combine": model.combine,
        "count": model.count,
        "shrink": model.shrink,
    }
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return model


class Translator(tf.Module):
    """Has the signatures of a translator; translates by shouting, word by word."""

    def shout(self, text):
        score = -tf.cast(tf.strings.length(text), tf.float32)
        return {"text": tf.strings.upper(text), "score": score}

    @tf.function(input_signature=[TEXTS])
    def search(self, text):
        best = self.shout(text)
        n_best_text = tf.stack([best["text"], text], axis=1)
        n_best_score = tf.stack([best["score"], best["score"] - 1.0], axis=1)
        return {**best, "n_best_text": n_best_text, "n_best_score": n_best_score}

    @tf.function(input_signature=[TEXTS])
    def greedy(self, text):
        return self.shout(text)

    @tf.function(input_signature=[TEXTS])
    def attend(self, text):
        source = tf.strings.split(text).to_tensor("")  # (B, S)
        end = tf.fill([tf.shape(source)[0], 1], "")
        target = tf.concat([tf.strings.upper(source), end], axis=1)  # (B, T)
        known = tf.cast(source != "", tf.float32)
        width = tf.shape(source)[1]
        scores = tf.eye(width + 1, width, tf.shape(source)[:1]) * known[:, None, :]
        tokens = {"source_tokens": source, "target_tokens": target}
        return {**self.shout(text), **tokens, "attention_scores": scores}


class Captioner(tf.Module):
    """Says how bright the first pixel of an image is."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(self, image_bytes):
        def first(content):
            return tf.cast(tf.io.decode_png(content, 3)[0, 0, 0], tf.int32)

        caption = tf.strings.as_string(tf.map_fn(first, image_bytes, tf.int32))
        score = tf.zeros_like(caption, tf.float32)
        n_best = {"n_best_caption": caption[:, None], "n_best_score": score[:, None]}
        return {"caption": caption, "score": score, **n_best}


def scaled(x):
    """What the exported model's default signature computes, in process."""
    model = Calculator()
    return model.scale(np.float32(x))["y"].numpy()


def export_translator(folder):
    model = Translator()
    signatures = {
        "serving_default": model.search,
        "greedy": model.greedy,
        "attend": model.attend,
    }
    tf.saved_model.save(model, str(folder), signatures=signatures)


def rest(server, method, path, **options):
    """Returns `(status, document)`."""
    url = f"http://127.0.0.1:{server.rest_port}{path}"
    response = httpx.request(method, url, **options)
    assert response.headers["content-type"] == "application/json"
    return response.status_code, response.json()


def with_httpx(command):
    """Does what a line of curl says; returns the text of the response."""
    words = shlex.split(command.replace("\\\n", " "))
    body = None
    if words[0] == "echo":
        body = words[1].encode()
        if words[3] == "gzip":
            body = gzip.compress(body)
            words = words[2:]
        assert words[2] == "|"
        words = words[3:]
    assert words.pop(0) == "curl"
    method, headers, address = None, {}, None
    while words:
        option, *words = words
        if not option.startswith("-"):
            assert address is None
            address = option
            continue
        value, *words = words
        if option == "-d" and value != "@-":
            body = value.encode()
        elif option == "-H":
            headers.update([value.split(": ")])
        elif option == "-X":
            method = value
        else:
            assert option in ("-d", "--data-binary") and value == "@-"
    method = method or ("POST" if body else "GET")
    return httpx.request(method, address, content=body, headers=headers).text


def raw(port, content, end=True):
    """What comes back for bytes that need not be HTTP; nothing if it disconnects."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(content)
        if end:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received


def states(server, name):
    """The versions of a model and their states, as REST reports them."""
    _, document = rest(server, "GET", f"/v1/models/{name}")
    versions = document["model_version_status"]
    return {int(status["version"]): status["state"] for status in versions}


@contextlib.contextmanager
def transports(kind, core, **defaults):
    """Yields a function that starts a REST or gRPC side before a stand-in for the core.

    Args:
        kind: class, `RestServer` or `GrpcServer`.
        core: object whose event `go` lets slow responses go.
        **defaults: fields of `ServerOptions`, which the function's arguments replace.
    """
    started = []

    def start(**changes):
        options = ServerOptions(**{**defaults, **changes})
        requests = Requests(Metrics(), options.limits.max_concurrent_requests)
        started.append(kind(core, options, requests, requests.metrics))
        started[-1].requests = requests
        return started[-1]

    yield start
    core.go.set()
    for transport in started:
        transport.stop(5.0)


def eventually(condition, seconds=20.0):
    """Waits until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


STATUS = Path("/proc/self/status")
needs_resident = pytest.mark.skipif(
    not STATUS.exists(), reason="only Linux says how much memory is resident"
)


def resident_megabytes():
    (line,) = [x for x in STATUS.read_text().splitlines() if x.startswith("VmRSS")]
    return int(line.split()[1]) / 1024
