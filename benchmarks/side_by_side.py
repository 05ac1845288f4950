"""Ours and theirs in turns, in one run: processes of peers, clocks and tables.

Everything runs on one thread, and one thing at a time: a peer, in a process of its own
with an environment of its own, waits while others run. Short repetitions alternate, so
that a slow moment of the machine is everybody's. A ratio is ours ÷ theirs, below 1
where we are faster: of the minima, and of the medians.
"""

import argparse
import datetime
import math
import os
import pickle
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TOKENIZERS_PARALLELISM": "false",
}
ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks" / "peers"
sys.path.insert(0, str(ROOT))
# Seconds that one repetition takes at least; shorter calls are repeated within.
LEAST_SECONDS = 0.05
PACKAGES = (
    "tensorflow keras jax numpy ctranslate2 torch transformers keras-hub fastapi "
    "uvicorn"
).split()


def show(*cells):
    """Prints a row of a table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def measure_alone(measure, arguments):
    """Calls `measure(folder, arguments)`, which needs no peers, with a new folder."""
    begin(peers=False)
    with tempfile.TemporaryDirectory() as folder:
        measure(folder, arguments)


def parser(description):
    """With what every script takes: `--small`, `--repeats`."""
    found = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--small", action="store_true", help="as `make bench` runs it")
    found.add_argument("--repeats", type=int, help="of each, in turns")
    return found


def peers_python():
    """Path of the Python of the peers' environment.

    Raises:
        SystemExit: there is none; says what to do.
    """
    made = ROOT / ".venv-peers/bin/python"
    path = Path(os.environ.get("KERAS_ATTENTION_PEERS", made))
    if not path.exists():
        sys.exit(
            f"no Python of peers at {path}: `make peers` makes one, or name one with "
            "KERAS_ATTENTION_PEERS, with what benchmarks/peers/requirements.txt says"
        )
    return str(path)


class Peer:
    """A module of benchmarks/peers in a process of its own, which waits to be asked.

    Args:
        module: str. Its name.
    """

    def __init__(self, module):
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [peers_python(), str(PEERS / "worker.py"), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        )

    def call(self, function, *arguments):
        """What `function` of the module returns.

        Raises:
            RuntimeError: it failed there; with its traceback.
        """
        return self._ask(function, arguments, None)

    def clock(self, function, *arguments):
        """A function of a count, which returns the seconds of one call."""
        return lambda count: self._ask(function, arguments, count)

    def close(self):
        self._process.stdin.close()
        self._process.wait(30)

    def _ask(self, *request):
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
            answer, error = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError):
            self._log.seek(0)
            error = self._log.read().decode(errors="replace")[-3000:]
        if error:
            raise RuntimeError(error)
        return answer


def clock(function, *arguments):
    """As `Peer.clock`, of a function of this process."""

    def run(count):
        began = time.perf_counter()
        for _ in range(count):
            function(*arguments)
        return (time.perf_counter() - began) / count

    return run


def alternate(clocks, repeats, warmup=3):
    """Seconds of each, in turns.

    Args:
        clocks: dict of name to a function of a count, as `clock` returns it.
        repeats: int.
        warmup: int. Calls before, which compile and fill caches.

    Returns:
        dict of name to a list of `repeats` seconds.
    """
    counts = {}
    for name, run in clocks.items():
        for _ in range(warmup):
            seconds = run(1)
        counts[name] = max(1, round(LEAST_SECONDS / max(seconds, 1e-6)))
    found = {name: [] for name in clocks}
    for _ in range(repeats):
        for name, run in clocks.items():
            found[name].append(run(counts[name]))
    return found


def ratio(ours, theirs):
    """`(of minima, of medians)` of two lists of seconds."""
    return min(ours) / min(theirs), statistics.median(ours) / statistics.median(theirs)


def milliseconds(seconds):
    """Of three digits or, from a second on, more."""
    return f"{1e3 * seconds:.0f}" if seconds >= 1 else f"{1e3 * seconds:.3g}"


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


class Table:
    """Ratios in Markdown, printed as they come: `minimum (median)`.

    Args:
        labels: list of str. What a row is of.
        peers: list of str.
    """

    def __init__(self, labels, peers):
        self.peers = peers
        self.ratios = {peer: [] for peer in peers}
        columns = [*labels, "ours, ms", *(f"÷ {peer}" for peer in peers)]
        self.num_labels = len(labels)
        show(*columns)
        show(*["---"] * len(columns))

    def add(self, labels, seconds, notes=None):
        """Of one case: dict of name to seconds, "ours" among them.

        Peers that are not in it get no ratio; `notes` are dict of peer to str.
        """
        cells = [milliseconds(min(seconds["ours"]))]
        for peer in self.peers:
            if peer in seconds:
                least, median = ratio(seconds["ours"], seconds[peer])
                self.ratios[peer].append((least, median))
                cells.append(f"{least:.2f} ({median:.2f}){(notes or {}).get(peer, '')}")
            else:
                cells.append("–")
        show(*labels, *cells)

    def finish(self):
        """Prints geometric means over the cases, and a line to say on what machine."""
        cells = ["**geometric mean**", *[""] * self.num_labels]
        for peer in self.peers:
            pairs = list(zip(*self.ratios[peer], strict=True))
            means = [geometric_mean(values) for values in pairs]
            cells.append("**{:.2f}** ({:.2f})".format(*means) if means else "–")
        show(*cells)


def begin(threads=1, peers=True):
    """Prints what is measured on: date, processor, versions of both environments.

    Args:
        threads: 1, for this process and its children, before any of them imports
            TensorFlow; None leaves all as they are.
        peers: bool. False where ours is measured alone, and needs no other environment.
    """
    if threads == 1:
        for name, value in ONE_THREAD.items():
            os.environ.setdefault(name, value)
    number = "one thread" if threads == 1 else "as many threads as they take"
    print(f"{datetime.date.today()}, {processor()}, {number}")
    print(f"ours: {versions()}", flush=True)
    if not peers:
        return
    script = f"import sys; sys.path.insert(0, {str(PEERS.parent)!r}); " + (
        "from side_by_side import versions; print(versions())"
    )
    found = subprocess.run(
        [peers_python(), "-c", script], capture_output=True, text=True, check=True
    )
    print(f"theirs: {found.stdout}", flush=True)


def versions():
    from importlib.metadata import PackageNotFoundError, version

    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            pass
    return ", ".join(found)


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":")[1].strip() for line in lines if "model name" in line]
        return f"{len(names)} × {names[0]}"
    except (OSError, IndexError):
        return f"{os.cpu_count()} × {platform.processor() or platform.machine()}"
