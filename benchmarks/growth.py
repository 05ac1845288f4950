"""How time grows with the length of translations, and of sources.

    python benchmarks/growth.py                           # ours, and beside three peers
    KERAS_BACKEND=jax python benchmarks/growth.py --peers
    python benchmarks/growth.py --sizes base --most 512

Milliseconds of one sentence, the least of several runs in turns. The exponent p says
that time grows as length to the power p: 1 where twice the tokens take twice the time.
`slope` is that of a line through all lengths, both axes logarithmic; `last` that of the
last doubling. Translations grow behind a source of 16 tokens; sources grow before
translations of 16. A loop without a cache runs the decoder again at each step, whose
exponent goes to 2 and beyond.
"""

import math
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from decoding import PEERS as DECODERS
from decoding import Ours, has_tutorial, sources
from side_by_side import Peer, alternate, begin, clock, milliseconds, parser, show

FIXED = 16
PEERS = ("transformers", "ctranslate2", "tutorial")


def exponents(lengths, seconds):
    """`(slope of all, of the last doubling)`."""
    x, y = [[math.log2(value) for value in values] for values in (lengths, seconds)]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    slope /= sum((a - mean_x) ** 2 for a in x)
    return slope, (y[-1] - y[-2]) / (x[-1] - x[-2])


def runs_of(ours, peers, rows, beam, steps, names):
    """Dict of a name to its clock, for one length."""
    found = {}
    if "ours" in names:
        inputs, options = ours.inputs(rows), ours.options(beam, steps)
        found["ours"] = clock(ours.decode, inputs, options)
    for name, peer in peers.items():
        found[name] = peer.clock("decode", rows, beam, steps)
    if "tutorial" in names and has_tutorial(beam):
        found["tutorial"] = clock(ours.tutorial(steps), ours.inputs(rows))
    return found


def measure(size, folder, arguments):
    maker = Peer("checkpoint")
    vocabulary_size = maker.call("make", folder, size, FIXED)
    maker.close()
    ours, peers = Ours(folder), {}
    for name in arguments.peers:
        if DECODERS[name]:
            module, *more = DECODERS[name]
            peers[name] = Peer(module)
            peers[name].call("load", folder, *more)
    lengths = [FIXED << i for i in range(8) if FIXED << i <= arguments.most]
    names = ["ours", *arguments.peers]
    for what in ("translation", "source"):
        for beam in arguments.beams:
            clocks = {}
            for length in lengths:
                source = length if what == "source" else FIXED
                steps = length if what == "translation" else FIXED
                rows = sources(1, vocabulary_size, source)
                found = runs_of(ours, peers, rows, beam, steps, names)
                clocks |= {(name, length): run for name, run in found.items()}
            seconds = alternate(clocks, arguments.repeats, arguments.warmup)
            for name in names:
                if (name, lengths[0]) in seconds:
                    least = [min(seconds[name, length]) for length in lengths]
                    cells = [size, what, beam, name, *map(milliseconds, least)]
                    cells += [f"{p:.2f}" for p in exponents(lengths, least)]
                    show(*cells)
    for peer in peers.values():
        peer.close()


def parse(argv=None):
    found = parser(__doc__)
    found.add_argument("--sizes", nargs="+", default=["small"])
    found.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    found.add_argument("--peers", nargs="*", default=list(PEERS), choices=DECODERS)
    found.add_argument("--most", type=int, default=256, help="tokens")
    found.add_argument("--warmup", type=int, default=3, help="calls before")
    arguments = found.parse_args(argv)
    if arguments.small:
        arguments.most = 64
    arguments.repeats = arguments.repeats or 5
    return arguments


def main(argv=None):
    arguments = parse(argv)
    begin()
    lengths = [FIXED << i for i in range(8) if FIXED << i <= arguments.most]
    header = ["model", "growing", "beam", "", *(f"{n}, ms" for n in lengths)]
    header += ["slope", "last"]
    show(*header)
    show(*["---"] * len(header))
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            measure(size, str(Path(folder, size)), arguments)


if __name__ == "__main__":
    main()
