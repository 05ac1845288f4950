"""A model that runs requests together, by TensorFlow Serving's parameters.

Requests for the same inputs and outputs share a queue. The overhead of many small
requests is then paid once.
"""

import bisect
import time

import numpy as np

from keras_attention.serving.callers import together
from keras_attention.serving.metrics import SIZE_BUCKETS
from keras_attention.serving.models import batch_arrays
from keras_attention.serving.models.batch_queues import BatchQueues, BatchTask
from keras_attention.serving.models.served_model import Run, ServedModel
from keras_attention.serving.wire.errors import ServingError, invalid_argument

# A tenth of a millisecond to about a second, as TensorFlow Serving has them.
_QUEUING_BUCKETS = tuple(100 * 1.2**i for i in range(52))


class BatchedModel(ServedModel):
    """Runs the requests of several callers at once.

    A request's thread waits until its batch is done, or its caller leaves; where nobody
    else is there, it runs the batch itself. A batch that runs is stopped when the last
    of its callers has left. Requests of other types or shapes than the rest of a batch
    are run separately. When a run fails, its requests are run one by one, so that a bad
    one fails alone.

    Args:
        model: `ServedModel`, which is closed with this one.
        parameters: `BatchingParameters`.

    Raises:
        ValueError: if the parameters contradict each other.
    """

    def __init__(self, model, parameters):
        parameters.check()
        super().__init__(
            model.folder,
            model.signature_defs,
            model.metrics,
            model.name,
            model.runtime,
            model.check_method_names,
        )
        self.model = model
        self.parameters = parameters
        self._batch_size = parameters.most_rows
        self._count()
        self._queues = BatchQueues(
            self._run_batch, parameters, lambda depth: self._depth.set(depth, self.name)
        )

    @property
    def unbatched(self):
        return self.model

    def execute(self, run, caller=None):
        arrays = [np.asarray(array) for array in run.arrays]
        size = batch_arrays.num_rows(arrays)
        if size == 0:
            return self.model.execute(run, caller)
        limit = self.parameters.max_batch_size
        if size > limit:
            raise invalid_argument(
                f"Task size {size} is larger than maximum input batch size {limit}"
            )
        self._input_sizes.observe(size)
        key = run.feeds, run.fetches
        tasks = [
            BatchTask(part, len(part[0]), caller)
            for part in self._parts(key, arrays, size)
        ]
        if caller is None:
            results = self._results(key, tasks)
        else:
            with caller.on_leave(lambda: self._give_up(key, tasks)):
                results = self._results(key, tasks)
        if len(results) == 1:
            return results[0]
        return [np.concatenate(parts) for parts in zip(*results, strict=True)]

    def _results(self, key, tasks):
        self._queues.schedule(key, tasks)
        try:
            return [task.wait() for task in tasks]
        except ServingError:
            self._queues.drop(key, tasks)
            raise

    def _give_up(self, key, tasks):
        self._queues.drop(key, tasks)
        for task in tasks:
            task.give_up()

    def _parts(self, key, arrays, size):
        """The request, cut where it must be to fit into batches."""
        if size <= self._batch_size and (
            not self.parameters.enable_large_batch_splitting
        ):
            return [arrays]
        room = self._queues.room(key) or self._batch_size
        starts = [0, *range(min(room, size), size, self._batch_size)]
        return [
            [array[start:end] for array in arrays]
            for start, end in zip(starts, [*starts[1:], size], strict=True)
        ]

    def _run_batch(self, key, tasks):
        now = time.monotonic()
        alive = []
        for task in tasks:
            self._queuing.observe(
                round((now - task.scheduled) * 1e6), self.parameters.thread_pool_name
            )
            task.give_up()
            if not task.done:
                alive.append(task)
        pad = self.parameters.pad_variable_length_inputs
        groups: dict[tuple, list[BatchTask]] = {}
        for task in alive:
            groups.setdefault(batch_arrays.kind(task.arrays, pad), []).append(task)
        for group in groups.values():
            self._run_group(key, group)

    def _run_group(self, key, tasks):
        """Runs tasks of one kind together or, if that fails, each on its own."""
        if len(tasks) > 1:
            try:
                self._run_together(key, tasks)
                return
            except ServingError:
                pass  # one of them is to blame: each on its own tells which
        for task in tasks:
            try:
                task.check()
                self._run_together(key, [task])
            except ServingError as error:
                task.fail(error)

    def _run_together(self, key, tasks):
        sizes = [task.size for task in tasks]
        extra = self._allowed_size(sum(sizes)) - sum(sizes)
        rows = sum(sizes) + extra
        self._processed_sizes.observe(rows)
        self._padding.observe(extra, str(rows))
        merged = batch_arrays.merge([task.arrays for task in tasks], extra)
        with together([task.caller for task in tasks]) as caller:
            outputs = self.model.execute(Run(key[0], key[1], merged), caller)
        self._runs.add(1)
        parts = batch_arrays.split(outputs, [*sizes, extra] if extra else sizes)
        for task, results in zip(tasks, parts[: len(tasks)], strict=True):
            task.finish(results)

    def _allowed_size(self, size):
        allowed = self.parameters.allowed_batch_sizes
        return allowed[bisect.bisect_left(allowed, size)] if allowed else size

    def close(self):
        """Finishes what is queued, then frees the memory."""
        self._queues.close()
        self.model.close()

    def _count(self):
        name = ":tensorflow:serving:batching_session:"
        metrics = self.metrics
        self._queuing = metrics.histogram(
            f"{name}queuing_latency",
            ("thread_pool_name",),
            "Distribution of wall time spent (in microseconds) in queuing",
            _QUEUING_BUCKETS,
        )
        self._runs = metrics.counter(
            f"{name}wrapped_run_count",
            (),
            "Total count of run calls on the wrapped session",
        )
        self._input_sizes = metrics.histogram(
            f"{name}input_batch_size",
            (),
            "Tracks the batch size distribution on the inputs.",
            SIZE_BUCKETS,
        )
        self._processed_sizes = metrics.histogram(
            f"{name}processed_batch_size",
            (),
            "Tracks the batch size distribution on processing.",
            SIZE_BUCKETS,
        )
        self._padding = metrics.histogram(
            f"{name}padding_size",
            ("execution_batch_size",),
            "Tracks the padding size distribution on batches.",
            SIZE_BUCKETS,
        )
        self._depth = metrics.gauge(
            f"{name}queue_depth", ("model_name",), "Requests that wait for a batch."
        )
