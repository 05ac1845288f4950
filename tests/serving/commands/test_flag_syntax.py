"""Command lines of tensorflow_model_server mean what they mean there."""

import re
from pathlib import Path

import pytest

from keras_attention.serving.commands.flag_syntax import FlagError, read_values, usage
from keras_attention.serving.commands.flag_table import FLAGS
from keras_attention.serving.config import read_models_config
from keras_attention.serving.session_configs import (
    read_platform_config,
    read_session_config,
)
from keras_attention.serving.text_configs import (
    read_batching_parameters,
    read_monitoring_config,
    read_ssl_config,
)

PAGE = Path(__file__).parents[3] / "docs" / "serving-flags.md"


def values_of(*argv):
    return read_values(argv)[0]


def test_without_flags_the_defaults_are_those_of_tensorflow_serving():
    values, given = read_values([])
    assert not given
    assert set(values) == {flag.name for flag in FLAGS}
    expected = {
        "port": 8500,
        "rest_api_port": 0,
        "rest_api_timeout_in_ms": 30_000,
        "model_name": "default",
        "file_system_poll_wait_seconds": 1,
        "max_num_load_retries": 5,
        "load_retry_interval_micros": 60_000_000,
        "enable_batching": False,
        "enable_model_warmup": True,
        "saved_model_tags": "serve",
        "enable_grpc_healthcheck_service": False,
    }
    assert {name: values[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["--port=9000"], "port", 9000),
        (["--port", "9000"], "port", 9000),
        (["--port=1", "--port=2"], "port", 2),
        (
            ["--file_system_poll_wait_seconds", "-1"],
            "file_system_poll_wait_seconds",
            -1,
        ),
        (["--load_retry_interval_micros=3000000000"], None, 3_000_000_000),
        (["--per_process_gpu_memory_fraction=0.5"], None, 0.5),
        (["--model_base_path=/a=b"], "model_base_path", "/a=b"),
        (["--model_name="], "model_name", ""),
        (["--enable_batching"], "enable_batching", True),
        (["--enable_batching=true"], "enable_batching", True),
        (["--enable_batching=TRUE"], "enable_batching", True),
        (["--enable_batching=1"], "enable_batching", True),
        (["--enable_batching", "true"], "enable_batching", True),
        (["--enable_model_warmup=false"], "enable_model_warmup", False),
        (["--enable_model_warmup=0"], "enable_model_warmup", False),
        (["--enable_batching", "--port=1"], "enable_batching", True),
    ],
)
def test_values_are_written_in_any_of_these_ways(argv, name, value):
    name = name or argv[0].lstrip("-").partition("=")[0]
    values, given = read_values(argv)
    assert values[name] == value
    assert type(values[name]) is type(value)
    assert name in given


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--port=many"], "interpret value many for flag port.*--port=8500"),
        (["--port="], "interpret value  for flag port"),
        (["--port=2147483648"], "Expected type int32"),
        (["--port"], "--port needs a value"),
        (["--model_name", "--port=1"], "--model_name needs a value, as in .*=default"),
        (["--enable_batching=yes"], "interpret value yes for flag enable_batching"),
        (["--colour=red"], r"unknown argument: --colour=red$"),
        (["--rest_port=8501"], "did you mean --rest_api_port"),
        (["--rest-api-port=8501"], "did you mean --rest_api_port"),
        (["--enable_batchin"], "did you mean --enable_batching"),
        (["-port=1"], "unknown argument: -port=1"),
        (["model"], "unknown argument: model"),
        (["--"], "unknown argument: --"),
        (["--noenable_batching"], "unknown argument: --noenable_batching"),
    ],
)
def test_what_makes_no_sense_is_refused(argv, message):
    with pytest.raises(FlagError, match=message):
        read_values(argv)


def test_the_usage_names_every_flag_with_its_default():
    text = usage()
    for flag in FLAGS:
        assert f"--{flag.name}=" in text
        assert flag.help in text
    assert '--saved_model_tags="serve"  string' in text
    assert "--enable_model_warmup=true  bool" in text


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_the_documentation_s_table_has_every_flag(flag):
    default = flag.default
    if isinstance(default, bool):
        default = str(default).lower()
    default = flag.depends_on or (f"`{default}`" if default != "" else "")
    note = f" *Ignored: {flag.ignored}.*" if flag.ignored else ""
    row = f"| `--{flag.name}` | {flag.type_name} | {default} | {flag.help}{note} |"
    assert row in PAGE.read_text().splitlines()


def test_the_documentation_mentions_no_other_flag():
    mentioned = set(re.findall(r"--([a-z]+_[a-z_]+)", PAGE.read_text()))
    assert mentioned <= {flag.name for flag in FLAGS}


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("models.config", read_models_config),
        ("batching.config", read_batching_parameters),
        ("monitoring.config", read_monitoring_config),
        ("ssl.config", read_ssl_config),
        ("session.config", read_session_config),
        ("platform.config", read_platform_config),
    ],
)
def test_the_documentation_s_files_can_be_read(name, read, tmp_path):
    blocks = re.findall(r"```proto\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (text,) = [block for block in blocks if block.startswith(f"# {name},")]
    (tmp_path / name).write_text(text)
    assert read(tmp_path / name)
