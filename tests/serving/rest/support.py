"""Models that do as they are told, and requests to them over REST."""

import contextlib
import json
import threading

import httpx

from keras_attention.serving.core import Held, ModelSpec, Prediction
from keras_attention.serving.wire.signatures import Signature, TensorSpec


class Model:
    def signature(self, name):
        return Signature({"x": TensorSpec("x", 1, (-1,))}, {}, {}, "")


class Core:
    """Echoes x; the model "slow" waits until it is let, "broken" breaks."""

    def __init__(self):
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.ready = True
        self.runs = 0

    @contextlib.contextmanager
    def use(self, model_spec):
        yield Held(ModelSpec(model_spec.name, 7, "", "serving_default"), Model())

    def predict(self, held, inputs, output_filter=(), caller=None):
        if held.model_spec.name == "broken":
            raise KeyError("surprise")
        self.runs += 1
        if held.model_spec.name == "slow":
            self.begun.release()
            assert self.go.wait(60)
        return Prediction(held.model_spec, inputs)

    def is_ready(self):
        return self.ready

    def model_names(self):
        return ["echo"]


def url(server, path="/v1/models/echo:predict"):
    return f"http://127.0.0.1:{server.port}{path}"


def send(server, name="echo", x=(1.0,), **options):
    options.setdefault("content", json.dumps({"inputs": x}))
    return httpx.post(url(server, f"/v1/models/{name}:predict"), timeout=60, **options)


class Caller(threading.Thread):
    """Sends a request from a thread of its own."""

    def __init__(self, *arguments, **options):
        super().__init__(daemon=True)
        self.arguments, self.options = arguments, options
        self.start()

    def run(self):
        try:
            self.response = send(*self.arguments, **self.options)
        except httpx.TransportError as error:
            self.response = error

    def result(self):
        self.join(60)
        assert not self.is_alive()
        return self.response
