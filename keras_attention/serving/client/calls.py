"""The steps of a client's calls, written once for the synchronous and the async one."""

from collections.abc import Callable
from itertools import chain

from keras_attention.serving.client.exchange import (
    Deadline,
    Pause,
    RetryPolicy,
    with_retries,
)
from keras_attention.serving.client.features import read_features
from keras_attention.serving.client.request_splitting import in_parts
from keras_attention.serving.client.rows import BY_EXPORT
from keras_attention.serving.wire.errors import Code, ServingError

# Such errors may mean that a new version has another signature than the known one.
_SIGNATURE_MAY_DIFFER = (Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.ABORTED)
_NO_RETRIES = RetryPolicy(attempts=1)
_LONGEST_POLL = 1.0  # seconds


class Calls:
    """Gives the steps of each call, as `exchange.run` takes them.

    Args:
        urls: dict of "rest" and "grpc" to addresses, for error messages.
        timeout: float or None. Seconds, where a call does not say.
        transport: "rest" or "grpc", where a call does not say.
        retries: `RetryPolicy`.
    """

    def __init__(self, urls, timeout, transport, retries):
        self._urls = urls
        self._timeout = timeout
        self._transport = self._checked(transport)
        self._retries = retries
        self._protocols = {}
        self._signatures = {}
        self._batch_limits = {}

    def _deadline(self, timeout):
        return Deadline(self._timeout if timeout is None else timeout)

    def _exchange(self, transport, make, timeout):
        """One exchange, which `make` makes with a protocol."""
        deadline = self._deadline(timeout)
        exchange = make(self._protocol(transport))
        return (yield from with_retries(exchange, self._retries, deadline))

    def describe(self, what, model_spec, transport, timeout):
        """The "metadata" or the "status" of a model."""
        return self._exchange(
            transport, lambda protocol: getattr(protocol, what)(model_spec), timeout
        )

    def models(self, timeout):
        return self._exchange("rest", lambda protocol: protocol.models(), timeout)

    def reload_config(self, models, timeout):
        return self._exchange(
            "grpc", lambda protocol: protocol.reload_config(models), timeout
        )

    def predict(self, model_spec, inputs, transport, outputs, timeout):
        from keras_attention.serving.client.arrays import convert

        def run(protocol, signature, deadline):
            arrays = convert(inputs, signature)
            return self._run(protocol, model_spec, signature, arrays, outputs, deadline)

        return self._with_signature(model_spec, transport, timeout, run)

    def read_all(self, rows, read, model_spec, transport, timeout):
        """A signature with a result for each of its inputs' rows, which are `Rows`."""
        from keras_attention.serving.client.arrays import convert

        def run(protocol, signature, deadline):
            # All of them before the first is sent: the last may be the wrong one.
            inputs = convert(rows.inputs(signature, model_spec), signature)

            def send(part):
                some = slice(part.start, part.stop)
                arrays = {name: array[some] for name, array in inputs.items()}
                steps = self._run(
                    protocol, model_spec, signature, arrays, None, deadline
                )
                return read((yield from steps))

            return self._in_parts(range(len(rows.values)), send, model_spec)

        if not rows.values:
            return []
        steps = self._with_signature(model_spec, transport, timeout, run)
        return list(chain(*(yield from steps)))

    def _run(self, protocol, model_spec, signature, arrays, outputs, deadline):
        from keras_attention.serving.client.arrays import readable

        exchange = protocol.predict(model_spec, signature, arrays, outputs)
        return readable((yield from with_retries(exchange, self._retries, deadline)))

    def _with_signature(self, model_spec, transport, timeout, run):
        """Runs with the signature that is known, or with what it is by now.

        Args:
            run: function of a protocol, a `Signature` and a `Deadline` that gives the
                steps of the call.
        """
        deadline = self._deadline(timeout)
        protocol = self._protocol(transport)
        key = (protocol, model_spec.name, model_spec.version, model_spec.label)
        name = model_spec.signature_name

        def read_signature():
            steps = with_retries(protocol.metadata(model_spec), self._retries, deadline)
            _, self._signatures[key] = yield from steps
            return _find(self._signatures[key], name)

        known = self._signatures.get(key, {}).get(name)
        if known is None:
            signature = yield from read_signature()
            return (yield from run(protocol, signature, deadline))
        try:
            return (yield from run(protocol, known, deadline))
        except (ServingError, ValueError) as error:
            if getattr(error, "code", Code.ABORTED) not in _SIGNATURE_MAY_DIFFER:
                raise
            signature = yield from read_signature()
            if _same(signature, known):
                raise
        return (yield from run(protocol, signature, deadline))

    def infer(self, method, model_spec, examples, context, transport, timeout):
        examples, context = _read_examples(examples, context)
        deadline, protocol = self._deadline(timeout), self._protocol(transport)

        def send(part):
            exchange = getattr(protocol, method)(model_spec, part, context)
            return with_retries(exchange, self._retries, deadline)

        return list(chain(*(yield from self._in_parts(examples, send, model_spec))))

    def multi_inference(self, model_spec, tasks, examples, context, timeout):
        examples, context = _read_examples(examples, context)
        deadline, protocol = self._deadline(timeout), self._protocol("grpc")

        def send(part):
            exchange = protocol.multi_inference(model_spec, tasks, part, context)
            return with_retries(exchange, self._retries, deadline)

        parts = yield from self._in_parts(examples, send, model_spec)
        return [list(chain(*results)) for results in zip(*parts, strict=True)]

    def _in_parts(self, values, send, model_spec):
        model = model_spec._replace(signature_name="")
        return in_parts(values, send, self._batch_limits, model)

    def wait_until_ready(self, model_spec, transport, timeout):
        deadline = self._deadline(timeout)
        exchange = self._protocol(transport).status(model_spec)
        waited_for = {Code.UNAVAILABLE, Code.NOT_FOUND}
        if model_spec.label:  # one that is not given yet
            waited_for.add(Code.INVALID_ARGUMENT)
        seconds = 0.05
        while True:
            try:
                statuses = yield from with_retries(exchange, _NO_RETRIES, deadline)
            except ServingError as error:
                if error.code not in waited_for:
                    raise
                seen = str(error)
            else:
                ready = [s.version for s in statuses if s.state == "AVAILABLE"]
                if ready:
                    return max(ready)
                seen = "; ".join(
                    f"version {s.version} is {s.state} {s.error_message}".strip()
                    for s in statuses
                )
            if not deadline.leaves(seconds):
                raise ServingError(
                    Code.DEADLINE_EXCEEDED,
                    f"{model_spec.name} is not served after {deadline.timeout} s",
                    seen,
                )
            yield Pause(seconds)
            seconds = min(2 * seconds, _LONGEST_POLL)

    def _protocol(self, transport):
        transport = self._checked(transport or self._transport)
        if transport not in self._protocols:
            # Here, so that only what is used is imported.
            if transport == "rest":
                from keras_attention.serving.client.rest import RestProtocol

                protocol: Callable = RestProtocol
            else:
                from keras_attention.serving.client.grpc import GrpcProtocol

                protocol = GrpcProtocol
            self._protocols[transport] = protocol(self._urls[transport])
        return self._protocols[transport]

    def _checked(self, transport):
        if transport not in self._urls:
            raise ValueError(
                f"transport must be 'rest' or 'grpc', received {transport!r}"
            )
        return transport


def _find(signatures, name):
    if name not in signatures:
        known = ", ".join(sorted(n for n in signatures if not n.startswith("__")))
        if name == "constrained":
            known += f"; for constraints and avoid, export it with {BY_EXPORT}"
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f'Serving signature key "{name}" not found.',
            f"the model has {known}",
        )
    return signatures[name]


def _same(one, other):
    """Whether two signatures take and give the same; what defaults are is no matter."""
    return (one.inputs, one.outputs, one.defaults.keys()) == (
        other.inputs,
        other.outputs,
        other.defaults.keys(),
    )


def _read_examples(examples, context):
    examples = [read_features(example) for example in examples]
    return examples, None if context is None else read_features(context)
