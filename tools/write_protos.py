"""Writes the descriptors of keras_attention/serving/wire/protos. `make protos` runs it.

A test compares the file with what this would write.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2

FOLDER = Path(__file__).resolve().parent.parent / "keras_attention/serving/wire/protos"
DESCRIPTORS = FOLDER / "messages.binpb"


def compiled():
    """All `.proto` files as a FileDescriptorSet, each after those that it imports."""
    names = sorted(path.relative_to(FOLDER) for path in FOLDER.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "messages.binpb")
        command = [
            *(sys.executable, "-m", "grpc_tools.protoc"),  # not beside TensorFlow
            f"--proto_path={FOLDER}",
            f"--descriptor_set_out={target}",
            *map(str, names),
        ]
        subprocess.run(command, check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes())


if __name__ == "__main__":
    DESCRIPTORS.write_bytes(compiled().SerializeToString(deterministic=True))
