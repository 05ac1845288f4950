"""Which models to serve: the command line and models.config."""

import os
from pathlib import Path
from typing import NamedTuple

from keras_attention.serving.logs import get_logger
from keras_attention.serving.text_configs import read_text_proto
from keras_attention.serving.wire.errors import ServingError, invalid_argument

logger = get_logger(__name__)


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


class ServedModelConfig(os.PathLike):
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

    def __eq__(self, other):
        return isinstance(other, ServedModelConfig) and vars(self) == vars(other)

    def __hash__(self):
        return hash((self.base_path, self.policy))

    def __fspath__(self):
        return str(self.base_path)

    def __str__(self):
        return str(self.base_path)

    def __repr__(self):
        return f"ModelConfig({str(self)!r}, {self.policy}, {self.version_labels})"


def as_model_config(value):
    return value if isinstance(value, ServedModelConfig) else ServedModelConfig(value)


def read_models_config(path, at_start=False):
    """Reads a models.config, the text form of ModelServerConfig.

    Relative base paths count from the folder of the file; the official server takes
    absolute ones only.

    Args:
        path: of the file.
        at_start: bool. Whether an empty file means no models; later it is more likely
            one that is being written.

    Returns:
        Dict of name to `ServedModelConfig`.

    Raises:
        ValueError: if the file cannot be read so.
        OSError: if there is no such file.
    """
    from tensorflow_serving.config import model_server_config_pb2

    path = Path(path)
    config = read_text_proto(path, model_server_config_pb2.ModelServerConfig())
    if config.WhichOneof("config") == "custom_model_config":
        raise ValueError(
            f"{path}: custom_model_config is not supported; list the models in a "
            f"model_config_list"
        )
    try:
        models = _read(config, path.parent)
    except ServingError as error:
        raise ValueError(f"{path}: {error.message}") from error
    if config.WhichOneof("config") is None and not at_start:
        raise ValueError(
            f"{path} is empty; to drop all models it takes a model_config_list {{}}"
        )
    return models


def from_proto(config):
    """Reads a ModelServerConfig that came over the wire; its paths are absolute.

    Returns:
        Dict of name to `ServedModelConfig`.

    Raises:
        ServingError: in the protocol's words, if the config is not one.
    """
    return _read(config, base_folder=None)


def _read(config, base_folder):
    models: dict[str, ServedModelConfig] = {}
    for model in config.model_config_list.config:
        if model.name in models:
            raise invalid_argument(
                f"Illegal to list model {model.name} multiple times in config list"
            )
        models[model.name] = _model_config(model, base_folder)
    return models


def _model_config(model, base_folder):
    if not model.name or not model.base_path:
        raise invalid_argument(
            f"every config needs a name and a base_path; received "
            f"name={model.name!r}, base_path={model.base_path!r}"
        )
    _check_platform(model)
    path = local_path(model.name, model.base_path)
    if not Path(path).is_absolute():
        if base_folder is None:
            raise invalid_argument(
                f"Expected model {model.name} to have an absolute path or URI; got "
                f"base_path()={model.base_path}"
            )
        path = base_folder / path
    if model.HasField("logging_config"):
        logger.warning("%s: logging_config is ignored, see access logs", model.name)
    policy = _policy(model.name, model.model_version_policy)
    return ServedModelConfig(path, policy, model.version_labels)


def local_path(name, base_path):
    """Takes `file://` off a base path; raises ServingError for other such schemes."""
    scheme, separator, path = base_path.partition("://")
    if not separator:
        return base_path
    if scheme != "file":
        raise invalid_argument(
            f"expected model {name} in a local folder, received base_path={base_path}; "
            f"copy it there first"
        )
    return path


def _check_platform(model):
    """Raises ServingError as TensorFlow Serving does; all models are TensorFlow's."""
    field = "ModelServerConfig::model_type"
    if model.model_type and model.model_platform:
        raise invalid_argument(
            f"Illegal setting both {field} (deprecated) and "
            f"ModelServerConfig::model_platform."
        )
    if not model.model_type and not model.model_platform:
        raise invalid_argument(
            f"Illegal setting neither {field} (deprecated) nor "
            f"ModelServerConfig::model_platform."
        )
    if model.model_type > 1:
        raise invalid_argument(f"{field} choice {model.model_type} not supported.")
    if model.model_platform not in ("", "tensorflow"):
        raise invalid_argument(
            f"Model {model.name} requests unsupported platform {model.model_platform}"
        )


def _policy(name, proto):
    choice = proto.WhichOneof("policy_choice")
    if choice == "all":
        return VersionPolicy(every=True)
    if choice == "specific":
        if not proto.specific.versions:
            raise invalid_argument(
                f"the specific policy of model {name} needs versions, for example "
                f"specific {{ versions: 1 }}"
            )
        return VersionPolicy(specific=tuple(proto.specific.versions))
    return VersionPolicy(latest=proto.latest.num_versions or 1)


def parse_model_arguments(arguments):
    """Reads the models that a command line names.

    Args:
        arguments: list of str, each `name=path`, the path of a model (served under
            its folder's name) or the path of a models.config.

    Returns:
        Dict of name to `ServedModelConfig`, for `Server`.

    Raises:
        ValueError: if a name comes twice, or a models.config cannot be read.
    """
    models: dict[str, ServedModelConfig] = {}
    for argument in arguments:
        path = Path(argument)
        name, equals, named_path = argument.partition("=")
        if path.is_file():
            for name, config in read_models_config(path).items():
                _add(models, name, config)
        elif path.is_dir() or not equals:
            _add(models, path.resolve().name, ServedModelConfig(path))
        elif name and named_path:
            _add(models, name, ServedModelConfig(named_path))
        else:
            raise ValueError(f"expected name=path, received {argument!r}")
    if not models:
        raise ValueError("expected at least one model to serve, received none")
    return models


def _add(models, name, config):
    if name in models:
        raise ValueError(
            f"expected different names, received {name!r} twice, for {models[name]} "
            f"and {config}; use name=path to choose a name"
        )
    models[name] = config
