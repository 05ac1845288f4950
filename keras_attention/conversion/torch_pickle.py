"""The pickles in PyTorch's files, read without running any of them.

A pickle is a program: it names functions and calls them, which for `pickle.load` may be
`os.system`. Here a small machine knows the few steps that a dict of tensors takes. What
it names is compared with a list and never looked up, so that nothing of it can run.

References:
    the opcodes: `pickletools` of Python's library; what PyTorch writes:
    [torch/serialization.py](https://github.com/pytorch/pytorch/blob/main/torch/serialization.py).
"""

import math
import pickletools
import reprlib
from collections.abc import Iterator
from typing import Any, NamedTuple

# A pickle of tensors has names, shapes and keys, and the numbers stand elsewhere.
MOST_BYTES = 1 << 24
MOST_DIMENSIONS = 8

DTYPES = {
    "torch DoubleStorage": "float64",
    "torch FloatStorage": "float32",
    "torch HalfStorage": "float16",
    "torch BFloat16Storage": "bfloat16",
    "torch LongStorage": "int64",
    "torch IntStorage": "int32",
    "torch ShortStorage": "int16",
    "torch CharStorage": "int8",
    "torch ByteStorage": "uint8",
    "torch BoolStorage": "bool",
}
ORDERED_DICT = "collections OrderedDict"
REBUILD_TENSOR = "torch._utils _rebuild_tensor_v2"
REBUILD_PARAMETER = "torch._utils _rebuild_parameter"
KNOWN = {*DTYPES, ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER}


class Storage(NamedTuple):
    """A stretch of numbers, which one tensor or several show."""

    dtype: str
    key: str
    size: int


class StoredTensor(NamedTuple):
    """Which numbers of a storage are a tensor's."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in numbers, not in bytes


class Name(NamedTuple):
    """What a pickle calls by name."""

    name: str


class Head:
    """A file up to a number of bytes: who asks for 2^60 gets what is there."""

    def __init__(self, file: Any, most: int = MOST_BYTES) -> None:
        self._file = file
        self._left = most

    def read(self, count: int) -> bytes:
        data = self._file.read(max(0, min(count, self._left)))
        self._left -= len(data)
        return data

    def readline(self) -> bytes:
        data = self._file.readline(self._left)
        self._left -= len(data)
        return data


def read_pickle(file: Any) -> Any:
    """What the next pickle of a binary file holds; the file stands behind it then.

    Returns:
        int, bool, None, str, and tuples, lists and dicts of them; `StoredTensor` for
        tensors.

    Raises:
        ValueError: for a pickle that is damaged, or that does anything else.
    """
    return _Machine().run(pickletools.genops(Head(file)))  # type: ignore[arg-type]


class _Mark:
    """Where on the stack a list of arguments begins."""


class _Machine:
    def __init__(self):
        self.stack = []
        self.memo = {}

    def run(self, steps: Iterator) -> Any:
        try:
            for opcode, argument, _ in steps:
                if opcode.name == "STOP":
                    return self.stack.pop()
                self._step(opcode.name, argument)
        except (IndexError, KeyError, TypeError, AttributeError):
            raise ValueError("the pickle makes no sense") from None
        raise ValueError("the pickle does not end")

    def _step(self, name, argument):
        push = self.stack.append
        if name in ("PROTO", "FRAME"):
            return
        if name in PUSHED:
            push(argument)
        elif name in CONSTANTS:
            push(CONSTANTS[name]())
        elif name in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            push(self.memo[argument])
        elif name in TUPLES:
            push(tuple(self._pop(TUPLES[name])))
        elif name == "TUPLE":
            push(tuple(self._pop_to_mark()))
        elif name in ("APPEND", "APPENDS"):
            items = self._pop(1) if name == "APPEND" else self._pop_to_mark()
            _check_is(list, self.stack[-1]).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = self._pop(2) if name == "SETITEM" else self._pop_to_mark()
            self._set(items)
        elif name == "GLOBAL":
            push(_known(argument))
        elif name == "STACK_GLOBAL":
            module, attribute = (_check_is(str, part) for part in self._pop(2))
            push(_known(f"{module} {attribute}"))
        elif name == "BINPERSID":
            push(_storage(self.stack.pop()))
        elif name == "REDUCE":
            function, arguments = self._pop(2)
            push(_call(function, arguments))
        elif name == "BUILD":
            # Notes on versions, which a dict of tensors carries as an attribute.
            self.stack.pop()
            _check_is(dict, self.stack[-1])
        else:
            raise ValueError(f"the pickle has a step {name}, which no tensors need")

    def _pop(self, count):
        if not count or len(self.stack) < count:
            raise IndexError
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def _pop_to_mark(self):
        items = []
        while not isinstance(item := self.stack.pop(), _Mark):
            items.append(item)
        return items[::-1]

    def _set(self, items):
        table = _check_is(dict, self.stack[-1])
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Of tuples in tuples a hash may take for ever.
            if not isinstance(key, (str, int)):
                raise ValueError(f"the pickle has a key that is a {type(key).__name__}")
            table[key] = value


PUSHED = {
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINUNICODE",
    "SHORT_BINUNICODE",
}
CONSTANTS: dict[str, Any] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": _Mark,
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _check_is(kind, value):
    if not isinstance(value, kind):
        raise TypeError
    return value


def _known(name):
    if name not in KNOWN:
        raise ValueError(
            f"the pickle asks for {name!r:.80}, and tensors need none of it; a file "
            "that runs code is not read"
        )
    return Name(name)


def _call(function, arguments):
    name = _check_is(Name, function).name
    _check_is(tuple, arguments)
    if name == ORDERED_DICT and not arguments:
        return {}
    if name == REBUILD_PARAMETER:
        return _check_is(StoredTensor, arguments[0])
    if name == REBUILD_TENSOR:
        return _tensor(*arguments[:4])
    raise ValueError(f"the pickle calls {name}, which it should not")


def _storage(described):
    kind, storage_type, key, _, count, *views = _check_is(tuple, described)
    if kind != "storage" or any(view is not None for view in views):
        raise ValueError("the pickle has a storage of a kind that is not known")
    dtype = DTYPES.get(_check_is(Name, storage_type).name)
    if dtype is None or not isinstance(key, str) or not _is_size(count):
        raise ValueError("the pickle has a storage of a kind that is not known")
    return Storage(dtype, key, count)


def _tensor(storage, offset, shape, strides):
    _check_is(Storage, storage)
    sizes = (offset, *_check_is(tuple, shape), *_check_is(tuple, strides))
    fits = (
        len(shape) == len(strides) <= MOST_DIMENSIONS
        and all(map(_is_size, sizes))
        and math.prod(shape) <= storage.size
    )
    if fits and math.prod(shape):
        steps = zip(shape, strides, strict=True)
        last = offset + sum((size - 1) * stride for size, stride in steps)
        fits = last < storage.size
    if not fits:
        raise ValueError(
            f"a tensor of shape {_short(shape)}, strides {_short(strides)} and offset "
            f"{_short(offset)} does not fit into its {storage.size} numbers"
        )
    return StoredTensor(storage, offset, shape, strides)


def _short(value):
    # Tuples that hold one tuple twice, over and over, are short here and endless when
    # written out: no more is written than is shown.
    return f"{reprlib.repr(value):.80}"


def _is_size(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62
