"""The interface of every loaded version, whatever its runtime."""

import time
from typing import Any, NamedTuple

from keras_attention.serving.wire import signatures, tensors
from keras_attention.serving.wire.errors import Code, ServingError, invalid_argument

# Sets of outputs that are computed apart: the runtime keeps a plan for each, for ever.
_MAX_FETCHES = 64
# Of signatures that Predict runs, where that is checked.
_METHODS = [f"tensorflow/serving/{name}" for name in ("predict", "classify", "regress")]


class Run(NamedTuple):
    """One computation: tensors of the graph by name, and the arrays to feed."""

    feeds: tuple[str, ...]
    fetches: tuple[str, ...]
    arrays: list[Any]


class ServedModel:
    """Signatures, checked against requests.

    Subclasses `execute`.

    Args:
        folder: path of the version.
        signature_defs: dict of name to SignatureDef.
        metrics: `Metrics`.
        name: str, under which the model is served.
        runtime: str, what runs it, for the metrics.
        check_method_names: bool. Whether Classify and Regress run only signatures
            with such a method name, and Predict those of the three.
    """

    def __init__(
        self, folder, signature_defs, metrics, name, runtime, check_method_names=False
    ):
        self.folder = folder
        self.check_method_names = check_method_names
        self.signature_defs = signature_defs
        self.metrics = metrics
        self.name = name
        self.runtime = runtime
        self._signatures = {
            key: signatures.from_proto(definition)
            for key, definition in signature_defs.items()
        }
        self._seen_fetches = set()
        self._latency = metrics.histogram(
            ":tensorflow:serving:runtime_latency",
            ("model_name", "API", "runtime"),
            "Distribution of wall time (in microseconds) for Tensorflow runtime.",
        )

    @property
    def unbatched(self):
        """The model that runs each request on its own."""
        return self

    def signature(self, name):
        """The signature called `name`; the default one for an empty name.

        Returns:
            `Signature`, or None if there is none of that name.
        """
        return self._signatures.get(name or signatures.DEFAULT_SIGNATURE)

    def run(self, signature_name, inputs, output_filter=(), caller=None):
        """Computes outputs.

        Args:
            signature_name: str; empty for the default one.
            inputs: dict of arrays; strings are object arrays of `bytes`.
            output_filter: sequence of str. The outputs wanted; all of them if empty.
            caller: `Caller`, optional. Once it has left, a queued run is dropped, and a
                running one is stopped where the runtime can do that.

        Returns:
            Dict of arrays.

        Raises:
            ServingError: if the request does not fit, or the graph fails.
        """
        signature = self.signature(signature_name)
        if signature is None:
            name = signature_name or signatures.DEFAULT_SIGNATURE
            raise ServingError(
                Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
            )
        if self.check_method_names and signature.method_name not in _METHODS:
            raise ServingError(
                Code.INTERNAL,
                "Expected prediction signature method_name to be one of "
                f"{{{', '.join(_METHODS)}}}. Was: {signature.method_name}",
            )
        inputs = _complete(inputs, signature)
        aliases = _wanted(output_filter, signature)
        signatures.check_inputs(signature.inputs)
        signatures.check_outputs({a: signature.outputs[a] for a in aliases})
        run = Run(
            tuple(spec.name for spec in signature.inputs.values()),
            self._fetches(signature, aliases),
            [inputs[alias] for alias in signature.inputs],
        )
        by_name = self.compute(run, "Predict", caller)
        return {alias: by_name[signature.outputs[alias].name] for alias in aliases}

    def _fetches(self, signature, aliases):
        """The tensors to compute, in an order that does not depend on the request's.

        Once a client has filtered in too many ways, whole signatures are computed.
        """
        fetches = tuple(sorted({signature.outputs[alias].name for alias in aliases}))
        if fetches not in self._seen_fetches:
            if len(self._seen_fetches) >= _MAX_FETCHES:
                return tuple(sorted({o.name for o in signature.outputs.values()}))
            self._seen_fetches.add(fetches)
        return fetches

    def compute(self, run, api, caller=None):
        """Does a `Run`, and notes how long it took.

        Returns:
            Dict of arrays by the names of the tensors.
        """
        if caller is not None:
            caller.check()
        start = time.perf_counter()
        results = self.execute(run, caller)
        microseconds = round((time.perf_counter() - start) * 1e6)
        self._latency.observe(microseconds, self.name, api, self.runtime)
        return dict(zip(run.fetches, results, strict=True))

    def execute(self, run, caller=None):
        """Does a `Run`; returns its arrays in the order of `run.fetches`."""
        raise NotImplementedError

    def close(self):
        """Frees the memory. No run may be in flight."""


def _complete(inputs, signature):
    """Checks names, and fills in the signature's defaults."""
    wanted = signature.inputs
    if inputs.keys() == wanted.keys():
        return inputs
    extra = sorted(inputs.keys() - wanted.keys())
    missing = sorted(wanted.keys() - inputs.keys())
    if len(inputs) > len(wanted) or (
        len(inputs) < len(wanted) and not signature.defaults
    ):
        raise invalid_argument(
            f"input size does not match signature: {len(inputs)}!={len(wanted)} "
            f"len({{{','.join(sorted(inputs))}}}) != len({{{','.join(wanted)}}}). "
            f"Sent extra: {{{','.join(extra)}}}. "
            f"Missing but required: {{{','.join(missing)}}}."
        )
    missing = [alias for alias in missing if alias not in signature.defaults]
    if missing:
        alias = missing[0]
        raise invalid_argument(
            f"Signature input alias: {alias}(feed name: {wanted[alias].name}) not "
            f"found in request and no default value provided. Inputs expected to be in "
            f"the request {{{','.join(sorted(inputs))}}}, or default input alias set: "
            f"{','.join(sorted(signature.defaults))}"
        )
    if extra:
        raise invalid_argument(
            "Inputs contains invalid name. Used request inputs: "
            f"{','.join(sorted(inputs.keys() & wanted.keys()))}, request input: "
            f"{','.join(sorted(inputs))}"
        )
    defaults = signature.defaults.items()
    return {a: tensors.read(p) for a, p in defaults if a in wanted} | inputs


def _wanted(output_filter, signature):
    if not output_filter:
        return list(signature.outputs)
    seen = set()
    for alias in output_filter:
        if alias not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {alias} Outputs expected "
                f"to be in the set {{{','.join(signature.outputs)}}}."
            )
        if alias in seen:
            raise invalid_argument(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    return list(output_filter)
