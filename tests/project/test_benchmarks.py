"""Benchmarks can be run, and what they share adds up."""

import importlib
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
PEERS = BENCHMARKS / "peers"
SHARED = {"clients", "side_by_side"}
SCRIPTS = sorted({path.stem for path in BENCHMARKS.glob("*.py")} - SHARED)
BESIDE_PEERS = [
    name
    for name in SCRIPTS
    if "from side_by_side import" in (BENCHMARKS / f"{name}.py").read_text("utf-8")
]


def without_pytest(environment):
    return {k: v for k, v in environment.items() if k != "PYTEST_CURRENT_TEST"}


@pytest.fixture
def module(monkeypatch):
    """Imports one by its name, which must leave the environment alone."""
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    modules, environment = set(sys.modules), without_pytest(os.environ)
    yield importlib.import_module
    for name in set(sys.modules) - modules:
        if name in {*SCRIPTS, *SHARED}:
            del sys.modules[name]
    assert without_pytest(os.environ) == environment


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_says_how_it_is_run_and_has_a_small_size(name):
    text = (BENCHMARKS / f"{name}.py").read_text("utf-8")
    assert f"    python benchmarks/{name}.py" in text.split('"""')[1]
    assert name in BESIDE_PEERS or '"--small"' in text


@pytest.mark.parametrize("name", BESIDE_PEERS)
def test_a_small_run_is_no_larger_than_a_whole_one(module, name):
    parse = module(name).parse
    small, whole = vars(parse(["--small"])), vars(parse([]))
    assert small.keys() == whole.keys() and small != {**whole, "small": True}
    assert small["repeats"] > 1
    for key, value in small.items():
        if isinstance(value, list):
            assert set(value) <= set(whole[key])
        elif key != "small":
            assert value <= whole[key]


@pytest.mark.parametrize("name", BESIDE_PEERS)
def test_peers_that_are_named_are_there(module, name):
    text = (BENCHMARKS / f"{name}.py").read_text("utf-8")
    named = set(re.findall(r'Peer\("(\w+)"', text))
    peers = getattr(module(name), "PEERS", {})
    if isinstance(peers, dict):
        named |= {value[0] for value in peers.values() if value}
    assert all((PEERS / f"{name}.py").is_file() for name in named)


def test_versions_of_peers_are_pinned():
    lines = (PEERS / "requirements.txt").read_text("utf-8").splitlines()
    wanted = [line for line in lines if not line.startswith("#")]
    assert wanted and all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in wanted)


def test_repetitions_alternate(module):
    side_by_side = module("side_by_side")
    order = []

    def clock(name, seconds):
        def run(count):
            order.append((name, count))
            return seconds

        return run

    clocks = {"ours": clock("ours", 0.01), "theirs": clock("theirs", 9.0)}
    seconds = side_by_side.alternate(clocks, repeats=2, warmup=1)
    assert seconds == {"ours": [0.01] * 2, "theirs": [9.0] * 2}
    warm, timed = order[:2], order[2:]
    assert warm == [("ours", 1), ("theirs", 1)]
    assert timed == [("ours", 5), ("theirs", 1)] * 2  # 50 ms at least


def test_a_table_has_ratios_of_minima_and_of_medians(module, capsys):
    table = module("side_by_side").Table(["batch"], ["A", "B"])
    ours = [0.002, 0.001, 0.009]
    table.add([1], {"ours": ours, "A": [0.004, 0.004, 0.002]}, {"A": " same"})
    table.add([8], {"ours": ours, "A": [0.016, 0.008, 0.009], "B": [0.001] * 3})
    table.finish()
    rows = [
        line.strip("| ").split(" | ") for line in capsys.readouterr().out.split("\n")
    ]
    assert rows[0] == ["batch", "ours, ms", "÷ A", "÷ B"]
    assert rows[2] == ["1", "1", "0.50 (0.50) same", "–"]
    assert rows[3] == ["8", "1", "0.12 (0.22)", "1.00 (2.00)"]
    assert rows[4][0] == "**geometric mean**"
    assert rows[4][2:] == ["**0.25** (0.33)", "**1.00** (2.00)"]


def test_an_exponent_is_that_of_a_power(module):
    lengths = [16, 32, 64]
    exponents = module("growth").exponents
    assert exponents(lengths, [n**1.5 for n in lengths]) == pytest.approx((1.5, 1.5))
    assert exponents(lengths, [1.0, 1.0, 2.0]) == pytest.approx((0.5, 1.0))


def test_precision_counts_texts_that_are_the_same(module, capsys):
    asked = []

    def upper(texts):
        asked.append(len(texts))
        return [text.upper() for text in texts]

    models = {
        "float32": upper,
        "mixed_bfloat16": lambda texts: [
            text.upper().replace("AB", "X") for text in texts
        ],
    }
    precision = module("precision")
    assert precision.in_requests(upper, ["a", "b", "c"], 2) == ["A", "B", "C"]
    assert asked == [2, 1]
    sources = ["ab", "a b c d e", "b"]
    references = ["AB", "A B C D E", "B"]
    precision.measure_quality(models, sources, references, "de")
    lines = capsys.readouterr().out.split("\n")
    rows = [line.strip("| ").split(" | ") for line in lines]
    assert rows[2] == ["float32", "100.00", "100.00", "3"]
    assert rows[3][0] == "mixed_bfloat16" and rows[3][3] == "2"
    assert float(rows[3][1]) < 100 > float(rows[3][2])


def test_a_worker_answers_and_says_what_failed():
    requests = [("floor", (2.5,), None), ("floor", (2.5,), 3), ("floor", ("x",), None)]
    done = subprocess.run(
        [sys.executable, str(PEERS / "worker.py"), "math"],
        input=b"".join(map(pickle.dumps, requests)),
        stdout=subprocess.PIPE,
        check=True,
    )
    answers, rest = [], done.stdout
    while rest:
        answers.append(pickle.loads(rest))
        rest = rest[len(pickle.dumps(answers[-1])) :]
    assert answers[0] == (2, None)
    seconds, error = answers[1]
    assert 0 < seconds < 1 and error is None
    assert answers[2][0] is None and "TypeError" in answers[2][1]
