"""How TensorFlow is to run a model."""

from tensorflow.core.protobuf import config_pb2


def session_config(options):
    """The ConfigProto that `LoadOptions` come to."""
    config = config_pb2.ConfigProto.FromString(options.session_config)
    if not options.session_config:
        config.gpu_options.allow_growth = True  # others may live here
    # What is not 0 wins over what the operator's file says, as in the original.
    if options.per_process_gpu_memory_fraction:
        fraction = options.per_process_gpu_memory_fraction
        config.gpu_options.per_process_gpu_memory_fraction = fraction
    if options.intra_op_parallelism:
        config.intra_op_parallelism_threads = options.intra_op_parallelism
    if options.inter_op_parallelism:
        config.inter_op_parallelism_threads = options.inter_op_parallelism
    return config
