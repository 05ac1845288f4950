"""Certificates keep out who must not read or send."""

import re
import ssl
from datetime import datetime, timedelta, timezone

import grpc
import httpx
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keras_attention.serving.options import SslConfig
from keras_attention.serving.server import Server
from keras_attention.serving.tls import (
    grpc_server_credentials,
    server_context,
    validity,
    validity_troubles,
)

PATH = "/v1/models/calculator"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
REQUEST = b"\x0a\x0c\x0a\x0acalculator"  # its model_spec


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def config(authority, verify=False, **dates):
    issued = authority.issue_cert("localhost", "127.0.0.1", **dates)
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


def test_who_trusts_the_authority_is_served(served, authority):
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
        (good._replace(server_key="secret"), "server_key that is not PEM text"),
        (good._replace(server_key=other.server_key), "belong together"),
        (good._replace(client_verify=True), "received client_verify without custom_ca"),
        (good._replace(custom_ca="-----BEGIN X"), "received something else"),
    ]
    for ssl_config, message in bad:
        for make in (server_context, grpc_server_credentials):
            with pytest.raises(ValueError, match=message):
                make(ssl_config)


@pytest.mark.parametrize(
    ("begin", "end", "trouble"),
    [
        (-20, -1, "server_cert expired at .*: connections fail; renew it"),
        (1, 90, "server_cert is not valid before .*: is the clock right"),
        (-20, 13, "server_cert expires at .*: renew it before"),
        (-20, 15, None),
    ],
)
def test_dates_that_end_or_soon_will_are_told(authority, begin, end, trouble):
    now = datetime.now(timezone.utc).replace(microsecond=0)
    begin, end = now + timedelta(begin), now + timedelta(end)
    made = config(authority, True, not_before=begin, not_after=end)
    assert validity(ssl.PEM_cert_to_DER_cert(made.server_cert)) == (begin, end)
    troubles = validity_troubles(made, now)
    assert len(troubles) == (trouble is not None)
    assert re.match(trouble or "", "".join(troubles))


def test_every_certificate_of_a_chain_counts(authority):
    made = config(authority, True)
    both = made._replace(server_cert=made.server_cert + made.custom_ca)
    late = datetime(3500, 1, 1, tzinfo=timezone.utc)
    assert [
        text.partition(" expired")[0] for text in validity_troubles(both, late)
    ] == [
        "certificate 1 of server_cert",
        "certificate 2 of server_cert",
        "custom_ca",
    ]


@pytest.mark.parametrize("year", [1950, 2049, 2050])
def test_dates_are_read_as_a_library_reads_them(authority, year):
    """Before 2050 years have two digits."""
    end = datetime(year, 6, 30, 12, 34, 56, tzinfo=timezone.utc)
    made = config(authority, not_before=end - timedelta(1), not_after=end)
    (found,) = x509.load_pem_x509_certificates(made.server_cert.encode())
    expected = (found.not_valid_before_utc, found.not_valid_after_utc)
    assert validity(found.public_bytes(Encoding.DER)) == expected


def test_a_certificate_that_ended_is_warned_of_before_serving(
    authority, models, caplog
):
    now = datetime.now(timezone.utc)
    ended = config(
        authority, not_before=now - timedelta(9), not_after=now - timedelta(1)
    )
    paths = {"calculator": models / "calculator"}
    with Server(paths, grpc_port=0, rest_port=0, ssl=ended, rest_ssl=ended):
        pass
    for protocol in ("gRPC", "REST"):
        assert f"TLS for {protocol}: server_cert expired at" in caplog.text
