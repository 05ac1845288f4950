"""Requests run together say what they would say alone."""

import threading
import time

import numpy as np
import pytest

from keras_attention.serving.callers import Caller
from keras_attention.serving.metrics import Metrics
from keras_attention.serving.models.batching import BatchedModel
from keras_attention.serving.models.loading import load_model
from keras_attention.serving.models.served_model import Run, ServedModel
from keras_attention.serving.options import BatchingParameters, LoadOptions
from keras_attention.serving.wire.errors import Code, ServingError, invalid_argument
from tests.serving.models.support import (
    Lengths,
    Loop,
    Many,
    export_half_plus_two,
    export_module,
)
from tests.serving.support import eventually

FOR_EVER = np.int32([2**31 - 1])


class Gated(ServedModel):
    """Doubles its input when it is let, and remembers what it was fed.

    A negative number fails the run; the output "total" has no batch axis.
    """

    def __init__(self):
        super().__init__(None, {}, Metrics(), "gated", "test")
        self.batches = []
        self.callers = []
        self.threads = []
        self.running = self.most_running = 0
        self.lock = threading.Lock()
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()
        self.closed = False

    def execute(self, run, caller=None):
        (array,) = run.arrays
        self.batches.append(array.copy())
        self.callers.append(caller)
        self.threads.append(threading.current_thread())
        with self.lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        self.begun.release()
        assert self.gate.wait(60)
        with self.lock:
            self.running -= 1
        if array.dtype != object and (array < 0).any():
            raise invalid_argument("negative")
        outputs = {"y": array * 2, "total": array.sum(), "first": array[:1]}
        return [outputs[name] for name in run.fetches]

    def close(self):
        self.closed = True


@pytest.fixture
def gated():
    model = Gated()
    yield model
    model.gate.set()


@pytest.fixture
def batched(gated):
    made = []

    def make(**parameters):
        parameters = {"max_batch_size": 8, "num_batch_threads": 1, **parameters}
        made.append(BatchedModel(gated, BatchingParameters(**parameters)))
        return made[-1]

    yield make
    gated.gate.set()
    for model in made:
        model.close()


def run(*values, fetch="y", width=1):
    array = np.float32(values).repeat(width).reshape(-1, width)
    return Run(("x",), (fetch,), [array])


class Request(threading.Thread):
    """Runs in a thread of its own."""

    def __init__(self, model, run, caller=None):
        super().__init__(daemon=True)
        self.arguments = model, run, caller
        self.response = None
        self.start()

    def run(self):
        model, run, caller = self.arguments
        try:
            self.response = model.execute(run, caller)[0].tolist()
        except ServingError as error:
            self.response = error

    def result(self):
        self.join(60)
        assert not self.is_alive()
        return self.response


def wait_for(model, depth):
    while (
        model.metrics.gauge(":tensorflow:serving:batching_session:queue_depth").value(
            "gated"
        )
        < depth
    ):
        time.sleep(0.005)


def hold(gated, model):
    """Occupies the only thread, so that what follows has to wait."""
    first = Request(model, run(0))
    assert gated.begun.acquire(timeout=30)
    return first


def test_what_waits_runs_together(gated, batched):
    model = batched()
    first = hold(gated, model)
    callers = [Request(model, run(*values)) for values in ((1,), (2, 3), (4,))]
    wait_for(model, 3)
    gated.gate.set()
    responses = [caller.result() for caller in callers]
    assert responses == [[[2.0]], [[4.0], [6.0]], [[8.0]]]
    assert first.result() == [[0.0]]
    assert [len(batch) for batch in gated.batches] == [1, 4]
    name = ":tensorflow:serving:batching_session:wrapped_run_count"
    assert model.metrics.counter(name).value() == 2


def test_where_nobody_waits_the_caller_runs_its_own_batch(gated, batched):
    model = batched()
    first = hold(gated, model)
    second = Request(model, run(1))
    wait_for(model, 1)
    gated.gate.set()
    assert (first.result(), second.result()) == ([[0.0]], [[2.0]])
    assert gated.threads[0] is first and gated.threads[1] is not second


