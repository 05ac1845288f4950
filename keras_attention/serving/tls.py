"""Certificates for REST and gRPC, from PEM text."""

import os
import re
import ssl
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

_HELP = (
    "expected server_key and server_cert that belong together, as PEM text, and a "
    "custom_ca if clients are verified"
)

_PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_SOON = timedelta(days=14)
_VERSION, _UTC_TIME = 0xA0, 0x17  # tags of DER


def server_context(config):
    """The certificates as REST's server wants them.

    Args:
        config: `SslConfig`.

    Returns:
        `ssl.SSLContext`.

    Raises:
        ValueError: if keys and certificates cannot be read, or do not fit together.
    """
    _check(config)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Python reads keys from files only; this one is nobody else's, and is gone
        # at once.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "server.pem")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:  # noqa: PTH123
                file.write(f"{config.server_key}\n{config.server_cert}\n")
            context.load_cert_chain(path)
        if config.custom_ca:
            context.load_verify_locations(cadata=config.custom_ca)
        if config.client_verify:
            context.verify_mode = ssl.CERT_REQUIRED
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"{_HELP}; received something else: {error}") from error
    return context


def grpc_server_credentials(config):
    """The certificates as gRPC's server wants them; as `server_context`."""
    import grpc

    server_context(config)  # says what is wrong, where gRPC would only fail to listen
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        config.custom_ca.encode() or None,
        config.client_verify,
    )


def validity_troubles(config, now=None):
    """What is wrong with the dates of certificates, or soon will be.

    Args:
        config: `SslConfig` that `server_context` takes.
        now: `datetime`, optional.

    Returns:
        list of str.
    """
    now = now or datetime.now(timezone.utc)
    troubles = []
    for field in ("server_cert", "custom_ca"):
        ders = [
            ssl.PEM_cert_to_DER_cert(pem)
            for pem in _PEM.findall(getattr(config, field))
        ]
        for i, der in enumerate(ders, start=1):
            begin, end = validity(der)
            which = field if len(ders) == 1 else f"certificate {i} of {field}"
            if now > end:
                troubles.append(f"{which} expired at {end}: connections fail; renew it")
            elif now < begin:
                troubles.append(
                    f"{which} is not valid before {begin}: is the clock right?"
                )
            elif end - now < _SOON:
                troubles.append(f"{which} expires at {end}: renew it before")
    return troubles


def validity(der):
    """Returns `(begin, end)` of a certificate: when it may be used.

    Python's own module tells that of a peer's certificate alone, once it is accepted.
    """
    content, _ = _element(der, 0)  # the certificate
    content, _ = _element(der, content)  # what is signed of it
    position = content
    if der[position] == _VERSION:
        _, position = _element(der, position)
    for _ in ("serial number", "algorithm", "issuer"):
        _, position = _element(der, position)
    begin, _ = _element(der, position)  # of the validity
    _, end = _element(der, begin)
    return _time(der, begin), _time(der, end)


def _element(der, position):
    """Where the content of a DER element begins, and where it ends."""
    length = der[position + 1]
    content = position + 2
    if length > 0x7F:  # so many bytes of length follow
        size = length & 0x7F
        length = int.from_bytes(der[content : content + size], "big")
        content += size
    return content, content + length


def _time(der, position):
    content, end = _element(der, position)
    text = der[content:end].decode("ascii")
    if der[position] == _UTC_TIME:  # with two digits of the year
        text = ("20" if text < "50" else "19") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def _check(config):
    for name in ("server_key", "server_cert"):
        if "-----BEGIN" not in getattr(config, name):
            raise ValueError(f"{_HELP}; received a {name} that is not PEM text")
    if config.client_verify and not config.custom_ca:
        raise ValueError(f"{_HELP}; received client_verify without custom_ca")
