"""The operator's files set up sessions, alone or together with flags."""

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from keras_attention.serving.commands.flags import parse
from keras_attention.serving.models.loading import load_model
from keras_attention.serving.models.sessions import session_config
from keras_attention.serving.options import BatchingParameters, LoadOptions
from keras_attention.serving.session_configs import (
    read_platform_config,
    read_session_config,
)
from keras_attention.serving.wire.errors import ServingError

MODEL = "--model_base_path=/models/m"
PLATFORM = """
platform_configs {
  key: "tensorflow"
  value {
    source_adapter_config {
      [type.googleapis.com/tensorflow.serving.SavedModelBundleSourceAdapterConfig] {
        legacy_config { %s }
      }
    }
  }
}
"""


def test_a_session_config_file_sets_up_the_session(write):
    path = write("""
        intra_op_parallelism_threads: 3
        gpu_options { per_process_gpu_memory_fraction: 0.5 }
        graph_options { optimizer_options { global_jit_level: ON_1 } }
    """)
    options = parse([MODEL, f"--tensorflow_session_config_file={path}"]).options.load
    config = session_config(options)
    assert config.intra_op_parallelism_threads == 3
    assert config.gpu_options.per_process_gpu_memory_fraction == 0.5
    assert config.graph_options.optimizer_options.global_jit_level == 1
    assert not config.gpu_options.allow_growth  # nothing is added to what it says


def test_flags_win_over_it(write):
    path = write("intra_op_parallelism_threads: 3 inter_op_parallelism_threads: 4")
    options = parse(
        [
            MODEL,
            f"--tensorflow_session_config_file={path}",
            "--tensorflow_intra_op_parallelism=1",
            "--per_process_gpu_memory_fraction=0.25",
        ]
    ).options.load
    config = session_config(options)
    assert config.intra_op_parallelism_threads == 1
    assert config.inter_op_parallelism_threads == 4
    assert config.gpu_options.per_process_gpu_memory_fraction == 0.25


def test_without_files_and_flags_a_gpu_is_shared():
    expected = config_pb2.ConfigProto()
    expected.gpu_options.allow_growth = True
    assert session_config(LoadOptions()) == expected


def test_a_platform_config_file_takes_the_place_of_the_flags_for_loading(write):
    path = write(
        PLATFORM
        % """
        session_config { gpu_options { allow_growth: true } }
        batching_parameters { max_batch_size { value: 8 } }
        saved_model_tags: "serve" saved_model_tags: "gpu"
        enable_model_warmup: true
        model_warmup_options { num_request_iterations { value: 2 } }
        prefer_tflite_model: true num_tflite_pools: 3
        enable_session_metadata: true
        """
    )
    command = parse(
        [
            MODEL,
            f"--platform_config_file={path}",
            "--saved_model_tags=other",
            "--enable_signature_method_name_check",
        ]
    )
    growth = config_pb2.ConfigProto()
    growth.gpu_options.allow_growth = True
    assert command.options.load == LoadOptions(
        tags=("serve", "gpu"),
        prefer_tflite_model=True,
        num_tflite_interpreters=3,
        session_config=growth.SerializeToString(),
        num_warmup_iterations=2,
        batching=BatchingParameters(max_batch_size=8),
        check_method_names=True,
    )
    assert command.notes == [
        f"--saved_model_tags is ignored: --platform_config_file={path} says how "
        "versions are loaded",
        f"enable_session_metadata of {path} is ignored",
    ]


def test_what_it_leaves_out_is_off(write):
    options, ignored = read_platform_config(write(PLATFORM % ""))
    assert options == LoadOptions(enable_warmup=False)
    assert not ignored


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'expected platform_configs { key: "tensorflow" ... }, received none'),
        (PLATFORM.replace('"tensorflow"', '"other"') % "", "received 'other'"),
        ('platform_configs { key: "tensorflow" value {} }', "received 'none'"),
        (PLATFORM % "batch: 1", 'SessionBundleConfig" has no field named "batch"'),
        (PLATFORM % 'session_target: "grpc://x"', "session_target is not supported"),
        (
            PLATFORM % "batching_parameters { allowed_batch_sizes: [4, 2] }",
            "must be positive and in increasing order",
        ),
        (
            PLATFORM.replace("Bundle", "Bungle") % "",
            "BungleSourceAdapterConfig not found",
        ),
    ],
)
def test_a_wrong_platform_config_file_is_refused(write, text, message):
    path = write(text)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_platform_config(path)
    assert str(path) in str(error.value)


def test_a_wrong_session_config_file_is_refused_with_its_line(write):
    path = write("\nintra: 1")
    with pytest.raises(ValueError, match=re.escape(f"{path}:2:1 : ")):
        read_session_config(path)


def test_models_run_as_the_files_say(write, tmp_path):
    builder = tf.compat.v1.saved_model.Builder(str(tmp_path / "1"))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None], "x")
        with tf.device("/CPU:1"):  # a session has one CPU, unless told otherwise
            y = tf.add(x, x, "y")
        signature = tf.compat.v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}
        )
    builder.save()
    with pytest.raises(ServingError, match="CPU:1"):
        load_model(tmp_path / "1")

    session_options = 'device_count { key: "CPU" value: 2 }'
    path = write(session_options)
    options = [LoadOptions(session_config=read_session_config(path))]
    path = write(PLATFORM % f"session_config {{ {session_options} }}")
    options.append(read_platform_config(path)[0])
    for option in options:
        model = load_model(tmp_path / "1", option)
        assert model.run("", {"x": np.float32([3])})["y"].tolist() == [6]
        model.close()