def test_no_more_batches_run_at_once_than_there_are_threads(gated, batched):
    model = batched(num_batch_threads=2, max_batch_size=1, max_enqueued_batches=100)
    callers = [Request(model, run(i)) for i in range(10)]
    for _ in range(2):
        assert gated.begun.acquire(timeout=30)
    wait_for(model, 8)
    gated.gate.set()
    assert [caller.result() for caller in callers] == [[[2.0 * i]] for i in range(10)]
    assert gated.most_running == 2
    callers = [Request(model, run(i)) for i in range(50)]
    assert [caller.result() for caller in callers] == [[[2.0 * i]] for i in range(50)]
    assert gated.most_running == 2
    depth = ":tensorflow:serving:batching_session:queue_depth"
    assert model.metrics.gauge(depth).value("gated") == 0


def test_a_batch_waits_for_others_until_its_time_is_up(gated, batched):
    gated.gate.set()
    model = batched(batch_timeout_micros=300_000)
    callers = [Request(model, run(i)) for i in range(4)]
    assert [caller.result() for caller in callers] == [[[2.0 * i]] for i in range(4)]
    assert [len(batch) for batch in gated.batches] == [4]


def test_a_full_batch_waits_for_nobody(gated, batched):
    gated.gate.set()
    model = batched(max_batch_size=2, batch_timeout_micros=10**9)
    callers = [Request(model, run(i)) for i in range(4)]
    assert [caller.result() for caller in callers] == [[[2.0 * i]] for i in range(4)]


def test_a_bad_request_harms_nobody_else(gated, batched):
    model = batched()
    hold(gated, model)
    callers = [Request(model, run(value)) for value in (1, -1, 3)]
    wait_for(model, 3)
    gated.gate.set()
    good, bad, other = [caller.result() for caller in callers]
    assert (good, other) == ([[2.0]], [[6.0]])
    assert bad.code is Code.INVALID_ARGUMENT and bad.message == "negative"


@pytest.mark.parametrize("pad", [False, True])
def test_requests_of_other_widths(gated, batched, pad):
    model = batched(pad_variable_length_inputs=pad)
    hold(gated, model)
    callers = [Request(model, run(1, width=2)), Request(model, run(2, width=3))]
    wait_for(model, 2)
    gated.gate.set()
    narrow, wide = [caller.result() for caller in callers]
    assert wide == [[4.0, 4.0, 4.0]]
    assert narrow == ([[2.0, 2.0, 0.0]] if pad else [[2.0, 2.0]])
    assert len(gated.batches) == (2 if pad else 3)


def test_requests_of_one_width_still_run_together(gated, batched):
    model = batched()
    hold(gated, model)
    callers = [Request(model, run(i, width=i % 2 + 1)) for i in range(4)]
    wait_for(model, 4)
    gated.gate.set()
    assert [caller.result() for caller in callers] == [
        [[2.0 * i] * (i % 2 + 1)] for i in range(4)
    ]
    assert sorted(batch.shape for batch in gated.batches) == [(1, 1), (2, 1), (2, 2)]


def test_batches_have_an_allowed_size(gated, batched):
    gated.gate.set()
    model = batched(allowed_batch_sizes=(2, 8))
    assert Request(model, run(1)).result() == [[2.0]]
    assert Request(model, run(1, 2, 3)).result() == [[2.0], [4.0], [6.0]]
    assert [batch.ravel().tolist() for batch in gated.batches] == [
        [1, 1],
        [1, 2, 3, 1, 1, 1, 1, 1],
    ]


def test_large_requests_are_split_where_that_is_wanted(gated, batched):
    gated.gate.set()
    error = Request(batched(), run(*range(9))).result()
    assert error.code is Code.INVALID_ARGUMENT
    assert error.message == "Task size 9 is larger than maximum input batch size 8"
    model = batched(
        max_batch_size=20, enable_large_batch_splitting=True, max_execution_batch_size=4
    )
    assert Request(model, run(*range(9))).result() == [[2.0 * i] for i in range(9)]
    assert [len(batch) for batch in gated.batches] == [4, 4, 1]


