"""The script says what is wrong, and starts what is right."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from keras_attention.serving.commands import running
from keras_attention.serving.commands.model_server import main

MODEL = ("--model_base_path=/models/m",)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "both --model_base_path and --model_config_file are empty"),
        ([*MODEL, "--port=0"], "leaves no gRPC"),
        (
            [*MODEL, "--batching_parameters_file=/f"],
            "is set without setting --enable_batching to true",
        ),
        (
            [
                *MODEL,
                "--tensorflow_session_parallelism=1",
                "--tensorflow_intra_op_parallelism=1",
                "--tensorflow_inter_op_parallelism=1",
            ],
            "you cannot set all of them",
        ),
        (["--model_base_path=s3://models/m"], "copy it there first"),
        ([*MODEL, "--use_alts_credentials"], "use --ssl_config_file"),
        ([*MODEL, "--platform_config_file=/absent"], "No such file.*'/absent'"),
        ([*MODEL, "--grpc_channel_arguments=grpc.age"], "received 'grpc.age'"),
        ([*MODEL, "--monitoring_config_file=/absent"], "No such file.*'/absent'"),
        (["--model_config_file=/absent"], "No such file or directory: '/absent'"),
        (["--port=x"], "Couldn't interpret value x for flag port"),
        (["--prot=1"], "unknown argument: --prot=1"),
    ],
)
def test_mistakes_end_it_with_a_message_on_standard_error(argv, message, capsys):
    assert main(argv) != 0
    captured = capsys.readouterr()
    assert not captured.out
    assert re.search(message, captured.err)


def test_flags_without_effect_say_so(monkeypatch, capsys):
    monkeypatch.setattr(running, "run", lambda *command: True)
    assert main([*MODEL, "--skip_initialize_tpu", "--num_unload_threads=2"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "--num_unload_threads is ignored: each model unloads in a thread of its own",
        "--skip_initialize_tpu is ignored: TPUs are not used",
    ]


def test_what_was_asked_for_is_run(monkeypatch):
    calls = []
    monkeypatch.setattr(running, "run", lambda *command: calls.append(command) or True)
    assert main([*MODEL, "--port=7"]) == 0
    ((models, options, config_file, poll_seconds),) = calls
    assert list(models) == ["default"] and options.grpc_port == 7
    assert (config_file, poll_seconds) == (None, 0)


def test_a_server_that_cannot_start_ends_it(monkeypatch, capsys):
    def run(*command):
        raise ValueError("expected something else")

    monkeypatch.setattr(running, "run", run)
    assert main(list(MODEL)) == 1
    message = "Failed to start server. Error: expected something else"
    assert message in capsys.readouterr().err


def test_help_and_version(capsys):
    assert main(["--port=x", "--help"]) == 0
    assert "--model_config_file_poll_wait_seconds" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert "TensorFlow ModelServer: 2." in capsys.readouterr().out


def test_a_malformed_config_is_refused_before_tensorflow_is_imported(tmp_path):
    path = Path(tmp_path, "models.config")
    path.write_text("model_config_list {\n  config { nam: 1 } }")
    script = """
import sys
from keras_attention.serving.commands.model_server import main
code = main(sys.argv[1:])
sys.exit("imported TensorFlow" if "tensorflow" in sys.modules else code)
"""
    result = subprocess.run(
        [sys.executable, "-c", script, f"--model_config_file={path}"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert f"{path}:2:12 : " in result.stderr
    assert 'has no field named "nam"' in result.stderr
    assert "imported" not in result.stderr
