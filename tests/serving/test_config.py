"""The command line and models.config say which models to serve."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from keras_attention.serving.config import (
    VersionPolicy,
    from_proto,
    parse_model_arguments,
    read_models_config,
)
from keras_attention.serving.wire.errors import Code, ServingError

CONFIG = """
model_config_list {
  config { name: "a" base_path: "/models/a" model_platform: "tensorflow" }
  config {
    name: "b"
    base_path: "b"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 4 versions: 2 } }
    version_labels { key: "best" value: 4 }
  }
  config {
    name: "c"
    base_path: "c"
    model_type: TENSORFLOW
    model_version_policy { latest { num_versions: 2 } }
  }
  config {
    name: "d"
    base_path: "file:///models/d"
    model_platform: "tensorflow"
    model_version_policy { all {} }
  }
}
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(CONFIG)
    return path


def test_models_config(config):
    models = read_models_config(config)
    assert list(models) == ["a", "b", "c", "d"]
    assert str(models["a"]) == "/models/a"
    assert Path(models["b"]) == config.parent / "b"
    assert models["b"].policy.choose([1, 2, 3, 4]) == [4, 2]
    assert models["b"].version_labels == {"best": 4}
    assert models["a"].policy == VersionPolicy(latest=1)
    assert models["c"].policy.choose([1, 3, 2]) == [3, 2]
    assert models["d"].policy.choose([1, 3, 2]) == [3, 2, 1]
    assert str(models["d"]) == "/models/d"


def test_arguments(config, tmp_path):
    folder = tmp_path / "translator"
    models = parse_model_arguments(["x=some/path", str(folder), str(config)])
    assert list(models) == ["x", "translator", "a", "b", "c", "d"]
    assert Path(models["x"]) == Path("some/path")
    assert Path(models["translator"]) == folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "at least one model"),
        (["=path"], "expected name=path, received '=path'"),
        (["a/m", "b/m"], "received 'm' twice"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        parse_model_arguments(arguments)


@pytest.mark.parametrize("text", ["nonsense", "", "model_config_list { config {} }"])
def test_a_config_that_says_nothing_is_refused(tmp_path, text):
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"models\.config"):
        parse_model_arguments([str(path)])


MODEL = 'name: "m" base_path: "/models/m" model_platform: "tensorflow"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'name: "m" base_path: "m" model_platform: "tensorflow"',
            "absolute path or URI",
        ),
        ('name: "m" base_path: "/m"', "Illegal setting neither .*model_type"),
        (f"{MODEL} model_type: TENSORFLOW", "Illegal setting both .*model_type"),
        ('name: "m" base_path: "/m" model_type: OTHER', "choice 2 not supported"),
        (
            'name: "m" base_path: "/m" model_platform: "caffe"',
            "Model m requests unsupported platform caffe",
        ),
        ('name: "m" base_path: "gs://b/m" model_platform: "tensorflow"', "copy it"),
        ('base_path: "/m" model_platform: "tensorflow"', "needs a name"),
        (f"{MODEL} model_version_policy {{ specific {{}} }}", "needs versions"),
        (f"{MODEL} }} config {{ {MODEL}", "Illegal to list model m multiple times"),
    ],
)
def test_configs_over_the_wire_are_refused_in_the_protocol_s_words(text, message):
    config = text_format.Parse(
        f"model_config_list {{ config {{ {text} }} }}",
        model_server_config_pb2.ModelServerConfig(),
    )
    with pytest.raises(ServingError, match=message) as caught:
        from_proto(config)
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_a_config_over_the_wire_may_drop_every_model():
    assert from_proto(model_server_config_pb2.ModelServerConfig()) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_config_list {\n  config { nam: 1 } }", r"models\.config:2:12 : "),
        ("custom_model_config {}", "list the models in a model_config_list"),
        (
            f"model_config_list {{ config {{ {MODEL} }} config {{ {MODEL} }} }}",
            r"models\.config: Illegal to list model m multiple times",
        ),
    ],
)
def test_a_file_that_is_refused_is_named(tmp_path, text, message):
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_models_config(path)


def test_logging_config_is_ignored_aloud(tmp_path, caplog):
    path = tmp_path / "models.config"
    path.write_text(f"model_config_list {{ config {{ {MODEL} logging_config {{}} }} }}")
    assert list(read_models_config(path)) == ["m"]
    assert "m: logging_config is ignored" in caplog.text


def test_the_repository_s_own_config_can_be_read():
    path = Path(__file__).parents[2] / "serving" / "models.config"
    models = read_models_config(path)
    assert all(str(model).startswith("/models/") for model in models.values())
