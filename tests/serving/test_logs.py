"""What others sent cannot pass for a line of the log."""

import logging

import pytest

from keras_attention.serving.config import from_proto
from keras_attention.serving.logs import get_logger

FORGED = "m\n2026-01-01 12:00:00 ERROR all is lost\r\x1b[2J"


@pytest.fixture
def written(caplog):
    """The lines of the log, as the server's script writes them."""
    caplog.handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    caplog.set_level(logging.INFO)
    return lambda: caplog.text.splitlines()


def test_a_new_line_is_indented_and_control_characters_are_spelled_out(written):
    get_logger("tests.logs").warning("%s: version %d, %.1f s", FORGED, 3, 0.25)
    assert written() == [
        "WARNING m",
        "    2026-01-01 12:00:00 ERROR all is lost\\r\\x1b[2J: version 3, 0.2 s",
    ]


def test_so_is_the_message_of_an_exception(written):
    try:
        raise KeyError(FORGED) from ValueError(FORGED)
    except KeyError:
        get_logger("tests.logs").exception("unexpected")
    first, *others = written()
    assert first == "ERROR unexpected"
    assert all(line.startswith("    ") for line in others)
    assert "ValueError: m" in others[0] and "\x1b" not in "".join(others)


def test_what_is_long_is_cut(written):
    try:
        raise ValueError("x" * 10**6)
    except ValueError:
        get_logger("tests.logs").exception("%s", "y" * 10**6)
    assert 10_000 < len("".join(written())) < 30_000


def test_the_names_of_a_reload_are_such_too(written):
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    model = config.model_config_list.config.add(name=FORGED, base_path="/m")
    model.model_platform = "tensorflow"
    model.logging_config.SetInParent()
    from_proto(config)
    assert written()[0] == "WARNING m" and written()[1].startswith("    2026")
