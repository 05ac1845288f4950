"""What serving costs over a call in process, and what many clients get done.

    python benchmarks/serving.py
    python benchmarks/serving.py --small        # --seconds 1 --rounds 3 --clients 1 8

Overhead: one client calls a tiny model (y = 2 x, two numbers), which is also called in
process. `p50` and `p99` are latencies over those of the call in process: 3.0 means that
a response takes three times as long.

Throughput: clients send as fast as they get responses, to the tiny model and to a dense
one (four layers of 2,048, one row a request). Every cell is requests per second over
those of one REST client without batching.

Clients run in a process of their own and send bytes that were made before, so that it
is the server that is measured. Everything is interleaved and repeated; the median of
the rounds counts. Absolute times are not shown: they are the machine's.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from clients import send_from_outside

TRANSPORTS = ("rest", "grpc")
UNITS = {"tiny": 2, "dense": 2048}


def export(folder):
    """Writes both models; returns their paths by name."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    width = UNITS["dense"]
    weights = [
        tf.Variable(rng.normal(size=[width, width]).astype("float32") / width**0.5)
        for _ in range(4)
    ]

    def dense(x):
        for weight in weights:
            x = tf.nn.relu(x @ weight)
        return {"y": x[:, :2]}

    functions = {"tiny": lambda x: {"y": 2.0 * x}, "dense": dense}
    paths = {}
    for name, function in functions.items():
        module = tf.Module()
        module.weights = weights
        spec = tf.TensorSpec([None, UNITS[name]], tf.float32, name="x")
        module.serve = tf.function(function, input_signature=[spec])
        path = Path(folder, name, "1")
        tf.saved_model.save(module, str(path), signatures=module.serve)
        paths[name] = path.parent
    return paths


def in_process(path, seconds):
    """Latencies of the SavedModel's signature, called as Python calls it."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path / "1"))  # holds what the signature needs
    signature = loaded.signatures["serving_default"]
    row = np.full([1, UNITS["tiny"]], 0.5, np.float32)

    def send():
        return signature(x=tf.constant(row))["y"].numpy()

    send()
    latencies = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        send()
        latencies.append(time.perf_counter() - start)
    return latencies


def percentiles(latencies):
    return np.percentile(latencies, [50, 99])


def send(transport, port, model, clients, seconds):
    """Latencies of clients of a model, over REST or gRPC."""
    row = [0.5] * UNITS[model]
    request = model, json.dumps(row)
    if transport == "rest":
        body = json.dumps({"instances": [row]})
        request = f"/v1/models/{model}:predict", body
    return send_from_outside(transport, port, clients, seconds, *request)


def measure_overhead(server, paths, seconds, rounds):
    ratios = {transport: [] for transport in TRANSPORTS}
    for _ in range(rounds):
        base = percentiles(in_process(paths["tiny"], seconds))
        for transport in TRANSPORTS:
            port = getattr(server, f"{transport}_port")
            took = send(transport, port, "tiny", 1, seconds)
            ratios[transport].append(percentiles(took) / base)
    print("\nLatency of the tiny model, one client, over the call in process")
    print(f"{'':8}{'p50':>8}{'p99':>8}")
    for transport, rows in ratios.items():
        p50, p99 = np.median(rows, axis=0)
        print(f"{transport:8}{p50:8.1f}{p99:8.1f}")


def measure_throughput(servers, clients, seconds, rounds):
    columns = list(itertools.product(TRANSPORTS, servers))
    for model in UNITS:
        rates = {}
        for _ in range(rounds):
            for count in clients:
                for transport, batching in columns:
                    port = getattr(servers[batching], f"{transport}_port")
                    took = send(transport, port, model, count, seconds)
                    rates.setdefault((count, transport, batching), []).append(
                        len(took) / seconds
                    )
        medians = {key: statistics.median(values) for key, values in rates.items()}
        base = medians[clients[0], "rest", "alone"]
        print(f"\nThroughput of the {model} model, over REST with {clients[0]} client")
        titles = [f"{transport} {batching}" for transport, batching in columns]
        print("clients " + "".join(f"{title:>16}" for title in titles))
        for count in clients:
            cells = [medians[(count, *column)] / base for column in columns]
            print(f"{count:7} " + "".join(f"{cell:16.2f}" for cell in cells))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of every run")
    parser.add_argument("--rounds", type=int, default=5, help="odd, for a median")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--timeout-micros", type=int, default=0, help="of a batch")
    parser.add_argument("--small", action="store_true", help="as `make bench` runs it")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.seconds, arguments.rounds, arguments.clients = 1.0, 3, [1, 8]

    from keras_attention.serving.options import BatchingParameters, LoadOptions
    from keras_attention.serving.server import Server

    batching = BatchingParameters(
        max_batch_size=32,
        batch_timeout_micros=arguments.timeout_micros,
        num_batch_threads=2,
        max_enqueued_batches=100,
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = export(folder)
        with (
            Server(paths, grpc_port=0, rest_port=0) as alone,
            Server(
                paths, grpc_port=0, rest_port=0, load=LoadOptions(batching=batching)
            ) as batched,
        ):
            measure_overhead(alone, paths, arguments.seconds, arguments.rounds)
            measure_throughput(
                {"alone": alone, "batched": batched},
                arguments.clients,
                arguments.seconds,
                arguments.rounds,
            )


if __name__ == "__main__":
    main()