def test_a_full_queue_refuses(gated, batched):
    model = batched(max_batch_size=1, max_enqueued_batches=2)
    hold(gated, model)
    callers = [Request(model, run(i)) for i in (1, 2)]
    wait_for(model, 2)
    error = Request(model, run(3)).result()
    assert error.code is Code.UNAVAILABLE
    assert error.message == (
        "The batch scheduling queue to which this task was submitted is full; "
        "currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    gated.gate.set()
    assert [caller.result() for caller in callers] == [[[2.0]], [[4.0]]]


def test_what_is_late_is_told_at_once_and_not_run(gated, batched):
    model = batched()
    hold(gated, model)
    late = Request(model, run(1), Caller(time.monotonic() + 0.01))
    patient = Request(model, run(2))
    error = late.result()  # although the only thread is still held
    assert error.code is Code.DEADLINE_EXCEEDED
    assert error.message == "Run() timeout exceeded while waiting in batching queue"
    wait_for(model, 1)
    gated.gate.set()
    assert patient.result() == [[4.0]]
    assert gated.batches[1].tolist() == [[2.0]]


def test_a_batch_may_take_as_long_as_its_most_patient_request(gated, batched):
    model = batched()
    hold(gated, model)
    now = time.monotonic()
    requests = [Request(model, run(i), Caller(now + 100.0 * i)) for i in (1, 2)]
    wait_for(model, 2)
    gated.gate.set()
    assert [request.result() for request in requests] == [[[2.0]], [[4.0]]]
    unhurried, hurried = gated.callers
    assert unhurried is None and hurried.deadline == now + 200


def test_what_waits_is_dropped_when_its_caller_leaves(gated, batched):
    model = batched(max_batch_size=2, max_enqueued_batches=1)
    hold(gated, model)
    leaving = Caller()
    gone, patient = Request(model, run(1), leaving), Request(model, run(2))
    wait_for(model, 2)
    leaving.leave()
    error = gone.result()  # although the only thread is still held
    assert error.code is Code.CANCELLED
    third = Request(model, run(3))  # in the place that is free again
    wait_for(model, 2)
    gated.gate.set()
    assert [patient.result(), third.result()] == [[[4.0]], [[6.0]]]
    assert gated.batches[1].tolist() == [[2.0], [3.0]]


def test_a_batch_is_stopped_when_the_last_of_its_callers_has_left(tmp_path):
    export_module(Loop(), tmp_path / "1")
    batching = BatchingParameters(
        max_batch_size=2, num_batch_threads=1, batch_timeout_micros=10**9
    )
    model = load_model(tmp_path / "1", LoadOptions(batching=batching))
    for_ever = Run(("serving_default_n:0",), ("PartitionedCall:0",), [FOR_EVER])
    callers = [Caller(), Caller()]
    first, second = [Request(model, for_ever, caller) for caller in callers]
    eventually(lambda: model._queues._num_running == 1)
    callers[0].leave()
    assert first.result().code is Code.CANCELLED  # although the other's run goes on
    assert model._queues._num_running == 1
    callers[1].leave()
    assert second.result().code is Code.CANCELLED
    eventually(lambda: model._queues._num_running == 0)
    numbers = {"n": np.int32([3, 2])}
    assert model.run("", numbers, caller=Caller())["count"].tolist() == [3, 3]
    model.close()


@pytest.mark.parametrize(
    ("fetch", "message"),
    [
        ("total", "Batched output tensor has 0 dimensions"),
        ("first", "0th dimension does not equal the sum"),
    ],
)
def test_outputs_need_a_batch_axis(gated, batched, fetch, message):
    gated.gate.set()
    error = Request(batched(), run(1, 2, fetch=fetch)).result()
    assert error.code is Code.FAILED_PRECONDITION and message in error.message


def test_other_outputs_wait_in_another_queue(gated, batched):
    model = batched()
    hold(gated, model)
    callers = [Request(model, run(1)), Request(model, run(2, fetch="first"))]
    wait_for(model, 2)
    gated.gate.set()
    assert [caller.result() for caller in callers] == [[[2.0]], [[2.0]]]
    assert len(gated.batches) == 3


def test_closing_finishes_what_waits(gated, batched):
    model = batched(batch_timeout_micros=10**9)
    caller = Request(model, run(1))
    wait_for(model, 1)
    gated.gate.set()
    model.close()
    assert caller.result() == [[2.0]] and gated.closed
    with pytest.raises(ServingError, match="being unloaded"):
        model.execute(run(1))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_batch_size": 0}, "max_batch_size must be positive; received 0"),
        ({"batch_timeout_micros": -1}, "must not be negative; received -1"),
        ({"allowed_batch_sizes": (4, 2)}, "positive and in increasing order"),
        ({"allowed_batch_sizes": (2, 4)}, "= 4, max_batch_size = 8"),
        (
            {"enable_large_batch_splitting": True, "max_execution_batch_size": 9},
            "must not exceed max_batch_size; received 9 and 8",
        ),
    ],
)
def test_parameters_that_contradict_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        BatchingParameters(**{"max_batch_size": 8, **parameters}).check()


