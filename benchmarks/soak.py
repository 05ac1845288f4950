"""Mixed traffic at saturation, with reloads and malformed requests, for a long time.

    python benchmarks/soak.py                               # ten minutes
    python benchmarks/soak.py --small                       # one

A server in a process of its own serves two models, of TensorFlow 1 and 2, whose
versions come and go on disk, one of each every 20 seconds. Clients in other processes
send as fast as they get responses; a third of the requests are malformed. Ends with
status 1 unless

- every good request got its right response, across all reloads,
- every bad request was refused with its proper code,
- the server's resident memory at the end is at most `--growth` MiB over what it was
  after a fifth of the time,
- the server ends cleanly on a signal.

Needs the extra `bench`.
"""

import argparse
import collections
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))


SERVER = """
import sys
from keras_attention.serving.commands.model_server import main
sys.exit(main())
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# A process of clients.


def send(rest_port, grpc_port, threads, seconds):
    """Prints what happened, as JSON: counts, and the first few mistakes."""
    import random

    from tests.serving.traffic import GOOD, TrafficClient, bad_requests

    bad = bad_requests()
    counts = collections.Counter()
    mistakes = []
    end = time.monotonic() + seconds

    def run(seed):
        dice = random.Random(seed)
        client = TrafficClient(rest_port, grpc_port)
        while time.monotonic() < end:
            kind = "bad" if dice.random() < 1 / 3 else "good"
            request = dice.choice(bad if kind == "bad" else GOOD)
            try:
                request(client)
                counts[kind] += 1
            except Exception as error:
                counts[f"{kind}, wrong"] += 1
                if len(mistakes) < 20:
                    name = getattr(request, "__name__", "")
                    mistakes.append(f"{kind} {name} {type(error).__name__}: {error}")
        client.close()

    workers = [threading.Thread(target=run, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(json.dumps({"counts": counts, "mistakes": mistakes}))


# The process that watches.


def start_server(base_paths, log):
    ports = free_port(), free_port()
    entries = [
        f'config {{ name: "{path.name}" base_path: "{path}" '
        'model_platform: "tensorflow" }'
        for path in base_paths
    ]
    config = base_paths[0].parent / "models.config"
    config.write_text(f"model_config_list {{ {' '.join(entries)} }}", encoding="utf-8")
    command = [
        *(sys.executable, "-c", SERVER),
        f"--model_config_file={config}",
        *(f"--rest_api_port={ports[0]}", f"--port={ports[1]}"),
        "--enable_batching",
    ]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    while True:
        if process.poll() is not None:
            text = Path(log.name).read_text(encoding="utf-8")
            raise RuntimeError(f"the server ended:\n{text[-3000:]}")
        try:
            for port in ports:
                socket.create_connection(("127.0.0.1", port)).close()
            return process, *ports
        except ConnectionRefusedError:
            time.sleep(0.2)


def replace_version(base_path, number):
    """Puts a new version on the disk and takes the last but one away."""
    source = base_path / str(number - 1)
    unfinished = base_path / "unfinished"
    shutil.copytree(source, unfinished)
    unfinished.rename(base_path / str(number))
    shutil.rmtree(base_path / str(number - 2), ignore_errors=True)


def watch(process, base_paths, seconds, reload_seconds):
    """Reloads until time is up; returns the resident memory, one value a second."""
    resident, version = [], 1
    server = psutil.Process(process.pid)
    start = time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        if passed >= version * reload_seconds:
            version += 1
            for base_path in base_paths:
                replace_version(base_path, version)
        resident.append(server.memory_info().rss / 2**20)
        if len(resident) % 30 == 0:
            print(
                f"{passed:5.0f} s: version {version}, {resident[-1]:.0f} MiB",
                flush=True,
            )
        time.sleep(1)
    return resident, version


def soak(folder, options):
    """Runs everything; returns a list of what went wrong."""
    from tests.serving.models.support import export_half_plus_two
    from tests.serving.support import export_calculator

    base_paths = [Path(folder, "calculator"), Path(folder, "half")]
    export_calculator(base_paths[0] / "1")
    export_half_plus_two(base_paths[1] / "1")
    seconds = options.minutes * 60
    with Path(folder, "server.log").open("w") as log:
        process, rest_port, grpc_port = start_server(base_paths, log)
        arguments = [rest_port, grpc_port, options.threads, seconds]
        clients = [
            subprocess.Popen(
                [sys.executable, __file__, "send", *map(str, arguments)],
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(options.processes)
        ]
        resident, versions = watch(process, base_paths, seconds, options.reload_seconds)
        reports = [json.loads(client.communicate()[0]) for client in clients]
        process.send_signal(signal.SIGTERM)
        status = process.wait(120)
    counts = sum(
        (collections.Counter(r["counts"]) for r in reports), start=collections.Counter()
    )
    settled = resident[len(resident) // 5]
    growth = resident[-1] - settled
    print(f"requests: {dict(counts)}; versions: {versions}")
    print(
        f"resident memory: {settled:.0f} MiB after a fifth of the time, "
        f"{max(resident):.0f} at most, {resident[-1]:.0f} at the end"
    )
    wrong = [mistake for report in reports for mistake in report["mistakes"]]
    if growth > options.growth:
        wrong.append(f"memory grew by {growth:.0f} MiB")
    if status:
        wrong.append(f"the server ended with status {status}")
    if wrong:
        print(Path(folder, "server.log").read_text()[-3000:])
    return wrong


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--reload-seconds", type=float, default=20.0)
    parser.add_argument("--processes", type=int, default=2, help="of clients")
    parser.add_argument("--threads", type=int, default=4, help="clients in each")
    parser.add_argument("--growth", type=float, default=20.0, help="MiB")
    parser.add_argument("--small", action="store_true", help="as `make bench` runs it")
    options = parser.parse_args()
    if options.small:
        options.minutes, options.reload_seconds = 1.0, 5.0
    with tempfile.TemporaryDirectory() as folder:
        wrong = soak(folder, options)
    print("\n".join(wrong) or "nothing went wrong")
    return bool(wrong)


if __name__ == "__main__":
    if sys.argv[1:2] == ["send"]:
        *whole, seconds = sys.argv[2:]
        send(*map(int, whole), float(seconds))
    else:
        sys.exit(main())
