"""Requests a second of a served translator, beside the same SavedModel under FastAPI.

    python benchmarks/serving_translators.py
    python benchmarks/serving_translators.py --sizes small --clients 1 16 --repeats 9

One exported translator, of random weights, 20 tokens a sentence by greedy search. The
peer loads the SavedModel in a FastAPI app under uvicorn, one worker, as one would write
it; ours is `keras-attention-model-server`, without batching and with it. Each server is
a process whose TensorFlow has one thread; clients, in a process of their own, send one
sentence at a time. The servers take turns, and the others wait. Answers are compared
before. Ratios are of requests per second, theirs ÷ ours: below 1 where we serve more.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from clients import send_from_outside
from side_by_side import PEERS, ROOT, Peer, begin, parser, peers_python, show
from startup import SENTENCE

BATCHING = """
max_batch_size {{ value: 16 }}
batch_timeout_micros {{ value: {micros} }}
max_enqueued_batches {{ value: 100 }}
num_batch_threads {{ value: 1 }}
"""
EXPORT = """
import sys
from keras_attention import Translator
from keras_attention.export import export

export(Translator.from_marian(sys.argv[1]), sys.argv[1], "translator")
"""
SERVER = "from keras_attention.serving.commands.model_server import main; main()"
PREDICT, TRANSLATE = "/v1/models/translator:predict", "/translate"


def export(size, folder):
    """Writes a SavedModel; returns its base path."""
    maker = Peer("checkpoint")
    maker.call("make", folder, size, 20)
    maker.close()
    command = [sys.executable, "-c", EXPORT, folder]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return Path(folder, "translator")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(command, port, path, body):
    """A server in a process, once it answers."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        try:
            for _ in range(1200):
                if process.poll() is not None:
                    log.seek(0)
                    raise RuntimeError(log.read().decode()[-3000:])
                try:
                    answer(port, path, body)
                    break
                except OSError:
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(60)


def answer(port, path, body):
    """The translation in a server's response."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        body.encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        found = json.load(response)
    return found["text"][0] if "text" in found else found["outputs"]["text"][0]


def servers(base_path, folder, micros):
    """Dict of a name to `(command, port, path, body)`."""
    batching = Path(folder, "batching.config")
    batching.write_text(BATCHING.format(micros=micros))
    batched = ["--enable_batching", f"--batching_parameters_file={batching}"]
    body = json.dumps({"inputs": {"text": [SENTENCE]}})
    found = {}
    for name, more in (("ours", []), ("ours, batching", batched)):
        port, grpc_port = free_port(), free_port()
        command = [
            *(sys.executable, "-c", SERVER),
            *("--model_name=translator", f"--model_base_path={base_path}"),
            *(f"--rest_api_port={port}", f"--port={grpc_port}", *more),
        ]
        found[name] = command, port, PREDICT, body
    (version,), port = base_path.iterdir(), free_port()
    app = [peers_python(), str(PEERS / "fastapi_app.py"), str(version), str(port)]
    found["FastAPI"] = app, port, TRANSLATE, json.dumps({"text": [SENTENCE]})
    return found


def measure(size, folder, arguments):
    found = servers(export(size, folder), folder, arguments.timeout_micros)
    rates = {}
    with_ours, batched, theirs = (served(*server) for server in found.values())
    with with_ours, batched, theirs:
        said = {name: answer(*server[1:]) for name, server in found.items()}
        if len(set(said.values())) > 1:
            sys.exit(f"they do not answer the same: {said}")
        for _ in range(arguments.repeats):
            for count in arguments.clients:
                for name, (_, *request) in found.items():
                    took = send_from_outside(
                        "rest", request[0], count, arguments.seconds, *request[1:]
                    )
                    rate = len(took) / arguments.seconds
                    rates.setdefault((count, name), []).append(rate)
    for count in arguments.clients:
        most = {name: max(rates[count, name]) for name in found}
        middle = {name: statistics.median(rates[count, name]) for name in found}
        cells = [size, count, *(f"{most[name]:.3g}" for name in found)]
        for name in ("ours", "ours, batching"):
            pair = [rate["FastAPI"] / rate[name] for rate in (most, middle)]
            cells.append("{:.2f} ({:.2f})".format(*pair))
        show(*cells)


def parse(argv=None):
    found = parser(__doc__)
    found.add_argument("--sizes", nargs="+", default=["tiny", "small"])
    found.add_argument("--clients", type=int, nargs="+", default=[1, 16])
    found.add_argument("--seconds", type=float, default=4.0, help="of every run")
    found.add_argument("--timeout-micros", type=int, default=2000, help="of a batch")
    arguments = found.parse_args(argv)
    if arguments.small:
        arguments.sizes, arguments.seconds = ["tiny"], 1.0
    arguments.repeats = arguments.repeats or (3 if arguments.small else 5)
    return arguments


def main(argv=None):
    arguments = parse(argv)
    begin()
    header = "model clients ours batching FastAPI FastAPI÷ours FastAPI÷batching".split()
    print("| " + " | ".join(header) + " |\n|" + " --- |" * len(header))
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            measure(size, str(Path(folder, size)), arguments)


if __name__ == "__main__":
    main()
