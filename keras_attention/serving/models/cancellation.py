"""Cancellation of a session's runs from outside.

TensorFlow gives nobody a handle by which to cancel one run of a session. But when one
operation of a run fails, it cancels the others. So a run that shall be stopped when its
caller leaves also takes an item out of a queue, which its last step puts there:

    feeds ─► … ─► fetches ─► put ─► queue ─► take

`take` waits without a thread. To close the queue makes it fail, at once and in the
thread that closes it, however busy those of the session are.
"""

import contextlib
import threading

import numpy as np
import tensorflow as tf

from keras_attention.serving.models.sessions import run_session


class CancellationQueues:
    """Queues in the graph of a session, one for each run at a time.

    Args:
        session: `tf.compat.v1.Session`, whose graph gets a few operations more.
    """

    def __init__(self, session):
        self._session = session
        self._graph = session.graph
        self._lock = threading.Lock()
        self._free = []
        self._made = 0
        with self._building():
            # As a string, for sessions take no handles of resources from outside.
            name = tf.compat.v1.placeholder(tf.string, [], "stop_queue")
            self._handle = tf.raw_ops.ParseTensor(serialized=name, out_type=tf.resource)
            self._item = tf.constant(True)
            self._take = tf.raw_ops.QueueDequeueV2(
                handle=self._handle, component_types=[tf.bool]
            )[0].op
            self._close = tf.raw_ops.QueueCloseV2(
                handle=self._handle, cancel_pending_enqueues=True
            )
            self._destroy = tf.raw_ops.DestroyResourceOp(resource=self._handle)
        self.queue = name._as_tf_output()
        slot = self._new_slot()  # now, as what runs for the first time takes long
        self._run_alone(self._close, slot)
        self._renew(slot)
        self._free.append(slot)

    def targets(self, fetches):
        """The operations that a run of these tensors must do besides."""
        with self._building():
            # What depends on a function as such need not wait for it; on its values it
            # must.
            values = [tf.identity(tensor) for tensor in fetches]
            with self._graph.control_dependencies(values):
                put = tf.raw_ops.QueueEnqueueV2(
                    handle=self._handle, components=[self._item]
                )
        return [self._take._c_op, put._c_op]

    @contextlib.contextmanager
    def slot(self, caller):
        """A queue for one run, which is closed if the caller leaves meanwhile.

        Yields:
            The array to feed `queue` with.
        """
        with self._lock:
            slot = self._free.pop() if self._free else None
        slot = slot or self._new_slot()
        slot.ended = clean = False
        try:
            with caller.on_leave(lambda: self._stop(slot)):
                yield slot.handle
            clean = True
        finally:
            with slot.lock:
                slot.ended = True
            if not clean or slot.stopped:
                self._renew(slot)
            with self._lock:
                self._free.append(slot)

    def _stop(self, slot):
        with slot.lock:
            if not slot.ended:
                slot.stopped = True
                self._run_alone(self._close, slot)

    def _new_slot(self):
        with self._building():
            name = f"stop_{self._made}"
            self._made += 1
            queue = tf.raw_ops.FIFOQueueV2(
                component_types=[tf.bool], shapes=[[]], shared_name=name
            )
            serialized = tf.raw_ops.SerializeTensor(tensor=queue)
        return self._renew(_Queue(serialized._as_tf_output()))

    def _renew(self, slot):
        """A queue that was closed stays so: another one takes its place."""
        if slot.handle is not None:
            self._run_alone(self._destroy, slot)
        (handle,) = self._run({}, [slot.queue], [])
        slot.handle = np.array(handle, dtype=object)
        slot.stopped = False
        return slot

    def _run_alone(self, operation, slot):
        self._run({self.queue: slot.handle}, [], [operation._c_op])

    def _run(self, feeds, fetches, targets):
        return run_session(self._session, feeds, fetches, targets, here=True)

    @contextlib.contextmanager
    def _building(self):
        with self._lock:
            with self._graph.as_default(), tf.device("/cpu:0"):
                yield
            self._session._extend_graph()


class _Queue:
    def __init__(self, queue):
        self.queue = queue  # makes it, and tells its name
        self.handle = None
        self.lock = threading.Lock()
        self.stopped = self.ended = False
