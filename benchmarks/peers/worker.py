"""The process of a peer: calls functions of one module as it is told, in turn.

    python worker.py MODULE

Requests and answers are pickles, over standard input and output; see `Peer` of
benchmarks/side_by_side.py. A request is `(function, arguments, count)`: with a count
the answer is how many seconds a call takes, of so many, else what it returns. The
answer is a pair, with a traceback where the function failed.
"""

import importlib
import os
import pickle
import sys
import time
import traceback
from pathlib import Path


def main():
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What libraries print is no answer.
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    module = importlib.import_module(sys.argv[1])
    while True:
        try:
            name, arguments, count = pickle.load(requests)
        except EOFError:
            return
        try:
            answer = run(getattr(module, name), arguments, count), None
        except Exception:
            answer = None, traceback.format_exc()
        pickle.dump(answer, answers)
        answers.flush()


def run(function, arguments, count):
    if count is None:
        return function(*arguments)
    began = time.perf_counter()
    for _ in range(count):
        function(*arguments)
    return (time.perf_counter() - began) / count


if __name__ == "__main__":
    main()