def test_models_run_in_batches_as_they_do_alone(tmp_path):
    export_half_plus_two(tmp_path / "1")
    options = LoadOptions(
        batching=BatchingParameters(max_batch_size=16, batch_timeout_micros=20_000)
    )
    model = load_model(tmp_path / "1", options)
    responses = {}

    def send(i):
        responses[i] = model.run("", {"x": np.float32([[i], [i + 1]])})["y"].ravel()

    threads = [threading.Thread(target=send, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = model.metrics.counter(
        ":tensorflow:serving:batching_session:wrapped_run_count"
    ).value()
    model.close()
    assert runs < 20
    for i, response in responses.items():
        assert response.tolist() == [i / 2 + 2, (i + 1) / 2 + 2]


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_batch_size": 16, "batch_timeout_micros": 300},
        {"max_batch_size": 16, "allowed_batch_sizes": (4, 8, 16)},
        {
            "max_batch_size": 40,
            "max_execution_batch_size": 5,
            "enable_large_batch_splitting": True,
        },
    ],
)
def test_all_concurrent_requests_get_their_own_responses(tmp_path, parameters):
    export_module(Many(), tmp_path / "1")
    batching = BatchingParameters(
        num_batch_threads=2, max_enqueued_batches=100, **parameters
    )
    model = load_model(tmp_path / "1", LoadOptions(batching=batching))
    responses = []

    def send(seed):
        rng = np.random.default_rng(seed)
        for i in range(30):
            x = rng.integers(0, 99, rng.integers(1, 13)).astype("float32")
            wanted = [["y1"], ["y7", "y2"], []][i % 3]
            try:
                outputs = model.run("", {"x": x if i % 5 else x.astype(bool)}, wanted)
            except ServingError as error:
                responses.append((i % 5 == 0, error.code is Code.INVALID_ARGUMENT))
                continue
            aliases = wanted or [f"y{k}" for k in range(1, 9)]
            right = all((outputs[a] == x + int(a[1:])).all() for a in aliases)
            responses.append((i % 5 != 0, right and len(outputs) == len(aliases)))

    threads = [threading.Thread(target=send, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    depth = ":tensorflow:serving:batching_session:queue_depth"
    assert model.metrics.gauge(depth).value("") == 0
    model.close()
    assert len(responses) == 8 * 30 and set(responses) == {(True, True)}


def test_padding_says_nothing_to_a_model_of_text(tmp_path):
    export_module(Lengths(), tmp_path / "1")
    options = LoadOptions(
        batching=BatchingParameters(
            max_batch_size=4,
            batch_timeout_micros=500_000,
            pad_variable_length_inputs=True,
        )
    )
    model = load_model(tmp_path / "1", options)
    responses = {}

    def send(text):
        tokens = np.array([text.encode().split()] * 2, dtype=object)
        responses[text] = model.run("", {"tokens": tokens}, ["length"])[
            "length"
        ].tolist()

    threads = [threading.Thread(target=send, args=(t,)) for t in ("a b c", "d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    model.close()
    assert responses == {"a b c": [3, 3], "d": [1, 1]}


def test_a_version_brings_its_own_parameters(tmp_path):
    export_module(Lengths(), tmp_path / "1")
    options = LoadOptions(
        batching=BatchingParameters(max_batch_size=4), per_model_batching=True
    )
    alone = load_model(tmp_path / "1", options)
    assert alone.unbatched is alone
    alone.close()
    (tmp_path / "1" / "batching_params.pbtxt").write_text("max_batch_size { value: 3 }")
    model = load_model(tmp_path / "1", options)
    assert model.parameters.max_batch_size == 3
    model.close()
