"""TLS and mutual TLS, over both protocols, from files and from bytes."""

import ssl

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2

from keras_attention.serving import Client, RetryPolicy, Server, ServingError, Tls
from keras_attention.serving.options import SslConfig
from keras_attention.serving.wire.errors import Code
from tests.serving.client.support import grpc_server, http_server, make_certificates

ONCE = RetryPolicy(attempts=1)
both = pytest.mark.parametrize("transport", ["rest", "grpc"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module", params=["one-sided", "mutual"])
def servers(request, folder):
    """Addresses of both protocols, and whether the client must show who it is."""
    mutual = request.param == "mutual"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    if mutual:
        context.load_verify_locations(folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    credentials = grpc.ssl_server_credentials(
        [((folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes())],
        (folder / "ca.pem").read_bytes() if mutual else None,
        mutual,
    )
    document = {"model_version_status": []}
    with http_server((200, {}, document), context=context) as (url, _):
        response = get_model_status_pb2.GetModelStatusResponse()
        with grpc_server(lambda *_: response, credentials) as target:
            yield url, target, mutual


def as_bytes(tls):
    return Tls(*(path and path.read_bytes() for path in tls))


@both
@pytest.mark.parametrize("form", [Tls._make, as_bytes], ids=["paths", "bytes"])
def test_those_who_know_each_other_talk(servers, folder, transport, form):
    url, target, mutual = servers
    own = (folder / "client.pem", folder / "client.key") if mutual else (None, None)
    tls = form((folder / "ca.pem", *own))
    with Client(url, target, tls=tls, transport=transport) as client:
        assert client.status("m") == []


@both
def test_a_server_nobody_vouches_for_gets_no_request(servers, transport):
    url, target, _ = servers
    with Client(url, target, tls=Tls(), retries=ONCE, transport=transport) as client:
        with pytest.raises(ServingError, match="tls=") as caught:
            client.status("m")
    assert caught.value.code is Code.UNAVAILABLE


@both
@pytest.mark.parametrize("servers", ["mutual"], indirect=True)
def test_without_a_certificate_a_client_is_rejected(servers, folder, transport):
    url, target, _ = servers
    tls = Tls(folder / "ca.pem")
    with Client(url, target, tls=tls, retries=ONCE, transport=transport) as client:
        with pytest.raises(ServingError) as caught:
            client.status("m")
    assert caught.value.code is Code.UNAVAILABLE


@both
def test_a_client_without_tls_is_told_so(servers, transport):
    url, target, _ = servers
    url = url.replace("https:", "http:")
    with Client(url, target, retries=ONCE, transport=transport) as client:
        with pytest.raises(ServingError, match="https://|TLS") as caught:
            client.status("m")
    assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        (Tls(certificate="a.pem"), "come together; received only the certificate"),
        (Tls(key=b"key"), "come together; received only the key"),
    ],
)
def test_a_certificate_needs_its_key(tls, message):
    with pytest.raises(ValueError, match=message):
        Client(tls=tls)


@pytest.mark.parametrize("tls", [Tls(b"no PEM"), Tls(None, b"no", b"PEM")], ids=str)
def test_what_is_no_certificate_is_told(tls):
    with Client("https://127.0.0.1:1", tls=tls) as client:
        with pytest.raises(ValueError, match="must be PEM files, or their bytes"):
            client.status("m")


@pytest.mark.parametrize("mutual", [False, True])
def test_the_embedded_server_speaks_tls_too(models, folder, mutual):
    ssl_config = SslConfig(
        (folder / "server.key").read_text(),
        (folder / "server.pem").read_text(),
        (folder / "ca.pem").read_text(),
        client_verify=mutual,
    )
    options = {
        "grpc_port": 0,
        "rest_port": 0,
        "ssl": ssl_config,
        "rest_ssl": ssl_config,
    }
    paths = {"calculator": models / "calculator"}
    own = (folder / "client.pem", folder / "client.key")
    with Server(paths, **options) as server:
        url, target = f"https://127.0.0.1:{server.rest_port}", server.grpc_port
        known = Tls(folder / "ca.pem", *own)
        with Client(url, f"127.0.0.1:{target}", tls=known) as client:
            for transport in ("rest", "grpc"):
                outputs = client.predict(
                    "calculator", {"x": [[1, 2]]}, transport=transport
                )
                assert outputs["y"].tolist() == [[2, 4]]
        stranger = Client(
            url, f"127.0.0.1:{target}", tls=Tls(folder / "ca.pem"), retries=ONCE
        )
        with stranger as client:
            for transport in ("rest", "grpc"):
                if not mutual:
                    assert client.status("calculator", transport=transport)
                    continue
                with pytest.raises(ServingError, match="UNAVAILABLE"):
                    client.status("calculator", transport=transport)
