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
from keras_attention.serving.options import NUM_THREADS


class CancellationQueues:
    """Queues in the graph of a session, one for each run at a time.

    A session plans its graph anew whenever something else is fetched: that of a tiny
    Transformer, with its loops, takes half a second or more. So one fetch makes many
    queues: when the model is loaded as many as REST has threads by default, and when
    they are all in use as many again.

    Args:
        session: `tf.compat.v1.Session`, whose graph gets a few operations more.
    """

    def __init__(self, session):
        self._session = session
        self._graph = session.graph
        self._lock = threading.Lock()
        self._build_lock = threading.Lock()
        self._grow_lock = threading.Lock()
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
        self._free = self._new_slots(NUM_THREADS)
        slot = self._free[0]  # what runs for the first time takes long, so it runs now
        self._run_alone(self._close, slot)
        self._renew(slot)

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
        slot = self._take_free() or self._grow()
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

    def _take_free(self):
        with self._lock:
            return self._free.pop() if self._free else None

    def _grow(self):
        with self._grow_lock:
            slot = self._take_free()  # others may have waited here for the same
            if slot is None:
                slot, *others = self._new_slots(self._made)
                with self._lock:
                    self._free.extend(others)
        return slot

    def _new_slots(self, number):
        with self._building():
            queues = [
                tf.raw_ops.FIFOQueueV2(
                    component_types=[tf.bool], shapes=[[]], shared_name=f"stop_{i}"
                )
                for i in range(self._made, self._made + number)
            ]
            handles = [tf.raw_ops.SerializeTensor(tensor=queue) for queue in queues]
            maker = tf.stack(handles)._as_tf_output()
        self._made += number
        (handles,) = self._run({}, [maker], [])
        return [_Queue(np.array(handle, dtype=object), maker) for handle in handles]

    def _renew(self, slot):
        """A queue that was closed stays so: another one takes its name."""
        self._run_alone(self._destroy, slot)
        self._run({}, [slot.maker], [])  # which leaves alone those that are there
        slot.stopped = False

    def _run_alone(self, operation, slot):
        self._run({self.queue: slot.handle}, [], [operation._c_op])

    def _run(self, feeds, fetches, targets):
        return run_session(self._session, feeds, fetches, targets, here=True)

    @contextlib.contextmanager
    def _building(self):
        with self._build_lock:
            with self._graph.as_default(), tf.device("/cpu:0"):
                yield
            self._session._extend_graph()


class _Queue:
    def __init__(self, handle, maker):
        self.handle = handle
        self.maker = maker  # makes it and others, where there are none
        self.lock = threading.Lock()
        self.stopped = self.ended = False
