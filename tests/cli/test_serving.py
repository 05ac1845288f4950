"""`serve` turns its options into those of the server."""

import pytest

from keras_attention.cli import main
from keras_attention.serving.commands import running
from keras_attention.serving.options import BatchingParameters, LoadOptions
from keras_attention.serving.options import ServerOptions as Options


@pytest.fixture
def served(monkeypatch):
    """What the command would have run."""
    calls = []
    monkeypatch.setattr(running, "run", lambda *call: calls.append(call) or True)
    return calls


def test_a_folder_is_enough(served, tmp_path):
    assert main(["serve", str(tmp_path)]) == 0
    ((models, options),) = served
    assert list(models) == [tmp_path.name]
    assert options == Options()


def test_options_reach_the_server(served, tmp_path):
    batching = tmp_path / "batching.config"
    batching.write_text("max_batch_size { value: 8 }")
    arguments = ["serve", f"m={tmp_path}", "--host=0.0.0.0", "--port=0", "--cors"]
    arguments += ["--rest-port=0", "--poll-seconds=5", "--metrics", "--access-log=-"]
    arguments += ["--grpc-socket-path=/s", "--admin-over-grpc-socket-only"]
    arguments += [
        "--max-requests=7",
        "--timeout=2",
        f"--batching-parameters={batching}",
    ]
    assert main(arguments) == 0
    ((_, options),) = served
    assert options.limits.max_concurrent_requests == 7
    assert options == Options(
        host="0.0.0.0",
        grpc_port=0,
        rest_port=0,
        grpc_socket_path="/s",
        admin_over_grpc_socket_only=True,
        poll_seconds=5,
        monitoring_path="/monitoring/prometheus/metrics",
        cors=True,
        access_log="-",
        limits=options.limits,
        rest_timeout_seconds=2,
        load=LoadOptions(batching=BatchingParameters(max_batch_size=8)),
    )


def test_batching_needs_no_file(served, tmp_path):
    assert main(["serve", str(tmp_path), "--batching"]) == 0
    assert served[0][1].load.batching == BatchingParameters()


def test_mistakes_are_named(served, tmp_path, capsys):
    path = tmp_path / "models.config"
    path.write_text("model_config_list { config { nam: 1 } }")
    assert main(["serve", str(path)]) == 1
    assert f'{path}:1:30 : Message type "tensorflow' in capsys.readouterr().err
    assert not served


def test_ctranslate2_is_one_more_kind_of_model(served, tmp_path):
    from keras_attention.conversion.ctranslate2_names import FACTS

    argv = ["serve", str(tmp_path), "--engine=ctranslate2", "--quantization=int8"]
    assert main(argv) == 0
    ((file, load),) = served[0][1].load.loaders
    assert (file, load.args) == (FACTS, ("int8",))
    assert served[0][1].load.other_files == (FACTS,)
    assert main(["serve", str(tmp_path), "--quantization=int8"]) == 1
