"""Reload and profiler tell strangers little, and may be kept from them."""

import grpc
import pytest
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from keras_attention.serving.client.client import Client
from keras_attention.serving.grpc.profiler import PROFILER_METHODS
from keras_attention.serving.server import Server
from keras_attention.serving.wire.errors import Code, ServingError

PROFILE = PROFILER_METHODS[0][2]


@pytest.fixture(scope="module")
def guarded(models, tmp_path_factory):
    path = tmp_path_factory.mktemp("socket") / "grpc.sock"
    with Server(
        {"calculator": models / "calculator"},
        grpc_port=0,
        rest_port=None,
        grpc_socket_path=str(path),
        admin_over_grpc_socket_only=True,
    ) as server:
        yield server


def refusals(target, name, folder):
    """What is said to reloading and to each method of the profiler; None if nothing."""
    found = []
    with grpc.insecure_channel(target) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = model_management_pb2.ReloadConfigRequest()
        request.config.model_config_list.config.add(
            name=name, base_path=str(folder), model_platform="tensorflow"
        )
        calls = [lambda: stub.HandleReloadConfigRequest(request)]
        for path, _, _ in PROFILER_METHODS:
            method = channel.unary_unary(path)
            calls.append(lambda method=method: method(b""))
        for call in calls:
            try:
                call()
                found.append(None)
            except grpc.RpcError as error:
                found.append((error.code().name, error.details()))
    return found


def test_only_the_socket_is_let_in_where_that_is_wanted(guarded, models):
    model = ("calculator", models / "calculator")
    over_tcp = refusals(f"127.0.0.1:{guarded.grpc_port}", *model)
    assert [code for code, _ in over_tcp] == ["PERMISSION_DENIED"] * 4
    assert all("admin_over_grpc_socket_only" in text for _, text in over_tcp)
    reload, *profiler = refusals(f"unix:{guarded.options.grpc_socket_path}", *model)
    assert reload is None
    assert [code for code, _ in profiler] == [
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "UNIMPLEMENTED",
    ]


def test_others_respond_over_both(guarded):
    for target in (
        f"127.0.0.1:{guarded.grpc_port}",
        f"unix:{guarded.options.grpc_socket_path}",
    ):
        with Client(grpc_target=target, transport="grpc") as client:
            assert client.predict("calculator", {"x": [[1, 2]]})["y"].tolist() == [
                [2, 4]
            ]


def test_without_the_option_anybody_may_call(server):
    target = f"127.0.0.1:{server.grpc_port}"
    assert refusals(target, "m", "/nowhere")[0][0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("name", "reason", "logged"),
    [
        ("holds", "found no complete version", "found passwords, plans"),
        ("half", "found no complete version", "found 1 (no saved_model.pb)"),
        ("x" * 5000, "it cannot be read", "File name too long"),
        ("absent", "that folder does not exist", None),
    ],
)
def test_what_lies_in_a_folder_is_for_the_log_alone(
    server, client, models, tmp_path, caplog, name, reason, logged
):
    (tmp_path / "holds" / "passwords").mkdir(parents=True)
    (tmp_path / "holds" / "plans").mkdir()
    (tmp_path / "half" / "1").mkdir(parents=True)
    wanted = {each: models / each for each in ("calculator", "half", "translator")}
    with pytest.raises(ServingError) as caught:
        client.reload_config({**wanted, "m": tmp_path / name})
    assert caught.value.code is Code.INVALID_ARGUMENT
    message = caught.value.message
    assert reason in message or message.endswith("...TRUNCATED")
    for secret in ("passwords", "plans", "no saved_model.pb", "Errno"):
        assert secret not in message
    if logged is None:
        assert "HandleReloadConfigRequest" not in caplog.text
    else:
        assert "HandleReloadConfigRequest was rejected" in caplog.text
        assert logged in caplog.text


def test_why_a_profile_cannot_be_written_is_for_the_log_alone(server, caplog):
    message = PROFILE(duration_ms=10, repository_root="/proc/x")
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        method = channel.unary_unary("/tensorflow.ProfilerService/Profile")
        with pytest.raises(grpc.RpcError) as caught:
            method(message.SerializeToString(), timeout=120)
    assert caught.value.code().name == "PERMISSION_DENIED"
    assert "/proc" not in caught.value.details()
    assert "Profile was rejected" in caplog.text and "/proc/x" in caplog.text
