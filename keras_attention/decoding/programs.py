"""Functions of arrays and of a model's weights, compiled by the backend."""

import collections
import dataclasses
import functools
import logging
import time
from collections.abc import Callable
from typing import Any

import keras

LOGGER = logging.getLogger(__name__)

# An XLA program takes some two thirds of the time of the graph for all shapes, so that
# it has paid for itself after three times as long as it takes to compile.
PAYS_AFTER = 3.0
# What the first takes to compile, in seconds: a guess. Of the others it is measured.
FIRST_COMPILATION = 5.0
# Runs of a program that are compared with as many of the graph. A verdict is for good,
# and rests on the quickest of each: of five, one will be undisturbed.
COMPARED_RUNS = 5
# XLA programs that are kept for one function, the last that were used.
MOST_PROGRAMS = 64
# What `jit_compile` may be.
JIT_COMPILE = ("auto", True, False)


def checked_jit_compile(value: bool | str) -> bool | str:
    """`value`, if it is one of `JIT_COMPILE`.

    Raises:
        ValueError: if it is not.
    """
    if not any(value is known or value == known == "auto" for known in JIT_COMPILE):
        raise ValueError(
            f'jit_compile must be "auto", True or False; received {value!r:.60}'
        )
    return value


def compiled(model: Any, function: Callable) -> Callable:
    """`function` of arrays, as one compiled program of the backend.

    What varies from call to call are the arguments and the model's weights.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return TensorFlowPrograms(model, function)
    if backend == "jax":
        import jax

        @jax.jit
        def run(weights, arguments):
            pairs = zip(model.variables, weights, strict=True)
            with keras.StatelessScope(state_mapping=list(pairs)):
                return function(*arguments)

        return lambda *arguments: run([v.value for v in model.variables], arguments)
    return function


class TensorFlowPrograms:
    """One graph that serves all shapes, and programs of XLA that each serve one.

    Args:
        model: `keras.Model`.
        function: of structures of arrays.
    """

    def __init__(self, model: Any, function: Callable) -> None:
        self._model, self._function = model, function
        self._variables: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """Runs the graph for all shapes."""
        import tensorflow as tf

        def spec(tensor):
            # One graph serves all batch sizes, and all lengths of ids `(B, S)`.
            known = tensor.shape[1:] if len(tensor.shape) != 2 else [None]
            return tf.TensorSpec([None, *known], tensor.dtype)

        self._follow_model()
        arguments = keras.tree.map_structure(tf.convert_to_tensor, arguments)
        specs = keras.tree.map_structure(spec, arguments)
        return self._traced.get_concrete_function(*specs)(*arguments)

    def run_fixed(self, *arguments: Any) -> Any:
        """Runs a program of XLA for arrays of these shapes, compiled if need be.

        Raises:
            tf.errors.OpError: where XLA does not compile it.
        """
        import tensorflow as tf

        self._follow_model()
        arguments = keras.tree.map_structure(tf.convert_to_tensor, arguments)
        kinds = tuple(
            (tuple(array.shape), array.dtype) for array in keras.tree.flatten(arguments)
        )
        return self._program(kinds)(arguments)

    def _follow_model(self):
        # Quantising a model replaces its variables, and a graph keeps its own.
        now = self._model.variables
        if self._variables is None or list(map(id, now)) != list(
            map(id, self._variables)
        ):
            import tensorflow as tf

            self._variables = now
            self._traced = tf.function(self._function, autograph=False)
            self._program = functools.lru_cache(MOST_PROGRAMS)(self._trace_fixed)

    def _trace_fixed(self, kinds):
        import tensorflow as tf

        traced = tf.function(self._function, autograph=False, jit_compile=True)
        concrete: Any = None

        def run(arguments):
            nonlocal concrete
            if concrete is None:
                concrete = traced.get_concrete_function(*arguments)
            return concrete(*arguments)

        return run


@dataclasses.dataclass
class _Account:
    """What runs of one bucket of shapes have cost."""

    spent: float = 0.0  # seconds in the graph
    bought: bool = False
    # Seconds per step: of the graph's last runs before the program was bought, and of
    # the program's first ones after it was compiled. As many of each, since the minimum
    # of more is lower.
    graph: collections.deque[float] = dataclasses.field(
        default_factory=lambda: collections.deque(maxlen=COMPARED_RUNS)
    )
    program: list[float] = dataclasses.field(default_factory=list)

    @property
    def program_is_slower(self) -> bool:
        enough = len(self.program) == COMPARED_RUNS
        return enough and min(self.program) > min(self.graph)


class Programs:
    """A function that is compiled for each shape, where that pays.

    Compiling takes seconds, for each shape. A bucket of shapes waits until it has cost
    so much time in the graph for all shapes that its program would have paid for
    itself: rent until the price is paid, then buy. So a few sentences never wait for a
    compiler, and much work takes at most twice as long as it must. A program that turns
    out slower than the graph is not used again.

    Args:
        model, function: as for `compiled`.
        count_steps: function of a result, which says how many steps it took, about:
            a run's length depends on its inputs.
        jit_compile: "auto" for that, True for all shapes at once, False for none.
            Backends that compile all the same do so.
    """

    def __init__(
        self,
        model: Any,
        function: Callable,
        count_steps: Callable[[Any], int],
        jit_compile: bool | str,
    ) -> None:
        self._count_steps = count_steps
        self._run = compiled(model, function)
        self._fixed = getattr(self._run, "run_fixed", None)
        self._jit_compile = jit_compile
        self._price = FIRST_COMPILATION
        self._accounts: dict[Any, _Account] = collections.defaultdict(_Account)

    def __call__(
        self,
        bucket: Any,
        arguments: Callable[[], Any],
        padded: Callable[[], Any],
        cut: Callable[[Any], Any],
    ) -> Any:
        """Runs the function.

        Args:
            bucket: hashable.
            arguments: gives them.
            padded: gives them, filled up to the bucket.
            cut: function of a result of `padded`, which makes it one of `arguments`.

        Returns:
            What the function returns, of NumPy arrays.

        Raises:
            ValueError: if programs were asked for, and XLA does not compile this one.
        """
        if self._fixed is None:  # JAX compiles each shape, and there should be few.
            return cut(_to_numpy(self._run(*padded())))
        account = self._accounts[bucket]
        begin = time.perf_counter()
        if self._pays(account):
            try:
                found = cut(_to_numpy(self._fixed(*padded())))
            except _xla_errors() as error:
                self._give_up(error)
            else:
                self._note_program(bucket, time.perf_counter() - begin, found)
                return found
        found = self.any_shape(*arguments())
        taken = time.perf_counter() - begin
        account.spent += taken
        if not account.bought:
            account.graph.append(taken / self._steps(found))
        return found

    def any_shape(self, *arguments: Any) -> Any:
        """Runs the graph for all shapes, or what a backend has instead."""
        return _to_numpy(self._run(*arguments))

    def _pays(self, account):
        if self._jit_compile != "auto":
            return self._jit_compile
        if account.bought:
            return not account.program_is_slower
        return account.spent >= PAYS_AFTER * self._price

    def _note_program(self, bucket, taken, found):
        account = self._accounts[bucket]
        if not account.bought:  # It was compiled.
            account.bought, self._price = True, taken
        elif self._jit_compile == "auto" and len(account.program) < COMPARED_RUNS:
            account.program.append(taken / self._steps(found))
            if account.program_is_slower:
                LOGGER.info(
                    "XLA's program for %s takes %.3g s a step, the graph %.3g s: it is "
                    "not used again",
                    bucket,
                    min(account.program),
                    min(account.graph),
                )

    def _steps(self, found):
        return max(1, self._count_steps(found))

    def _give_up(self, error):
        if self._jit_compile != "auto":
            raise ValueError(
                "XLA does not compile this model's search: take jit_compile=False. It "
                f"says: {str(error):.500}"
            ) from error
        LOGGER.info("XLA does not compile this model's search: %.500s", error)
        self._jit_compile = False


def _to_numpy(found):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, found)


def _xla_errors():
    """What TensorFlow raises where XLA does not know an operation or a shape."""
    import tensorflow as tf

    return tf.errors.InvalidArgumentError, tf.errors.UnimplementedError
