"""Files that set up sessions: ConfigProto and PlatformConfigMap in text format.

They hold TensorFlow's own messages: reading one imports TensorFlow.
"""

from keras_attention.serving.options import LoadOptions
from keras_attention.serving.text_configs import batching_parameters, read_text_proto
from keras_attention.serving.wire import protos

_PLATFORM = "tensorflow"
_ADAPTER = "tensorflow.serving.SavedModelBundleSourceAdapterConfig"
_REFUSED = ("session_target", "experimental_fixed_input_tensors")
_USED = (
    "session_config",
    "batching_parameters",
    "saved_model_tags",
    "enable_model_warmup",
    "model_warmup_options",
    "prefer_tflite_model",
    "num_tflite_interpreters_per_pool",
    "num_tflite_pools",
    "num_tflite_interpreters",
    "enable_per_model_batching_params",
)


def read_session_config(path):
    """Reads a tensorflow_session_config_file.

    Returns:
        bytes, a ConfigProto for `LoadOptions.session_config`.

    Raises:
        ValueError: if it is malformed, with file, line and column.
    """
    from tensorflow.core.protobuf import config_pb2

    return read_text_proto(path, config_pb2.ConfigProto()).SerializeToString()


def read_platform_config(path):
    """Reads a platform_config_file.

    Returns:
        `LoadOptions`, with nothing in them that the file does not say, and a list of
        str, what it says that has no effect.

    Raises:
        ValueError: if it is malformed, says nothing of TensorFlow's SavedModels, or
            asks for what is not supported.
    """
    from tensorflow.core.protobuf import config_pb2, named_tensor_pb2
    from tensorflow_serving.config import platform_config_pb2

    pool = protos.make_pool(config_pb2, named_tensor_pb2)
    platforms = platform_config_pb2.PlatformConfigMap()
    platforms = read_text_proto(path, platforms, pool).platform_configs
    if _PLATFORM not in platforms:
        raise ValueError(
            f'{path}: expected platform_configs {{ key: "{_PLATFORM}" ... }}, received '
            f"{', '.join(map(repr, platforms)) or 'none'}"
        )
    packed = platforms[_PLATFORM].source_adapter_config
    if packed.TypeName() != _ADAPTER:
        raise ValueError(
            f"{path}: expected a source_adapter_config with [type.googleapis.com/"
            f"{_ADAPTER}], received {packed.TypeName() or 'none'!r}"
        )
    adapter = protos.message_class(_ADAPTER, pool)
    config = adapter.FromString(packed.value).legacy_config
    fields = [field.name for field, _ in config.ListFields()]
    for name in _REFUSED:
        if name in fields:
            raise ValueError(f"{path}: {name} is not supported; leave it out")
    ignored = [f"{name} of {path}" for name in fields if name not in _USED]
    ignored += [f"{name!r} of {path}" for name in platforms if name != _PLATFORM]
    return _load_options(config, path), ignored


def _load_options(config, path):
    batching = None
    if config.HasField("batching_parameters"):
        batching = batching_parameters(config.batching_parameters, path)
    warmup = config.model_warmup_options.num_request_iterations.value
    options = LoadOptions(
        tags=tuple(config.saved_model_tags) or LoadOptions().tags,
        prefer_tflite_model=config.prefer_tflite_model,
        enable_warmup=config.enable_model_warmup,
        num_warmup_iterations=max(warmup, 1),
        session_config=config.session_config.SerializeToString(),
        batching=batching,
        per_model_batching=config.enable_per_model_batching_params
        and batching is not None,
    )
    pools = config.num_tflite_pools or config.num_tflite_interpreters
    return options.with_tflite_pools(pools, config.num_tflite_interpreters_per_pool)
