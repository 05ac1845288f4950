"""What a SavedModel promises: its signatures, as plain values."""

from typing import Any, NamedTuple

DEFAULT_SIGNATURE = "serving_default"


class TensorSpec(NamedTuple):
    """One input or output of a signature."""

    name: str  # of the tensor in the graph
    dtype: int  # DataType number, see `tensors`
    shape: tuple[int, ...] | None  # -1 where any size will do; None for any rank


class Signature(NamedTuple):
    """Inputs and outputs by the names under which requests speak of them."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    defaults: dict[str, Any]  # TensorProto for each input that may be left out
    method_name: str


def from_proto(signature_def):
    """Reads a SignatureDef, TensorFlow's own or that of `protos`."""

    def specs(infos):
        return {alias: _spec(infos[alias]) for alias in sorted(infos)}

    return Signature(
        specs(signature_def.inputs),
        specs(signature_def.outputs),
        dict(signature_def.defaults),
        signature_def.method_name,
    )


def _spec(info):
    shape = None
    if not info.tensor_shape.unknown_rank:
        shape = tuple(dim.size for dim in info.tensor_shape.dim)
    return TensorSpec(info.name, info.dtype, shape)


class VersionStatus(NamedTuple):
    """Where a version stands, as a server reports it."""

    version: int
    state: str  # START, LOADING, AVAILABLE, UNLOADING or END
    error_code: str  # OK, or why it could not be loaded
    error_message: str
