"""Files in text format become plain values, or are refused with line and column."""

import re
from pathlib import Path

import pytest

from keras_attention.serving.config import read_models_config
from keras_attention.serving.options import BatchingParameters, SslConfig
from keras_attention.serving.session_configs import (
    read_platform_config,
    read_session_config,
)
from keras_attention.serving.text_configs import (
    read_batching_parameters,
    read_monitoring_config,
    read_ssl_config,
)


def test_batching_parameters_are_read(write):
    path = write("""
        # What docs/serving-flags.md shows.
        max_batch_size { value: 64 }
        batch_timeout_micros { value: 0 }
        max_enqueued_batches { value: 100 }
        num_batch_threads { value: 4 }
        thread_pool_name { value: "pool" }
        allowed_batch_sizes: 8
        allowed_batch_sizes: [16, 64]
        pad_variable_length_inputs: true
    """)
    assert read_batching_parameters(path) == BatchingParameters(
        max_batch_size=64,
        batch_timeout_micros=0,
        max_enqueued_batches=100,
        num_batch_threads=4,
        allowed_batch_sizes=(8, 16, 64),
        pad_variable_length_inputs=True,
        thread_pool_name="pool",
    )


def test_an_empty_file_means_the_defaults(write):
    assert read_batching_parameters(write("")) == BatchingParameters()


def test_splitting_allows_sizes_up_to_that_of_an_execution(write):
    parameters = read_batching_parameters(
        write("""
        max_batch_size { value: 64 }
        enable_large_batch_splitting { value: true }
        max_execution_batch_size { value: 16 }
        allowed_batch_sizes: [8, 16]
    """)
    )
    assert parameters.enable_large_batch_splitting
    assert parameters.max_execution_batch_size == 16


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; received 0"),
        ("num_batch_threads { value: -1 }", "num_batch_threads must be positive"),
        ("batch_timeout_micros { value: -1 }", "must not be negative; received -1"),
        (
            "allowed_batch_sizes: [4, 2, 1000]",
            "in increasing order; received 4, 2, 1000",
        ),
        ("allowed_batch_sizes: [4, 8]", "last allowed_batch_size = 8, max_batch_size"),
        (
            "enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 2000 }",
            "received 2000 and 1000",
        ),
    ],
)
def test_parameters_that_contradict_themselves_are_refused(write, text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_batching_parameters(write(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ('prometheus_config { path: "/metrics" }', ""),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: true path: "/metrics" }', "/metrics"),
    ],
)
def test_monitoring_is_off_unless_enabled(write, text, expected):
    assert read_monitoring_config(write(text)) == expected


def test_a_monitoring_path_begins_with_a_slash(write):
    with pytest.raises(ValueError, match="begin with a slash, received 'metrics'"):
        read_monitoring_config(
            write('prometheus_config {enable: true path: "metrics"}')
        )


def test_certificates_are_read(write):
    path = write(r"""
        server_key: "-----BEGIN KEY-----\nkey\n"
        server_cert: "-----BEGIN CERTIFICATE-----\n"
                     "cert\n"
        custom_ca: "ca"
        client_verify: true
    """)
    assert read_ssl_config(path) == SslConfig(
        server_key="-----BEGIN KEY-----\nkey\n",
        server_cert="-----BEGIN CERTIFICATE-----\ncert\n",
        custom_ca="ca",
        client_verify=True,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('server_key: "key"', "expected server_cert"),
        ('server_cert: "cert"', "expected server_key"),
        (
            'server_key: "key" server_cert: "cert" client_verify: true',
            "client_verify needs a custom_ca",
        ),
    ],
)
def test_incomplete_certificates_are_refused(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_ssl_config(write(text))


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_batching_parameters, "\n max_batch: 3", ":2:2 : .*no field named"),
        (read_batching_parameters, "max_batch_size: 3", ":1:"),
        (read_monitoring_config, "prometheus_config {", ":1:"),
        (read_ssl_config, "client_verify: maybe", ":1:"),
        (read_ssl_config, b"\xff\xfe", "codec can't decode"),
    ],
)
def test_malformed_files_are_refused_with_line_and_column(write, read, text, message):
    with pytest.raises(ValueError, match=rf"file\.config:?.*{message}"):
        read(write(text))


@pytest.mark.parametrize("text", ["nobody: 1", b"\xff\xfe"])
@pytest.mark.parametrize(
    ("read", "name"),
    [
        (read_models_config, "tensorflow.serving.ModelServerConfig"),
        (read_batching_parameters, "tensorflow.serving.BatchingParameters"),
        (read_monitoring_config, "tensorflow.serving.MonitoringConfig"),
        (read_ssl_config, "tensorflow.serving.SSLConfig"),
        (read_session_config, "tensorflow.ConfigProto"),
        (read_platform_config, "tensorflow.serving.PlatformConfigMap"),
    ],
)
def test_the_phrase_that_watchers_of_logs_know_is_there(write, read, name, text):
    phrase = f"Error parsing text-format {name}"
    with pytest.raises(ValueError, match=re.escape(phrase)):
        read(write(text))


def test_the_page_on_batching_has_the_defaults():
    page = Path(__file__).parents[2] / "docs/serving.md"
    text = page.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`(?:, `(\w+)`)? \| (\S+) \|", text, re.MULTILINE)
    said = {name: default for *names, default in rows for name in names if name}
    defaults = BatchingParameters._field_defaults
    defaults = {**defaults, "num_batch_threads": "processors"}
    defaults["allowed_batch_sizes"] = "any"
    del defaults["max_execution_batch_size"], defaults["thread_pool_name"]
    expected = {name: str(value).lower() for name, value in defaults.items()}
    assert {name: said[name] for name in expected} == expected
