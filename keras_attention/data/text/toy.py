"""Three tasks whose right attention is known: copy, reverse and sort.

A sentence is single letters with spaces between, so that
`Tokenizer.train(..., model_type="word")` gives one id per symbol:

    copy     c a b → c a b        reverse  c a b → b a c
    sort     c a b → a b c
"""

import itertools
import random

SYMBOLS = "abcdefghijklmnopqrstuvwxyz"


def _copy_order(symbols):
    return list(range(len(symbols)))


def _reverse_order(symbols):
    return list(range(len(symbols)))[::-1]


def _sort_order(symbols):
    return sorted(range(len(symbols)), key=lambda position: symbols[position])


# Each task is a permutation: the source position that each target position copies.
TASKS = {"copy": _copy_order, "reverse": _reverse_order, "sort": _sort_order}


def toy_pairs(task, count, max_length, seed=0, min_length=1, symbols=SYMBOLS):
    """Makes `count` pairs with different sources.

    Args:
        task: `"copy"`, `"reverse"` or `"sort"`.
        count: int. Number of pairs.
        max_length: int. Longest source, in symbols; lengths are uniform from
            `min_length`, as far as there are enough different sources.
        seed: int. The same arguments give the same pairs.
        min_length: int. Shortest source, at least 1.
        symbols: str. The alphabet, one character a symbol.

    Returns:
        A list of `(source, target)`, both str.

    Raises:
        ValueError: an unknown task, lengths out of order, or more pairs than
            there are different sources.

    Example:

    >>> toy_pairs("reverse", 2, max_length=4, min_length=4, symbols="abc")
    [('c b a b', 'b a b c'), ('c c c b', 'b c c c')]
    """
    order = _order(task)
    if not 1 <= min_length <= max_length:
        raise ValueError(
            "expected 1 <= min_length <= max_length; "
            f"received min_length={min_length}, max_length={max_length}"
        )
    if len(set(symbols)) != len(symbols) or not symbols or " " in symbols:
        raise ValueError(
            f"symbols must be different characters, no space; received {symbols!r}"
        )
    lengths = range(min_length, max_length + 1)
    available = sum(len(symbols) ** length for length in lengths)
    if count > available:
        raise ValueError(
            f"there are only {available} different sources of {min_length} to "
            f"{max_length} of {len(symbols)} symbols; received count={count}: "
            "ask for fewer, or raise max_length"
        )
    rng = random.Random(seed)
    if 2 * count > available:
        # Drawing at random would search long for the last ones.
        every = [
            source
            for length in lengths
            for source in itertools.product(symbols, repeat=length)
        ]
        sources = rng.sample(every, count)
    else:
        sources = _draw(rng, count, lengths, symbols)
    return [
        (" ".join(source), " ".join(source[i] for i in order(source)))
        for source in sources
    ]


def toy_alignment(task, source):
    """The source position that each target position copies.

    Args:
        task: `"copy"`, `"reverse"` or `"sort"`.
        source: str. Symbols with spaces between.

    Returns:
        A list of int, one per target symbol. Equal symbols are sorted stably: the
        first of them in the source comes first.

    Example:

    >>> toy_alignment("sort", "b a b")
    [1, 0, 2]
    """
    return _order(task)(source.split())


def _order(task):
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}; received {task!r}")
    return TASKS[task]


def _draw(rng, count, lengths, symbols):
    sources = {}  # A dict keeps the order in which they were drawn.
    while len(sources) < count:
        sources[tuple(rng.choices(symbols, k=rng.choice(lengths)))] = None
    return list(sources)
