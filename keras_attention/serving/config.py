"""Which models to serve, as the command line and models.config say it."""

import os
from pathlib import Path
from typing import NamedTuple


class VersionPolicy(NamedTuple):
    """Which of the versions on disk to serve: the latest few, all, or those listed."""

    latest: int = 1
    every: bool = False
    specific: tuple[int, ...] = ()

    def choose(self, versions):
        """Returns the versions to serve, highest first."""
        versions = sorted(versions, reverse=True)
        if self.every:
            return versions
        if self.specific:
            return [version for version in versions if version in self.specific]
        return versions[: self.latest]


class ModelConfig(os.PathLike):
    """Where a model lies and how it is served; may stand wherever its path may.

    Args:
        base_path: folder that holds the numbered versions.
        policy: `VersionPolicy`.
        version_labels: dict of str to int, names for versions.
    """

    def __init__(self, base_path, policy=None, version_labels=None):
        self.base_path = Path(base_path)
        self.policy = policy or VersionPolicy()
        self.version_labels = dict(version_labels or {})

    def __fspath__(self):
        return str(self.base_path)

    def __str__(self):
        return str(self.base_path)

    def __repr__(self):
        return f"ModelConfig({str(self)!r}, {self.policy}, {self.version_labels})"


def as_model_config(value):
    return value if isinstance(value, ModelConfig) else ModelConfig(value)


def read_models_config(path):
    """Reads a models.config, the text form of ModelServerConfig.

    Relative base paths count from the folder of the file.

    Returns:
        Dict of name to `ModelConfig`.

    Raises:
        ValueError: if the file cannot be read so.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    path = Path(path)
    config = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(path.read_text(encoding="utf-8"), config)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(
            f"expected a models.config, the text form of ModelServerConfig, for "
            f"example\n"
            f'model_config_list {{ config {{ name: "m" base_path: "/models/m" '
            f'model_platform: "tensorflow" }} }}\n'
            f"received {path}: {error}"
        ) from error
    models: dict[str, ModelConfig] = {}
    for model in config.model_config_list.config:
        if not model.name or not model.base_path:
            raise ValueError(
                f"{path}: every config needs a name and a base_path; received "
                f"name={model.name!r}, base_path={model.base_path!r}"
            )
        base_path = path.parent / model.base_path
        value = ModelConfig(
            base_path, _policy(model.model_version_policy), model.version_labels
        )
        _add(models, model.name, value)
    if not models:
        raise ValueError(f"{path} lists no model; add one to its model_config_list")
    return models


def _policy(proto):
    choice = proto.WhichOneof("policy_choice")
    if choice == "all":
        return VersionPolicy(every=True)
    if choice == "specific":
        return VersionPolicy(specific=tuple(proto.specific.versions))
    return VersionPolicy(latest=proto.latest.num_versions or 1)


def parse_model_arguments(arguments):
    """Reads the models that a command line names.

    Args:
        arguments: list of str, each `name=path`, the path of a model (served under
            its folder's name) or the path of a models.config.

    Returns:
        Dict of name to `ModelConfig`, for `Server`.

    Raises:
        ValueError: if a name comes twice, or a models.config cannot be read.
    """
    models: dict[str, ModelConfig] = {}
    for argument in arguments:
        path = Path(argument)
        name, equals, named_path = argument.partition("=")
        if path.is_file():
            for name, config in read_models_config(path).items():
                _add(models, name, config)
        elif path.is_dir() or not equals:
            _add(models, path.resolve().name, ModelConfig(path))
        elif name and named_path:
            _add(models, name, ModelConfig(named_path))
        else:
            raise ValueError(f"expected name=path, received {argument!r}")
    if not models:
        raise ValueError("expected at least one model to serve, received none")
    return models


def _add(models, name, config):
    if name in models:
        raise ValueError(
            f"expected different names, received {name!r} twice, for {models[name]} "
            f"and {config}; say name=path to choose a name"
        )
    models[name] = config
