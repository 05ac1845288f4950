"""Certificates keep out who must not read or ask."""

import ssl

import grpc
import httpx
import pytest
import trustme

from keras_attention.serving.options import SslConfig
from keras_attention.serving.server import Server
from keras_attention.serving.tls import grpc_server_credentials, server_context

PATH = "/v1/models/calculator"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
REQUEST = b"\x0a\x0c\x0a\x0acalculator"  # its model_spec


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def config(authority, verify=False):
    issued = authority.issue_cert("localhost", "127.0.0.1")
    return SslConfig(
        issued.private_key_pem.bytes().decode(),
        "".join(blob.bytes().decode() for blob in issued.cert_chain_pems),
        authority.cert_pem.bytes().decode() if verify else "",
        verify,
    )


@pytest.fixture(scope="module", params=[False, True], ids=["tls", "mutual"])
def served(request, authority, models, tmp_path_factory):
    ssl_config = config(authority, request.param)
    paths = {"calculator": models / "calculator"}
    with Server(
        paths,
        grpc_port=0,
        grpc_socket_path=str(tmp_path_factory.mktemp("socket") / "s"),
        rest_port=0,
        ssl=ssl_config,
        rest_ssl=ssl_config,
    ) as server:
        yield server, request.param


def rest(server, authority, certificate=None):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    url = f"https://localhost:{server.rest_port}{PATH}"
    return httpx.get(url, verify=context).status_code


def over_grpc(server, authority, certificate=None):
    credentials = grpc.ssl_channel_credentials(
        authority.cert_pem.bytes(),
        certificate and certificate.private_key_pem.bytes(),
        certificate and certificate.cert_chain_pems[0].bytes(),
    )
    name = (("grpc.ssl_target_name_override", "localhost"),)
    sizes = set()
    for address in (
        f"localhost:{server.grpc_port}",
        f"unix:{server.options.grpc_socket_path}",
    ):
        with grpc.secure_channel(address, credentials, name) as channel:
            sizes.add(len(channel.unary_unary(STATUS)(REQUEST, timeout=20)))
    (size,) = sizes
    return size


def test_who_trusts_the_authority_is_answered(served, authority):
    server, verify = served
    certificate = authority.issue_cert("client") if verify else None
    assert rest(server, authority, certificate) == 200
    assert over_grpc(server, authority, certificate) > 0


def test_others_are_not(served, authority):
    server, verify = served
    url = f"http://localhost:{server.rest_port}{PATH}"
    with pytest.raises(httpx.HTTPError):
        httpx.get(url)  # without TLS
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        rest(server, trustme.CA())
    if verify:
        strangers = trustme.CA().issue_cert("client")
        for certificate in (None, strangers):
            with pytest.raises(httpx.HTTPError):
                rest(server, authority, certificate)
            with pytest.raises(grpc.RpcError):
                over_grpc(server, authority, certificate)
    path = f"unix:{server.options.grpc_socket_path}"
    with grpc.insecure_channel(path) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary(STATUS)(REQUEST, timeout=20)


def test_what_does_not_fit_is_refused_before_serving(authority):
    good, other = config(authority), config(authority)
    bad = [
        (good._replace(server_key="secret"), "server_key is no PEM text"),
        (good._replace(server_key=other.server_key), "belong together"),
        (good._replace(client_verify=True), "client_verify is set, and custom_ca"),
        (good._replace(custom_ca="-----BEGIN X"), "received something else"),
    ]
    for ssl_config, message in bad:
        for make in (server_context, grpc_server_credentials):
            with pytest.raises(ValueError, match=message):
                make(ssl_config)
