"""Models on the Hugging Face Hub, by `hf://owner/name`."""

import re
from pathlib import Path

SCHEME = "hf://"
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", re.ASCII)
TEXTS = ["*.json", "*.spm", "*.bpe.model"]
# The second only where there is none of the first.
WEIGHTS = ["model*.safetensors", "pytorch_model*.bin"]


def local_folder(path: str | Path) -> Path:
    """The folder of a model: `path` itself, or where the Hub's client keeps it.

    Args:
        path: a folder; or `hf://owner/name`, perhaps with `@revision`.

    Raises:
        ValueError: if there is none, or the Hub does not give it.
    """
    if isinstance(path, str) and path.startswith(SCHEME):
        return _downloaded(path)
    if not Path(path).is_dir():
        raise ValueError(
            f"there is no folder {path}; a model on the Hugging Face Hub is "
            f"{SCHEME}owner/name"
        )
    return Path(path)


def _downloaded(address):
    name = address.removeprefix(SCHEME)
    if not REPOSITORY.fullmatch(name) or ".." in name:
        raise ValueError(
            f"a model on the Hub is {SCHEME}owner/name, perhaps with @revision; "
            f"received {address!r:.100}"
        )
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ValueError(
            f"{address} needs the Hub's client: pip install "
            "'keras-attention-models[hub]', or download the model and give its folder"
        ) from None
    repository, _, revision = name.partition("@")
    try:
        for weights in WEIGHTS:
            found = snapshot_download(
                repository, revision=revision or None, allow_patterns=[*TEXTS, weights]
            )
            folder = Path(found)
            if any(folder.glob(weights)):
                break
    except Exception as error:  # its own, its HTTP client's, the system's
        reason = f"{error!s:.300}".rstrip(". ")
        raise ValueError(
            f"{address} could not be downloaded: {reason}. Check its name and "
            "the network, or download the model and give its folder"
        ) from error
    return folder
