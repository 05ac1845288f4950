"""A client's TLS certificates."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import ssl


Pem = str | bytes | Path


class Tls(NamedTuple):
    """How a client verifies its server, and authenticates itself (mutual TLS).

    Each is the path of a PEM file, or its content as bytes. Files are read when the
    client first connects.

    Args:
        ca: path or bytes, optional. CAs to trust; by default the system's.
        certificate: path or bytes, optional. The client's own, for servers that require
            one; with its chain to the CA.
        key: path or bytes, optional. The key of `certificate`, without a passphrase.

    Example:

    >>> from keras_attention.serving import Client
    >>> tls = Tls(ca="ca.pem", certificate="client.pem", key="client.key")
    >>> client = Client("https://example.com:8501", "example.com:8500", tls=tls)
    >>> client.close()

    References:
        PEM: [RFC 7468](https://www.rfc-editor.org/rfc/rfc7468), sections 5 and 10;
        clients' certificates: [RFC 8446](https://www.rfc-editor.org/rfc/rfc8446),
        section 4.3.2; gRPC's
        [authentication](https://grpc.io/docs/guides/auth/), "SSL/TLS".
    """

    ca: Pem | None = None
    certificate: Pem | None = None
    key: Pem | None = None

    def check(self) -> None:
        """What a client checks when it is made.

        Raises:
            ValueError: a certificate without its key, or the other way round.
        """
        if (self.certificate is None) != (self.key is None):
            given = "key" if self.certificate is None else "certificate"
            raise ValueError(
                "a client's certificate and key come together; received only the "
                f"{given}"
            )

    def context(self) -> "ssl.SSLContext":
        """For HTTP.

        Raises:
            ValueError: what is given is not PEM, or the key another certificate's.
            OSError: a file that cannot be read.
        """
        import ssl
        import tempfile

        try:
            context = ssl.create_default_context()
            if self.ca is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.load_verify_locations(cadata=_read(self.ca).decode())
            if self.certificate is not None:
                # The module reads certificates from files only. Nobody else may look
                # into this folder, which is removed at once.
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "client.pem"
                    path.write_bytes(_read(self.key) + b"\n" + _read(self.certificate))
                    context.load_cert_chain(path)
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise ValueError(
                "ca, certificate and key must be PEM files, or their bytes, and the "
                f"key that of the certificate: {error}"
            ) from error
        return context

    def credentials(self) -> Any:
        """`grpc.ChannelCredentials`, for gRPC.

        Raises:
            OSError: a file that cannot be read. Whether all are PEM shows when gRPC
                connects.
        """
        import grpc

        return grpc.ssl_channel_credentials(
            root_certificates=_read(self.ca),
            private_key=_read(self.key),
            certificate_chain=_read(self.certificate),
        )


def _read(pem):
    if pem is None or isinstance(pem, bytes):
        return pem
    return Path(pem).read_bytes()
