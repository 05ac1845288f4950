"""What a SavedModel promises: its signatures, as plain values."""

from typing import Any, NamedTuple

from keras_attention.serving.wire.errors import invalid_argument

DEFAULT_SIGNATURE = "serving_default"
# Of TypeSpecProto, by number: what is made of several tensors, which have no one name.
_KINDS = {1: "sparse", 2: "sliced", 3: "ragged"}


class TensorSpec(NamedTuple):
    """One input or output of a signature."""

    name: str  # of the tensor in the graph
    dtype: int  # DataType number, see `tensors`
    shape: tuple[int, ...] | None  # -1 where any size will do; None for any rank
    kind: str = "dense"  # or "sparse", "ragged", …


class Signature(NamedTuple):
    """Inputs and outputs by the names under which requests speak of them."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    defaults: dict[str, Any]  # TensorProto for each input that may be left out
    method_name: str


def from_proto(signature_def):
    """Reads a SignatureDef, TensorFlow's own or that of `protos`."""

    def specs(infos):
        return {alias: read_spec(infos[alias]) for alias in sorted(infos)}

    return Signature(
        specs(signature_def.inputs),
        specs(signature_def.outputs),
        dict(signature_def.defaults),
        signature_def.method_name,
    )


def read_spec(info):
    """Reads a TensorInfo."""
    shape = None
    if not info.tensor_shape.unknown_rank:
        shape = tuple(dim.size for dim in info.tensor_shape.dim)
    return TensorSpec(info.name, info.dtype, shape, _kind(info))


def _kind(info):
    encoding = info.WhichOneof("encoding")
    if encoding == "coo_sparse":
        return "sparse"
    if encoding == "composite_tensor":
        number = info.composite_tensor.type_spec.type_spec_class
        return _KINDS.get(number, "composite")
    return "dense"


def check_inputs(specs):
    """Refuses inputs that no request can hold.

    Args:
        specs: dict of `TensorSpec`.

    Raises:
        ServingError: INVALID_ARGUMENT, which names the input.
    """
    for alias, spec in specs.items():
        if spec.kind != "dense":
            raise invalid_argument(
                f"expected a signature of dense tensors: its input {alias} is a "
                f"{spec.kind} one, which no request can hold; export the model with "
                "its parts, or what it is made from, as inputs"
            )


def check_outputs(specs):
    """As `check_inputs`, of the outputs that are wanted."""
    for alias, spec in specs.items():
        if spec.kind != "dense":
            raise invalid_argument(
                f"expected dense tensors as outputs: {alias} is a {spec.kind} one, "
                "which no response can hold; choose others by output_filter, or export "
                "the model with a dense form of it, or its parts, as outputs"
            )


class VersionStatus(NamedTuple):
    """Where a version stands, as a server reports it."""

    version: int
    state: str  # START, LOADING, AVAILABLE, UNLOADING or END
    error_code: str  # OK, or why it could not be loaded
    error_message: str
