"""Queues of tasks, closed into batches for a few at a time.

    schedule ─► open batch ─► closed: full, or old enough ─► run when a thread is free

As TensorFlow's `SharedBatchScheduler`: each queue fills one batch at a time, queues
take turns, and one that is too long rejects tasks. Where no task waits and a thread is
free, the thread that brought a task runs it, which saves two context switches.
"""

import threading
import time
from collections import deque

from keras_attention.serving.wire.errors import Code, ServingError

# The error of a task whose deadline passed while it was queued or ran.
LATE = "Run() timeout exceeded while waiting in batching queue"


class BatchTask:
    """A request, or a part of one, that waits for its result.

    Args:
        arrays: list of arrays.
        size: int, rows.
        caller: `Caller` who waits for it, or None.
    """

    __slots__ = (
        "_ending",
        "arrays",
        "caller",
        "done",
        "error",
        "results",
        "scheduled",
        "size",
        "undone",
    )

    def __init__(self, arrays, size, caller=None):
        self.arrays = arrays
        self.size = size
        self.caller = caller
        self.scheduled = time.monotonic()
        self.done = False
        self._ending = threading.Lock()  # taken for good by the first to end it
        self.undone = threading.Lock()  # to wait for; an Event costs more
        self.undone.acquire()
        self.results = None
        self.error = None

    def finish(self, results):
        self._end(results, None)

    def fail(self, error):
        self._end(None, error)

    def _end(self, results, error):
        if self._ending.acquire(blocking=False):  # else it was given up before
            self.results, self.error = results, error
            self.done = True
            self.undone.release()

    def check(self):
        """Raises ServingError if it is cancelled or late."""
        if self.caller is not None:
            self.caller.check(LATE)

    def give_up(self):
        """Ends it if it is cancelled or late."""
        try:
            self.check()
        except ServingError as error:
            self.fail(error)

    def wait(self):
        left = None if self.caller is None else self.caller.seconds()
        left = -1.0 if left is None else min(left, threading.TIMEOUT_MAX)
        if not self.undone.acquire(timeout=left):
            raise ServingError(Code.DEADLINE_EXCEEDED, LATE)
        if self.error is not None:
            raise self.error
        return self.results


class _Batch:
    def __init__(self):
        self.tasks = []
        self.size = 0
        self.started = time.monotonic()

    def add(self, task):
        self.tasks.append(task)
        self.size += task.size


class BatchQueues:
    """Runs tasks in batches, those of each key apart.

    Args:
        run: function of a key and a list of `BatchTask`s, which finishes or fails them
            all.
        parameters: `BatchingParameters`.
        set_depth: function of the number of tasks that wait, called as it changes.
    """

    def __init__(self, run, parameters, set_depth):
        self._run = run
        self._set_depth = set_depth
        self._batch_size = parameters.most_rows
        self._timeout = parameters.batch_timeout_micros / 1e6
        self._max_batches = parameters.max_enqueued_batches
        self._max_running = parameters.num_batch_threads
        self._queues: dict[object, deque[_Batch]] = {}
        self._changed = threading.Condition()
        self._num_batches = self._num_tasks = self._num_running = 0
        self._closing = False
        name = parameters.thread_pool_name
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}_{i}", daemon=True)
            for i in range(self._max_running)
        ]
        for thread in self._threads:
            thread.start()

    def schedule(self, key, tasks):
        """Adds tasks to the queue of a key: all of them or, if it is full, none.

        Raises:
            ServingError: UNAVAILABLE if the queue is full.
        """
        with self._changed:
            if self._closing:
                raise ServingError(Code.UNAVAILABLE, "The model is being unloaded")
            queue = self._queues.setdefault(key, deque())
            room = self._batch_size - queue[-1].size if queue else 0
            needed = len(tasks) - (tasks[0].size <= room)
            if len(queue) + needed > self._max_batches:
                raise ServingError(
                    Code.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is "
                    f"full; currently {len(queue)} batches enqueued and "
                    f"max_enqueued_batches is {self._max_batches}",
                )
            for task in tasks:
                if not queue or queue[-1].size + task.size > self._batch_size:
                    queue.append(_Batch())
                    self._num_batches += 1
                queue[-1].add(task)
            self._count(len(tasks))
            mine = None
            if self._num_batches == 1 and self._can_run():
                mine = self._pop_ready(queue, time.monotonic())
            if mine is None:
                self._changed.notify(len(tasks))
        if mine is not None:
            self._run_batch(key, mine)

    def drop(self, key, tasks):
        """Removes queued tasks that were cancelled."""
        with self._changed:
            queue = self._queues.get(key, deque())
            for batch in list(queue):
                left = [task for task in batch.tasks if task not in tasks]
                if len(left) == len(batch.tasks):
                    continue
                self._count(len(left) - len(batch.tasks))
                batch.size -= sum(t.size for t in batch.tasks if t in tasks)
                batch.tasks = left
                if not left:
                    queue.remove(batch)
                    self._num_batches -= 1
            if self._closing:
                self._changed.notify_all()

    def room(self, key):
        """How many rows still fit in the batch that is being filled."""
        with self._changed:
            queue = self._queues.get(key)
            return self._batch_size - queue[-1].size if queue else 0

    def close(self):
        """Rejects new tasks, and returns when the queued ones are done."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        with self._changed:
            self._changed.wait_for(lambda: self._num_running == 0)

    def _work(self):
        while (next_batch := self._take()) is not None:
            self._run_batch(*next_batch)

    def _run_batch(self, key, tasks):
        try:
            self._run(key, tasks)
        except Exception as error:  # a thread that dies would serve no more
            for task in tasks:
                if not task.done:
                    task.fail(error)
        finally:
            with self._changed:
                self._num_running -= 1
                if self._num_batches or self._closing:
                    self._changed.notify_all()

    def _take(self):
        """Waits for a batch to run; None when there will be no more."""
        with self._changed:
            while True:
                now = time.monotonic()
                due = None
                for key, queue in self._queues.items():
                    if not queue or not self._can_run():
                        continue
                    tasks = self._pop_ready(queue, now)
                    if tasks is not None:
                        self._queues[key] = self._queues.pop(key)  # others' turn next
                        if self._num_batches:
                            self._changed.notify()
                        return key, tasks
                    ready_at = queue[0].started + self._timeout
                    due = ready_at if due is None else min(due, ready_at)
                if self._closing and not self._num_batches:
                    return None
                self._changed.wait(None if due is None else due - now)

    def _can_run(self):
        return self._num_running < self._max_running

    def _pop_ready(self, queue, now):
        """Takes the first batch of a queue to run it; None if that is not closed."""
        batch = queue[0]
        closed = len(queue) > 1 or batch.size >= self._batch_size
        if not (closed or self._closing or batch.started + self._timeout <= now):
            return None
        queue.popleft()
        self._num_batches -= 1
        self._num_running += 1
        self._count(-len(batch.tasks))
        return batch.tasks

    def _count(self, change):
        self._num_tasks += change
        self._set_depth(self._num_tasks)
